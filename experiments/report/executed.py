"""Reads an executed notebook that somebody hostile may have written.

Invariant: what `read_notebook` returns is a notebook of format 4 in which every field that we
or nbconvert look at has the type it should have; what had another is left out.
"""

from __future__ import annotations

import json
from pathlib import Path

from experiments.errors import ExperimentError

MAX_BYTES = 64 << 20
MAX_CELLS = 10_000
MAX_OUTPUTS = 10_000  # of one cell
SHOWN_IMAGES = ("image/png", "image/jpeg")
ODD = "(an output that is not as notebooks have it)"


class NotebookError(ExperimentError):
    """The file is no notebook that can be read; the sentence says what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="notebook_unreadable")


def load_bytes(path: Path, what: str = "notebook") -> bytes:
    """The file's bytes; `NotebookError` if it is missing or too large to be looked at."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotebookError(
            f"The {what} was not kept: the run ended before it was saved."
        ) from None
    if len(data) > MAX_BYTES:
        raise NotebookError(
            f"The {what} is larger than {MAX_BYTES >> 20} MB, which is too much to show: "
            "download it."
        )
    return data


def read_notebook(data: bytes) -> dict:
    """Notebook of format 4 in these bytes, every field of a known type. Raises `NotebookError`."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError):
        raise NotebookError("The notebook is not valid JSON: it was cut off or damaged.") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("cells"), list):
        raise NotebookError("The file is no notebook of format 4: it has no list of cells.")
    if len(raw["cells"]) > MAX_CELLS:
        raise NotebookError(f"The notebook has more than {MAX_CELLS} cells: split it.")
    metadata = _dict(raw.get("metadata"))
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "language_info": {"name": _language(metadata)},
            "cohort": _dict(metadata.get("cohort")),
        },
        "cells": [_cell(cell, i) for i, cell in enumerate(raw["cells"])],
    }


def joined(value: object) -> str:
    """Text that notebooks write as a string or as a list of lines; "" for anything else."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        value = "".join(value)
    # A lone surrogate is legal in JSON and in no UTF-8 file.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _language(metadata: dict) -> str:
    for key in ("pygments_lexer", "name"):
        name = _dict(metadata.get("language_info")).get(key)
        if isinstance(name, str) and name.isascii() and name[:40].isprintable():
            return name[:40]
    return "python"


def _cell(raw: object, index: int) -> dict:
    raw = _dict(raw)
    kind = raw.get("cell_type")
    tags = _dict(raw.get("metadata")).get("tags")
    cell = {
        "id": f"cell-{index}",
        "cell_type": kind if kind in ("code", "markdown") else "raw",
        "metadata": {
            "tags": [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []
        },
        "source": joined(raw.get("source")),
    }
    if kind == "code":
        outputs = raw.get("outputs")
        outputs = outputs[:MAX_OUTPUTS] if isinstance(outputs, list) else []
        cell["outputs"] = [_output(output) for output in outputs]
        cell["execution_count"] = _count(raw.get("execution_count"))
    elif kind == "markdown":
        cell["attachments"] = {
            name: _bundle(data) for name, data in _dict(raw.get("attachments")).items()
        }
    return cell


def _output(raw: object) -> dict:
    raw = _dict(raw)
    kind = raw.get("output_type")
    if kind == "stream":
        name = "stderr" if raw.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": joined(raw.get("text"))}
    if kind == "error":
        trace = raw.get("traceback")
        return {
            "output_type": "error",
            "ename": joined(raw.get("ename")),
            "evalue": joined(raw.get("evalue")),
            "traceback": [joined(line) for line in trace] if isinstance(trace, list) else [],
        }
    if kind in ("display_data", "execute_result"):
        # As display_data both: the number in front of a result is noise to a reader.
        metadata = {
            mime: {k: v for k, v in values.items() if k in ("width", "height") and _count(v)}
            for mime, values in _dict(raw.get("metadata")).items()
            if mime in SHOWN_IMAGES and isinstance(values, dict)
        }
        return {
            "output_type": "display_data",
            "data": _bundle(raw.get("data")),
            "metadata": metadata,
        }
    return {"output_type": "stream", "name": "stderr", "text": ODD}


def _bundle(raw: object) -> dict:
    """A MIME bundle: JSON types as they are, all others as text."""
    return {
        mime: value if mime.endswith("json") else joined(value)
        for mime, value in _dict(raw).items()
    }


def _count(value: object) -> int | None:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31
    return value if sound else None
