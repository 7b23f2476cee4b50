"""The landing notebook: its cell `path` lists the course's lessons, made and planned.

Invariant: what the cell says of a lesson follows from the lesson's and the assignment's own
opening cells, so that an old line is seen.
"""

from __future__ import annotations

import re
from pathlib import Path

from nbformat import NotebookNode

from curriculum.build.course import COURSE, Lesson, lessons
from curriculum.build.errors import CurriculumError
from curriculum.build.notebooks import load, save
from curriculum.build.rules import TIME

NAME = "Start here.ipynb"
CELL = "path"
# The plan of the course; a lesson that is there goes by its own title.
PLAN = {
    1: "The lab: your first run and its report",
    2: "Data",
    3: "Gradients and training loops",
    4: "Training in PyTorch",
    5: "Images",
    6: "Sequences and text",
    7: "Embeddings, retrieval and ranking",
    8: "Pretrained models",
    9: "Numbers you can defend",
    10: "The GPU",
    11: "Shipping",
    12: "Responsibility",
    13: "Capstone: your question, from data to demo day",
}
HEAD = """\
## Your path

| | lesson | minutes | assignment | minutes | |
|---|---|---|---|---|---|
"""


def path(course: Path = COURSE) -> str:
    """The source of the cell `path`."""
    made = {int(one.name[:2]): one for one in lessons(course) if one.assignment.is_file()}
    names = PLAN | {number: lesson.name for number, lesson in made.items()}
    lines = [line(number, made.get(number), names[number]) for number in sorted(names)]
    return HEAD + "\n".join(lines)


def line(number: int, lesson: Lesson | None, title: str) -> str:
    """The line of one lesson, with a link if it is there."""
    if lesson is None:
        return f"| {number} | {title} | | *to come* | | |"
    taught, given = opening(lesson.notebook), opening(lesson.assignment)
    title = taught.splitlines()[0].partition("·")[2].strip()
    who = "your team" if "for a team" in given else "you"
    return (
        f"| {number} | [{title}]({lesson.notebook.name}) | {minutes(taught)} | "
        f"**{lesson.name}** | {minutes(given)} | {who} |"
    )


def opening(notebook: Path) -> str:
    """The text of a notebook's first cell."""
    return load(notebook).cells[0].source


def minutes(text: str) -> str:
    """The minutes that an opening cell asks for."""
    return (TIME.search(text) or ["", "?"])[1]


def cell_of(notebook: NotebookNode) -> NotebookNode:
    """The cell `path`; CurriculumError if there is none."""
    for cell in notebook.cells:
        if cell.id == CELL:
            return cell
    raise CurriculumError(f"{NAME} has no cell with the id '{CELL}'")


def keep(course: Path = COURSE) -> None:
    """Write the cell anew."""
    notebook = load(course / NAME)
    cell_of(notebook).source = path(course)
    save(notebook, course / NAME)


def problems(course: Path = COURSE) -> list[str]:
    """Whether the path is of the lessons that are there, and every link leads somewhere."""
    notebook = load(course / NAME)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    said = [f"leads to '{link}', which is not there" for link in links
            if not (course / link).is_file()]  # fmt: skip
    if cell_of(notebook).source != path(course):
        said.append("does not list the lessons as they are: `python -m curriculum.build landing`")
    return [f"{NAME} {what}" for what in said]
