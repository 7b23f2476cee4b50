"""What runs, sweeps and schedules are asked for with, beside a notebook and its parameters.

Invariant: an option that is left out is not sent, so that the service's own default stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal, TypedDict

from experiments.client.study import Study
from experiments.parameters import check_secrets


class Options(TypedDict, total=False):
    """Of a run. Secrets are those of the notebook's parameters, by name."""

    secrets: Mapping[str, str]
    title: str
    tags: Iterable[str]
    cpus: float
    memory: str  # "8G"
    gpus: int
    time_limit_s: int
    cell_limit_s: int
    kernel: str
    image: str
    network: bool
    not_before: datetime
    max_attempts: int
    notify: Mapping[str, str]  # {"email": …, "webhook": …}


class SweepOptions(Options, total=False):
    """Of each run of a sweep, and how many of them run at once."""

    max_running: int


class Rules(TypedDict, total=False):
    """By which the runs of a schedule come.

    Without a time zone it is the lab's. ``missed``: what to do about times at which the lab was
    down; ``overlap``: what to do while the run before goes on.
    """

    timezone: str
    missed: Literal["skip", "one", "all"]
    overlap: Literal["forbid", "queue", "replace"]


class ScheduleOptions(Options, Rules, total=False):
    """Of each run of a schedule, and its rules."""


class ScheduleChanges(Rules, total=False):
    """What can be altered in a schedule that is there."""

    title: str
    cron: str


class Found(TypedDict, total=False):
    """What runs are looked for by."""

    owner: str
    author: str
    notebook: str
    tag: str
    state: str
    text: str
    sweep: str
    schedule: str


def split(options: Mapping, kind: type[Options]) -> tuple[Options, dict]:
    """The options of the run, and those that only this kind of request has."""
    if unknown := options.keys() - kind.__optional_keys__:
        raise TypeError(f"There is no option {min(unknown)!r}.")
    own = {name: value for name, value in options.items() if name not in Options.__optional_keys__}
    return {name: value for name, value in options.items() if name not in own}, own


def run_request(study: Study, values: dict, options: Options) -> dict:
    """The JSON of the service's ``RunRequest`` for a study, which may not have a snapshot yet.

    Raises `ParameterError` for a secret that is none, or is missing.
    """
    request = {
        "notebook": study.notebook,
        "kernel": study.kernel,
        "parameters": values,
        **options,
        "secrets": check_secrets(study.parameters, dict(options.get("secrets", {}))),
    }
    if "tags" in request:
        request["tags"] = list(request["tags"])
    if "not_before" in request:
        request["not_before"] = request["not_before"].isoformat()
    return request
