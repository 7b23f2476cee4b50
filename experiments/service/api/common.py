"""What the routes share: who calls, the service's parts, and things found by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from cohort.service.callers import Caller
from experiments.service import access
from experiments.service.context import Context
from experiments.tables import Run, Schedule, Sweep


def context_of(request: Request) -> Context:
    """The service's parts."""
    return request.app.state.context


async def caller_of(request: Request) -> Caller:
    """Who asks; a 401 if nobody."""
    return await context_of(request).sessions.caller(request)


Parts = Annotated[Context, Depends(context_of)]
Who = Annotated[Caller, Depends(caller_of)]


class Problem(BaseModel):
    """What is wrong: a code for programs, a sentence for people, and facts beside them."""

    code: str
    message: str


class Refused(BaseModel):
    """The body of every refusal."""

    error: Problem


REFUSALS = {
    status: {"model": Refused}
    for status in (400, 401, 403, 404, 409, 410, 413, 422, 429, 503)
}  # fmt: skip


def find_run(
    session: Session,
    caller: Caller,
    run_id: str,
    may: Callable[[Caller, Run], bool] = access.may_read,
) -> Run:
    """A run that the caller may see; a 404 for any other."""
    run = session.get(Run, run_id)
    if run is None or not may(caller, run):
        access.unknown("run", run_id)
    return run


def find_sweep(session: Session, caller: Caller, sweep_id: str, may=access.may_read) -> Sweep:
    """As `find_run`."""
    sweep = session.get(Sweep, sweep_id)
    if sweep is None or not may(caller, sweep):
        access.unknown("sweep", sweep_id)
    return sweep


def find_schedule(
    session: Session, caller: Caller, schedule_id: str, may=access.may_read
) -> Schedule:
    """As `find_run`; one that was taken away is not there."""
    schedule = session.get(Schedule, schedule_id)
    if schedule is None or schedule.retired_at is not None or not may(caller, schedule):
        access.unknown("schedule", schedule_id)
    return schedule
