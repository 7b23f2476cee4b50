"""The record of changes: who changed what, when, from what to what.

Invariant: a change is recorded in the transaction that makes it, or not made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.tables import Change


@dataclass(frozen=True)
class Actor:
    """Who does something, by the hub's word, and when, by the server's clock."""

    who: str
    at: datetime


@dataclass(frozen=True)
class Subject:
    """What it is done to; without an owner it concerns everybody."""

    course: str
    assignment: str
    owner: str | None = None


Values = tuple[dict | None, dict | None]


def record(session: Session, actor: Actor, subject: Subject, what: str, values: Values) -> None:
    """Put a change on record; ``values`` are those before and after it, as JSON."""
    before, after = values
    session.add(
        Change(
            course=subject.course, assignment=subject.assignment, owner=subject.owner,
            at=actor.at, who=actor.who, what=what, before=before, after=after,
        )
    )  # fmt: skip


def changes(session: Session, course: str, after: int, limit: int) -> list[Change]:
    """Changes in a course, the oldest first, beyond the number ``after``."""
    query = select(Change).where(Change.course == course, Change.number > after)
    return list(session.scalars(query.order_by(Change.number).limit(limit)))
