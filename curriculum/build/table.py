"""The table of lessons in the curriculum's README, a row for each.

Invariant: everything but the run time follows from the sources, so an old row is seen.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from curriculum.build.course import HOME, Lesson
from curriculum.build.exercises import exercises
from curriculum.build.notebooks import load, words
from curriculum.build.rules import TIME

README = HOME / "README.md"
BEGIN, END = "<!-- lessons -->\n", "<!-- /lessons -->"
HEAD = """\
| lesson | cells | words | figures | minutes | points | runs in | assignment: exercises | minutes | points | by hand | runs in |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""  # noqa: E501


def row(lesson: Lesson, facts: dict) -> str:
    """A lesson's row; ``facts`` are those of its proof."""
    taught, given = load(lesson.notebook), load(lesson.assignment)
    title = taught.cells[0].source.splitlines()[0].removeprefix("# ")
    minutes = (TIME.search(taught.cells[0].source) or ["", "?"])[1]
    practice, marked = exercises(taught), exercises(given)
    cells = [
        f"[{title}]({lesson.notebook.relative_to(HOME)})",
        len(taught.cells), words(taught), facts["lesson"]["figures"], minutes,
        sum(one.points for one in practice), under(facts["lesson"]["seconds"]),
        len(marked), sum(one.minutes for one in marked), sum(one.points for one in marked),
        sum(one.by_hand for one in marked), under(facts["assignment"]["seconds"]),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def under(seconds: float) -> str:
    """A run time as the five seconds that it stays under: it is another one each time."""
    return f"< {5 * math.ceil((seconds + 0.1) / 5)} s"


def kept(path: Path = README) -> dict[str, str]:
    """The rows that the README has, by the lesson's file."""
    text = path.read_text(encoding="utf-8")
    lines = text[text.index(BEGIN) : text.index(END)].splitlines(keepends=True)
    found = {re.search(r"\]\((.*?)\)", line): line for line in lines}
    return {match[1]: line for match, line in found.items() if match}


def keep(rows: dict[str, str], path: Path = README) -> None:
    """Put rows into the README's table, in place of older ones; lessons that are gone go."""
    text = path.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    every = {file: line for file, line in (kept(path) | rows).items() if (HOME / file).is_file()}
    body = HEAD + "".join(line for _, line in sorted(every.items()))
    path.write_text(before + body + after, encoding="utf-8")


def without_times(text: str) -> str:
    """A row with its run times taken out, to compare."""
    return re.sub(r"< \d+ s", "", text)
