"""One run from its order to its results; imported while the kernel starts.

Invariant: ``result.json`` is written last: where it is, everything else is.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

from nbformat import NotebookNode
from papermill.engines import papermill_engines
from papermill.utils import find_first_tagged_cell_index

from experiments.runner import engine, notebook
from experiments.runner.artefacts import Artefacts
from experiments.runner.cells import Cells, to_run
from experiments.runner.channels import Channels
from experiments.runner.environment import Environment
from experiments.runner.events import EventLog
from experiments.runner.kernel import KernelProcess
from experiments.runner.kernel_log import KernelLog
from experiments.runner.limits import Limits
from experiments.runner.order import Order
from experiments.runner.outcome import SUCCESS, Ending, RunEnded, ended, is_disk_full
from experiments.runner.outputs import Outputs
from experiments.runner.requests import Requests
from experiments.runner.scrub import Scrubber
from experiments.states import Reason

RESERVE_BYTES = 64 * 1024


class Run:
    """A run whose kernel is starting."""

    def __init__(self, order: Order, limits: Limits, started: float) -> None:
        self._order, self._limits, self._started = order, limits, started
        self._scrubber = Scrubber(order.secrets.values())
        self._log = EventLog(order.result / "events.jsonl")
        self._file = notebook.NotebookFile(order.result / "notebook.ipynb", order.save_seconds)
        # On a disk that this run has filled there is room to say so.
        self._reserve = order.result / ".reserve"
        self._reserve.write_bytes(bytes(RESERVE_BYTES))
        self._environment = Environment()
        self._nb: NotebookNode | None = None
        self._outputs: Outputs | None = None
        self._cells: Cells | None = None
        self._total = 0

    def execute(self, kernel: KernelProcess) -> Ending:
        """Run the notebook in this kernel and end the kernel; how it ended."""
        channels = Channels(kernel.connection, kernel.said, bounded=kernel.spec.is_ipython)
        requests = Requests(kernel, channels, self._limits, KernelLog(self._scrubber))
        try:
            self._prepare(kernel, channels, requests)
            papermill_engines.execute_notebook_with_engine(
                engine.NAME,
                self._nb,
                kernel.spec.name,
                file=self._file,
                outputs=self._outputs,
                cells=self._cells,
            )
            requests.shut_down(self._outputs)
        except RunEnded as end:
            return end.ending
        except OSError as error:
            if is_disk_full(error):
                return ended(Reason.DISK_LIMIT).ending
            raise
        finally:
            kernel.close()
            channels.close()
        return SUCCESS

    def _prepare(self, kernel: KernelProcess, channels: Channels, requests: Requests) -> None:
        nb = notebook.inject(notebook.read_notebook(self._order.notebook), self._order, kernel.spec)
        sources = [cell.source for cell in nb.cells]
        place = find_first_tagged_cell_index(nb, "injected-parameters")
        notebook.scrub(nb, self._scrubber)
        self._nb, self._total = nb, len(to_run(nb))
        self._outputs = Outputs(nb, self._log, self._scrubber, channels)
        self._cells = Cells(sources, requests, self._outputs, self._log)
        if self._order.secrets:
            self._cells.after[place] = notebook.secret_code(self._order, kernel.spec)
        self._log.add("run_started", cells=self._total)

    def finish(self, ending: Ending) -> Ending:
        """Write the results; how the run has ended, which a full disk can still change."""
        ending = ending.cleaned(self._scrubber.text)
        artefacts = Artefacts(self._scrubber, self._started, self._limits.due)
        try:
            self._keep(ending, artefacts)
        except OSError as error:
            if not is_disk_full(error):
                raise
            ending = ended(Reason.DISK_LIMIT).ending
        self._reserve.unlink(missing_ok=True)
        result = json.dumps(self._result(ending, artefacts), ensure_ascii=False, indent=1)
        try:
            reason = ending.reason and str(ending.reason)
            self._log.add("run_ended", outcome=str(ending.outcome), reason=reason)
            path = self._order.result / "result.json"
            notebook.replace(path, path.with_suffix(".part"), [result], durably=True)
        except OSError as error:
            # The exit code still tells it, and the container's log.
            print(f"result.json: {error}\n{result}", file=sys.stderr)
        return ending

    def _keep(self, ending: Ending, artefacts: Artefacts) -> None:
        """Everything that stays beside ``result.json``."""
        result = self._order.result
        artefacts.copy(self._order.notebook.parent / "outputs", result / "outputs")
        if self._nb is not None:
            self._outputs.finish()
            notebook.label(self._nb, ending)
            self._file.save(self._nb, durably=True)

    def _result(self, ending: Ending, artefacts: Artefacts) -> dict:
        seed = self._order.parameters.get("seed")
        return {
            **asdict(ending),
            "started": self._started,
            "ended": time.time(),
            "cells_total": self._total,
            "cells_done": self._cells.done if self._cells else 0,
            "metrics": self._outputs.metrics.values if self._outputs else {},
            "environment": self._environment.facts(),
            "seed": seed if type(seed) is int else None,
            "left_out": artefacts.left_out,
        }
