"""The queue without containers: both databases, a clock that a test sets, requests and moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cohort.gpus import GpuLedger, Holder
from experiments import changes, queue
from experiments.admission import admit, release
from experiments.changes import Cause
from experiments.offer import GIB, Offer, Room, Shares
from experiments.queue import Origin
from experiments.requests import RunRequest, parse
from experiments.seal import Seal
from experiments.states import State
from experiments.tables import Run, RunChange, RunTag, RunTerm, Snapshot, Sweep
from experiments.waiting import Waiting, explain

HASH = "a" * 64
START = datetime(2026, 11, 23, 6, 2, tzinfo=UTC)  # 14:02 in Hong Kong
DEVICES = tuple(f"nvidia.com/gpu={i}" for i in range(2))
APOLLO = Origin("team-apollo", "ada")
BOREALIS = Origin("team-borealis", "ben")
CORAL = Origin("team-coral", "cleo")
TEAM = Holder("team", "team-coral", "team coral")  # its workspace, not its runs


class Clock:
    """A clock that a test sets."""

    def __init__(self, time: datetime = START) -> None:
        self.time = time

    def __call__(self) -> datetime:
        return self.time

    def later(self, **span) -> None:
        self.time += timedelta(**span)


class Desk:
    """Everything that a test of the queue does, each in a transaction of its own."""

    def __init__(self, database: Engine, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.ledger = GpuLedger(database, DEVICES, now=clock)
        self.offer = Offer(
            total=Room(8, 32 * GIB, len(DEVICES)),
            images={"workspace": "sha256:" + "1" * 64, "other": "sha256:" + "2" * 64},
            seal=Seal("5e" * 32),
            shares=Shares(),
            now=clock,
        )
        for origin in (APOLLO, BOREALIS, CORAL):
            self.hand_in(origin)

    def hand_in(self, origin: Origin, snapshot: str = HASH) -> None:
        with Session(self.database) as session, session.begin():
            session.add(
                Snapshot(hash=snapshot, owner=origin.owner, files=1, bytes=1,
                         created_at=self.clock())
            )  # fmt: skip

    def submit(self, origin: Origin = APOLLO, **fields) -> str:
        with Session(self.database) as session, session.begin():
            return queue.submit(session, request(**fields), origin, self.offer).id

    def move(self, run_id: str, *states: State, **cause) -> None:
        for state in states:
            with Session(self.database) as session, session.begin():
                run = session.get_one(Run, run_id)
                changes.move(session, run, state, self.clock(), Cause(**cause))

    def finish(self, run_id: str, state: State = State.SUCCEEDED) -> None:
        self.move(run_id, State.STARTING, State.RUNNING, state)

    def alter(self, run_id: str, **values) -> None:
        with Session(self.database) as session, session.begin():
            run = session.get_one(Run, run_id)
            for name, value in values.items():
                setattr(run, name, value)

    def run(self, run_id: str) -> Run:
        with Session(self.database, expire_on_commit=False) as session, session.begin():
            return session.get_one(Run, run_id)

    def runs(self, **where) -> list[Run]:
        with Session(self.database, expire_on_commit=False) as session, session.begin():
            found = select(Run).filter_by(**where).order_by(Run.created_at, Run.id)
            return list(session.scalars(found))

    def history(self, run_id: str) -> list[tuple[str, str]]:
        with Session(self.database) as session, session.begin():
            rows = select(RunChange).where(RunChange.run_id == run_id).order_by(RunChange.number)
            return [(row.what, row.who) for row in session.scalars(rows)]


def request(**fields) -> RunRequest:
    """A request for the notebook ``work.ipynb``, with these fields."""
    return parse(RunRequest, {"notebook": "work.ipynb", "snapshot": HASH} | fields)


def counts(desk: Desk) -> dict[str, int]:
    with Session(desk.database) as session, session.begin():
        tables = (Run, RunTag, RunTerm, RunChange, Sweep)
        return {t.__name__: session.scalar(select(func.count()).select_from(t)) for t in tables}


def started(desk: Desk) -> list[str]:
    """Admit; the ids of what was started, oldest first."""
    runs = admit(desk.database, desk.ledger, desk.offer)
    for run in runs:
        assert desk.run(run.id).state == "starting"
    return [run.id for run in sorted(runs, key=lambda run: (run.created_at, run.id))]


def submit(desk: Desk, origin=APOLLO, **fields) -> str:
    """A run a second after the last one, so that their order is known."""
    desk.clock.later(seconds=1)
    return desk.submit(origin, **fields)


def over(desk: Desk, run_id: str, state: State = State.SUCCEEDED) -> None:
    """End a starting run and free its devices, as the supervisor does."""
    desk.move(run_id, State.RUNNING, state)
    release(desk.ledger, run_id)


def reasons(desk: Desk) -> dict[str, Waiting]:
    claims = desk.ledger.claims()
    with Session(desk.database) as session, session.begin():
        return explain(session, desk.ledger, claims, desk.offer)


def sentence(desk: Desk, run_id: str) -> str:
    return reasons(desk)[run_id].sentence
