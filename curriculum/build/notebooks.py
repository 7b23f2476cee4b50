"""Source notebooks: read, written in one normal form, and what each cell is for.

Invariant: a source holds no outputs and no execution counts, and every cell has an id that
stays, so that a diff shows what an author changed and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from curriculum.build.errors import CurriculumError

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class Role(StrEnum):
    """What a cell is for, in nbgrader's terms."""

    PLAIN = "plain"
    PARAMETERS = "parameters"
    SOLUTION = "solution"  # a gap; marked by the tests after it
    TESTS = "tests"  # marks by itself
    ANSWER = "answer"  # a gap that a person marks
    LOCKED = "locked"  # a learner's edits are undone before marking
    TASK = "task"  # work of several cells that a person marks


# nbgrader's (grade, solution, locked, task) for each role that it knows.
FLAGS = {
    Role.SOLUTION: (False, True, False, False),
    Role.TESTS: (True, False, True, False),
    Role.ANSWER: (True, True, False, False),
    Role.LOCKED: (False, False, True, False),
    Role.TASK: (False, False, True, True),
}
ROLES = {flags: role for role, flags in FLAGS.items()}
POINTS = {Role.TESTS, Role.ANSWER, Role.TASK}


def load(path: Path) -> NotebookNode:
    """Read a notebook, upgraded to format 4.5; CurriculumError if it is none."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise CurriculumError(f"{path} cannot be read as a notebook: {error}") from error


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Bring a notebook into the normal form, in place: no outputs, ids, no editor's leftovers."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    taken: set[str] = set()
    for cell in notebook.cells:
        cell.source = "\n".join(line.rstrip() for line in cell.source.strip("\n").split("\n"))
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        kept = {k: cell.metadata[k] for k in ("nbgrader", "tags") if cell.metadata.get(k)}
        cell.metadata = nbformat.from_dict(kept)
        cell.id = new_id(cell, taken)
        taken.add(cell.id)
    return notebook


def new_id(cell: NotebookNode, taken: set[str]) -> str:
    """The cell's id; for a cell without a usable one, its grade id or a hash of its source."""
    own = cell.get("id", "") if cell.get("id", "") not in taken else ""
    wanted = own or grade_id(cell) or hashlib.sha256(cell.source.encode()).hexdigest()[:8]
    number, free = 1, wanted
    while free in taken:
        number += 1
        free = f"{wanted}-{number}"
    return free


def dump(notebook: NotebookNode) -> str:
    """The normal form as text: keys sorted, one line of source a line, newline at the end."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def save(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook in the normal form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump(tidy(notebook)), encoding="utf-8")


def role(cell: NotebookNode) -> Role:
    """What the cell is for; CurriculumError for flags that mean nothing together."""
    if "parameters" in cell.metadata.get("tags", []):
        return Role.PARAMETERS
    given = cell.metadata.get("nbgrader")
    if not given:
        return Role.PLAIN
    flags = tuple(bool(given.get(k)) for k in ("grade", "solution", "locked", "task"))
    if flags not in ROLES:
        raise CurriculumError(f"cell {cell.get('id')}: nbgrader flags {given} have no meaning")
    return ROLES[flags]


def set_role(cell: NotebookNode, what: Role, name: str, points: int | None) -> None:
    """Write nbgrader's metadata for a role; ``points`` for the roles that have them."""
    grade, solution, locked, task = FLAGS[what]
    given = {"grade": grade, "grade_id": name, "locked": locked, "schema_version": 3,
             "solution": solution, "task": task}  # fmt: skip
    if what in POINTS:
        given["points"] = points
    cell.metadata["nbgrader"] = nbformat.from_dict(given)


def grade_id(cell: NotebookNode) -> str:
    """nbgrader's name of the cell; "" if it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def points(cell: NotebookNode) -> int:
    """Points that the cell can earn."""
    return cell.metadata.get("nbgrader", {}).get("points", 0)


def words(notebook: NotebookNode) -> int:
    """Words of text; code fences, links' addresses and tags are none."""
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for hidden in (r"```.*?```", r"\]\([^)]*\)", r"<[^>]+>"):
        text = re.sub(hidden, " ", text, flags=re.DOTALL)
    return len(re.findall(r"\w[^\s]*", text))
