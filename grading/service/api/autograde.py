"""Autograding: asking for it, and what came of it. What is asked for waits in a queue."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.assignments import find
from grading.autograder.queue import Wanted
from grading.autograder.tables import AutogradeAttempt
from grading.errors import GradingError
from grading.ids import Id
from grading.releases import version_of
from grading.service.access import Member
from grading.service.api.archives import SAFE, chunks
from grading.service.api.common import (
    REFUSALS,
    Instructor,
    Name,
    Parts,
    PathId,
    find_submission,
)
from grading.service.context import Context
from grading.tables import Submission

router = APIRouter(prefix="/courses/{course}", tags=["autograde"], responses=REFUSALS)

NOTEBOOK = {200: {"description": "A notebook.", "content": {
    "application/x-ipynb+json": {"schema": {"type": "object"}}}}}  # fmt: skip


class Asked(BaseModel):
    """Which submissions; null: the latest of each owner. ``again``: also what is graded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    submissions: list[Id] | None = Field(None, max_length=5_000)
    again: bool = False


class JobShape(BaseModel):
    """An attempt to grade a submission: ``waiting``, ``running``, ``done`` or ``failed``."""

    id: str
    submission: str
    state: str


class Jobs(BaseModel):
    """One for each submission, in their order; one that waits or runs already is that one."""

    jobs: list[JobShape]


class VerdictShape(JobShape):
    """What came of it; ``why`` is a sentence if it failed, ``notebooks`` were executed."""

    assignment: str
    source_version: int
    number: int
    why: str | None
    result: dict[str, Any] | None
    notebooks: list[str]


@router.post("/assignments/{assignment}/autograde", status_code=202)
def autograde(context: Parts, who: Instructor, assignment: Name, asked: Asked) -> Jobs:
    """Have submissions graded by the version that is released now."""
    with context.transaction() as session:
        version = version_of(session, find(session, who.course.id, assignment), None).version
        wanted = _submissions(session, who, assignment, asked)
    jobs = []
    for submission in wanted:
        one = Wanted(who.course.id, assignment, submission, version)
        job = context.queue.get(context.queue.add(one, by=who.login, again=asked.again))
        jobs.append(JobShape(id=job.id, submission=submission, state=job.state))
    if context.autograder is not None:
        context.autograder.wake()
    return Jobs(jobs=jobs)


@router.get("/autograde/{job}")
def verdict(context: Parts, who: Instructor, job: PathId) -> VerdictShape:
    """How far an attempt is, and its verdict once it is done."""
    found = _job(context, who, job)
    names = set(VerdictShape.model_fields) - {"notebooks"}
    facts = {name: getattr(found, name) for name in names}
    return VerdictShape(**facts, notebooks=sorted(found.executed or {}))


@router.get(
    "/autograde/{job}/notebooks/{name}", response_class=StreamingResponse, responses=NOTEBOOK
)
def notebook(context: Parts, who: Instructor, job: PathId, name: str) -> Response:
    """A notebook as it was executed."""
    sha256 = (_job(context, who, job).executed or {}).get(name)
    if sha256 is None:
        raise GradingError(
            "There is no such executed notebook.", code="notebook_unknown", status=404
        )
    headers = {**SAFE, "Content-Disposition": "attachment"}
    file = context.contents.blobs.open(sha256)
    return StreamingResponse(
        chunks(file), media_type="application/x-ipynb+json", headers=headers
    )  # fmt: skip


def _submissions(session: Session, who: Member, assignment: str, asked: Asked) -> list[str]:
    if asked.submissions is not None:
        wanted = list(dict.fromkeys(asked.submissions))
        return [find_submission(session, who, assignment, one).id for one in wanted]
    query = select(Submission).where(
        Submission.course == who.course.id, Submission.assignment == assignment
    )
    rows = session.scalars(query.order_by(Submission.owner, Submission.number))
    return list({row.owner: row.id for row in rows}.values())


def _job(context: Context, who: Member, job: str) -> AutogradeAttempt:
    found = context.queue.get(job)
    if found is None or found.course != who.course.id:
        raise GradingError(
            f"There is no job {job[:40]} in this course.", code="job_unknown", status=404
        )
    return found
