"""Marks: of a person, or of a team for every member, and what one member gets instead.

Invariant: a mark is always of work that its owner handed in, or of none; what changes is on
record with both values, in the same transaction, and what does not change is not.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.assignments import hold
from grading.audit import Actor, Subject, record
from grading.errors import GradingError
from grading.extensions import Reason
from grading.ids import NO_NUL, AssignmentName, Id, Owner, is_team
from grading.tables import Adjustment, Assignment, Mark, Submission

Points = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Comment = Annotated[str, StringConstraints(max_length=20_000, pattern=NO_NUL)]


class Given(BaseModel):
    """Closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CellMark(Given):
    """One cell's part of a mark."""

    name: str = Field(min_length=1, max_length=200, pattern=NO_NUL)
    score: Points
    max_score: Points
    comment: Comment = ""


class MarkGiven(Given):
    """The mark of one owner for one assignment; ``score`` is without the penalty."""

    assignment: AssignmentName
    owner: Owner
    submission: Id | None = None
    score: Points
    max_score: Points
    penalty: Annotated[Points, Field(ge=0)] = 0
    cells: tuple[CellMark, ...] = Field((), max_length=2_000)


class Adjusted(Given):
    """What one member gets in all, and why; ``score`` null: the team's mark again."""

    score: Points | None
    reason: Reason


def put_marks(session: Session, actor: Actor, course: str, given: list[MarkGiven]) -> int:
    """Set marks, all or none; returns how many were changed. Raises `GradingError`."""
    # In one order, so that two who mark at once wait for one another instead of for ever.
    for name in sorted({mark.assignment for mark in given}):
        hold(session, course, name)
    return sum(_put(session, actor, course, mark) for mark in given)


def _put(session: Session, actor: Actor, course: str, given: MarkGiven) -> bool:
    if given.submission is not None:
        work = session.get(Submission, given.submission)
        mine = (course, given.assignment, given.owner)
        if work is None or (work.course, work.assignment, work.owner) != mine:
            raise GradingError(
                f"{given.owner[:80]} has handed in no {given.submission} for {given.assignment}.",
                code="submission_unknown", field="submission",
            )  # fmt: skip
    known = session.get(Mark, (course, given.assignment, given.owner))
    values = given.model_dump(mode="json", exclude={"assignment", "owner"})
    before = known and {name: getattr(known, name) for name in values}
    if before == values:
        return False
    session.merge(
        Mark(
            course=course, assignment=given.assignment, owner=given.owner, **values,
            by=actor.who, at=actor.at,
        )
    )  # fmt: skip
    subject = Subject(course, given.assignment, given.owner)
    record(session, actor, subject, "mark", _shortened(before, values))
    return True


def _shortened(before: dict | None, after: dict) -> tuple[dict | None, dict]:
    """Both values, with those cells alone that are not the same in both."""
    if before is None:
        return None, after
    old, new = before["cells"], after["cells"]
    return (
        before | {"cells": [cell for cell in old if cell not in new]},
        after | {"cells": [cell for cell in new if cell not in old]},
    )


def adjust(
    session: Session, actor: Actor, subject: Subject, login: str, given: Adjusted
) -> Adjustment | None:
    """Give one member of a team another mark than the team's, or the team's again."""
    row = hold(session, subject.course, subject.assignment)
    if not is_team(subject.owner) or is_team(login):
        raise GradingError(
            "Marks are adjusted of one person in a team's work.", code="not_a_team", field="team"
        )
    if session.get(Mark, (row.course, row.name, subject.owner)) is None:
        raise GradingError(
            f"{subject.owner} has no mark for {row.name} yet: mark the team's work first.",
            code="no_mark", status=409,
        )  # fmt: skip
    known = session.get(Adjustment, (row.course, row.name, subject.owner, login))
    before = known and {"login": login, "score": known.score, "reason": known.reason}
    after = {"login": login, "score": given.score, "reason": given.reason}
    if before == after or (known is None and given.score is None):
        return known
    record(session, actor, subject, "adjustment", (before, after))
    if given.score is None:
        session.delete(known)
        return None
    return session.merge(
        Adjustment(
            course=row.course, assignment=row.name, owner=subject.owner, login=login,
            score=given.score, reason=given.reason, by=actor.who, at=actor.at,
        )
    )  # fmt: skip


def total(mark: Mark) -> float:
    """The points of a mark after its penalty, which takes nobody below nothing."""
    return min(mark.score, max(0.0, mark.score - mark.penalty))


def marks(session: Session, course: str, owners: frozenset[str] | None = None) -> list[Mark]:
    """The marks of a course; of these owners, or of all."""
    query = select(Mark).where(Mark.course == course)
    if owners is not None:
        query = query.where(Mark.owner.in_(owners))
    return list(session.scalars(query.order_by(Mark.assignment, Mark.owner)))


def adjustments(session: Session, course: str) -> dict[tuple[str, str, str], Adjustment]:
    """The adjustments of a course by assignment, team's account and login."""
    query = select(Adjustment).where(Adjustment.course == course).order_by(Adjustment.login)
    return {(a.assignment, a.owner, a.login): a for a in session.scalars(query)}


def assignments(session: Session, course: str) -> list[Assignment]:
    """The assignments of a course in the order of their names."""
    query = select(Assignment).where(Assignment.course == course)
    return list(session.scalars(query.order_by(Assignment.name)))
