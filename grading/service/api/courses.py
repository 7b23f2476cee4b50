"""The courses that the caller is in."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from cohort.membership import course_account
from grading.service import access
from grading.service.api.common import REFUSALS, Parts, Who

router = APIRouter(prefix="/courses", tags=["courses"], responses=REFUSALS)


class CourseShape(BaseModel):
    """A course and what the caller is in it: ``instructor`` or ``student``.

    ``account`` is whose server holds the course's folder; ``owners`` are the accounts in whose
    name the caller may hand in.
    """

    id: str
    title: str
    role: str
    account: str
    owners: list[str]


@router.get("")
def courses(context: Parts, caller: Who) -> list[CourseShape]:
    """Courses that the caller teaches or takes."""
    return [
        CourseShape(
            id=one.course.id, title=one.course.title, role=one.role,
            account=course_account(one.course.id), owners=list(one.owners),
        )
        for one in access.memberships(caller, context.settings)
    ]  # fmt: skip
