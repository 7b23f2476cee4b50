"""What the routes share: who calls and what they are in the course, and the service's parts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel, StringConstraints
from sqlalchemy.orm import Session

from cohort.service.callers import Caller
from grading.audit import Actor
from grading.errors import GradingError
from grading.ids import ASSIGNMENT, Id
from grading.ids import Owner as OwnerName
from grading.service import access
from grading.service.access import Member
from grading.service.context import Context
from grading.tables import Submission


async def context_of(request: Request) -> Context:
    """The service's parts."""
    return request.app.state.context


Parts = Annotated[Context, Depends(context_of)]


async def caller_of(request: Request, context: Parts) -> Caller:
    """Who asks; a 401 if nobody."""
    return await context.sessions.caller(request)


Who = Annotated[Caller, Depends(caller_of)]


async def member_of(context: Parts, caller: Who, course: str) -> Member:
    """What the caller is in the course; a 404 if nothing."""
    return access.find_member(caller, context.settings, course)


In = Annotated[Member, Depends(member_of)]


async def instructor_of(who: In) -> Member:
    """The caller, who teaches the course; a 403 if they do not."""
    access.check_teaches(who)
    return who


Instructor = Annotated[Member, Depends(instructor_of)]
Name = Annotated[str, Path(pattern=rf"^{ASSIGNMENT.pattern}$")]
Text = Annotated[str, StringConstraints(max_length=255)]
PathOwner = Annotated[OwnerName, Path()]
PathId = Annotated[Id, Path()]


class Problem(BaseModel):
    """What is wrong: a code for programs, a sentence for people, and facts beside them."""

    code: str
    message: str


class Refused(BaseModel):
    """The body of every refusal."""

    error: Problem


REFUSALS = {
    status: {"model": Refused} for status in (400, 401, 403, 404, 409, 413, 422, 503)
}  # fmt: skip


def acting(context: Context, who: Member, at: datetime | None = None) -> Actor:
    """The caller as the one who does something now."""
    return Actor(who.login, at or context.now())


def find_submission(session: Session, who: Member, assignment: str, submission: str) -> Submission:
    """A submission that the caller may see; a 404 for any other."""
    found = session.get(Submission, submission)
    mine = found is not None and (found.course, found.assignment) == (who.course.id, assignment)
    if not mine or not who.sees(found.owner):
        raise GradingError(
            f"There is no submission {submission[:40]} that you may see.",
            code="submission_unknown", status=404,
        )  # fmt: skip
    return found
