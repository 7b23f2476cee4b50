"""Admission: runs that wait are started as room, shares and the GPU ledger allow.

Invariant: what is starting or running never needs more than the lab has, and a device that the
ledger gave to a run is the run's until its container is gone.

A run first becomes ``starting``, in one transaction, and claims its GPUs after that, in the
ledger's own: never inside one another, for SQLite has one writer at a time. Nothing leaks if the
service is killed in between, or the second step fails:

- killed before the claim, a run is starting and has no devices: `recover` claims them;
- killed after the claim, before the devices are written in the run's row: the same, because to
  claim again gives the same devices;
- another took the GPU meanwhile: the run goes back to waiting, as if it had never started;
- a claim whose run does not start any more: `GpuLedger.reconcile` frees it, in `recover`.

As the state comes first, a claim's run is live for as long as the claim is, and reconciling
frees nobody's device under their hands; yet it reads who is live before it looks at the claims,
so `recover` must not be called while `admit` is at work, in whatever thread.
"""

from __future__ import annotations

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from cohort.errors import CohortError
from cohort.gpus import Claim, GpuLedger, Holder
from experiments.changes import Cause, StateError, lock, move
from experiments.offer import Offer, Room, need_of, people
from experiments.planning import Entry, Picture, plan, taken
from experiments.states import ACTIVE, State
from experiments.tables import Run, Sweep

KIND = "run"
ADMISSION_LOCK = 0x61646D6974  # "admit": any constant that no other advisory lock has


def admit(engine: Engine, ledger: GpuLedger, offer: Offer) -> list[Run]:
    """Move every run that may start now to ``starting``, with its devices, and return them."""
    claims = ledger.claims()
    with Session(engine, expire_on_commit=False) as session, session.begin():
        _one_at_a_time(session)
        picture = read_picture(session, ledger, claims, offer)
        decisions = plan(picture, offer.shares, offer.now())
        starts = [d.entry.id for d in decisions if d.waits_for is None]
        # In the order of their ids, as everybody who locks several runs does: no deadlock.
        runs = [_start(session, run_id, offer) for run_id in sorted(starts)]
    return [run for run in runs if run and _equip(engine, run, ledger, offer)]


def recover(engine: Engine, ledger: GpuLedger, offer: Offer, containers: set[str]) -> list[Run]:
    """Put ledger and runs in agreement again: when the service starts, and now and then.

    ``containers`` are the ids of runs that have a container, ended or not: their devices stay
    theirs. Returns the runs that are starting, with their devices.
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        live = set(session.scalars(select(Run.id).where(Run.state.in_(ACTIVE))))
        runs = session.scalars(select(Run).where(Run.state == State.STARTING)).all()
    ledger.reconcile({Holder(KIND, run_id) for run_id in live | containers}, kind=KIND)
    return [run for run in runs if _equip(engine, run, ledger, offer)]


def release(ledger: GpuLedger, run_id: str) -> tuple[str, ...]:
    """Free the devices of a run; only when its container is gone."""
    return ledger.release(Holder(KIND, run_id))


def read_picture(session: Session, ledger: GpuLedger, claims: list[Claim], offer: Offer) -> Picture:
    """Read the queue as `plan` wants it; ``claims`` are the ledger's, from just before."""
    waiting, active = [], []
    for state, entry in read_entries(session):
        (waiting if state == State.WAITING else active).append(entry)
    held = [c.holder for c in claims if c.device in ledger.devices]
    by_runs = {entry.id: 0 for entry in active}
    others = 0
    for holder in held:
        if holder.kind == KIND and holder.name in by_runs:
            by_runs[holder.name] += 1
        else:
            others += 1
    in_use = taken(active)
    # What a run has started to claim counts as held, and so does what an ended one still holds.
    gpus = others + sum(max(entry.need.gpus, by_runs[entry.id]) for entry in active)
    teams = sum(1 for holder in held if holder.kind != KIND)
    return Picture(
        waiting=tuple(waiting),
        active=tuple(active),
        free=offer.total - Room(in_use.cpus, in_use.memory_bytes, gpus),
        total=offer.total - Room(gpus=teams),
        lab=offer.total,
    )


def read_entries(session: Session) -> list[tuple[State, Entry]]:
    """Every run that has not ended, with its state."""
    names = [column.key for column in COPIED]
    rows = session.execute(
        select(Run.state, Run.cpus, Run.memory_bytes, Run.gpus, Sweep.max_running, *COPIED)
        .outerjoin(Sweep, Sweep.id == Run.sweep_id)
        .where(Run.state.in_((State.WAITING, *ACTIVE)))
    )
    return [
        (
            State(row.state),
            Entry(
                need=need_of(row),
                sweep_limit=row.max_running or 0,
                **{name: getattr(row, name) for name in names},
            ),
        )
        for row in rows
    ]


COPIED = (
    Run.id, Run.owner, Run.created_at, Run.not_before, Run.sweep_id, Run.schedule_id,
    Run.notebook, Run.time_limit_s, Run.started_at, Run.attempt, Run.max_attempts, Run.reason,
)  # fmt: skip


def _one_at_a_time(session: Session) -> None:
    """Two services that admit at once would both give away the same room."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(ADMISSION_LOCK)))


def _start(session: Session, run_id: str, offer: Offer) -> Run | None:
    run = session.get_one(Run, run_id)
    try:
        move(session, run, State.STARTING, offer.now())
    except StateError:  # cancelled since it was read
        return None
    return run


def _equip(engine: Engine, run: Run, ledger: GpuLedger, offer: Offer) -> bool:
    """Give a starting run its devices; False if it has to wait on, or has ended meanwhile.

    ``run`` belongs to no session.
    """
    if run.gpus == 0 or run.devices:
        return True
    # What other teams read when they ask who has the GPU.
    label = f"a run of {people(run.owner)}"[:255]
    try:
        devices = ledger.claim(Holder(KIND, run.id, label), run.gpus)
    except CohortError as error:
        _back_to_waiting(engine, run, str(error), offer)
        return False
    with Session(engine, expire_on_commit=False) as session, session.begin():
        session.add(run)
        lock(session, run)
        if run.state != State.STARTING:
            return False  # `recover` frees what it has, once it is known to have no container
        run.devices = list(devices)
    return True


def _back_to_waiting(engine: Engine, run: Run, why: str, offer: Offer) -> None:
    with Session(engine) as session, session.begin():
        session.add(run)
        lock(session, run)
        if run.state == State.STARTING:
            move(session, run, State.WAITING, offer.now(), Cause(message=why))
            run.attempt -= 1  # nothing was tried
