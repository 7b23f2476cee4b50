"""The student's answers put into the instructor's version.

Invariant: of a cell that has a grade_id only a solution's text comes from the student; every
other such cell, its text, points and place, is the instructor's. What differs is told.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

LARGEST = 64 << 20
MOST_CELLS = 5000
HIDDEN = re.compile(
    r"^[^\n]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*$\n?", re.DOTALL | re.MULTILINE
)
UNSEEN = re.compile(
    r"^[^\n]*### BEGIN (HIDDEN TESTS|MARK SCHEME|SOLUTION)"
    r".*?### END \1[^\n]*$\n?",
    re.DOTALL | re.MULTILINE,
)


class NotANotebookError(Exception):
    """A file that cannot be graded; the sentence says why."""


@dataclass
class Cell:
    """A code cell of the merged notebook.

    ``kind``: "student" (also what they added), "locked" or "test". ``source`` is what is run
    before the student; ``whole`` of a test has the hidden parts as well.
    """

    kind: str
    name: str
    source: str
    whole: str = ""
    points: float = 0.0


@dataclass
class Merged:
    """Code cells in the order in which they run, what was tampered with, and the notebook."""

    cells: list[Cell]
    tampering: list[dict]
    notebook: dict
    places: list[int] = field(default_factory=list)  # of each code cell in the notebook


def read_notebook(data: bytes | str) -> dict:
    """A notebook of format 4; raises NotANotebookError."""
    if len(data) > LARGEST:
        raise NotANotebookError("It is larger than a notebook may be.")
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise NotANotebookError("It is no notebook: its text is not JSON.") from None
    cells = found.get("cells") if isinstance(found, dict) else None
    if not isinstance(cells, list) or found.get("nbformat") != 4:
        raise NotANotebookError("It is no notebook of format 4: open it in JupyterLab and save it.")
    if len(cells) > MOST_CELLS:
        raise NotANotebookError(f"It has more than {MOST_CELLS} cells.")
    return {**found, "cells": [_tidy(cell) for cell in cells if isinstance(cell, dict)]}


def _tidy(cell: dict) -> dict:
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = cell.get("metadata") if isinstance(cell.get("metadata"), dict) else {}
    given = metadata.get("nbgrader")
    given = given if isinstance(given, dict) else {}
    kind = cell.get("cell_type") if cell.get("cell_type") in ("code", "raw") else "markdown"
    name = given.get("grade_id")
    return {"cell_type": kind, "source": source if isinstance(source, str) else "",
            "metadata": metadata, "nbgrader": given,
            "grade_id": name if isinstance(name, str) else ""}  # fmt: skip


def is_test(cell: dict) -> bool:
    """A cell whose run decides its points."""
    given = cell["nbgrader"]
    return bool(cell["cell_type"] == "code" and given.get("grade") and not given.get("solution"))


def is_answer(cell: dict) -> bool:
    """A cell whose text is the student's."""
    given = cell["nbgrader"]
    if given.get("task"):
        return False
    return bool(given.get("solution")) or not (given.get("grade") or given.get("locked"))


def merge(instructor: dict, student: dict) -> Merged:
    """Put answers in place; see the module's invariant."""
    known = {cell["grade_id"]: cell for cell in instructor["cells"] if cell["grade_id"]}
    answers, extras, tampering = _sort(student, known)
    ordered = list(extras.get("", []))
    for name, cell in known.items():
        ordered.append(_choose(cell, answers.get(name), tampering))
        ordered += extras.get(name, [])
    merged = Merged([], tampering, _notebook(instructor))
    for cell in ordered:
        merged.notebook["cells"].append(_shown(cell, len(merged.notebook["cells"])))
        if cell["cell_type"] == "code":
            merged.places.append(len(merged.notebook["cells"]) - 1)
            merged.cells.append(_runnable(cell))
    return merged


def _sort(student: dict, known: dict) -> tuple[dict, dict, list[dict]]:
    """The student's cells by grade_id; their own, by the known cell that they follow."""
    answers: dict[str, dict] = {}
    extras: dict[str, list] = {}
    tampering: list[dict] = []
    anchor = ""
    for cell in student["cells"]:
        name = cell["grade_id"]
        if name not in known:
            if name:
                tampering.append(_note("unknown-cell", name, "A grade_id that was not released."))
            # Nothing that a student writes is a test, whatever its metadata says.
            own = {**cell, "nbgrader": {}, "grade_id": "", "metadata": {}}
            extras.setdefault(anchor, []).append(own)
        elif name in answers:
            tampering.append(_note("duplicated-cell", name, "The first of them is graded."))
        else:
            answers[name] = cell
            anchor = name
    order = [name for name in known if name in answers]
    if order != list(answers):
        tampering.append(_note("moved-cells", "", "Cells stand in another order than released."))
    return answers, extras, tampering


def _choose(cell: dict, answer: dict | None, tampering: list[dict]) -> dict:
    name = cell["grade_id"]
    if answer is None:
        tampering.append(_note("deleted-cell", name, "The released cell is gone."))
        return {**cell, "source": ""} if is_answer(cell) else cell
    if answer["cell_type"] != cell["cell_type"]:
        tampering.append(_note("altered-cell", name, "Its type was changed."))
    for flag in ("grade", "solution", "locked", "points"):
        if answer["nbgrader"].get(flag) != cell["nbgrader"].get(flag):
            tampering.append(_note("altered-cell", name, f"Its {flag!r} was changed."))
    if is_answer(cell):
        return {**cell, "source": answer["source"]}
    if _plain(answer["source"]) != _plain(UNSEEN.sub("", cell["source"])):
        tampering.append(_note("altered-cell", name, "Its text was changed; it was put back."))
    return cell


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _runnable(cell: dict) -> Cell:
    given, source = cell["nbgrader"], cell["source"]
    if is_test(cell):
        points = given.get("points", 0)
        points = float(points) if isinstance(points, (int, float)) else 0.0
        return Cell("test", cell["grade_id"], HIDDEN.sub("", source), source, points)
    kind = "student" if not cell["grade_id"] or is_answer(cell) else "locked"
    return Cell(kind, cell["grade_id"], source)


def _notebook(instructor: dict) -> dict:
    metadata = instructor.get("metadata") if isinstance(instructor.get("metadata"), dict) else {}
    kept = {k: metadata[k] for k in ("kernelspec", "language_info") if k in metadata}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": kept, "cells": []}


def _shown(cell: dict, number: int) -> dict:
    """The cell as it stands in the executed notebook: nothing hidden in it."""
    source = cell["source"] if is_answer(cell) else UNSEEN.sub("", cell["source"])
    shown = {"id": f"cell-{number}", "cell_type": cell["cell_type"], "source": source,
             "metadata": {"nbgrader": cell["nbgrader"]} if cell["nbgrader"] else {}}  # fmt: skip
    if cell["cell_type"] == "code":
        shown |= {"outputs": [], "execution_count": None}
    return shown


def _note(name: str, cell: str, detail: str) -> dict:
    return {"name": name, "cell": cell, "detail": detail}
