"""Everything that the service's parts stand on, put together once from the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine as Database
from sqlalchemy.orm import Session

from cohort.cdi import resolve_devices
from cohort.database import ensure_schema, open_database
from cohort.engine import Engine
from cohort.engine_docker import DockerEngine
from cohort.errors import EngineError
from cohort.gpus import GpuLedger
from cohort.membership import account_of
from cohort.service.callers import Hub
from cohort.service.session import Sessions
from cohort.settings import Settings
from experiments.attempts import Attempts
from experiments.finishing import Finisher
from experiments.launch import Folders, Launcher
from experiments.offer import Offer, Room, Shares
from experiments.report.html import Renderer
from experiments.report.pdf import Press
from experiments.report.pool import WorkerPool
from experiments.retention import Rules
from experiments.seal import Seal
from experiments.snapshots import SnapshotStore
from experiments.supervisor import Supervisor

SERVICE = "experiments"
MEMORY_SHARE = 0.75  # of the machine's, for runs, unless the settings say


@dataclass(frozen=True)
class Context:
    """What routes, pages and loops share."""

    settings: Settings
    database: Database
    hub: Hub
    sessions: Sessions
    engine: Engine
    ledger: GpuLedger
    folders: Folders
    snapshots: SnapshotStore
    offer: Offer
    pool: WorkerPool
    renderer: Renderer
    press: Press
    supervisor: Supervisor
    rules: Rules

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose rows may be used after it."""
        with Session(self.database, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction; the supervisor looks at once when it is done."""
        with Session(self.database, expire_on_commit=False) as session, session.begin():
            yield session
        self.supervisor.wake()

    def close(self) -> None:
        """End what was started; containers run on."""
        self.supervisor.stop()
        self.pool.close()
        self.database.dispose()


def create_context(settings: Settings, secrets: dict[str, str]) -> Context:
    """Put the service together; raises `CohortError` if something cannot be had."""
    database = open_database(settings.database_url)
    ensure_schema(database)
    engine, seal = DockerEngine(), Seal(secrets["experiments_key"])
    dirs = [Path(d) for d in os.environ["COHORT_CDI_DIRS"].split(":")]
    ledger = GpuLedger(database, resolve_devices(settings.gpus, dirs))
    offer = make_offer(settings, engine, ledger, seal)
    folders = Folders(settings.data)
    snapshots = SnapshotStore(settings.data / "runs")
    launcher = Launcher(settings, snapshots, seal)
    pool = WorkerPool()
    renderer = Renderer(pool)
    finisher = Finisher(database, folders, snapshots, renderer, settings.data / "scenarios")
    attempts = Attempts(database, engine, launcher, ledger, finisher.finish)
    hub = Hub(settings, SERVICE, secrets["experiments_token"])
    own = settings.experiments
    return Context(
        settings=settings, database=database, hub=hub, engine=engine, ledger=ledger,
        folders=folders, snapshots=snapshots, offer=offer, pool=pool, renderer=renderer,
        sessions=Sessions(hub, secrets["experiments_key"], secure=settings.address.secure),
        press=Press(engine, next(iter(offer.images.values())), settings.lab.project,
                    settings.data / "runs" / "pdf"),
        supervisor=Supervisor(attempts, offer),
        rules=Rules(age=timedelta(days=own.keep_days), total_bytes=own.keep_bytes),
    )  # fmt: skip


def make_offer(settings: Settings, engine: Engine, ledger: GpuLedger, seal: Seal) -> Offer:
    """What the lab offers to runs: the machine's size, or what the settings leave of it."""
    own, machine = settings.experiments, engine.capacity()
    tag = os.environ.get("COHORT_IMAGE_TAG", "latest")
    named = [p.image for p in settings.profiles if p.image != "workspace"]
    wanted = {"workspace": f"cohort/workspace:{tag}"} | {name: name for name in named}
    found = {name: engine.image_digest(image) for name, image in wanted.items()}
    images = {name: digest for name, digest in found.items() if digest}
    if "workspace" not in images:
        raise EngineError("The workspace image is not on this machine: run `make up`.")
    return Offer(
        total=Room(
            cpus=min(own.cpus or machine.cpus, machine.cpus),
            memory_bytes=own.memory_bytes or int(machine.memory_bytes * MEMORY_SHARE),
            gpus=len(ledger.devices),
        ),
        images=images,
        seal=seal,
        shares=Shares(running=own.running, gpus=own.gpus),
        network_owners=frozenset(account_of(team) for team in own.network),
    )
