"""Releases: making one, fetching one, withdrawing one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from grading import releases
from grading.assignments import find, unknown
from grading.audit import Subject
from grading.service.api.archives import GIVES, TAKES, Body, archive
from grading.service.api.common import REFUSALS, In, Instructor, Name, Parts, acting

router = APIRouter(
    prefix="/courses/{course}/assignments/{assignment}", tags=["releases"], responses=REFUSALS
)  # fmt: skip

Version = Annotated[int | None, Query(ge=1, le=1_000_000)]


class ReleaseShape(BaseModel):
    """A version of an assignment; both hashes name all files of it."""

    assignment: str
    version: int
    released_at: datetime
    released_by: str
    release: str
    source: str
    files: list[str]
    max_score: float


@router.post("/release", status_code=201, openapi_extra=TAKES)
def release(context: Parts, who: Instructor, assignment: Name, body: Body) -> ReleaseShape:
    """Release a new version: a tar.gz with ``release/`` and ``source/``; what is out already stays.

    Acknowledged once it is safe on disk.
    """
    pair = releases.store(context.contents, body.file)
    subject = Subject(who.course.id, assignment)
    with context.transaction() as session:
        made = releases.release(session, acting(context, who), subject, pair)
        names = ReleaseShape.model_fields
        return ReleaseShape(**{name: getattr(made, name) for name in names})


@router.get("/release", response_class=StreamingResponse, responses=GIVES)
def fetch(context: Parts, who: In, assignment: Name, version: Version = None) -> Response:
    """What students get; of a version that is out, or for instructors of any."""
    with context.transaction() as session:
        row = find(session, who.course.id, assignment)
        hidden = row.version is None or row.withdrawn_at is not None
        if hidden and not who.teaches:
            raise unknown(assignment)
        found = releases.version_of(session, row, version)
        if not who.teaches:
            releases.record_fetch(session, acting(context, who), found)
    return archive(context.contents, found.release, assignment)


@router.get("/source", response_class=StreamingResponse, responses=GIVES)
def source(context: Parts, who: Instructor, assignment: Name, version: Version = None) -> Response:
    """The instructor's version, with its hidden tests."""
    with context.transaction() as session:
        row = find(session, who.course.id, assignment)
        found = releases.version_of(session, row, version)
    return archive(context.contents, found.source, f"{assignment}-source")


@router.delete("/release", status_code=204)
def withdraw(context: Parts, who: Instructor, assignment: Name) -> None:
    """Take the assignment away from students; all records stay."""
    with context.transaction() as session:
        releases.withdraw(session, acting(context, who), Subject(who.course.id, assignment))
