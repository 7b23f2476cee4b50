"""What is done with a run: stop it, ask for it again, verify it, publish its report."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from experiments.changes import Cause, cancel, lock, record
from experiments.errors import ExperimentError
from experiments.queue import Origin
from experiments.report.verify import check_tolerances
from experiments.service import access
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.context import Context
from experiments.service.shapes import RunShape, run_shapes
from experiments.service.submission import repeat

router = APIRouter(prefix="/runs/{run_id}", tags=["actions"], responses=REFUSALS)

Secrets = Annotated[dict[str, str], Field(max_length=20)]


class Again(BaseModel):
    """The secrets of a run, which are not kept after it."""

    secrets: Secrets = {}


class Verification(Again):
    """How far metrics may differ: ``{"loss": {"abs": 0.01, "rel": 0.05}}``."""

    tolerance: dict[str, dict[str, float]] | None = None


class Made(BaseModel):
    """The new run."""

    run: RunShape


@router.post("/cancel")
def stop(context: Parts, caller: Who, run_id: str) -> RunShape:
    """Take a run out of the queue, or ask for it to be stopped."""
    with context.writing() as session:
        run = find_run(session, caller, run_id, access.may_cancel)
        cancel(session, run, caller.login, context.offer.now())
        return run_shapes(session, [run], caller)[0]


@router.post("/retry", status_code=201)
def retry(
    context: Parts, caller: Who, run_id: str, again: Annotated[Again | None, Body()] = None
) -> Made:
    """Ask for the same once more, as a new run."""
    with context.writing() as session:
        run = find_run(session, caller, run_id, access.may_use)
        origin = Origin(run.owner, caller.login, sweep_id=run.sweep_id, hand_in=run.hand_in)
        made = repeat(context, session, run, (again or Again()).secrets, origin)
        return Made(run=run_shapes(session, [made], caller)[0])


@router.post("/verify", status_code=201)
def verify(
    context: Parts,
    caller: Who,
    run_id: str,
    wanted: Annotated[Verification | None, Body()] = None,
) -> Made:
    """Run it again from its record, to see whether it gives the same."""
    wanted = wanted or Verification()
    tolerance = None if wanted.tolerance is None else check_tolerances(wanted.tolerance)
    with context.writing() as session:
        run = find_run(session, caller, run_id, access.may_use)
        if "verify" not in access.actions(caller, run):
            raise ExperimentError(
                "Only a run that came to its end, and still has its files, can be verified.",
                code="verify_not_possible", status=409,
            )  # fmt: skip
        origin = Origin(run.owner, caller.login, verify_of=run.id, tolerance=tolerance,
                        hand_in=run.hand_in)  # fmt: skip
        made = repeat(context, session, run, wanted.secrets, origin)
        return Made(run=run_shapes(session, [made], caller)[0])


@router.put("/published")
def publish(context: Parts, caller: Who, run_id: str) -> RunShape:
    """Show the report to the whole lab."""
    return _set_published(context, caller, run_id, wanted=True)


@router.delete("/published")
def withdraw(context: Parts, caller: Who, run_id: str) -> RunShape:
    """Take the report back."""
    return _set_published(context, caller, run_id, wanted=False)


def _set_published(context: Context, caller, run_id: str, *, wanted: bool) -> RunShape:
    now = context.offer.now()
    with context.writing() as session:
        run = find_run(session, caller, run_id, access.may_use)
        lock(session, run)
        if wanted and run.published_at is None:
            if "publish" not in access.actions(caller, run):
                raise ExperimentError(
                    "Only the report of a run that came to its end can be published.",
                    code="publish_not_possible", status=409,
                )  # fmt: skip
            run.published_at = now
            record(session, run, now, "published", Cause(who=caller.login))
        elif not wanted and run.published_at is not None:
            run.published_at = None
            record(session, run, now, "withdrawn", Cause(who=caller.login))
        session.flush()
        return run_shapes(session, [run], caller)[0]
