"""Later deadlines for single people and teams.

Invariant: an extension only ever gives time; who gave it to whom, and why, is on record.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.assignments import Time, find, hold
from grading.audit import Actor, Subject, record
from grading.deadlines import local_to_utc
from grading.errors import GradingError
from grading.ids import NO_NUL
from grading.tables import Extension

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000, pattern=NO_NUL),
]  # fmt: skip


class Later(BaseModel):
    """A deadline, and why; without an offset it is a wall clock's in the assignment's zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    due: Time
    reason: Reason


def extend(session: Session, actor: Actor, subject: Subject, later: Later) -> Extension:
    """Give a person or a team more time; raises `GradingError` if it is not more."""
    row = hold(session, subject.course, subject.assignment)
    due = local_to_utc(later.due, row.timezone)
    if row.due is None or due <= row.due:
        raise GradingError(
            f"{row.name} has no deadline: nothing needs to be extended."
            if row.due is None
            else "The new deadline is not later than the one that everybody has.",
            code="not_later", field="due",
        )  # fmt: skip
    known = session.get(Extension, (row.course, row.name, subject.owner))
    before = _facts(known)
    found = session.merge(
        Extension(
            course=row.course, assignment=row.name, owner=subject.owner, due=due,
            reason=later.reason, by=actor.who, at=actor.at,
        )
    )  # fmt: skip
    record(session, actor, subject, "extension", (before, _facts(found)))
    return found


def take_back(session: Session, actor: Actor, subject: Subject) -> None:
    """Take an extension back; raises `GradingError` (404) if there is none."""
    row = hold(session, subject.course, subject.assignment)
    known = session.get(Extension, (row.course, row.name, subject.owner))
    if known is None:
        raise GradingError(
            "There is no extension for them to take back.", code="extension_unknown", status=404
        )
    record(session, actor, subject, "extension", (_facts(known), None))
    session.delete(known)


def extended_due(session: Session, course: str, name: str, owner: str) -> datetime | None:
    """The later deadline of a person or a team, if they have one."""
    found = session.get(Extension, (course, name, owner))
    return found and found.due


def extensions(session: Session, course: str, name: str) -> list[Extension]:
    """All extensions of an assignment; raises `GradingError` (404) if there is none such."""
    find(session, course, name)
    query = select(Extension).where(Extension.course == course, Extension.assignment == name)
    return list(session.scalars(query.order_by(Extension.owner)))


def _facts(row: Extension | None) -> dict | None:
    return row and {"due": row.due.isoformat(), "reason": row.reason}
