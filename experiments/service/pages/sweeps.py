"""Sweeps: how far they are, their members, and what can be done with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from sqlalchemy import select
from starlette.responses import Response

from experiments.service import access
from experiments.service.api.common import Parts, Who, find_sweep
from experiments.service.api.runs import Search, find_for
from experiments.service.pages.look import page
from experiments.service.shapes import RunShape, SweepShape, sweep_shape, sweep_shapes
from experiments.states import State
from experiments.tables import Sweep

router = APIRouter()

PER_PAGE = 20
MEMBERS = 200  # on one page


@router.get("/sweeps")
def sweeps(
    request: Request, context: Parts, caller: Who,
    before: Annotated[AwareDatetime | None, Query()] = None,
) -> Response:  # fmt: skip
    """The latest sweeps that the caller may read."""
    owners = access.readable_owners(caller)
    wanted = select(Sweep).order_by(Sweep.created_at.desc(), Sweep.id.desc()).limit(PER_PAGE + 1)
    if owners is not None:
        wanted = wanted.where(Sweep.owner.in_(owners))
    if before is not None:
        wanted = wanted.where(Sweep.created_at < before)
    with context.reading() as session:
        rows = session.scalars(wanted).all()
        found = sweep_shapes(session, rows[:PER_PAGE], caller)
    next_ = found[-1].created_at.isoformat() if len(rows) > PER_PAGE else None
    return page(request, "sweeps.html", caller, sweeps=found, next=next_, states=list(State))


@router.get("/sweeps/{sweep_id}")
def show(
    request: Request, context: Parts, caller: Who, sweep_id: str,
    after: Annotated[str, Query(max_length=100)] = "",
) -> Response:  # fmt: skip
    """One sweep with its members."""
    with context.reading() as session:
        row = find_sweep(session, caller, sweep_id)
        sweep = sweep_shape(session, row, caller)
    found = find_for(context, caller, Search(sweep=sweep_id, after=after or None, limit=MEMBERS))
    parameters, metrics = _columns(sweep, found.runs)
    return page(
        request, "sweep.html", caller, sweep=sweep, runs=found.runs, next=found.next,
        parameters=parameters, metrics=metrics, secrets=row.request["secrets"],
        states=list(State), running=_open(sweep),
    )  # fmt: skip


def _open(sweep: SweepShape) -> int:
    """How many members have not ended."""
    return sum(sweep.counts.get(s, 0) for s in (State.WAITING, State.STARTING, State.RUNNING))


def _columns(sweep: SweepShape, runs: list[RunShape]) -> tuple[list[str], list[str]]:
    """The parameters that the sweep goes through, and its runs' metrics."""
    members = sweep.spec.get("members", [])
    named = sweep.spec.get("axes") or {name: None for member in members for name in member}
    return list(named), list({name: None for run in runs for name in run.metrics})
