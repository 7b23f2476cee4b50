"""How far people are: everybody for instructors, their own rows for students."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from cohort.membership import account_of
from cohort.service.callers import Caller
from grading import progress as records
from grading.listing import Records
from grading.progress import Standing
from grading.service.access import Member
from grading.service.api.common import REFUSALS, In, Parts
from grading.service.api.submissions import everybody_of
from grading.service.context import Context
from grading.service.roster import students_of

router = APIRouter(prefix="/courses/{course}", tags=["progress"], responses=REFUSALS)


class FailingShape(BaseModel):
    """A cell and how many of the marked did not get all its points."""

    name: str
    failed: int
    marked: int


class ColumnShape(BaseModel):
    """An assignment; ``histogram`` counts marks in tenths of the points.

    Histogram and failing cells are for instructors: of students they are empty.
    """

    name: str
    kind: str
    max_score: float | None
    histogram: list[int]
    failing: list[FailingShape]


class StandingShape(BaseModel):
    """How far an owner is with an assignment; of what is not there yet it is null."""

    fetched_at: datetime | None
    handed_in_at: datetime | None
    attempts: int
    late_seconds: int
    graded_at: datetime | None
    returned_at: datetime | None
    score: float | None
    max_score: float | None


class RowShape(BaseModel):
    """A person or a team, and how far they are with each assignment by its name."""

    owner: str
    name: str
    assignments: dict[str, StandingShape]


class ProgressShape(BaseModel):
    """The matrix of people and teams against assignments."""

    assignments: list[ColumnShape]
    rows: list[RowShape]


@router.get("/progress")
def progress(
    context: Parts, who: In, everybody: Annotated[tuple[Caller, ...], Depends(everybody_of)]
) -> ProgressShape:
    """How far people are."""
    return progress_for(context, who, everybody)


def progress_for(context: Context, who: Member, everybody: tuple[Caller, ...]) -> ProgressShape:
    """The same for a member of the course."""
    with context.transaction() as session:
        cells, found = records.matrix(session, who.course.id, who.readable)
        columns = records.columns(session, who.course.id, found)
    if not who.teaches:
        columns = [replace(one, histogram=[], failing=[]) for one in columns]
        cells = {owner: _as_seen(row, owner, found, who) for owner, row in cells.items()}
    names = _names(who, everybody)
    owners = sorted({*names, *cells}, key=lambda owner: (owner.startswith("team-"), owner))
    return ProgressShape(
        assignments=[ColumnShape(**asdict(one)) for one in columns],
        rows=[_row(owner, names.get(owner, owner), cells.get(owner, {})) for owner in owners],
    )


def _row(owner: str, name: str, cells: dict[str, Standing]) -> RowShape:
    shapes = {assignment: StandingShape(**asdict(one)) for assignment, one in cells.items()}
    return RowShape(owner=owner, name=name, assignments=shapes)


def _names(who: Member, everybody: tuple[Caller, ...]) -> dict[str, str]:
    """Accounts that have a row though they did nothing yet, with what they are called."""
    students = students_of(everybody, who.course)
    names = {one.login: one.name for one in students}
    teams = {team for one in students for team in one.membership.teams}
    names |= {account_of(t): f"Team {t}" for t in teams if who.course.taken_by([t])}
    return {owner: name for owner, name in names.items() if who.sees(owner)}


def _as_seen(
    row: dict[str, Standing], owner: str, found: Records, who: Member
) -> dict[str, Standing]:
    """What a student sees: no mark that was not handed back, and their own of a team's."""
    return {name: _own(name, one, owner, found, who) for name, one in row.items()}


def _own(name: str, one: Standing, owner: str, found: Records, who: Member) -> Standing:
    mark = found.marks.get((name, owner))
    if mark is None or mark.submission not in found.returned:
        return replace(one, graded_at=None, score=None, max_score=None)
    return replace(one, score=found.points(mark, who.login))
