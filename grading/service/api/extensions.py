"""Extensions of deadlines."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from grading import extensions
from grading.assignments import find
from grading.audit import Subject
from grading.deadlines import shown_in
from grading.service.api.common import (
    REFUSALS,
    Instructor,
    Name,
    Parts,
    PathOwner,
    acting,
)
from grading.tables import Assignment, Extension

router = APIRouter(
    prefix="/courses/{course}/assignments/{assignment}/extensions",
    tags=["extensions"],
    responses=REFUSALS,
)


class ExtensionShape(BaseModel):
    """A later deadline, and who gave it when and why."""

    owner: str
    due: datetime
    reason: str
    by: str
    at: datetime


@router.get("")
def find_all(context: Parts, who: Instructor, assignment: Name) -> list[ExtensionShape]:
    """All extensions of an assignment."""
    with context.transaction() as session:
        found = extensions.extensions(session, who.course.id, assignment)
        row = find(session, who.course.id, assignment)
        return [_shape(row, one) for one in found]


@router.put("/{owner}")
def extend(
    context: Parts, who: Instructor, assignment: Name, owner: PathOwner, wanted: extensions.Later
) -> ExtensionShape:
    """Give a person or a team more time."""
    subject = Subject(who.course.id, assignment, owner)
    with context.transaction() as session:
        made = extensions.extend(session, acting(context, who), subject, wanted)
        return _shape(find(session, who.course.id, assignment), made)


@router.delete("/{owner}", status_code=204)
def take_back(context: Parts, who: Instructor, assignment: Name, owner: PathOwner) -> None:
    """Take an extension back; what was handed in meanwhile is not made late by it."""
    subject = Subject(who.course.id, assignment, owner)
    with context.transaction() as session:
        extensions.take_back(session, acting(context, who), subject)


def _shape(row: Assignment, one: Extension) -> ExtensionShape:
    due = shown_in(one.due, row.timezone)
    return ExtensionShape(owner=one.owner, due=due, reason=one.reason, by=one.by, at=one.at)
