"""The loop that brings attempts through their lives, several containers side by side.

Invariant: all it knows is in the database, the engine and the live folders; a loop that was killed
anywhere is continued by the next one's first look. One process at a time is in it.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

from cohort.engine import EngineUnreachableError, JobState
from cohort.errors import CohortError
from grading.autograder.attempts import Attempts
from grading.autograder.queue import RUNNING, WAITING
from grading.autograder.tables import AutogradeAttempt

log = logging.getLogger(__name__)

PAUSE, IDLE = 0.1, 1.0  # seconds between two looks while something runs, and while nothing does
LONGEST_BACK_OFF = 5.0
SLACK = timedelta(seconds=60)  # for starting and sealing, past the limit that the inside keeps


class Autograder:
    """Grades what the queue holds, in a thread of its own; ``side_by_side`` containers."""

    def __init__(self, attempts: Attempts, *, side_by_side: int = 2) -> None:
        self.attempts, self._most = attempts, side_by_side
        self._wake, self._ended = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(side_by_side + 2, thread_name_prefix="autograde")
        self._busy: dict[str, Future] = {}
        self._swept = False
        self._trouble = 0  # looks that failed in a row
        self._thread = threading.Thread(target=self._run, name="autograder", daemon=True)

    def start(self) -> None:
        """Begin, as soon as no other process grades for this lab."""
        self._thread.start()

    def wake(self) -> None:
        """Look now. Any thread may call this."""
        self._wake.set()

    def stop(self) -> None:
        """End the loop, having finished the steps under way; containers run on."""
        self._ended.set()
        self._wake.set()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        live = self.attempts.launcher.live
        live.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(live / ".lock", "w") as lock:
            while not self._ended.is_set():
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                self._ended.wait(0.2)
            while not self._ended.is_set():
                self._wake.wait(self._look())
                self._wake.clear()

    def _look(self) -> float:
        try:
            busy = self.tick()
        except Exception as error:
            if not isinstance(error, CohortError):
                log.error("A look at what is graded has failed", exc_info=error)
            elif not self._trouble:
                log.warning("%s Grading goes on after that.", error)
            self._trouble, self._swept = self._trouble + 1, False
            return min(0.25 * 2**self._trouble, LONGEST_BACK_OFF)
        self._trouble = 0
        return PAUSE if busy else IDLE

    def tick(self) -> bool:
        """Look once and have each attempt's next step taken; True if there is more to do.

        Raises `EngineUnreachableError`, `DatabaseError`.
        """
        self._reap()
        rows = self.attempts.queue.open()
        if not rows and self._swept:
            return bool(self._busy)
        jobs = {job.labels["cohort.attempt"]: job
                for job in self.attempts.engine.all(self.attempts.launcher.labels())}  # fmt: skip
        running = [row for row in rows if row.state == RUNNING]
        for row in running:
            self._see_to(row, jobs.get(row.id))
        self._clear_others(jobs, rows)
        starting = sum(row.id in self._busy for row in rows if row.state == WAITING)
        room = max(0, self._most - len(running) - starting)
        waiting = [row for row in rows if row.state == WAITING and row.id not in self._busy]
        # What waits for a GPU that others hold must not keep the rest from going on.
        for row in [r for r in waiting if not r.gpus][:room] + [r for r in waiting if r.gpus][:1]:
            if room:
                self._do(row.id, self.attempts.start, row.id)
        return bool(rows or self._busy)

    def _see_to(self, row: AutogradeAttempt, job: JobState | None) -> None:
        if job is not None and job.status == "running":
            if self._is_late(row):
                self._do(row.id, self.attempts.stop, row)
        else:
            self._do(row.id, self.attempts.see_to, row, job)

    def _is_late(self, row: AutogradeAttempt) -> bool:
        limit = timedelta(seconds=self.attempts.launcher.limits.total_seconds) + SLACK
        return datetime.now(row.started_at.tzinfo) - row.started_at > limit

    def _clear_others(self, jobs: dict[str, JobState], rows: Sequence[AutogradeAttempt]) -> None:
        """Once, and whenever something is listed that is over: remove what was left."""
        known = {row.id for row in rows if row.state == RUNNING}
        left = set(jobs)
        if not self._swept:
            live = self.attempts.launcher.live
            left |= {path.name for path in live.iterdir() if path.name.startswith("ag-")}
        for attempt in left - known:
            self._do(attempt, self.attempts.clear, attempt)
        self._swept = True

    def _do(self, attempt: str, call, *args) -> None:
        if attempt not in self._busy:
            self._busy[attempt] = self._pool.submit(self._step, call, *args)

    def _step(self, call, *args) -> None:
        try:
            call(*args)
        finally:
            self.wake()

    def _reap(self) -> None:
        """Forget the steps that are done; raise what one of them raised."""
        done = [attempt for attempt, step in self._busy.items() if step.done()]
        errors = [self._busy.pop(attempt).exception() for attempt in done]
        for error in filter(None, errors):
            if not isinstance(error, EngineUnreachableError):
                log.error("A step of grading has failed and is taken again", exc_info=error)
            raise error
