"""The way in: submits notebooks, sweeps and schedules, and finds what was submitted.

Invariant: what can be told to be wrong from the notebook alone is refused before anything is
sent; one call makes one run or one sweep, however often the network has it repeated.
"""

from __future__ import annotations

import json
import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Unpack

from experiments.client.asking import (
    Found,
    Options,
    ScheduleOptions,
    SweepOptions,
    run_request,
    split,
)
from experiments.client.http import PATIENCE_S, Counted, Http, UnreachableError
from experiments.client.plans import Schedule, Sweep
from experiments.client.runs import Run
from experiments.client.study import Study, read_study, told_parameters
from experiments.packing import git_facts, pack
from experiments.parameters import Parameter, check_values
from experiments.sweeps import expand

PAGE = 50


class Client:
    """The experiments service of the lab that this workspace is in.

    ``address`` (``http://…/services/experiments``) is $COHORT_EXPERIMENTS_URL and ``token``
    $JUPYTERHUB_API_TOKEN without one; a workspace has both. ``owner`` is whose the runs are that
    it submits: a login or ``team-NAME``; without one, the account whose token it is.
    ``patience_s`` is how long a call is tried again while the service is away.
    """

    def __init__(
        self,
        address: str | None = None,
        token: str | None = None,
        *,
        owner: str | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        address = address or _from_environment("COHORT_EXPERIMENTS_URL")
        token = token or _from_environment("JUPYTERHUB_API_TOKEN")
        self._http, self._owner = Http(address, token, patience_s), owner

    def close(self) -> None:
        """Let connections go."""
        self._http.close()

    @cached_property
    def me(self) -> dict:
        """Who this is: ``login``, ``role``, the ``owners`` that it may submit for, …."""
        return self._http.get("me")

    @property
    def owner(self) -> str:
        """Whose its runs are."""
        return self._owner or self.me["login"]

    def hand_in(self, study: Study, on_bytes: Callable[[int, int], None] | None = None) -> Study:
        """Pack a study's folder and hand it to the service, for any number of runs.

        Later changes of the folder change nothing of them. ``on_bytes`` is told how many bytes of
        how many were sent. What `pack` left out is in the ``notes`` of the study returned.
        """
        packed = pack(study.folder, study.notebook)
        with packed.file as file:
            form = {"owner": self.owner}
            if git := git_facts(study.folder):
                form["git"] = json.dumps(git)
            archive = Counted(file, on_bytes) if on_bytes else file
            # The same files are the same snapshot, however often they are sent.
            answer = self._http.call(
                "POST", "snapshots", data=form,
                files={"archive": ("folder.tar.gz", archive, "application/gzip")},
            )  # fmt: skip
        return replace(study, snapshot=answer["hash"], notes=tuple(packed.notes))

    def parameters(self, snapshot: str, notebook: str) -> tuple[Parameter, ...]:
        """What a notebook takes that was handed in, by the snapshot's hash and its path there.

        Nobody may have that folder here any more: a schedule's, an earlier run's.
        """
        told = self._http.get(
            f"snapshots/{snapshot}/parameters", owner=self.owner, notebook=notebook
        )
        return told_parameters(told["parameters"])

    def submit(
        self,
        notebook: str | Path | Study,
        parameters: Mapping | None = None,
        *,
        again: bool = False,
        **options: Unpack[Options],
    ) -> Run:
        """Submit a notebook with these parameters, and return the run that waits to start.

        Its folder goes with it; for another folder pass a `Study`. If the same inputs have run
        and succeeded before, that run is returned (``earlier``), unless ``again``.
        """
        study = _study(notebook)
        asked, _ = split(options, Options)
        values = check_values(study.parameters, dict(parameters or {}))
        request = self._complete(study, run_request(study, values, asked))
        request["idempotency_key"] = uuid.uuid4().hex
        body = {"owner": self.owner, "run": request, "again": again}
        answer = self._http.call("POST", "runs", json=body)
        return Run(self._http, answer["run"], earlier=answer["same"] == "inputs")

    def sweep(
        self,
        notebook: str | Path | Study,
        spec: Mapping,
        parameters: Mapping | None = None,
        **options: Unpack[SweepOptions],
    ) -> Sweep:
        """Submit a run for each member of a sweep; ``parameters`` are the same for all.

        ``spec`` is a grid, a list or random, as `experiments.sweeps` describes:
        ``{"kind": "grid", "axes": {"lr": [0.1, 0.01], "seed": "1:5"}}``.
        """
        study = _study(notebook)
        asked, rules = split(options, SweepOptions)
        fixed = dict(parameters or {})
        expand(dict(spec), study.parameters, fixed)
        request = self._complete(study, run_request(study, fixed, asked))
        body = rules | {"run": request, "spec": dict(spec), "idempotency_key": uuid.uuid4().hex}
        answer = self._http.call("POST", "sweeps", json={"owner": self.owner, "sweep": body})
        return Sweep(self._http, answer["sweep"])

    def schedule(
        self,
        notebook: str | Path | Study,
        cron: str,
        parameters: Mapping | None = None,
        **options: Unpack[ScheduleOptions],
    ) -> Schedule:
        """Have a notebook run, as its folder is now, at the times of a cron expression."""
        study = _study(notebook)
        asked, rules = split(options, ScheduleOptions)
        values = check_values(study.parameters, dict(parameters or {}))
        request = run_request(study, values, asked)
        if study.snapshot is None:
            self.next_times(cron, rules.get("timezone"))  # refused before it is sent in vain
        body = rules | {"run": self._complete(study, request), "cron": cron}
        # It has no key by which the service would know a repetition.
        answer = self._http.call(
            "POST", "schedules", json={"owner": self.owner, "schedule": body}, repeatable=False
        )
        return Schedule(self._http, answer["schedule"])

    def next_times(self, cron: str, timezone: str | None = None) -> list[datetime]:
        """The next times that a cron expression names; refuses what is none."""
        body = {"cron": cron} | ({"timezone": timezone} if timezone else {})
        times = self._http.call("POST", "schedules/preview", json=body)["times"]
        return [datetime.fromisoformat(time) for time in times]

    def run(self, run_id: str) -> Run:
        """A run by its id."""
        return Run(self._http, self._http.get(f"runs/{run_id}"))

    def runs(self, limit: int = PAGE, **found: Unpack[Found]) -> list[Run]:
        """The latest runs that one may see and that are what is asked for, newest first."""
        return [Run(self._http, data) for data in self._pages("runs", limit, found)]

    def get_sweep(self, sweep_id: str) -> Sweep:
        """A sweep by its id."""
        return Sweep(self._http, self._http.get(f"sweeps/{sweep_id}"))

    def sweeps(self, limit: int = PAGE, owner: str | None = None) -> list[Sweep]:
        """The latest sweeps."""
        return [Sweep(self._http, data) for data in self._pages("sweeps", limit, {"owner": owner})]

    def get_schedule(self, schedule_id: str) -> Schedule:
        """A schedule by its id."""
        return Schedule(self._http, self._http.get(f"schedules/{schedule_id}"))

    def schedules(self, owner: str | None = None) -> list[Schedule]:
        """All schedules."""
        found = self._http.get("schedules", owner=owner)["schedules"]
        return [Schedule(self._http, data) for data in found]

    def verify(
        self,
        run_id: str,
        tolerance: Mapping | None = None,
        secrets: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a run again from its record; the new run's `Run.verdict` says what came of it."""
        return self.run(run_id).verify(tolerance, secrets)

    def compare(self, run_ids: Iterable[str]) -> dict:
        """Parameters and metrics of 2 to 100 runs as a table: ``columns`` and ``rows``."""
        return self._http.get("compare", run=list(run_ids))

    def compare_cells(self, one: str, other: str) -> dict:
        """Two executed notebooks cell by cell, as `experiments.report.compare` has them."""
        return self._http.get("compare/cells", one=one, other=other)

    def _pages(self, kind: str, limit: int, query: Mapping) -> list[dict]:
        found: list[dict] = []
        after = None
        while len(found) < limit:
            page = self._http.get(kind, after=after, limit=min(PAGE, limit - len(found)), **query)
            found += page[kind]
            after = page.get("next")
            if after is None:
                break
        return found[:limit]

    def _complete(self, study: Study, request: dict) -> dict:
        """The request with its snapshot; the folder is handed in if it has not been."""
        if study.snapshot is None:
            study = self.hand_in(study)
            for note in study.notes:
                warnings.warn(note, stacklevel=3)
        return request | {"snapshot": study.snapshot}


def _study(notebook: str | Path | Study) -> Study:
    return notebook if isinstance(notebook, Study) else read_study(notebook)


def _from_environment(name: str) -> str:
    if value := os.environ.get(name):
        return value
    raise UnreachableError(
        f"{name} is not set, so the experiments service cannot be found: run this in one of the "
        "lab's workspaces."
    )
