"""What the form of a new run holds, made into requests: values are texts until they get here.

Invariant: what a form submits goes the same way as what a program does, through the API's own
functions; a refusal names the parameter, the axis or the field that it is about.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from experiments.parameters import Parameter, find_parameter, parse_text
from experiments.queue import check_snapshot
from experiments.requests import RunRequest, ScheduleRequest, SweepRequest, parse
from experiments.rows import read_rows
from experiments.service import access
from experiments.service.api import runs, schedules, sweeps
from experiments.service.api.common import Parts, Who
from experiments.service.context import Context
from experiments.service.submission import checked, parameters_in
from experiments.sweeps import expand

router = APIRouter()

SHOWN = 5  # members of a sweep, before it is submitted

Texts = Annotated[dict[str, Annotated[str, Field(max_length=70_000)]], Field(max_length=500)]


class Draft(BaseModel):
    """The form: ``texts`` are parameters by name, only those that differ from the notebook's."""

    owner: Annotated[str, Field(max_length=255)]
    kind: Literal["run", "sweep", "schedule"]
    run: dict[str, Any]
    texts: Texts = {}
    secrets: Texts = {}
    spec: dict[str, Any] = {}
    rows: Annotated[str, Field(max_length=200_000)] = ""  # of a list, as they were pasted
    max_running: int | None = None
    schedule: dict[str, Any] = {}
    again: bool = False


class Planned(BaseModel):
    """What a draft would make: how many runs, and the parameters of the first of them."""

    runs: int
    first: list[dict[str, Any]]


class Made(BaseModel):
    """Where what was made is found; ``same`` is an earlier run that is offered instead."""

    url: str
    same: runs.RunShape | None = None


@router.post("/new/plan")
def plan(context: Parts, caller: Who, draft: Draft) -> Planned:
    """Check a draft as it is, and say what it would make."""
    request = _request(context, caller, draft)
    request = checked(context, request, swept=draft.kind == "sweep")
    members = [request.parameters]
    if draft.kind == "sweep":
        parameters = parameters_in(context, request.snapshot, request.notebook)
        members = expand(_spec(draft, parameters), parameters, request.parameters)
    return Planned(runs=len(members), first=members[:SHOWN])


@router.post("/new", status_code=201)
def submit(context: Parts, caller: Who, draft: Draft) -> Made:
    """Submit a draft; an earlier run with the same inputs is offered unless ``again`` is set."""
    request = _request(context, caller, draft)
    make = {"run": _run, "sweep": _sweep, "schedule": _schedule}[draft.kind]
    return make(context, caller, draft, request)


def _request(context: Context, caller: Who, draft: Draft) -> RunRequest:
    """The run that a draft describes, its texts read as its notebook's parameters say."""
    access.check_owner(caller, draft.owner)
    request = parse(RunRequest, draft.run | {"secrets": draft.secrets})
    with context.reading() as session:
        check_snapshot(session, request.snapshot, draft.owner)
    parameters = parameters_in(context, request.snapshot, request.notebook)
    values = {
        name: parse_text(find_parameter(parameters, name), text)
        for name, text in draft.texts.items()
    }
    return parse(RunRequest, draft.run | {"secrets": draft.secrets, "parameters": values})


def _run(context: Context, caller: Who, draft: Draft, request: RunRequest) -> Made:
    wanted = runs.Submission(owner=draft.owner, run=request, again=draft.again)
    done = runs.submit(context, caller, wanted, Response())
    return Made(url=done.run.url, same=None if done.created else done.run)


def _sweep(context: Context, caller: Who, draft: Draft, request: RunRequest) -> Made:
    parameters = parameters_in(context, request.snapshot, request.notebook)
    fields = {"run": request, "spec": _spec(draft, parameters)}
    if draft.max_running is not None:
        fields["max_running"] = draft.max_running
    wanted = sweeps.Submission(owner=draft.owner, sweep=parse(SweepRequest, fields))
    return Made(url=sweeps.submit(context, caller, wanted).sweep.url)


def _spec(draft: Draft, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """The sweep as it was written, but for a list, whose rows are members here."""
    if draft.spec.get("kind") != "list":
        return draft.spec
    return draft.spec | {"members": read_rows(draft.rows, parameters)}


def _schedule(context: Context, caller: Who, draft: Draft, request: RunRequest) -> Made:
    fields = parse(ScheduleRequest, draft.schedule | {"run": request})
    wanted = schedules.Submission(owner=draft.owner, schedule=fields)
    return Made(url=schedules.create(context, caller, wanted).schedule.url)
