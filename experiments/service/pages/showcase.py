"""The showcase: reports that teams show to the lab, and to guests if the settings let them in.

Invariant: whoever is not of a run's own people gets its report and its metrics here, and only
while it is published; nobody who is not logged in gets anything unless the settings say guests.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import FileResponse, Response

from cohort.service.callers import Caller
from cohort.service.session import LoginNeededError
from experiments import search
from experiments.offer import people
from experiments.service import access
from experiments.service.api import files
from experiments.service.api.common import Parts, context_of
from experiments.service.context import Context
from experiments.service.pages.look import page
from experiments.tables import Run

router = APIRouter(prefix="/showcase")

PER_PAGE = 24


async def viewer_of(request: Request) -> Caller | None:
    """Who looks; None for a guest, if the lab lets guests in, else a log-in is asked for."""
    context = context_of(request)
    try:
        return await context.sessions.caller(request)
    except LoginNeededError:
        if not _lets_guests_in(context):
            raise
        return None


Viewer = Annotated[Caller | None, Depends(viewer_of)]


def _lets_guests_in(context: Context) -> bool:
    return context.settings.experiments.showcase == "guests"


@router.get("")
def showcase(
    request: Request, context: Parts, viewer: Viewer,
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:  # fmt: skip
    """What is published, the latest first."""
    with context.reading() as session:
        found = search.published(session, PER_PAGE, after or None)
    return page(
        request, "showcase.html", viewer, runs=found.runs, next=found.next, people=people,
        guests=_lets_guests_in(context),
    )  # fmt: skip


@router.get("/{run_id}")
def show(request: Request, context: Parts, viewer: Viewer, run_id: str) -> Response:
    """One published report."""
    run = _find(context, viewer, run_id)
    mine = viewer is not None and access.may_read(viewer, run)
    return page(request, "shown.html", viewer, run=run, mine=mine, owner_title=people(run.owner))


@router.get("/{run_id}/report")
def report(context: Parts, viewer: Viewer, run_id: str, code: bool = False) -> Response:
    """Its report as a page, in its sandbox."""
    kept = files.kept_folder(context, _find(context, viewer, run_id))
    path = files.inside(kept, "report.html" if code else "report-nocode.html")
    return FileResponse(path, media_type="text/html; charset=utf-8", headers=files.REPORT)


def _find(context: Context, viewer: Caller | None, run_id: str) -> Run:
    with context.reading() as session:
        run = session.get(Run, run_id)
    guests = _lets_guests_in(context)
    if run is None or not access.may_read_published(viewer, run, guests=guests):
        access.unknown("report", run_id)
    return run
