"""The loop that brings runs through their lives: admits, starts, follows, ends and clears.

Invariant: everything it knows is in the database, the engine and the live folders; a loop that
was killed at any point is continued by the next one, and there is no other way to continue it:
after a restart the first look is like every look. While the engine is silent nothing is
concluded about any run.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cohort.engine import JobState
from cohort.errors import CohortError
from experiments.admission import admit, recover
from experiments.attempts import Attempts
from experiments.follower import SLACK, Follower
from experiments.launch import DISK_BYTES, STOP_SECONDS
from experiments.offer import Offer
from experiments.states import ACTIVE, Reason, State
from experiments.tables import Run
from experiments.tasks import Tasks

log = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two looks while something runs; a look takes a few milliseconds
IDLE = 1.0  # while nothing does; whoever submits or cancels calls `wake`
ADMIT = 1.0  # or at once, when woken: with thousands of waiting runs it takes 0.1 s of CPU
FOLLOW = 1.0
SWEEP = 60.0
LONGEST_BACK_OFF = 5.0
WORKERS = 4  # starts and ends at once
STOPS = 16  # each waits until its container has ended
TRIES = 6  # to keep what a run left, over two minutes; to report on it, once a sweep


class Supervisor:
    """Brings the lab's runs through their lives, in a thread of its own."""

    def __init__(
        self,
        attempts: Attempts,
        offer: Offer,
        *,
        disk_bytes: int = DISK_BYTES,
        slack: timedelta = SLACK,
    ) -> None:
        self.attempts, self.offer = attempts, offer
        self._database, self._engine = attempts.database, attempts.engine
        self._folders = attempts.launcher.folders
        self._labels = {"cohort.project": attempts.launcher.project, "cohort.kind": "run"}
        self._wake, self._ended = threading.Event(), threading.Event()
        self._steps = Tasks(WORKERS, "run", self.wake)
        self._stops = Tasks(STOPS, "stop", self.wake)
        self._looks = Tasks(1, "follow", lambda: None)
        self._follower = Follower(attempts, self._kill, disk_bytes=disk_bytes, slack=slack)
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._next_sweep = self._next_follow = self._next_admission = 0.0
        self._trouble = 0  # looks that failed in a row

    def start(self) -> None:
        """Begin, in a thread, as soon as no other process supervises this lab."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: something was submitted, cancelled or has ended. Any thread may call this."""
        self._next_admission = 0.0
        self._wake.set()

    def stop(self) -> None:
        """End the loop, having finished the steps that are under way; containers run on."""
        self._ended.set()
        self.wake()
        self._thread.join()
        for tasks in (self._steps, self._looks, self._stops):
            tasks.close()

    def _run(self) -> None:
        self._folders.live.mkdir(parents=True, exist_ok=True)
        with open(self._folders.live / ".lock", "w") as lock:
            while not self._ended.is_set():
                with suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                self._ended.wait(0.2)
            while not self._ended.is_set():
                pause = self._look()
                self._wake.wait(pause)
                self._wake.clear()

    def _look(self) -> float:
        """Look once, whatever comes of it; return how long to wait before the next."""
        try:
            busy = self.tick()
        except Exception as e:
            self._say(e)
            self._trouble += 1
            self._next_sweep = 0.0  # what was cut off in the middle is put right first
            return min(0.25 * 2**self._trouble, LONGEST_BACK_OFF)
        if self._trouble:
            log.warning("Runs are looked after again.")
            self._trouble = 0
        return PAUSE if busy else IDLE

    def _say(self, error: Exception) -> None:
        if not isinstance(error, CohortError):
            log.error("A look at the runs has failed and is tried again", exc_info=error)
        elif not self._trouble:
            log.warning("%s All runs stay as they are until then.", error)

    def tick(self) -> bool:
        """Look once at all runs and see to what each needs; True if any is under way.

        Raises `EngineUnreachableError`, `DatabaseError`.
        """
        # In this order: what the database calls running and the engine then does not list is
        # gone, or has been ended by us since.
        active = self._active()
        jobs = {_attempt_of(job): job for job in self._engine.all(self._labels)}
        self._sweep(active, jobs)
        for run in active:
            self._see_to(run, jobs.get((run.id, run.attempt)))
        self._clear_others(jobs.keys(), active)
        self._follow([run for run in active if run.state == State.RUNNING])
        return self._admit() or bool(active)

    def _admit(self) -> bool:
        """Start what may start now, if it is time to look at that; True if anything did."""
        if time.monotonic() < self._next_admission:
            return False
        # Before the look and not after it: who wakes us during the look is not forgotten.
        self._next_admission = time.monotonic() + ADMIT
        with self.attempts.claims:
            started = admit(self._database, self.attempts.ledger, self.offer)
        for run in started:
            self._steps.do(run.id, self.attempts.start, run.id)
        return bool(started)

    def _active(self) -> Sequence[Run]:
        with Session(self._database, expire_on_commit=False) as session:
            return session.scalars(select(Run).where(Run.state.in_(ACTIVE))).all()

    def _see_to(self, run: Run, job: JobState | None) -> None:
        if run.state == State.STARTING:
            if run.gpus == 0 or run.devices:  # else it is for `recover` to give it some
                self._steps.do(run.id, self.attempts.start, run.id)
        elif job is None or job.status != "running":
            self._steps.do(run.id, self._end, run.id)
        elif run.cancel_by is not None:
            self._stops.do(run.id, self._engine.cancel, job.name, STOP_SECONDS)

    def _end(self, run_id: str) -> None:
        self.attempts.end(run_id, keep=self._steps.failures(run_id) < TRIES)

    def _clear(self, run_id: str, attempt: int) -> None:
        self.attempts.clear(run_id, attempt, report=self._steps.failures(run_id) < TRIES)

    def _kill(self, run: Run, reason: Reason) -> None:
        """Stop a run that is over a limit; at once if it would only write on."""
        grace = 0 if reason == Reason.DISK_LIMIT else STOP_SECONDS
        name = self.attempts.launcher.name(run.id, run.attempt)
        self._stops.do(run.id, self._engine.cancel, name, grace)

    def _follow(self, running: list[Run]) -> None:
        if running and time.monotonic() >= self._next_follow:
            self._next_follow = time.monotonic() + FOLLOW
            self._looks.do("all", self._follower.look, running)

    def _sweep(self, active: Sequence[Run], jobs: dict[tuple[str, int], JobState]) -> None:
        """Now and then, and first of all: clear what is left of runs that are over."""
        if time.monotonic() < self._next_sweep:
            return
        with self.attempts.claims:
            recover(
                self._database, self.attempts.ledger, self.offer, {run_id for run_id, _ in jobs}
            )
        self._clear_others(self._folders.attempts(), active)
        self._next_sweep = time.monotonic() + SWEEP

    def _clear_others(self, attempts, active: Sequence[Run]) -> None:
        mine = {(run.id, run.attempt) for run in active}
        for run_id, attempt in attempts:
            if (run_id, attempt) not in mine:
                self._steps.do(run_id, self._clear, run_id, attempt)


def _attempt_of(job: JobState) -> tuple[str, int]:
    return job.labels["cohort.run"], int(job.labels["cohort.attempt"])
