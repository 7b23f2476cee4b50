"""Everything that the service's parts stand on, put together once from the settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from cohort.cdi import resolve_devices
from cohort.database import ensure_schema, open_database
from cohort.engine_docker import DockerEngine
from cohort.gpus import GpuLedger, utc_now
from cohort.service.callers import Hub
from cohort.service.session import Sessions
from cohort.settings import Settings
from grading.autograder.attempts import Attempts
from grading.autograder.launch import Launcher
from grading.autograder.loop import Autograder
from grading.autograder.queue import AttemptQueue
from grading.contents import Contents
from grading.materials import Materials
from grading.service.roster import Roster

SERVICE = "grading"


@dataclass(frozen=True)
class Context:
    """What routes, pages and loops share."""

    settings: Settings
    database: Database
    hub: Hub
    sessions: Sessions
    roster: Roster
    contents: Contents
    queue: AttemptQueue
    secret: bytes  # of receipts
    autograder: Autograder | None = None  # None: what is asked for waits
    now: Callable[[], datetime] = utc_now

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that is committed at the end of the block; its rows may be used after it."""
        with Session(self.database, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """End what was started, and give back what was opened; containers run on."""
        if self.autograder is not None:
            self.autograder.stop()
        self.database.dispose()


def create_context(settings: Settings, secrets: dict[str, str]) -> Context:
    """The exchange, without an autograder; raises `CohortError` if something cannot be had."""
    database = open_database(settings.database_url)
    ensure_schema(database)
    contents = Contents(settings.data / "exchange")
    contents.blobs.sweep_temporary(older_than_s=0)  # of a service that was killed
    hub = Hub(settings, SERVICE, secrets["grading_token"])
    return Context(
        settings=settings, database=database, hub=hub, roster=Roster(hub), contents=contents,
        queue=AttemptQueue(database),
        sessions=Sessions(hub, secrets["grading_key"], secure=settings.address.secure),
        secret=bytes.fromhex(secrets["grading_key"]),
    )  # fmt: skip


def with_autograder(context: Context) -> Context:
    """The same with an autograder, not begun; raises `CohortError` without an engine."""
    settings, database = context.settings, context.database
    engine = DockerEngine()
    dirs = [Path(d) for d in os.environ["COHORT_CDI_DIRS"].split(":")]
    attempts = Attempts(
        queue=context.queue, engine=engine, blobs=context.contents.blobs,
        launcher=Launcher(
            settings.lab.project, settings.data / "exchange" / "autograde",
            Materials(database, context.contents),
        ),
        ledger=GpuLedger(database, resolve_devices(settings.gpus, dirs)),
        image=f"cohort/workspace:{os.environ.get('COHORT_IMAGE_TAG', 'latest')}",
    )  # fmt: skip
    side_by_side = max(1, int(engine.capacity().cpus))
    return replace(context, autograder=Autograder(attempts, side_by_side=side_by_side))
