"""The notebook that instructors see of a submission: as it was run, or as it was released.

Invariant: whatever came out of a container, every cell that claims to be nbgrader's is one of the
gradebook's, and a cell of ours is told from a student's by a mark that feedback leaves out.
"""

from __future__ import annotations

import html

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Notebook

from grading.nbgrader.attempts import as_notebook
from grading.nbgrader.verdicts import PASSED, NotebookVerdict

# Cells with it are left out of feedback.
FOR_INSTRUCTORS = "cohort_for_instructors"
SCHEMA = 3  # of nbgrader's own metadata


def readable(text: str, known: set[str]) -> NotebookNode:
    """A notebook whose nbgrader cells are among ``known``; raises `ValueError` if it is none."""
    try:
        as_notebook(text)
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    # Nested as deep as a file can be, it exhausts the reader.
    except (nbformat.ValidationError, RecursionError, AttributeError, TypeError) as error:
        raise ValueError(str(error)[:200]) from None
    for cell in notebook.cells:
        claimed = cell.metadata.get("nbgrader")
        if claimed is not None and not _is_known(claimed, known):
            del cell.metadata["nbgrader"]
        cell.metadata.pop(FOR_INSTRUCTORS, None)
    return notebook


def _is_known(claimed: object, known: set[str]) -> bool:
    return isinstance(claimed, dict) and claimed.get("grade_id") in known


def rebuilt(source: Notebook) -> NotebookNode:
    """The released cells, in place of a submission that cannot be shown."""
    graded = {cell.name: cell.max_score for cell in (*source.grade_cells, *source.task_cells)}
    solutions = {cell.name for cell in source.solution_cells}
    tasks = {cell.name for cell in source.task_cells}
    notebook = nbformat.v4.new_notebook()
    for cell in source.source_cells:
        make = nbformat.v4.new_code_cell
        if cell.cell_type != "code":
            make = nbformat.v4.new_markdown_cell
        facts = {
            "schema_version": SCHEMA, "grade_id": cell.name, "locked": cell.locked,
            "grade": cell.name in graded and cell.name not in tasks, "cell_type": cell.cell_type,
            "solution": cell.name in solutions, "task": cell.name in tasks,
            "checksum": cell.checksum,
        }  # fmt: skip
        if cell.name in graded:
            facts["points"] = graded[cell.name]
        notebook.cells.append(make(cell.source, metadata={"nbgrader": facts}))
    return notebook


def add_note(notebook: NotebookNode, verdict: NotebookVerdict) -> None:
    """Say on top, to instructors alone, what they should look at; nothing if all is well."""
    told = {one.name for one in verdict.tampering}
    lines = [
        f"**Needs a look:** {_plain(reason)}" for reason in verdict.needs_look if reason not in told
    ]
    for one in verdict.tampering:
        where = f" (cell {_plain(one.cell)})" if one.cell else ""
        lines.append(f"**Tampering: {_plain(one.name)}**{where} {_plain(one.detail)}")
    for name, cell in verdict.cells.items():
        if cell.status != PASSED:
            words = _plain(f"{cell.message} {cell.detail}")
            lines.append(f"**Cell {_plain(name)}, {cell.status}:** {words}")
    if lines:
        note = nbformat.v4.new_markdown_cell(
            "\n".join(f"- {line}" for line in lines), metadata={FOR_INSTRUCTORS: True}
        )
        notebook.cells.insert(0, note)


def _plain(text: str) -> str:
    """A container's words as words: on one line, no markup."""
    escaped = html.escape(" ".join(text.split()))
    return "".join(f"\\{c}" if c in "\\`*_[]()#!|$~" else c for c in escaped)
