"""The courses one is in, and how far everybody is in one: a page for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from cohort.service.callers import Caller
from grading.deadlines import shown_in
from grading.listing import Entry, entries
from grading.service import access
from grading.service.access import Member
from grading.service.api.common import In, Parts, Who
from grading.service.api.progress import progress_for
from grading.service.api.submissions import everybody_of
from grading.service.context import Context
from grading.service.pages.look import page
from grading.tables import Submission

router = APIRouter()


@dataclass(frozen=True)
class Own:
    """An assignment of a student's own list; ``back`` is what was handed back last."""

    owner: str
    entry: Entry
    due: datetime | None
    last: Submission | None
    back: Submission | None


@router.get("/")
def courses(request: Request, context: Parts, caller: Who) -> Response:
    """Courses that the caller teaches or takes."""
    found = access.memberships(caller, context.settings)
    return page(request, "courses.html", caller, courses=found)


@router.get("/courses/{course}")
def progress(
    request: Request, context: Parts, who: In,
    everybody: Annotated[tuple[Caller, ...], Depends(everybody_of)],
) -> Response:  # fmt: skip
    """Everybody's progress for instructors; for students their own work and marks."""
    shown = progress_for(context, who, everybody)
    own = [] if who.teaches else _own(context, who)
    charts = [one.model_dump(include={"name", "histogram"}) for one in shown.assignments]
    return page(
        request, "progress.html", who.caller, course=who.course, teaches=who.teaches, shown=shown,
        own=own, charts=charts,
    )  # fmt: skip


def _own(context: Context, who: Member) -> list[Own]:
    """A student's list: of each account of theirs what is for its kind."""
    lines = []
    with context.transaction() as session:
        for owner in who.owners:
            kind = "team" if owner.startswith("team-") else "person"
            found = entries(session, who.course.id, owner, context.now(), login=who.login)
            lines += [_line(owner, one) for one in found if one.row.kind == kind]
    return sorted(lines, key=lambda one: one.entry.row.name)


def _line(owner: str, one: Entry) -> Own:
    back = [work for work in one.submissions if work.id in one.returned]
    last = one.submissions[-1] if one.submissions else None
    due = shown_in(one.due, one.row.timezone)
    return Own(owner, one, due, last, back[-1] if back else None)
