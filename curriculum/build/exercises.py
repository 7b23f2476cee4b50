"""Exercises of a notebook: the text, the gap and the tests that belong together.

Invariant: an exercise's points are those of its cells. An exercise is named by its gap; its
tests are called ``<gap>-<something>``.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass

from nbformat import NotebookNode

from curriculum.build.notebooks import Role, grade_id, points, role

STATED = re.compile(r"^\*Difficulty ([1-5]) of 5 · (\d+) minutes? · (\d+) points?\*$", re.MULTILINE)
REGION = re.compile(
    r"^(?P<indent>[ \t]*)### BEGIN SOLUTION\n(?P<lines>.*?)^[ \t]*### END SOLUTION$",
    re.DOTALL | re.MULTILINE,
)
HIDDEN = re.compile(
    r"^[ \t]*### BEGIN HIDDEN TESTS\n(?P<lines>.*?)^[ \t]*### END HIDDEN TESTS$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Exercise:
    """A gap at ``index`` with what the text before it states (difficulty, minutes, points)."""

    name: str
    index: int
    stated: tuple[int, int, int] | None
    by_hand: int
    tests: dict[str, int]

    @property
    def points(self) -> int:
        """Points of its cells, marked by tests or by hand."""
        return self.by_hand + sum(self.tests.values())

    @property
    def minutes(self) -> int:
        """Minutes that the text asks for."""
        return self.stated[1] if self.stated else 0


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a notebook in order."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if role(cell) in (Role.SOLUTION, Role.ANSWER, Role.TASK):
            # A task's own cell is its text; a gap's text stands before it.
            text = cell if role(cell) is Role.TASK else notebook.cells[max(index - 1, 0)]
            match = STATED.search(text.source)
            stated = tuple(int(n) for n in match.groups()) if match else None
            name = grade_id(cell)
            found.append(Exercise(name, index, stated, points(cell), tests(notebook, name)))
    return found


def tests(notebook: NotebookNode, exercise: str) -> dict[str, int]:
    """Names and points of the test cells of an exercise."""
    cells = [c for c in notebook.cells if role(c) is Role.TESTS]
    return {grade_id(c): points(c) for c in cells if grade_id(c).startswith(f"{exercise}-")}


def answer(source: str) -> str:
    """What a solution's cell looks like when a learner has filled it in: no markers."""
    return REGION.sub(lambda match: match["lines"].rstrip("\n"), source)


def filled(source: str, code: str) -> str:
    """A solution's cell with other code in its gap, indented as the gap is."""
    match = REGION.search(source)
    if match is None:
        return code
    lines = textwrap.indent(code.strip("\n"), match["indent"])
    return source[: match.start()] + lines + source[match.end() :]
