"""The steps of one attempt: start it, end it, clear it away.

Invariant: each step can be cut off anywhere and taken again, by another process too. A folder is
complete before its container exists; container, folder and GPUs go only after how the attempt
ended is committed, and that is committed once.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass

from cohort.blobs import BlobStore
from cohort.engine import Engine, EngineUnreachableError, JobState
from cohort.errors import CohortError, GpuTakenError
from cohort.gpus import GpuLedger, Holder
from grading.autograder.inside.merge import NotANotebookError
from grading.autograder.inside.order import read_sealed
from grading.autograder.launch import Launcher
from grading.autograder.queue import RUNNING, WAITING, AttemptQueue, Result
from grading.autograder.tables import AutogradeAttempt
from grading.autograder.verdict import check_verdict, executed_notebooks

log = logging.getLogger(__name__)

HOLDER = "autograde"
TRIES = 3  # starts of a container that vanished: the machine lost power, or somebody removed it
LOG_BYTES = 4000


@dataclass
class Attempts:
    """The steps, with what they need; several threads may take steps of different attempts."""

    queue: AttemptQueue
    engine: Engine
    launcher: Launcher
    ledger: GpuLedger
    blobs: BlobStore
    image: str

    def start(self, attempt: str) -> None:
        """Bring a waiting attempt's container up; nothing happens while others have its GPUs."""
        row = self.queue.get(attempt)
        if row is None or row.state != WAITING:
            return
        try:
            devices = self._claim(row)
        except GpuTakenError:
            return
        except CohortError as error:  # the lab has fewer than that
            self._fail(row, str(error))
            return
        image = self.engine.image_digest(self.image)
        if image is None:
            self._fail(row, "The workspace image is not on this machine: run `make up`.")
        elif self.queue.start(attempt, image, devices):
            self.run(attempt)

    def run(self, attempt: str) -> None:
        """Have a running attempt's container, made now or by an earlier process."""
        row = self.queue.get(attempt)
        if row is None or row.state != RUNNING:
            return
        try:
            if self.engine.poll(self.launcher.name(row.id)) is None:
                self.launcher.prepare(row)
            self.engine.submit(self.launcher.job(row))
        except EngineUnreachableError:
            raise
        except (CohortError, NotANotebookError, OSError) as error:
            log.warning("%s was not started: %s", self.launcher.name(row.id), error)
            self._fail(row, f"It could not be graded: {error}")

    def see_to(self, row: AutogradeAttempt, job: JobState | None) -> None:
        """Take the next step of a running attempt whose container is as the engine says."""
        if job is None or job.status == "created":
            job = self.engine.poll(self.launcher.name(row.id))
        if job is None:
            self._vanished(row)
        elif job.status == "created":
            self.run(row.id)
        elif job.status == "ended":
            self.end(row.id, job)

    def end(self, attempt: str, job: JobState) -> None:
        """Check what an ended container left, and keep it."""
        row = self.queue.get(attempt)
        if row is None or row.state != RUNNING:
            return
        try:
            result = self._result(row, job)
        except FileNotFoundError as error:
            result = Result(None, why=f"The files of this attempt are gone: {error}")
        self.queue.finish(attempt, result)
        self.clear(attempt)

    def stop(self, row: AutogradeAttempt) -> None:
        """Kill a container that is over its time; its end is settled like any other."""
        self.engine.cancel(self.launcher.name(row.id), 0)

    def clear(self, attempt: str) -> None:
        """Remove what is left of an attempt that is over."""
        row = self.queue.get(attempt)
        if row is not None and row.state == RUNNING:
            return
        self.engine.remove(self.launcher.name(attempt))
        self.launcher.clear(attempt)
        if row is None or row.state != WAITING:
            self.ledger.release(Holder(HOLDER, attempt))

    def _claim(self, row: AutogradeAttempt) -> tuple[str, ...]:
        if not row.gpus:
            return ()
        label = f"grading of {row.assignment} in {row.course}"
        return self.ledger.claim(Holder(HOLDER, row.id, label), row.gpus)

    def _vanished(self, row: AutogradeAttempt) -> None:
        """A container that is not there: it was never made, or is gone."""
        if row.tries < TRIES:
            self.queue.put_back(row.id)
        else:
            self._fail(row, f"Its container was gone {TRIES} times: ask the operator.")

    def _result(self, row: AutogradeAttempt, job: JobState) -> Result:
        data, key = self.launcher.sealed(row.id)
        body = read_sealed(data, key)
        expected = self.launcher.expected(row.id)
        notebooks = check_verdict(body, expected)
        if body is None:
            why = self._without_verdict(row, job)
            for one in notebooks.values():
                one["tampering"].append({"name": "no-verdict", "cell": "", "detail": why})
                one["needs_look"] = sorted({*one["needs_look"], "no-verdict"})
        kept = executed_notebooks(body, expected)
        with self.blobs.batch() as batch:
            executed = {name: batch.put(io.BytesIO(data)).sha256 for name, data in kept.items()}
        for name, sha256 in executed.items():
            notebooks[name]["executed"] = sha256
        verdict = {"submission": row.submission, "source_version": row.source_version,
                   "notebooks": notebooks}  # fmt: skip
        return Result(verdict, executed)

    def _without_verdict(self, row: AutogradeAttempt, job: JobState) -> str:
        if job.out_of_memory:
            return "The container ran out of memory."
        said = self.engine.logs(self.launcher.name(row.id), LOG_BYTES).decode("utf-8", "replace")
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
        return f"The container ended with {job.exit_code} and no verdict. {last}"[:500]

    def _fail(self, row: AutogradeAttempt, why: str) -> None:
        self.queue.finish(row.id, Result(None, why=why))
        self.clear(row.id)
