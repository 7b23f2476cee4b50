"""Looks at the runs that are running: how far they are, how long they take, what they write.

Invariant: it only reads what a container writes (`live_files`, `watch`), and only notes why a
run must be killed; killing it and settling how it ended is for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from experiments.attempts import Attempts
from experiments.launch import DISK_BYTES, mark_stopped
from experiments.live_files import EventTail, Progress
from experiments.states import Reason, State
from experiments.tables import Run
from experiments.watch import DiskWatch

# The runner ends a run at its limit by itself; this much later it is taken to be stuck.
SLACK = timedelta(seconds=60)


class Follower:
    """One thread at a time may let it look; ``stop`` is told whom to kill, and why."""

    def __init__(
        self,
        attempts: Attempts,
        stop: Callable[[Run, Reason], None],
        *,
        disk_bytes: int = DISK_BYTES,
        slack: timedelta = SLACK,
    ) -> None:
        self._database, self._now = attempts.database, attempts.now
        self._folders, self._stop = attempts.launcher.folders, stop
        self._slack, self._disk = slack, DiskWatch(disk_bytes)
        self._tails: dict[Path, EventTail] = {}

    def look(self, runs: Sequence[Run]) -> None:
        """Look at all that run now: first whether one must end, then how far they are."""
        self._forget({self._live(run) for run in runs})
        for run in runs:
            reason = self._over(run)
            if reason is not None:
                mark_stopped(self._live(run), reason)
                self._stop(run, reason)
        self._store([(run, self._progress(run)) for run in runs])

    def _over(self, run: Run) -> Reason | None:
        """The limit that a run has gone over, if any."""
        limit = timedelta(seconds=run.time_limit_s) + self._slack
        if run.started_at is not None and self._now() - run.started_at > limit:
            return Reason.TIME_LIMIT
        return Reason.DISK_LIMIT if self._disk.over(self._live(run)) else None

    def _progress(self, run: Run) -> Progress:
        live = self._live(run)
        tail = self._tails.setdefault(live, EventTail(live / "result" / "events.jsonl"))
        return tail.look()

    def _store(self, seen: list[tuple[Run, Progress]]) -> None:
        stored = {run.id: Progress(run.cells_total, run.cells_done) for run, _ in seen}
        news = [(run, now) for run, now in seen if now not in (stored[run.id], Progress())]
        if not news:
            return
        with Session(self._database) as session, session.begin():
            for run, progress in news:
                session.execute(
                    update(Run)
                    .where(
                        Run.id == run.id,
                        Run.attempt == run.attempt,
                        Run.state == State.RUNNING,
                    )
                    .values(cells_total=progress.total, cells_done=progress.done)
                )

    def _forget(self, live: set[Path]) -> None:
        for folder in set(self._tails) - live:
            del self._tails[folder]
        self._disk.forget_others(live)

    def _live(self, run: Run) -> Path:
        return self._folders.of(run.id, run.attempt)
