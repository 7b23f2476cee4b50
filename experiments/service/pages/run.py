"""One run: while it runs, live; afterwards its report and all that belongs to it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import Row, select
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from cohort.service.callers import Caller
from experiments.errors import ExperimentError
from experiments.report.collect import read_collected
from experiments.report.words import provenance_rows
from experiments.service import access
from experiments.service.api import files as kept_files
from experiments.service.api import runs as api
from experiments.service.api.common import Parts, Who, find_run
from experiments.service.context import Context
from experiments.service.pages.look import page
from experiments.service.shapes import PREFIX, RunShape
from experiments.states import ENDED
from experiments.tables import HandIn, Run

router = APIRouter()

VERIFICATIONS = 10
# What a run's page is about; a page that shows another one is loaded anew.
OPEN, REPORTING, DONE = "open", "reporting", "done"


@router.get("/runs/{run_id}")
def show(request: Request, context: Parts, caller: Who, run_id: str) -> Response:
    """A run for those who may see it; for others of the lab, the report that was published."""
    try:
        run = api.show(context, caller, run_id)
    except ExperimentError:
        if not _is_published(context, caller, run_id):
            raise
        return RedirectResponse(f"{PREFIX}/showcase/{run_id}", 302)
    if not access.may_read(caller, run):
        return page(request, "facts.html", caller, run=run)
    stage = _stage(context, run)
    values = _told(context, caller, run)
    if stage == DONE:
        values |= _kept(context, caller, run)
    return page(request, "run.html", caller, run=run, stage=stage, **values)


def _is_published(context: Context, caller: Caller, run_id: str) -> bool:
    with context.reading() as session:
        run = session.get(Run, run_id)
    return run is not None and access.may_read_published(caller, run)


def _stage(context: Context, run: RunShape) -> str:
    if run.state not in ENDED:
        return OPEN
    settled = run.removed_at or run.reported_at or not read_collected(context.folders.kept(run.id))
    return DONE if settled else REPORTING


def _told(context: Context, caller: Caller, run: RunShape) -> dict[str, Any]:
    """What is known of a run at any time, beside its shape."""
    with context.reading() as session:
        git = session.scalar(
            select(HandIn.git).join(Run, Run.hand_in == HandIn.id).where(Run.id == run.id)
        )
        verifications = _verifications(session, run)
    mine = access.may_use(caller, run)
    return {
        "changes": api.changes(context, caller, run.id).changes,
        "git": git or {},
        "verifications": verifications,
        "verifying": any(_is_awaited(one, run) for one in verifications[:1]),
        "mine": mine,
        # They are not kept after a run: who asks for the same has to give them again.
        "secrets": run.secret_names if mine else [],
    }


def _verifications(session: Session, run: RunShape) -> list[Row]:
    """The latest runs that verify this one, without what is large in them."""
    columns = Run.id, Run.state, Run.verdict, Run.created_at, Run.started_at, Run.reported_at
    found = select(*columns).where(Run.verify_of == run.id).order_by(Run.created_at.desc())
    return list(session.execute(found.limit(VERIFICATIONS)))


def _is_awaited(verification: Row, run: RunShape) -> bool:
    """Whether a verification may still bring this run another verdict."""
    if verification.state not in ENDED:
        return True
    if verification.verdict:  # of its own; it comes to the run that was verified after that
        return (run.verdict or {}).get("again") != verification.id
    return verification.started_at is not None and verification.reported_at is None


def _kept(context: Context, caller: Caller, run: RunShape) -> dict[str, Any]:
    """What is there once a run has ended: files, record."""
    with context.reading() as session:
        record = find_run(session, caller, run.id).provenance
    try:
        files = kept_files.files(context, caller, run.id)
    except ExperimentError:
        files = None
    names = {file.path for file in files.files} if files else set()
    return {
        "provenance": provenance_rows(record) if record else [],
        "files": files,
        "report": "report.html" in names,
        "notebook": "notebook.ipynb" in names,
        "outputs": [f for f in files.files if f.path.startswith("outputs/")] if files else [],
    }
