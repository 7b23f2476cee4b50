"""What is a notebook, and one that may be run: decided from its JSON alone.

Invariant: what `validate_notebook` returns has cells that papermill and nbformat can read.
"""

from __future__ import annotations

import json

from cohort.archives import megabytes
from experiments.errors import ExperimentError

# The largest notebooks with all their pictures that people keep are some 10 MB. Each MB takes
# about 10 MB of memory and 20 ms to parse, in the service and in every page that shows it.
NOTEBOOK_BYTES = 20_000_000
# A lesson has 40 cells, a long paper's notebook 300. A page that shows a run lists all of them.
NOTEBOOK_CELLS = 2_000
CELL_TYPES = ("code", "markdown", "raw")


def validate_notebook(data: bytes) -> dict:
    """Return the notebook; raises `ExperimentError` that says why this is none or is too large.

    Codes: ``notebook_too_large`` (413) and ``notebook_invalid``.
    """
    if len(data) > NOTEBOOK_BYTES:
        raise _too_large(f"is larger than {megabytes(NOTEBOOK_BYTES)}: clear its outputs")
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise _invalid("it is not JSON") from None
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        raise _invalid("it is JSON of another kind")
    if (notebook["nbformat"], type(notebook.get("nbformat_minor"))) != (4, int):
        raise _invalid("its format is not version 4: open it in JupyterLab and save it again")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not isinstance(notebook.get("metadata"), dict):
        raise _invalid("it has no list of cells or no metadata")
    if len(cells) > NOTEBOOK_CELLS:
        raise _too_large(f"has {len(cells):,} cells, at most {NOTEBOOK_CELLS:,} can be run")
    for number, cell in enumerate(cells, start=1):
        if not _is_cell(cell):
            raise _invalid(f"its cell {number} is no cell")
    return notebook


def source_of(cell: dict) -> str:
    """A cell's source, which a file may hold as one text or as a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def tags_of(cell: dict) -> list[str]:
    """A cell's tags."""
    return cell["metadata"].get("tags", [])


def _is_cell(cell: object) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in CELL_TYPES:
        return False
    source, metadata = cell.get("source"), cell.get("metadata")
    if not isinstance(metadata, dict) or not _is_texts(metadata.get("tags", [])):
        return False
    outputs = cell.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        return False
    return isinstance(source, str) or _is_texts(source)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _invalid(why: str) -> ExperimentError:
    return ExperimentError(f"This is no notebook that can be run: {why}.", code="notebook_invalid")


def _too_large(why: str) -> ExperimentError:
    return ExperimentError(f"The notebook {why}.", code="notebook_too_large", status=413)
