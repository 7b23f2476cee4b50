"""Marks, adjustments of single members, the table of all, and who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from grading import audit, feedback, marks
from grading.audit import Subject
from grading.ids import Owner
from grading.people import as_csv, person_marks
from grading.service.access import Member
from grading.service.api.common import (
    REFUSALS,
    In,
    Instructor,
    Name,
    Parts,
    PathOwner,
    Text,
    acting,
)
from grading.tables import Adjustment, Mark

router = APIRouter(prefix="/courses/{course}", tags=["marks"], responses=REFUSALS)

TABLE = {200: {"description": "A table.", "content": {"text/csv": {"schema": {"type": "string"}}}}}


class AdjustmentShape(BaseModel):
    """What one member gets in place of the team's mark, and why."""

    login: str
    score: float
    reason: str
    by: str
    at: datetime


class MarkShape(BaseModel):
    """A mark; ``total`` is what counts for the caller, after penalty and adjustment.

    ``returned_at`` is when the work was handed back; students are told of no mark before that.
    """

    assignment: str
    owner: str
    submission: str | None
    score: float
    max_score: float
    penalty: float
    total: float
    cells: list[marks.CellMark]
    by: str
    at: datetime
    returned_at: datetime | None
    adjustments: list[AdjustmentShape]


class Changed(BaseModel):
    """How many marks were changed; those that were the same already are not."""

    changed: int


class ChangeShape(BaseModel):
    """Something that was changed: from what, to what, by whom."""

    number: int
    assignment: str
    owner: str | None
    at: datetime
    who: str
    what: str
    before: dict | None
    after: dict | None


async def team_of(who: In, assignment: Name, team: PathOwner) -> Subject:
    """The team's work that an adjustment is about."""
    return Subject(who.course.id, assignment, team)


@router.put("/marks")
def put(
    context: Parts, who: Instructor,
    given: Annotated[list[marks.MarkGiven], Field(max_length=5_000)],
) -> Changed:  # fmt: skip
    """Set marks, all or none of them; every change is put on record."""
    with context.transaction() as session:
        return Changed(changed=marks.put_marks(session, acting(context, who), who.course.id, given))


@router.get("/marks")
def find_all(
    context: Parts, who: In, assignment: Annotated[Text | None, Query()] = None,
    owner: Annotated[Owner | None, Query()] = None,
) -> list[MarkShape]:  # fmt: skip
    """The marks that the caller may see: instructors all, students their own once returned."""
    with context.transaction() as session:
        found = _marks(session, who)
    return [
        one for one in found
        if assignment in (None, one.assignment) and owner in (None, one.owner)
    ]  # fmt: skip


@router.get("/marks.csv", response_class=Response, responses=TABLE)
def table(context: Parts, who: Instructor) -> Response:
    """What each person has for each assignment, team work included."""
    with context.transaction() as session:
        content = as_csv(person_marks(session, who.course.id))
    headers = {"Content-Disposition": f'attachment; filename="{who.course.id}-marks.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


@router.put("/assignments/{assignment}/adjustments/{team}/{login}")
def adjust(
    context: Parts, who: Instructor, team: Annotated[Subject, Depends(team_of)], login: PathOwner,
    wanted: marks.Adjusted,
) -> AdjustmentShape | None:  # fmt: skip
    """Give one member another mark than the team's, with a reason; ``score`` null: the team's."""
    with context.transaction() as session:
        made = marks.adjust(session, acting(context, who), team, login, wanted)
        return made and _adjustment(made)


@router.get("/changes")
def changes(
    context: Parts, who: Instructor, after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[ChangeShape]:  # fmt: skip
    """Who changed what in the course, the oldest first, beyond the number ``after``."""
    with context.transaction() as session:
        rows = audit.changes(session, who.course.id, after, limit)
    names = ChangeShape.model_fields
    return [ChangeShape(**{name: getattr(row, name) for name in names}) for row in rows]


def _marks(session: Session, who: Member) -> list[MarkShape]:
    changed = marks.adjustments(session, who.course.id)
    returned = feedback.returned(session, who.course.id, who.readable)
    shapes = []
    for mark in marks.marks(session, who.course.id, who.readable):
        at = returned.get(mark.submission)
        if at is None and not who.teaches:
            continue
        place = (mark.assignment, mark.owner)
        shown = [a for key, a in changed.items() if key[:2] == place]
        if not who.teaches:  # a team's server is everybody's in it: nobody's own is shown there
            shown = [a for a in shown if a.login == who.login]
        shapes.append(_shape(mark, at, shown, who))
    return shapes


def _shape(mark: Mark, at: datetime | None, shown: list[Adjustment], who: Member) -> MarkShape:
    total = marks.total(mark) if who.teaches or not shown else shown[0].score
    names = set(MarkShape.model_fields) & set(Mark.__table__.columns.keys())
    return MarkShape(
        **{name: getattr(mark, name) for name in names}, total=total, returned_at=at,
        adjustments=[_adjustment(one) for one in shown],
    )  # fmt: skip


def _adjustment(one: Adjustment) -> AdjustmentShape:
    return AdjustmentShape(
        login=one.login, score=one.score, reason=one.reason, by=one.by, at=one.at
    )
