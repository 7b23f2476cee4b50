"""Assignments and the rules of handing them in: kind, deadline, grace, attempts, penalty.

Invariant: whoever writes anything of an assignment holds its row, so that numbers follow one
another, attempts are counted and deadlines compared by one at a time, on both databases.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from grading.audit import Actor, Subject, record
from grading.deadlines import Penalty, local_to_utc, shown_in
from grading.errors import GradingError
from grading.tables import Assignment, Submission

TIMEZONE = "Asia/Hong_Kong"


def check_zone(value: str) -> str:
    """A name of the time zone database."""
    if value not in available_timezones():
        raise ValueError('expected a time zone such as "Asia/Hong_Kong"')
    return value


def check_year(value: datetime | None) -> datetime | None:
    """A time that has a meaning in every zone."""
    if value is not None and not 2000 <= value.year < 3000:
        raise ValueError("expected a time of this millennium")
    return value


Zone = Annotated[str, Field(max_length=64), AfterValidator(check_zone)]
Time = Annotated[datetime, AfterValidator(check_year)]


class Rules(BaseModel):
    """What an instructor sets; what is left out stays as it is.

    A deadline without an offset is a wall clock's in ``timezone``; ``attempts`` null: no limit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["person", "team"] = "person"
    due: Time | None = None
    timezone: Zone = TIMEZONE
    grace_minutes: int = Field(0, ge=0, le=7 * 24 * 60)
    attempts: int | None = Field(None, ge=1, le=1000)
    penalty: Penalty = Penalty()


def find(session: Session, course: str, name: str) -> Assignment:
    """An assignment; raises `GradingError` (404)."""
    found = session.get(Assignment, (course, name))
    if found is None:
        raise unknown(name)
    return found


def hold(session: Session, course: str, name: str) -> Assignment:
    """An assignment whose row no other writer has until the transaction ends; or a 404."""
    query = select(Assignment).where(Assignment.course == course, Assignment.name == name)
    found = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if found is None:
        raise unknown(name)
    return found


def ensure(session: Session, course: str, name: str, now: datetime) -> Assignment:
    """As `hold`, but an assignment that is not there yet is made."""
    rules = Rules()
    values = {
        "course": course, "name": name, "kind": rules.kind, "due": None,
        "timezone": rules.timezone, "grace_minutes": rules.grace_minutes, "attempts": None,
        "penalty": rules.penalty.model_dump(), "version": None, "withdrawn_at": None,
        "created_at": now,
    }  # fmt: skip
    dialect = {"postgresql": postgresql, "sqlite": sqlite}[session.get_bind().dialect.name]
    session.execute(dialect.insert(Assignment).values(**values).on_conflict_do_nothing())
    return hold(session, course, name)


def set_rules(session: Session, actor: Actor, subject: Subject, rules: Rules) -> Assignment:
    """Change the rules, and put on record what they were and are; raises `GradingError`."""
    row = ensure(session, subject.course, subject.assignment, actor.at)
    before = stated(row)
    given: dict[str, Any] = {name: getattr(rules, name) for name in rules.model_fields_set}
    if given.get("kind", row.kind) != row.kind and _has_submissions(session, row):
        raise GradingError(
            f"{row.name} was already handed in: whether it is for people or for teams cannot be "
            "changed any more.",
            code="already_handed_in", status=409, field="kind",
        )  # fmt: skip
    if "penalty" in given:
        given["penalty"] = rules.penalty.model_dump()
    if given.get("due"):
        given["due"] = local_to_utc(given["due"], given.get("timezone", row.timezone))
    for name, value in given.items():
        setattr(row, name, value)
    after = stated(row)
    if after != before:
        record(session, actor, subject, "settings", (before, after))
    return row


def stated(row: Assignment) -> dict[str, Any]:
    """The rules of an assignment as JSON."""
    due = shown_in(row.due, row.timezone)
    return {
        "kind": row.kind, "due": due and due.isoformat(), "timezone": row.timezone,
        "grace_minutes": row.grace_minutes, "attempts": row.attempts, "penalty": row.penalty,
    }  # fmt: skip


def unknown(name: str) -> GradingError:
    """There is no such assignment, or none that they may know of."""
    return GradingError(
        f"There is no assignment {name[:61]} in this course that you may see.",
        code="assignment_unknown", status=404,
    )  # fmt: skip


def _has_submissions(session: Session, row: Assignment) -> bool:
    query = select(Submission.id).where(
        Submission.course == row.course, Submission.assignment == row.name
    )
    return session.scalar(query.limit(1)) is not None
