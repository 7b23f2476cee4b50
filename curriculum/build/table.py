"""The table of lessons in the curriculum's README.

Invariant: everything but the run time follows from the sources, so an old table is seen.
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


def table(lessons: list[Lesson], proofs: dict[str, dict]) -> str:
    """The table in Markdown; ``proofs`` are those of `container.prove`."""
    return HEAD + "".join(row(lesson, proofs[lesson.name]["facts"]) for lesson in lessons)


def row(lesson: Lesson, facts: dict) -> str:
    """A lesson's line."""
    taught, given = load(lesson.notebook), load(lesson.assignment)
    title = taught.cells[0].source.splitlines()[0].removeprefix("# ")
    practice, marked = exercises(taught), exercises(given)
    cells = [
        title, len(taught.cells), words(taught), facts["lesson"]["figures"],
        (TIME.search(taught.cells[0].source) or ["", "?"])[1],
        sum(one.points for one in practice), under(facts["lesson"]["seconds"]),
        len(marked), sum(one.minutes for one in marked), sum(one.points for one in marked),
        sum(one.by_hand for one in marked), under(facts["assignment"]["seconds"]),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def under(seconds: float) -> str:
    """A run time as the five seconds that it stays under: it is another one each time."""
    return f"< {5 * math.ceil((seconds + 0.1) / 5)} s"


def kept(path: Path = README) -> str:
    """The table that the README has."""
    text = path.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)]


def keep(text: str, path: Path = README) -> None:
    """Put a table into the README."""
    old = path.read_text(encoding="utf-8")
    before, after = old[: old.index(BEGIN) + len(BEGIN)], old[old.index(END) :]
    path.write_text(before + text + after, encoding="utf-8")


def without_times(text: str) -> str:
    """A table with its run times taken out, to compare."""
    return re.sub(r"< \d+ s", "", text)
