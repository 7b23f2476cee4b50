"""Runs and schedules in jupyter-scheduler's terms: jobs and job definitions.

Invariant: what is said of a job is one answer of the service; nothing of it is kept here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath

from jupyter_scheduler.models import DescribeJob, DescribeJobDefinition, Status

from experiments.lab.environment import CPU, FILES, GPU, IMAGE, untagged
from experiments.states import ENDED, State

STATUS = {
    State.WAITING: Status.QUEUED,
    # In progress, since the panel can stop nothing else.
    State.STARTING: Status.IN_PROGRESS,
    State.RUNNING: Status.IN_PROGRESS,
    State.SUCCEEDED: Status.COMPLETED,
    State.FAILED: Status.FAILED,
    State.CANCELLED: Status.STOPPED,
    State.TIMED_OUT: Status.FAILED,
    State.LOST: Status.FAILED,
}


def status_of(run: Mapping) -> Status:
    """The status of a run (the API's ``Run``)."""
    state = State(run["state"])
    stopping = run["cancel_asked"] and state not in ENDED
    return Status.STOPPING if stopping else STATUS[state]


def states_of(status: Status) -> list[State]:
    """The states in which runs may have this status."""
    if status == Status.STOPPING:
        return [state for state in State if state not in ENDED]
    return [state for state, its in STATUS.items() if its == status]


def describe_run(run: Mapping) -> DescribeJob:
    """A run as a job."""
    waiting = run["waiting"]
    return DescribeJob(
        **_described(run, run),
        job_id=run["id"],
        job_definition_id=run["schedule_id"],
        url=run["url"],
        update_time=_ms(run["ended_at"] or run["started_at"] or run["created_at"]),
        start_time=_ms(run["started_at"]),
        end_time=_ms(run["ended_at"]),
        status=status_of(run),
        status_message=run["message"] or (waiting and waiting["why"]),
    )


def describe_schedule(schedule: Mapping) -> DescribeJobDefinition:
    """A schedule as a job definition."""
    return DescribeJobDefinition(
        **_described(schedule, schedule["request"]),
        job_definition_id=schedule["id"],
        schedule=schedule["cron"],
        timezone=schedule["timezone"],
        update_time=_ms(schedule["last_at"] or schedule["created_at"]),
        active=not schedule["paused"],
    )


def _described(told: Mapping, request: Mapping) -> dict:
    """What jobs and job definitions have alike."""
    path = PurePosixPath(told["notebook"])
    return {
        "input_filename": path.name,
        "name": told["title"] or path.stem,
        "runtime_environment_name": untagged(request["image"]) or IMAGE,
        "output_formats": list(FILES),
        "parameters": {name: _text(value) for name, value in request["parameters"].items()},
        "tags": request["tags"],
        "compute_type": GPU if request["gpus"] else CPU,
        "create_time": _ms(told["created_at"]),
        "package_input_folder": True,
    }


def _text(value: object) -> str:
    """A value as `parse_text` reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def _ms(time: str | None) -> int | None:
    return None if time is None else round(datetime.fromisoformat(time).timestamp() * 1000)
