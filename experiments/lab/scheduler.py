"""JupyterLab's "Notebook Jobs": jupyter-scheduler in front of the experiments service.

A job is a run, a job definition a schedule, both of the account whose workspace this is.

Invariant: nothing is kept here. Whatever the panel shows was asked of the service, schedules fire
while this server is down, and what has run stays on record: to delete a job is to stop it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import cached_property, wraps

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.job_files_manager import JobFilesManager
from jupyter_scheduler.models import (
    DEFAULT_SORT,
    CountJobsQuery,
    CreateJob,
    CreateJobDefinition,
    CreateJobFromDefinition,
    DescribeJob,
    DescribeJobDefinition,
    JobFile,
    ListJobDefinitionsQuery,
    ListJobDefinitionsResponse,
    ListJobsQuery,
    ListJobsResponse,
    UpdateJob,
    UpdateJobDefinition,
)
from jupyter_scheduler.scheduler import BaseScheduler

from experiments.client import Client, ExperimentError, Study, read_study
from experiments.lab.asking import KEPT, options_of, read_values, study_of
from experiments.lab.describe import describe_run, describe_schedule, states_of
from experiments.lab.environment import FILES, Features
from experiments.lab.listing import arranged, is_called, page_of
from experiments.lab.places import find_notebook

# The service tells runs from the newest on; another order is that of the latest so many.
LATEST = 1000


def asked(method: Callable) -> Callable:
    """A method that waits for the service: in a thread, with refusals that the panel shows."""

    @wraps(method)
    async def call(self, *args, **kwargs):
        try:
            return await asyncio.to_thread(method, self, *args, **kwargs)
        except ExperimentError as error:
            raise SchedulerError(str(error)) from None

    return call


class ExperimentsScheduler(BaseScheduler):
    """A scheduler without tables and tasks of its own."""

    task_runner = None
    execution_manager_class = Features

    def __init__(self, root_dir, environments_manager, config=None, **_) -> None:
        super().__init__(root_dir, environments_manager, config=config)

    @cached_property
    def client(self) -> Client:
        """The service, as this workspace's account."""
        return Client()

    @asked
    def create_job(self, model: CreateJob) -> str:
        """Submit a run, also if the same has run before; its id."""
        if model.idempotency_token or model.job_definition_id:
            raise ExperimentError(
                "A job is asked for without idempotency_token and job_definition_id.",
                code="job_refused",
            )
        options, study = options_of(model), self._study(model.input_uri)
        values, options["secrets"] = read_values(study, model.parameters)
        study = self.client.hand_in(study)
        return self.client.submit(study, values, again=True, **options).id

    @asked
    def get_job(self, job_id: str, job_files: bool | None = True) -> DescribeJob:
        """One run."""
        return self._described(self.client.run(job_id).data)

    @asked
    def list_jobs(self, query: ListJobsQuery) -> ListJobsResponse:
        """Runs of this account, a page at a time."""
        begin, end = page_of(query)
        found = {"owner": self.client.owner, "schedule": query.job_definition_id}
        if query.status:
            found["state"] = states_of(query.status)
        if query.tags:
            found["tag"] = query.tags[0]
        whole = query.sort_by == [DEFAULT_SORT] and not (query.name or query.start_time)
        limit = end + 1 if whole and not query.status and len(query.tags or ()) < 2 else LATEST
        runs = [] if found.get("state") == [] else self.client.runs(limit, **found)
        jobs = [self._described(run.data) for run in runs]
        jobs = [
            job
            for job in jobs
            if (not query.status or job.status == query.status)
            and (not query.start_time or (job.start_time or 0) >= query.start_time)
            and is_called(job, query)
        ]
        jobs = arranged(jobs, query.sort_by)
        return ListJobsResponse(
            jobs=jobs[begin:end],
            # The panel's word for "not known".
            total_count=-1 if len(runs) == limit else len(jobs),
            next_token=str(end) if len(jobs) > end else None,
        )

    @asked
    def count_jobs(self, query: CountJobsQuery) -> int:
        """How many of the latest runs of this account have a status."""
        states = states_of(query.status)
        runs = self.client.runs(LATEST, owner=self.client.owner, state=states) if states else []
        return sum(describe_run(run.data).status == query.status for run in runs)

    @asked
    def update_job(self, job_id: str, model: UpdateJob) -> None:
        """Refused: a run is what was asked for."""
        raise ExperimentError(
            "A run cannot be changed after it was asked for: stop it and create another job.",
            code="job_refused",
        )

    @asked
    def stop_job(self, job_id: str) -> None:
        """Stop a run."""
        self.client.run(job_id).cancel()

    @asked
    def delete_job(self, job_id: str) -> None:
        """Stop a run; refused for one that has ended."""
        run = self.client.run(job_id)
        if run.ended:
            raise ExperimentError(
                f"{job_id} stays on record, so that its report can be found and proved: what it "
                "holds is removed when the team's retention says so.",
                code="job_refused",
            )
        run.cancel()

    @asked
    def create_job_definition(self, model: CreateJobDefinition) -> str:
        """Have a notebook run, as it is now, by a cron expression; the schedule's id."""
        if not model.schedule:
            raise ExperimentError(
                "A job definition needs a schedule: choose when it runs, or run it now.",
                code="job_refused",
            )
        options, study = options_of(model), self._study(model.input_uri)
        values, options["secrets"] = read_values(study, model.parameters)
        if model.timezone:
            options["timezone"] = model.timezone
        self.client.next_times(model.schedule, model.timezone)
        study = self.client.hand_in(study)
        return self.client.schedule(study, model.schedule, values, **options).id

    @asked
    def get_job_definition(self, job_definition_id: str) -> DescribeJobDefinition:
        """One schedule."""
        return describe_schedule(self.client.get_schedule(job_definition_id).data)

    @asked
    def list_job_definitions(self, query: ListJobDefinitionsQuery) -> ListJobDefinitionsResponse:
        """Schedules of this account, a page at a time."""
        begin, end = page_of(query)
        found = self.client.schedules(self.client.owner)
        described = [describe_schedule(schedule.data) for schedule in found]
        described = [
            one
            for one in described
            if one.create_time >= (query.create_time or 0) and is_called(one, query)
        ]
        described = arranged(described, query.sort_by)
        return ListJobDefinitionsResponse(
            job_definitions=described[begin:end],
            total_count=len(described),
            next_token=str(end) if len(described) > end else None,
        )

    @asked
    def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> None:
        """Pause or resume a schedule, or alter its name and times."""
        schedule = self.client.get_schedule(job_definition_id)
        wanted = {name: value for name, value in model.dict().items() if value is not None}
        # The panel names the notebook again when only the times are edited.
        if wanted.get("input_uri") == describe_schedule(schedule.data).input_filename:
            del wanted["input_uri"]
        active = wanted.pop("active", None)
        names = {"name": "title", "schedule": "cron", "timezone": "timezone"}
        if other := sorted(wanted.keys() - names.keys() - {"output_filename_template"}):
            raise ExperimentError(
                f"The {other[0]} of a schedule cannot be changed: delete it and create another.",
                code="job_refused",
            )
        if changes := {names[name]: wanted[name] for name in names if name in wanted}:
            schedule.change(**changes)
        if active is not None:
            schedule.resume() if active else schedule.pause()

    @asked
    def delete_job_definition(self, job_definition_id: str) -> None:
        """Retire a schedule; its runs stay."""
        self.client.get_schedule(job_definition_id).remove()

    @asked
    def create_job_from_definition(
        self, job_definition_id: str, model: CreateJobFromDefinition
    ) -> str:
        """Submit a run of what a schedule runs, with other parameters if there are; its id."""
        request = self.client.get_schedule(job_definition_id).data["request"]
        study = study_of(self.client, request)
        values, secrets = read_values(study, model.parameters)
        if missing := sorted(set(request["secrets"]) - set(secrets)):
            raise ExperimentError(
                f"The schedule's secrets are for its own runs alone: give {', '.join(missing)}.",
                code="secrets_needed",
            )
        options = {name: value for name, value in request.items() if name in KEPT}
        values = request["parameters"] | values
        return self.client.submit(study, values, again=True, secrets=secrets, **options).id

    @asked
    def download(self, job_id: str) -> None:
        """Copy what is kept of a run into its folder below the server's root."""
        run = self.client.run(job_id)
        run.download(self.get_local_output_path(describe_run(run.data)))

    def _study(self, input_uri: str) -> Study:
        return read_study(find_notebook(self.root_dir, input_uri))

    def _described(self, run: dict) -> DescribeJob:
        """A run as a job, with where its files are once they were downloaded."""
        job = describe_run(run)
        folder = self.get_local_output_path(job, root_dir_relative=True)
        for kind, (name, title) in FILES.items():
            path = os.path.join(folder, name)
            there = path if self.file_exists(path) else None
            job.job_files.append(JobFile(display_name=title, file_format=kind, file_path=there))
        job.downloaded = all(file.file_path for file in job.job_files)
        return job


class RunFiles(JobFilesManager):
    """Takes files from the service instead of a staging area."""

    async def copy_from_staging(self, job_id: str, redownload: bool | None = False) -> None:
        """Copy a run's files; they are there when this returns."""
        await self.scheduler.download(job_id)
