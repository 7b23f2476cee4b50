"""Runs, sweeps and schedules as the API gives them.

Invariant: whoever may see a run but not read it is told nothing that its notebook or its people
wrote into it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from cohort.service.callers import Caller
from experiments.cron import next_times
from experiments.offer import people
from experiments.parameter_cell import Parameter
from experiments.search import tags_of
from experiments.service import access
from experiments.states import State
from experiments.sweep_runs import progress
from experiments.tables import Run, Schedule, Sweep
from experiments.waiting import Waiting

PREFIX = "/services/experiments"


class WaitingShape(BaseModel):
    """Why a run waits, its place from 1, and about when it should start."""

    why: str
    place: int
    expected: datetime | None


class RunShape(BaseModel):
    """A run."""

    id: str
    owner: str
    owner_title: str
    author: str
    title: str
    notebook: str
    snapshot: str
    parameters: dict[str, Any]
    secret_names: list[str]
    tags: list[str]
    state: str
    reason: str | None
    message: str | None
    kernel: str
    image: str
    image_digest: str
    cpus: float
    memory_bytes: int
    gpus: int
    devices: list[str]
    time_limit_s: int
    cell_limit_s: int
    network: bool
    attempt: int
    max_attempts: int
    cells_done: int
    cells_total: int | None
    metrics: dict[str, Any]
    verdict: dict[str, Any] | None
    sweep_id: str | None
    schedule_id: str | None
    verify_of: str | None
    cancel_asked: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    reported_at: datetime | None
    published_at: datetime | None
    removed_at: datetime | None
    bytes_kept: int
    waiting: WaitingShape | None = None
    may: list[str]
    url: str


COPIED = set(RunShape.model_fields) & {column.key for column in Run.__table__.columns}
HIDDEN = {"title": "", "notebook": "", "snapshot": "", "parameters": {}, "secret_names": [],
          "metrics": {}, "message": None, "verdict": None}  # fmt: skip


def run_shape(
    run: Run, caller: Caller, tags: Iterable[str] = (), waiting: Waiting | None = None
) -> RunShape:
    """A run for a caller who may see it."""
    facts = {name: getattr(run, name) for name in COPIED}
    facts["devices"], facts["metrics"] = run.devices or [], run.metrics or {}
    facts["secret_names"] = run.secret_names or []
    if not access.may_read(caller, run):
        facts |= HIDDEN
        tags = ()
    return RunShape(
        **facts,
        owner_title=people(run.owner),
        tags=list(tags),
        cancel_asked=run.cancel_by is not None,
        waiting=waiting and WaitingShape(
            why=waiting.sentence, place=waiting.place, expected=waiting.expected
        ),
        may=access.actions(caller, run),
        url=f"{PREFIX}/runs/{run.id}",
    )  # fmt: skip


def run_shapes(
    session: Session, runs: list[Run], caller: Caller, waiting: Mapping[str, Waiting] | None = None
) -> list[RunShape]:
    """Several runs, with their tags."""
    tags, waiting = tags_of(session, [run.id for run in runs]), waiting or {}
    return [run_shape(run, caller, tags.get(run.id, ()), waiting.get(run.id)) for run in runs]


class SweepShape(BaseModel):
    """A sweep, and how many of its members are in which state."""

    id: str
    owner: str
    owner_title: str
    author: str
    title: str
    notebook: str
    spec: dict[str, Any]
    max_running: int
    created_at: datetime
    counts: dict[str, int]
    members: int
    may: list[str]
    url: str


def sweep_shapes(session: Session, sweeps: Sequence[Sweep], caller: Caller) -> list[SweepShape]:
    """Sweeps for a caller who may read them, or stop them at least; one query for all."""
    counts = progress(session, sweeps)
    return [_sweep_shape(sweep, counts[sweep.id], caller) for sweep in sweeps]


def sweep_shape(session: Session, sweep: Sweep, caller: Caller) -> SweepShape:
    """One sweep, as `sweep_shapes`."""
    return sweep_shapes(session, [sweep], caller)[0]


def _sweep_shape(sweep: Sweep, counts: Counter[State], caller: Caller) -> SweepShape:
    open_ = counts[State.WAITING] + counts[State.STARTING] + counts[State.RUNNING]
    missing = counts.total() - open_ - counts[State.SUCCEEDED]
    mine = access.may_use(caller, sweep)
    stops = access.may_cancel(caller, sweep)
    may = (["cancel"] if stops and open_ else []) + (["missing"] if mine and missing else [])
    written = {"title": sweep.title, "notebook": sweep.request["notebook"], "spec": sweep.spec}
    if not access.may_read(caller, sweep):
        written = {"title": "", "notebook": "", "spec": {}}
    return SweepShape(
        **written,
        id=sweep.id, owner=sweep.owner, owner_title=people(sweep.owner), author=sweep.author,
        max_running=sweep.max_running, created_at=sweep.created_at,
        counts={str(state): number for state, number in counts.items()},
        members=counts.total(), may=may, url=f"{PREFIX}/sweeps/{sweep.id}",
    )  # fmt: skip


class ScheduleShape(BaseModel):
    """A schedule and its next times."""

    id: str
    owner: str
    owner_title: str
    author: str
    title: str
    notebook: str
    request: dict[str, Any]
    cron: str
    timezone: str
    missed: str
    overlap: str
    paused: bool
    created_at: datetime
    last_at: datetime | None
    next_at: datetime | None
    next: list[datetime]
    may: list[str]
    url: str


def schedule_shape(schedule: Schedule, caller: Caller, now: datetime) -> ScheduleShape:
    """A schedule for a caller who may read it."""
    names = ("id", "owner", "author", "title", "request", "cron", "timezone", "missed", "overlap",
             "paused", "created_at", "last_at", "next_at")  # fmt: skip
    times = [] if schedule.paused else times_of(schedule.cron, schedule.timezone, now)
    return ScheduleShape(
        **{name: getattr(schedule, name) for name in names},
        owner_title=people(schedule.owner),
        notebook=schedule.request["notebook"],
        next=times,
        may=["change", "resume" if schedule.paused else "pause", "remove"]
        if access.may_use(caller, schedule)
        else [],
        url=f"{PREFIX}/schedules/{schedule.id}",
    )


def times_of(cron: str, timezone: str, now: datetime) -> list[datetime]:
    """The next times of a cron expression, in UTC as all times of the API."""
    return [time.astimezone(UTC) for time in next_times(cron, timezone, now)]


class ParameterShape(BaseModel):
    """A parameter of a notebook, as a form or a command needs it."""

    name: str
    type: str
    optional: bool
    default: Any
    source: str | None
    help: str
    choices: list[Any]
    secret: bool
    required: bool


def parameter_shape(parameter: Parameter) -> ParameterShape:
    """One parameter; ``source`` is its default as it is written in the notebook."""
    kind = parameter.kind
    return ParameterShape(
        name=parameter.name,
        type=kind.name,
        optional=kind.optional,
        default=parameter.default if parameter.literal else None,
        source=parameter.source,
        help=parameter.help,
        choices=list(kind.choices),
        secret=kind.name == "secret",
        required=parameter.required,
    )
