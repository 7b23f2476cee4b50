"""Runs: asking for one, finding them, looking at one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from cohort.service.callers import Caller
from experiments import search, waiting
from experiments.queue import Origin
from experiments.requests import RunRequest
from experiments.service import access
from experiments.service.api.common import REFUSALS, Parts, Who, find_run
from experiments.service.context import Context
from experiments.service.shapes import RunShape, run_shapes
from experiments.service.submission import submit_run
from experiments.states import State
from experiments.tables import RunChange

router = APIRouter(prefix="/runs", tags=["runs"], responses=REFUSALS)

Text = Annotated[str, Field(max_length=400)]


class Submission(BaseModel):
    """A run that is asked for; with ``again`` it runs even if an earlier one was the same."""

    owner: str
    run: RunRequest
    again: bool = False


class Submitted(BaseModel):
    """The run; ``same`` says why it is an earlier one: its key, or all its inputs."""

    run: RunShape
    created: bool
    same: Literal["key", "inputs"] | None


class RunPage(BaseModel):
    """Runs, the newest first; ``next`` is the next page's ``after``."""

    runs: list[RunShape]
    next: str | None


class Change(BaseModel):
    """Something that happened to a run."""

    at: datetime
    who: str
    what: str
    detail: str | None


class Changes(BaseModel):
    """All that happened to a run, in order."""

    changes: list[Change]


class Search(BaseModel):
    """What runs are looked for; empty means any."""

    owner: Text = ""
    author: Text = ""
    notebook: Text = ""
    tag: Text = ""
    state: list[State] = []
    text: Text = ""
    sweep: Text = ""
    schedule: Text = ""
    after: Text | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class Choices(BaseModel):
    """Values that a search can ask for."""

    choices: list[str]


@router.post(
    "",
    status_code=201,
    responses={200: {"model": Submitted, "description": "The earlier run, which is the same."}},
)
def submit(context: Parts, caller: Who, wanted: Submission, response: Response) -> Submitted:
    """Ask for a run; 200 with the earlier one if it is the same."""
    origin = Origin(access.check_owner(caller, wanted.owner), caller.login)
    with context.writing() as session:
        run, same = submit_run(context, session, wanted.run, origin, again=wanted.again)
        shape = run_shapes(session, [run], caller)[0]
    response.status_code = 200 if same else 201
    return Submitted(run=shape, created=same is None, same=same)


@router.get("")
def find(context: Parts, caller: Who, wanted: Annotated[Search, Query()]) -> RunPage:
    """Runs that the caller may see."""
    return find_for(context, caller, wanted)


def find_for(context: Context, caller: Caller, wanted: Search) -> RunPage:
    """Runs that a caller may see; to look for what runs hold is to read them."""
    asks = wanted.author or wanted.notebook or wanted.tag or wanted.text
    owners = access.readable_owners(caller) if asks else access.visible_owners(caller)
    if wanted.owner:
        owners = frozenset({wanted.owner}) if owners is None else owners & {wanted.owner}
    query = search.Query(
        owners=owners,
        states=tuple(wanted.state),
        **wanted.model_dump(include={"author", "notebook", "tag", "sweep", "schedule", "text"}),
    )
    with context.reading() as session:
        page = search.find(session, query, wanted.limit, wanted.after)
        return RunPage(runs=run_shapes(session, page.runs, caller), next=page.next)


@router.get("/{run_id}")
def show(context: Parts, caller: Who, run_id: str) -> RunShape:
    """One run, and what it waits for if it does."""
    claims = context.ledger.claims()
    with context.reading() as session:
        run = find_run(session, caller, run_id, access.may_see)
        waits = run.state == State.WAITING
        why = waiting.explain(session, context.ledger, claims, context.offer) if waits else None
        return run_shapes(session, [run], caller, why)[0]


@router.get("/{run_id}/changes")
def changes(context: Parts, caller: Who, run_id: str) -> Changes:
    """All that happened to a run."""
    with context.reading() as session:
        find_run(session, caller, run_id)
        rows = session.scalars(
            select(RunChange).where(RunChange.run_id == run_id).order_by(RunChange.number)
        )
        return Changes(
            changes=[Change(at=r.at, who=r.who, what=r.what, detail=r.detail) for r in rows]
        )


choices_router = APIRouter(tags=["runs"], responses=REFUSALS)


@choices_router.get("/choices")
def choices(
    context: Parts,
    caller: Who,
    kind: Literal["tag", "notebook", "author"],
    begins: Annotated[str, Query(max_length=400)] = "",
) -> Choices:
    """Tags, notebooks or authors that begin so, of the runs that the caller may read."""
    owners = access.readable_owners(caller)
    with context.reading() as session:
        return Choices(choices=search.choices(session, owners, kind, begins))
