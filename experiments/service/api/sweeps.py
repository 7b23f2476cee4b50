"""Sweeps: many runs of one notebook."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel
from sqlalchemy import select, tuple_

from experiments import paging
from experiments.queue import Origin
from experiments.requests import SweepRequest
from experiments.service import access
from experiments.service.api.actions import Again
from experiments.service.api.common import REFUSALS, Parts, Who, find_sweep
from experiments.service.shapes import (
    RunShape,
    SweepShape,
    run_shapes,
    sweep_shape,
    sweep_shapes,
)
from experiments.service.submission import submit_members
from experiments.sweep_runs import cancel_sweep, run_missing
from experiments.tables import Sweep

router = APIRouter(prefix="/sweeps", tags=["sweeps"], responses=REFUSALS)


class Submission(BaseModel):
    """A sweep that is asked for."""

    owner: str
    sweep: SweepRequest


class Made(BaseModel):
    """The sweep."""

    sweep: SweepShape


class Sweeps(BaseModel):
    """Sweeps, the newest first; ``next`` is the next page's ``after``."""

    sweeps: list[SweepShape]
    next: str | None


class MadeAgain(BaseModel):
    """The members that run again."""

    runs: list[RunShape]


@router.post("", status_code=201)
def submit(context: Parts, caller: Who, wanted: Submission) -> Made:
    """Ask for a run of every member of a grid, a list, or of random draws."""
    origin = Origin(access.check_owner(caller, wanted.owner), caller.login)
    with context.writing() as session:
        sweep = submit_members(context, session, wanted.sweep, origin)
        return Made(sweep=sweep_shape(session, sweep, caller))


@router.get("")
def find(
    context: Parts, caller: Who, owner: Annotated[str, Query(max_length=255)] = "",
    after: Annotated[str | None, Query(max_length=100)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Sweeps:  # fmt: skip
    """Sweeps that the caller may read."""
    owners, position = access.readable_owners(caller), paging.position(after)
    wanted = select(Sweep).order_by(Sweep.created_at.desc(), Sweep.id.desc()).limit(limit + 1)
    if owners is not None:
        wanted = wanted.where(Sweep.owner.in_(owners))
    if owner:
        wanted = wanted.where(Sweep.owner == owner)
    if position is not None:
        wanted = wanted.where(tuple_(Sweep.created_at, Sweep.id) < position)
    with context.reading() as session:
        found = session.scalars(wanted).all()
        shown = found[:limit]
        more = paging.cursor_after(shown[-1].created_at, shown[-1].id) if found[limit:] else None
        return Sweeps(sweeps=sweep_shapes(session, shown, caller), next=more)


@router.get("/{sweep_id}")
def show(context: Parts, caller: Who, sweep_id: str) -> SweepShape:
    """One sweep; its runs are found by ``/runs?sweep=``."""
    with context.reading() as session:
        return sweep_shape(session, find_sweep(session, caller, sweep_id), caller)


@router.post("/{sweep_id}/cancel")
def stop(context: Parts, caller: Who, sweep_id: str) -> SweepShape:
    """Stop every member that has not ended."""
    with context.writing() as session:
        sweep = find_sweep(session, caller, sweep_id, access.may_cancel)
        cancel_sweep(session, sweep, caller.login, context.offer.now())
        return sweep_shape(session, sweep, caller)


@router.post("/{sweep_id}/missing", status_code=201)
def missing(
    context: Parts, caller: Who, sweep_id: str, again: Annotated[Again | None, Body()] = None
) -> MadeAgain:
    """Run those members again of which no run went well."""
    with context.writing() as session:
        sweep = find_sweep(session, caller, sweep_id, access.may_use)
        secrets = (again or Again()).secrets
        runs = run_missing(session, sweep, caller.login, secrets, context.offer)
        return MadeAgain(runs=run_shapes(session, runs, caller))
