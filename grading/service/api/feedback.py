"""Feedback: handing back, and reading what was handed back."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from grading import feedback
from grading.errors import GradingError
from grading.service.access import Member
from grading.service.api.archives import GIVES, TAKES, Body, archive
from grading.service.api.common import (
    REFUSALS,
    In,
    Instructor,
    Name,
    Parts,
    PathId,
    acting,
    find_submission,
)
from grading.service.context import Context
from grading.tables import Feedback

router = APIRouter(
    prefix="/courses/{course}/assignments/{assignment}/submissions/{submission}/feedback",
    tags=["feedback"],
    responses=REFUSALS,
)


class FeedbackShape(BaseModel):
    """What was handed back on a submission, for the how manieth time, and its files' hash."""

    submission: str
    number: int
    sha256: str
    by: str
    at: datetime


@router.post("", status_code=201, openapi_extra=TAKES)
def hand_back(
    context: Parts, who: Instructor, assignment: Name, submission: PathId, body: Body
) -> FeedbackShape:
    """Hand back a tar.gz of HTML pages; the same again is not handed back twice."""
    with context.transaction() as session:
        find_submission(session, who, assignment, submission)
    files = feedback.store(context.contents, body.file)
    with context.transaction() as session:
        found = find_submission(session, who, assignment, submission)
        made = feedback.hand_back(session, acting(context, who), found, files)
        return FeedbackShape(**{n: getattr(made, n) for n in FeedbackShape.model_fields})


@router.get("", response_class=StreamingResponse, responses=GIVES)
def read(context: Parts, who: In, assignment: Name, submission: PathId) -> Response:
    """What was handed back last."""
    found = latest(context, who, assignment, submission)
    return archive(context.contents, found.sha256, f"{assignment}-{submission}-feedback")


def latest(context: Context, who: Member, assignment: str, submission: str) -> Feedback:
    """What is shown of a submission that the caller may see; a 404 if there is nothing yet."""
    with context.transaction() as session:
        find_submission(session, who, assignment, submission)
        found = feedback.latest(session, submission)
    if found is None:
        raise GradingError(
            "Nothing was handed back on this submission yet.", code="no_feedback_yet", status=404
        )
    return found
