"""Sweeps as runs: every member is a run of its own, and fails alone.

Invariant: a member of a sweep, that is one set of parameters, has at most one run that waits,
runs or went well, however often it is asked for: the key of its first run, second run, … is made
of the sweep, the parameters and that number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath

from sqlalchemy import Row, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from experiments.axes import MOST
from experiments.changes import StateError, cancel
from experiments.checks import digest
from experiments.errors import ExperimentError
from experiments.offer import Offer
from experiments.queue import Origin, submit
from experiments.requests import RunRequest, SweepRequest, parse
from experiments.states import ENDED, State
from experiments.tables import Run, Sweep, new_id


def submit_sweep(
    session: Session, request: SweepRequest, members: list[dict], origin: Origin, offer: Offer
) -> Sweep:
    """Add a sweep and a waiting run for each member: all of them or, on a refusal, none.

    ``members`` are the parameters in which the runs differ, as `experiments.sweeps.expand` gives
    them; two that are equal are one. The same key again returns the sweep that it made. Raises
    `ExperimentError`; the caller rolls back then.
    """
    if not 1 <= len(members) <= MOST:
        raise ExperimentError(
            f"The sweep has {len(members)} runs: write axes that give 1 to {MOST}.",
            code="sweep_size",
            field="spec",
        )
    requests = [_member(request.run, request.run.parameters | values) for values in members]
    key = request.idempotency_key
    sweep = _by_key(session, origin.owner, key)
    if sweep is None:
        sweep = _new_sweep(request, origin, offer.now())
        try:
            with session.begin_nested():
                session.add(sweep)
        except IntegrityError:  # another thread was faster
            sweep = _by_key(session, origin.owner, key)
            if sweep is None:
                raise
        else:
            for member in requests:
                submit(session, member, _origin(sweep, origin.author, member, 0), offer)
            return sweep
    asked = (request.run.stored(), request.spec, request.max_running)
    if (sweep.request, sweep.spec, sweep.max_running) != asked:
        raise ExperimentError(
            f"The idempotency key {key} was used for another sweep ({sweep.id}): use a new key "
            f"for a new sweep.",
            code="key_used",
            status=409,
            sweep=sweep.id,
        )
    return sweep


def run_missing(
    session: Session, sweep: Sweep, who: str, secrets: dict[str, str], offer: Offer
) -> list[Run]:
    """Submit again the members of which no run went well, waits or runs; return the new runs.

    ``secrets`` are those of the sweep, given again; `ExperimentError` if one is missing.
    """
    session.refresh(sweep, with_for_update=True)
    rows = _runs(session, [sweep])
    tries = Counter(digest(row.parameters) for row in rows)
    missing = {name: row.parameters for name, row in _members(rows).items() if _failed(row)}
    common = RunRequest.restored(sweep.request, secrets)
    members = [(_member(common, values), tries[name]) for name, values in missing.items()]
    return [
        submit(session, member, _origin(sweep, who, member, number, rows[0].hand_in), offer)
        for member, number in members
    ]


def cancel_sweep(session: Session, sweep: Sweep, who: str, now: datetime) -> int:
    """Cancel every member that has not ended; return how many those are."""
    # In the order of their ids, as everybody who locks several runs does: no deadlock.
    runs = session.scalars(
        select(Run).where(Run.sweep_id == sweep.id, Run.state.not_in(ENDED)).order_by(Run.id)
    ).all()
    asked = 0
    for run in runs:
        with suppress(StateError):  # it has ended since it was read
            cancel(session, run, who, now)
            asked += 1
    return asked


def progress(session: Session, sweeps: Sequence[Sweep]) -> dict[str, Counter[State]]:
    """How many members of each sweep are in which state; of one that ran again, what counts."""
    rows: dict[str, list[Row]] = {sweep.id: [] for sweep in sweeps}
    for row in _runs(session, sweeps):
        rows[row.sweep_id].append(row)
    return {
        sweep_id: Counter(State(row.state) for row in _members(mine).values())
        for sweep_id, mine in rows.items()
    }


def _members(rows: Sequence[Row]) -> dict[str, Row]:
    """Each member's run that counts: the one that has not failed, or else the latest."""
    members: dict[str, Row] = {}
    for row in rows:
        name = digest(row.parameters)
        if name not in members or _failed(members[name]):
            members[name] = row
    return members


def _failed(row: Row) -> bool:
    return row.state in ENDED and row.state != State.SUCCEEDED


def _runs(session: Session, sweeps: Sequence[Sweep]) -> Sequence[Row]:
    return session.execute(
        select(Run.sweep_id, Run.parameters, Run.state, Run.hand_in)
        .where(Run.sweep_id.in_([sweep.id for sweep in sweeps]))
        .order_by(Run.created_at, Run.id)
    ).all()


def _by_key(session: Session, owner: str, key: str | None) -> Sweep | None:
    if key is None:
        return None
    return session.scalar(select(Sweep).where(Sweep.owner == owner, Sweep.idempotency_key == key))


def _new_sweep(request: SweepRequest, origin: Origin, now: datetime) -> Sweep:
    return Sweep(
        id=new_id("sweep"),
        owner=origin.owner,
        author=origin.author,
        title=request.run.title or PurePosixPath(request.run.notebook).stem[:200],
        request=request.run.stored(),
        spec=request.spec,
        max_running=request.max_running,
        idempotency_key=request.idempotency_key,
        created_at=now,
    )


def _member(common: RunRequest, values: dict) -> RunRequest:
    return parse(RunRequest, common.model_dump() | {"parameters": values})


def _origin(
    sweep: Sweep, author: str, member: RunRequest, number: int, hand_in: str | None = None
) -> Origin:
    key = f"{sweep.id}:{digest(member.parameters)[:16]}:{number}"
    return Origin(sweep.owner, author, sweep_id=sweep.id, key=key, hand_in=hand_in)
