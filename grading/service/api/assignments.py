"""The assignment list and the rules of an assignment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from grading.assignments import Rules, find, set_rules
from grading.audit import Subject
from grading.deadlines import Penalty, penalty_share, shown_in
from grading.ids import Owner
from grading.listing import Entry, entries
from grading.service.access import check_owner
from grading.service.api.common import REFUSALS, In, Instructor, Name, Parts, acting
from grading.tables import Assignment, Submission

router = APIRouter(
    prefix="/courses/{course}/assignments", tags=["assignments"], responses=REFUSALS
)  # fmt: skip


class ListedSubmission(BaseModel):
    """A hand-in; ``penalty_share`` is the share of its points, 0 to 1, that lateness costs."""

    id: str
    number: int
    received_at: datetime
    late_seconds: int
    penalty_share: float
    sha256: str
    receipt: str
    author: str
    feedback: bool
    score: float | None
    max_score: float | None


class RulesShape(BaseModel):
    """The rules of an assignment."""

    name: str
    kind: str
    due: datetime | None
    timezone: str
    grace_minutes: int
    attempts: int | None
    penalty: Penalty


class AssignmentShape(RulesShape):
    """An assignment as one owner has it; ``due`` is theirs, with their extension if any."""

    version: int | None
    released_at: datetime | None
    withdrawn: bool
    extended: bool
    attempts_left: int | None
    closed: bool
    files: list[str]
    fetched_at: datetime | None
    max_score: float | None
    submissions: list[ListedSubmission]


@router.get("")
def assignments(
    context: Parts, who: In, owner: Annotated[Owner | None, Query()] = None
) -> list[AssignmentShape]:
    """The assignments of a course for one owner: the caller's account unless another is named."""
    whose = owner or who.login
    login = None if who.teaches else who.login
    if not who.teaches:
        whose = check_owner(who, owner)
    with context.transaction() as session:
        found = entries(session, who.course.id, whose, context.now(), login=login)
        return [assignment_shape(one) for one in found]


@router.get("/{assignment}")
def rules(context: Parts, who: Instructor, assignment: Name) -> RulesShape:
    """The rules that hold for everybody without an extension."""
    with context.transaction() as session:
        return rules_shape(find(session, who.course.id, assignment))


@router.put("/{assignment}")
def change_rules(context: Parts, who: Instructor, assignment: Name, wanted: Rules) -> RulesShape:
    """Set rules; what is left out stays as it is, and an assignment that is new is made."""
    subject = Subject(who.course.id, assignment)
    with context.transaction() as session:
        return rules_shape(set_rules(session, acting(context, who), subject, wanted))


def rules_shape(row: Assignment) -> RulesShape:
    """The rules, with the deadline in the assignment's own zone."""
    return RulesShape(
        name=row.name, kind=row.kind, due=shown_in(row.due, row.timezone), timezone=row.timezone,
        grace_minutes=row.grace_minutes, attempts=row.attempts, penalty=Penalty(**row.penalty),
    )  # fmt: skip


def assignment_shape(one: Entry) -> AssignmentShape:
    """One line of the list."""
    row, release = one.row, one.release
    facts = rules_shape(row).model_dump() | {"due": shown_in(one.due, row.timezone)}
    return AssignmentShape(
        **facts, version=row.version,
        released_at=release.released_at if release and row.withdrawn_at is None else None,
        withdrawn=row.withdrawn_at is not None, extended=one.extended,
        attempts_left=one.attempts_left, closed=one.closed, files=release.files if release else [],
        fetched_at=one.fetched_at, max_score=release and release.max_score,
        submissions=[_submission(one, work) for work in one.submissions],
    )  # fmt: skip


def _submission(one: Entry, work: Submission) -> ListedSubmission:
    marked = one.mark is not None and one.mark.submission == work.id
    return ListedSubmission(
        id=work.id, number=work.number, received_at=shown_in(work.received_at, one.row.timezone),
        late_seconds=work.late_seconds, sha256=work.sha256, receipt=work.receipt,
        penalty_share=penalty_share(work.late_seconds, Penalty(**one.row.penalty)),
        author=work.author, feedback=work.id in one.returned,
        score=one.points if marked else None, max_score=one.mark.max_score if marked else None,
    )  # fmt: skip
