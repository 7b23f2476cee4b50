"""The queue of attempts in the database.

Invariant: of a submission and a source version at most one attempt waits or runs; an attempt that
is done stays as it is. Asking twice gives the same attempt.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine as Database
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cohort.database import lock_table
from cohort.gpus import utc_now
from grading.autograder.tables import AutogradeAttempt

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
OPEN = (WAITING, RUNNING)
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Wanted:
    """A submission that is to be graded by a version of the instructor's notebooks."""

    course: str
    assignment: str
    submission: str
    source_version: int
    gpus: int = 0


@dataclass(frozen=True)
class Result:
    """How an attempt ended: a checked verdict, or ``why`` there is none."""

    verdict: dict | None
    executed: dict[str, str] | None = None
    why: str | None = None


class AttemptQueue:
    """What waits, runs and is over; any process may ask."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self.database, self._now = database, now

    def add(self, wanted: Wanted, *, by: str, again: bool = False) -> str:
        """Ask for a submission to be graded; the attempt's id.

        One that waits or runs is that, ``again`` or not; one that is done is too, unless
        ``again``; one that failed is followed by a new one.
        """
        with Session(self.database) as session, session.begin():
            lock_table(session, AutogradeAttempt.__tablename__)
            last = _last(session, wanted)
            if last is not None and (last.state in OPEN or (last.state == DONE and not again)):
                return last.id
            row = AutogradeAttempt(
                id="ag-" + "".join(secrets.choice(ALPHABET) for _ in range(12)),
                course=wanted.course, assignment=wanted.assignment,
                submission=wanted.submission, source_version=wanted.source_version,
                number=last.number + 1 if last is not None else 1,
                requested_by=by, state=WAITING, gpus=wanted.gpus, created_at=self._now(),
            )  # fmt: skip
            session.add(row)
            return row.id

    def get(self, attempt: str) -> AutogradeAttempt | None:
        """An attempt as it is now."""
        with Session(self.database, expire_on_commit=False) as session:
            return session.get(AutogradeAttempt, attempt)

    def latest(self, submission: str) -> AutogradeAttempt | None:
        """The newest attempt that is done on a submission, of whatever source version."""
        with Session(self.database, expire_on_commit=False) as session:
            table = AutogradeAttempt
            asked = select(table).where(table.submission == submission, table.state == DONE)
            order = (table.source_version.desc(), table.number.desc())
            return session.scalars(asked.order_by(*order).limit(1)).first()

    def open(self) -> Sequence[AutogradeAttempt]:
        """What waits or runs, in the order in which it was asked for."""
        with Session(self.database, expire_on_commit=False) as session:
            asked = select(AutogradeAttempt).where(AutogradeAttempt.state.in_(OPEN))
            order = (AutogradeAttempt.created_at, AutogradeAttempt.id)
            return session.scalars(asked.order_by(*order)).all()

    def start(self, attempt: str, image: str, devices: Sequence[str]) -> bool:
        """Note that a container is about to be started; False if the attempt waits no more."""
        with Session(self.database) as session, session.begin():
            row = session.get(AutogradeAttempt, attempt, with_for_update=True)
            if row is None or row.state != WAITING:
                return False
            row.state, row.image, row.devices = RUNNING, image, list(devices)
            row.started_at, row.tries = self._now(), row.tries + 1
            return True

    def put_back(self, attempt: str) -> None:
        """Let a running attempt wait again, whose container is gone."""
        with Session(self.database) as session, session.begin():
            row = session.get(AutogradeAttempt, attempt, with_for_update=True)
            if row is not None and row.state == RUNNING:
                row.state, row.devices = WAITING, None

    def finish(self, attempt: str, result: Result) -> bool:
        """Write how an attempt ended; False, and nothing written, if that is known already."""
        with Session(self.database) as session, session.begin():
            row = session.get(AutogradeAttempt, attempt, with_for_update=True)
            if row is None or row.state not in OPEN:
                return False
            row.state = FAILED if result.verdict is None else DONE
            row.result, row.executed, row.why = result.verdict, result.executed, result.why
            row.ended_at = self._now()
            return True


def _last(session: Session, wanted: Wanted) -> AutogradeAttempt | None:
    table = AutogradeAttempt
    mine = (table.submission == wanted.submission, table.source_version == wanted.source_version)
    newest = select(func.max(table.number)).where(*mine).scalar_subquery()
    return session.scalars(select(table).where(*mine, table.number == newest)).first()
