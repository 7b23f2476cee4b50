"""What is a notebook, and how many points the instructor's version of one gives.

Invariant: decided from its JSON alone, in one pass over bytes whose number has a cap.
"""

from __future__ import annotations

import json
import math
from pathlib import PurePosixPath

from cohort.archives import megabytes, shown
from grading.errors import GradingError

# The largest notebooks with all their pictures that people keep are some 10 MB.
NOTEBOOK_BYTES = 20_000_000
NOTEBOOK_CELLS = 2_000
CELL_TYPES = ("code", "markdown", "raw")


def is_notebook_name(path: str) -> bool:
    """Whether nbgrader would take this file of an assignment for one of its notebooks."""
    return PurePosixPath(path).suffix == ".ipynb" and "/" not in path


def read_notebook(name: str, data: bytes) -> dict:
    """The notebook in a file; raises `GradingError` (422, or 413 if it is too large)."""
    if len(data) > NOTEBOOK_BYTES:
        raise GradingError(
            f"{shown(name)} is larger than {megabytes(NOTEBOOK_BYTES)}: clear its outputs.",
            code="notebook_too_large",
            status=413,
        )
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise _invalid(name, "it is not JSON") from None
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        raise _invalid(name, "it is not in version 4 of the format")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not isinstance(notebook.get("metadata"), dict):
        raise _invalid(name, "it has no list of cells or no metadata")
    if len(cells) > NOTEBOOK_CELLS:
        raise _invalid(name, f"it has {len(cells):,} cells, at most {NOTEBOOK_CELLS:,} are taken")
    for number, cell in enumerate(cells, start=1):
        if not _is_cell(cell):
            raise _invalid(name, f"its cell {number} is no cell")
    return notebook


def points_in(notebook: dict) -> float:
    """The points of all cells that nbgrader marks, by tests or by hand; odd ones count nothing."""
    total = 0.0
    for cell in notebook["cells"]:
        facts = cell["metadata"].get("nbgrader")
        if isinstance(facts, dict) and facts.get("grade") is True:
            points = facts.get("points")
            if isinstance(points, int | float) and math.isfinite(points) and points >= 0:
                total += points
    return total


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in CELL_TYPES:
        return False
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return isinstance(cell.get("metadata"), dict) and all(isinstance(x, str) for x in lines)


def _invalid(name: str, why: str) -> GradingError:
    return GradingError(f"{shown(name)} is no notebook: {why}.", code="notebook_invalid")
