"""Hand-ins: taking one, listing them, giving their files out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlalchemy import select

from cohort.service.callers import Caller
from grading import submissions
from grading.assignments import find, unknown
from grading.deadlines import Penalty, penalty_share, shown_in
from grading.ids import Key, Owner
from grading.listing import Records, records
from grading.service.access import Member, check_owner
from grading.service.api.archives import GIVES, TAKES, Body, archive
from grading.service.api.common import REFUSALS, In, Name, Parts, PathId, find_submission
from grading.service.roster import members_of
from grading.submissions import HandIn
from grading.tables import Assignment, Submission

router = APIRouter(
    prefix="/courses/{course}/assignments/{assignment}/submissions",
    tags=["submissions"],
    responses=REFUSALS,
)


class SubmissionShape(BaseModel):
    """A hand-in; ``penalty_share`` is the share of its points, 0 to 1, that lateness costs.

    ``missing`` are notebooks of the release that are not in it, ``extra`` those it has besides.
    """

    id: str
    owner: str
    author: str
    members: list[str]
    number: int
    version: int
    received_at: datetime
    due: datetime | None
    late_seconds: int
    penalty_share: float
    sha256: str
    receipt: str
    missing: list[str]
    extra: list[str]


class ListedShape(SubmissionShape):
    """A hand-in and what became of it; a mark is there for students once it is handed back."""

    feedback: bool
    score: float | None
    max_score: float | None


async def everybody_of(context: Parts) -> tuple[Caller, ...]:
    """All people of the lab."""
    return await context.roster.everybody()


def owner_of(
    context: Parts, who: In, assignment: Name, owner: Annotated[Owner | None, Query()] = None
) -> str:
    """In whose name the caller hands in."""
    with context.transaction() as session:
        row = find(session, who.course.id, assignment)
        if row.version is None and not who.teaches:
            raise unknown(assignment)
        return check_owner(who, owner, row.kind)


@dataclass(frozen=True)
class Sender:
    """Who hands in, in whose name, and who gets the mark."""

    who: Member
    owner: str
    members: tuple[str, ...]


async def sender_of(
    who: In,
    owner: Annotated[str, Depends(owner_of)],
    everybody: Annotated[tuple[Caller, ...], Depends(everybody_of)],
) -> Sender:
    """The sender of a hand-in."""
    return Sender(who, owner, members_of(everybody, owner))


def begin(
    context: Parts, assignment: Name, sender: Annotated[Sender, Depends(sender_of)],
    idempotency_key: Annotated[Key | None, Header()] = None,
) -> HandIn:  # fmt: skip
    """A hand-in that would be taken now; else it is refused before its body is read."""
    work = HandIn(
        course=sender.who.course.id, assignment=assignment, owner=sender.owner,
        author=sender.who.login, members=sender.members, received_at=context.now(),
        key=idempotency_key,
    )  # fmt: skip
    with context.transaction() as session:
        submissions.check(session, work)
    return work


@router.post("", status_code=201, openapi_extra=TAKES)
def hand_in(
    context: Parts, begun: Annotated[HandIn, Depends(begin)], body: Body
) -> SubmissionShape:
    """Hand in a tar.gz of the assignment's folder; acknowledged once it is safe on disk.

    The same ``Idempotency-Key`` again is the same hand-in, and answered as it was.
    """
    work = replace(begun, received_at=body.at)
    with context.transaction() as session:  # it may have taken long to come in
        submissions.check(session, work)
    files = submissions.store(context.contents, body.file)
    with context.transaction() as session:
        made = submissions.hand_in(session, context.secret, work, files)
        return submission_shape(find(session, work.course, work.assignment), made)


@router.get("")
def find_all(
    context: Parts, who: In, assignment: Name, latest: bool = False,
    owner: Annotated[Owner | None, Query()] = None,
) -> list[ListedShape]:  # fmt: skip
    """Hand-ins that the caller may see, by owner and number; ``latest``: one of each owner."""
    query = select(Submission).where(
        Submission.course == who.course.id, Submission.assignment == assignment
    )
    if who.readable is not None:
        query = query.where(Submission.owner.in_(who.readable))
    if owner is not None:
        query = query.where(Submission.owner == owner)
    with context.transaction() as session:
        row = find(session, who.course.id, assignment)
        found = list(session.scalars(query.order_by(Submission.owner, Submission.number)))
        known = records(session, who.course.id, who.readable)
    if latest:
        found = list({one.owner: one for one in found}.values())
    return [_listed(row, one, known, who) for one in found]


def _listed(row: Assignment, one: Submission, known: Records, who: Member) -> ListedShape:
    mark, returned = known.marks.get((one.assignment, one.owner)), one.id in known.returned
    points = None
    if mark is not None and mark.submission == one.id and (returned or who.teaches):
        points = known.points(mark, who.login)
    return ListedShape(
        **submission_shape(row, one).model_dump(), feedback=returned, score=points,
        max_score=None if points is None else mark.max_score,
    )  # fmt: skip


@router.get("/{submission}/files", response_class=StreamingResponse, responses=GIVES)
def files(context: Parts, who: In, assignment: Name, submission: PathId) -> Response:
    """What was handed in."""
    with context.transaction() as session:
        found = find_submission(session, who, assignment, submission)
    return archive(context.contents, found.sha256, f"{assignment}-{found.id}")


def submission_shape(row: Assignment, one: Submission) -> SubmissionShape:
    """A hand-in with its times in the assignment's zone."""
    facts = {name: getattr(one, name) for name in SubmissionShape.model_fields
             if name != "penalty_share"}  # fmt: skip
    facts["received_at"] = shown_in(one.received_at, row.timezone)
    facts["due"] = shown_in(one.due, row.timezone)
    share = penalty_share(one.late_seconds, Penalty(**row.penalty))
    return SubmissionShape(**facts, penalty_share=share)
