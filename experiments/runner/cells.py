"""The cells of a notebook, one after another, until the last or the first that fails.

Invariant: what the event log and the notebook say of a cell is what the kernel said of it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from experiments.runner.events import EventLog
from experiments.runner.outcome import SUCCESS, Ending, RunEnded, of_error
from experiments.runner.outputs import Outputs
from experiments.runner.requests import Requests

if TYPE_CHECKING:
    from experiments.runner.engine import Manager

SKIP = "skip-execution"
MAY_FAIL = "raises-exception"


class Cells:
    """The code cells of one notebook.

    ``after`` is code that is run in silence after a cell, by the cell's index.
    """

    def __init__(
        self, sources: list[str], requests: Requests, outputs: Outputs, log: EventLog
    ) -> None:
        # The code as it is run; in the notebook itself it may have been scrubbed.
        self._sources = sources
        self._requests, self._outputs, self._log = requests, outputs, log
        self.after: dict[int, str] = {}
        self.done = 0

    def run(self, manager: Manager) -> None:
        """Run all cells; raises RunEnded if the run ends before the last one has."""
        info = self._requests.wait_ready(self._outputs)
        manager.nb.metadata["language_info"] = info["language_info"]
        last = None
        for index in to_run(manager.nb):
            self._requests.check(last)
            last = index
            if not self._run(manager, index):
                return

    def _run(self, manager: Manager, index: int) -> bool:
        """Run a cell; False if the notebook chose to end with it."""
        cell = manager.nb.cells[index]
        manager.cell_start(cell, index)
        self._log.cell_started(index, cell.source)
        began, ok = time.monotonic(), False
        try:
            reply = self._requests.run(self._sources[index], self._outputs, index, manager.tick)
            ending = self._ending(reply, cell, index)
            if ending not in (None, SUCCESS):
                raise RunEnded(ending)
            if index in self.after:
                code = self.after[index]
                self._requests.run(code, self._outputs, index, manager.tick, silent=True)
            ok = True
            self.done += 1
            return ending is None
        finally:
            self._outputs.cell_ended(index)
            if not ok:
                manager.cell_exception(cell, index)
            manager.cell_complete(cell, index)
            seconds = round(time.monotonic() - began, 3)
            self._log.add("cell_ended", cell=index, ok=ok, seconds=seconds)

    def _ending(self, reply: dict, cell: NotebookNode, index: int) -> Ending | None:
        """How the run ends with this cell's reply; None if it goes on."""
        if reply.get("status") == "ok":
            return SUCCESS if asks_to_exit(reply.get("payload")) else None
        if MAY_FAIL in cell.metadata.get("tags", []):
            return None
        return of_error(reply, index, cell.execution_count, self._requests.oom_kills)


def asks_to_exit(payload: object) -> bool:
    """True if a reply's payload says that the notebook has called ``exit`` or ``quit``."""
    entries = payload if isinstance(payload, list) else []
    return any(isinstance(one, dict) and one.get("source") == "ask_exit" for one in entries)


def to_run(nb: NotebookNode) -> list[int]:
    """Which cells are run: code that is not empty and not tagged to be skipped."""
    return [
        index
        for index, cell in enumerate(nb.cells)
        if cell.cell_type == "code"
        and cell.source.strip()
        and SKIP not in cell.metadata.get("tags", [])
    ]
