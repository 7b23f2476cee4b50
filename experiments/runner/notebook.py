"""The notebook of a run: read, given its parameters, labelled with its end, saved.

Invariant: whoever reads the saved file finds a whole notebook, whatever happens to the runner.
"""

from __future__ import annotations

import html
import json
import os
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from papermill.exceptions import PapermillException
from papermill.execute import ERROR_MARKER_TAG, remove_error_markers
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.translators import papermill_translators

from experiments.runner.kernel import KernelSpec
from experiments.runner.order import Order
from experiments.runner.outcome import Ending, ended
from experiments.runner.scrub import Scrubber
from experiments.states import Reason

# Time spent on saving, at most, while cells run.
SHARE = 0.1


def read_notebook(path: Path) -> NotebookNode:
    """A notebook of any version as one of version 4; ends the run if it is none."""
    try:
        # What nbformat mends in it, such as cells with no id, is no news to anybody.
        with warnings.catch_warnings(action="ignore"):
            nb = load_notebook_node(str(path))
        remove_error_markers(nb)
        for cell in nb.cells:
            if cell.cell_type not in ("code", "markdown", "raw"):
                raise ValueError(f"a cell is of the type {cell.cell_type!r}")
            if not isinstance(cell.source, str):
                raise ValueError("the source of a cell is no text")
        if not isinstance(nb.metadata.papermill, dict):
            raise ValueError("its metadata of papermill's is none")
        nb.metadata.pop("cohort", None)
    # nbformat raises whatever a file that is no notebook makes Python raise.
    except Exception as error:
        words = str(error).partition("\n")[0][:200]
        message = f"{path.name} cannot be read as a notebook: {words or type(error).__name__}."
        raise ended(Reason.BAD_NOTEBOOK, message=message) from error
    return nb


def inject(nb: NotebookNode, order: Order, spec: KernelSpec) -> NotebookNode:
    """The notebook with a cell of parameters; secrets are in it by name alone."""
    if not (order.parameters or order.secrets):
        return nb
    comment = "Parameters"
    if order.secrets:
        comment += f" (and in secret: {', '.join(order.secrets)})"
    try:
        return parameterize_notebook(
            nb,
            order.parameters,
            comment=comment,
            kernel_name=spec.name,
            language=spec.language,
            engine_name="cohort",
        )
    except PapermillException as error:
        raise ended(Reason.BAD_NOTEBOOK, message=str(error)) from error


def secret_code(order: Order, spec: KernelSpec) -> str:
    """Code that gives the secrets to the kernel; it is run in silence and written nowhere."""
    translator = papermill_translators.find_translator(spec.name, spec.language)
    return translator.codify(order.secrets, comment="")


def scrub(nb: NotebookNode, scrubber: Scrubber) -> None:
    """Take secrets out of what the notebook's author wrote into it."""
    try:
        nb.metadata = nbformat.from_dict(scrubber.tree(nb.metadata))
        for cell in nb.cells:
            cell.source = scrubber.text(cell.source)
            cell.metadata = nbformat.from_dict(scrubber.tree(cell.metadata))
            if "attachments" in cell:
                cell.attachments = nbformat.from_dict(scrubber.tree(cell.attachments))
    except ValueError as error:
        message = f"The notebook's metadata is {error}."
        raise ended(Reason.BAD_NOTEBOOK, message=message) from error


def label(nb: NotebookNode, ending: Ending) -> None:
    """Say in the notebook how the run ended, and where, if it did not end well.

    The note stands behind its cell, so that cells keep the places that the event log names.
    """
    nb.metadata.cohort = {
        "state": str(ending.outcome),
        "reason": ending.reason and str(ending.reason),
        "cell": ending.cell,
    }
    if ending.reason:
        text = f"**The run ended here: {ending.reason}.** {html.escape(ending.message)}"
        note = nbformat.v4.new_markdown_cell(f'<a id="cohort-run-ended"></a>{text}')
        # papermill takes cells with this tag out again when the notebook is run once more.
        note.metadata.tags = [ERROR_MARKER_TAG]
        nb.cells.insert(0 if ending.cell is None else ending.cell + 1, note)


class NotebookFile:
    """Where the executed notebook is saved, now and then while it runs."""

    def __init__(self, path: Path, every_s: float) -> None:
        self._path, self._every_s = path, every_s
        self._part = path.with_name(f".{path.name}.part")
        self._next = 0.0

    def offer(self, nb: NotebookNode) -> bool:
        """Save the notebook unless it was saved a moment ago; True if it was saved."""
        began = time.monotonic()
        if began < self._next:
            return False
        self.save(nb)
        took = time.monotonic() - began
        self._next = began + max(self._every_s, took / SHARE)
        return True

    def save(self, nb: NotebookNode, *, durably: bool = False) -> None:
        """Save the notebook; ``durably`` waits until the disk has it."""
        # Without nbformat's validation and line splitting, which take longer than most cells;
        # piece by piece, as memory here is memory that the notebook cannot have.
        encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
        replace(self._path, self._part, encoder.iterencode(nb), durably=durably)


def replace(path: Path, part: Path, text: Iterable[str], *, durably: bool) -> None:
    """Put a file in place of what is at ``path``, all at once, by way of the file ``part``."""
    try:
        with open(part, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(text)
            if durably:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
