"""The steps of one attempt of a run: start it, end it, clear it away.

Invariant: each step can be cut off anywhere and taken again, by another process too. A folder
is complete before its container exists; a container is removed only after how it ended is
committed; a device is released only once its container is gone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from cohort.engine import Engine, EngineUnreachableError, ImageMissingError
from cohort.errors import CohortError, EngineError
from cohort.gpus import GpuLedger, utc_now
from experiments.admission import release
from experiments.changes import Cause, after_failure, lock, move
from experiments.endings import Ending, decide, ending
from experiments.launch import Launcher, read_stopped, remove_tree
from experiments.report.collect import collect
from experiments.report.result import RunnerResult
from experiments.states import ACTIVE, ENDED, Reason, State
from experiments.tables import Run

log = logging.getLogger(__name__)

LOG_BYTES = 8 << 20
FILES_LOST = Ending(
    State.FAILED, None, "The run has ended, but what it left could not be kept: ask the operator."
)


@dataclass
class Attempts:
    """The steps, with what they need; several threads may take steps of different runs."""

    database: Database
    engine: Engine
    launcher: Launcher
    ledger: GpuLedger
    # Given an ended run's id; may be called again for the same run.
    report: Callable[[str], None]
    now: Callable[[], datetime] = utc_now
    # Held where a run is given devices and where they are taken back: between them, a retried
    # run could be given what its earlier attempt is about to release.
    claims: threading.Lock = field(default_factory=threading.Lock)

    def start(self, run_id: str) -> None:
        """Bring a starting run's container up, or adopt the one that it has."""
        run = self._read(run_id)
        if run is None or run.state != State.STARTING:
            return
        if run.cancel_by is not None:
            return self._finish(run, ending(Reason.CANCELLED))
        name = self.launcher.name(run.id, run.attempt)
        try:
            if self.engine.poll(name) is None:
                # An earlier attempt may not have been cleared away, and its devices are ours.
                for attempt in range(1, run.attempt):
                    self.engine.remove(self.launcher.name(run.id, attempt))
                self.launcher.prepare(run)
            self.engine.submit(self.launcher.job(run))
        except EngineUnreachableError:
            raise
        except (CohortError, OSError) as e:
            log.warning("%s was not started: %s", name, e)
            return self._finish(run, _refusal(e))
        with Session(self.database) as session, session.begin():
            row = session.get_one(Run, run_id)
            lock(session, row)
            if row.state == State.STARTING and row.attempt == run.attempt:
                row.container = name
                move(session, row, State.RUNNING, self.now())
        return None

    def end(self, run_id: str, *, keep: bool = True) -> None:
        """Settle how a running run ended whose container has ended or is gone.

        Without ``keep`` nothing of its files is kept, for when that fails again and again.
        """
        run = self._read(run_id)
        if run is None or run.state != State.RUNNING:
            return
        name = self.launcher.name(run.id, run.attempt)
        job = self.engine.poll(name)
        if job is not None and job.status == "running":
            return
        if job is not None and job.status == "created":
            job = None  # the machine lost power just after the start: nothing of it is left
        if not keep:
            return self._finish(run, FILES_LOST)
        live = self.launcher.folders.of(run.id, run.attempt)
        text = self.engine.logs(name, LOG_BYTES) if job else b""
        kept = self.launcher.folders.kept(run.id)
        collected, result = collect(live / "result", kept, text, attempt=run.attempt)
        what = decide(job, result, stopped=read_stopped(live))
        return self._finish(run, what, collected.bytes, result)

    def clear(self, run_id: str, attempt: int, *, report: bool = True) -> None:
        """Remove what is left of an attempt that is over, and have an ended run reported.

        Does nothing if the attempt is not over. The live folder goes last: as long as it is
        there, the run may not have been reported. Without ``report`` none is made, for when
        that fails again and again.
        """
        run = self._read(run_id)
        if run is not None and run.state in ACTIVE and run.attempt == attempt:
            return
        self.engine.remove(self.launcher.name(run_id, attempt))
        with self.claims:
            run = self._read(run_id)
            if run is None or run.state not in ACTIVE:
                release(self.ledger, run_id)
        live = self.launcher.folders.of(run_id, attempt)
        last = run is not None and run.state in ENDED and run.attempt == attempt
        if report and last and live.exists():
            self.report(run_id)
        remove_tree(live)

    def _finish(
        self, run: Run, what: Ending, bytes_kept: int = 0, result: RunnerResult | None = None
    ) -> None:
        """Commit an ending, or the wait for another attempt, and clear the attempt away."""
        with Session(self.database) as session, session.begin():
            row = session.get_one(Run, run.id)
            lock(session, row)
            if row.state in ACTIVE and row.attempt == run.attempt:
                row.bytes_kept = bytes_kept
                if result is not None:
                    row.cells_total, row.cells_done = result.cells_total, result.cells_done
                    row.metrics = result.metrics
                self._settle(session, row, what)
        self.clear(run.id, run.attempt)

    def _settle(self, session: Session, row: Run, what: Ending) -> None:
        cause = Cause(what.reason, what.message)
        if what.reason is None and row.cancel_by is None:
            move(session, row, what.state, self.now(), cause)
        else:
            # Whoever was told that a run will be cancelled finds it cancelled, even if it came
            # to its own end meanwhile: this looks at `cancel_by` first of all.
            after_failure(session, row, self.now(), cause)

    def _read(self, run_id: str) -> Run | None:
        """A copy of the row as it is now."""
        with Session(self.database, expire_on_commit=False) as session:
            return session.get(Run, run_id)


def _refusal(error: Exception) -> Ending:
    """How an attempt ends that could not be started."""
    if isinstance(error, ImageMissingError):
        return ending(Reason.IMAGE_MISSING)
    if isinstance(error, EngineError):
        return ending(Reason.ENGINE_GONE, str(error))
    if isinstance(error, CohortError):  # of its snapshot, or its secrets
        return ending(Reason.BAD_NOTEBOOK, str(error))
    return ending(Reason.RUNNER_DIED, f"The run's files could not be laid out: {error}.")
