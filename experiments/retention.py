"""Retention: which runs' files go, by age and by what they take up for each owner.

Invariant: only files go. The row stays, with the time of the removal, and so does every record of
what happened; what is published or has not ended keeps its files. A run is marked before its
files are deleted, and whatever is marked is deleted at every pass: whoever is killed in between
leaves nothing behind, and nobody is promised files that are half gone.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from sqlalchemy import Engine, Row, delete, select, update
from sqlalchemy.orm import Session

from experiments.changes import Cause, lock, record
from experiments.offer import GIB
from experiments.states import ENDED
from experiments.tables import HandIn, Run, Schedule, Snapshot


@dataclass(frozen=True)
class Rules:
    """How long an owner's files are kept, and how much of them."""

    age: timedelta = timedelta(days=180)  # since the run ended
    total_bytes: int = 50 * GIB
    unused_snapshot: timedelta = timedelta(days=1)  # since it was handed in


def enforce(engine: Engine, kept: Path, rules: Rules, now: datetime) -> list[str]:
    """Remove the files that the rules let go from ``kept``, a folder for each run.

    Returns the runs that lost theirs.
    """
    with Session(engine) as session, session.begin():
        chosen = choose(session, rules, now)
    marked = []
    for run_id, why in sorted(chosen.items()):
        with Session(engine) as session, session.begin():
            if _mark(session, run_id, why, now):
                marked.append(run_id)
    with Session(engine) as session, session.begin():
        removed = set(session.scalars(select(Run.id).where(Run.removed_at.is_not(None))))
    for folder in kept.iterdir():
        if folder.name in removed:
            shutil.rmtree(folder)
    return marked


def choose(session: Session, rules: Rules, now: datetime) -> dict[str, str]:
    """The runs whose files go, each with the reason in words.

    Those that are too old; then the oldest of an owner until what is left fits, but never the
    latest: nobody waits for a report to see it vanish.
    """
    rows = session.execute(
        select(Run.id, Run.owner, Run.ended_at, Run.published_at, Run.bytes_kept)
        .where(Run.state.in_(ENDED), Run.removed_at.is_(None))
        .order_by(Run.owner, Run.ended_at.desc(), Run.id)
    )
    chosen: dict[str, str] = {}
    for _, mine in groupby(rows, lambda row: row.owner):
        chosen.update(_of_one_owner(list(mine), rules, now))
    return chosen


def drop_snapshots(session: Session, rules: Rules, now: datetime) -> set[str]:
    """Forget snapshots that no run with files and no schedule uses any more.

    Returns the hashes that nobody has now: once this commits, `experiments.unused` removes them.
    """
    # Locked before it is asked who uses them: a submission that is under way ends first.
    old = session.scalars(
        select(Snapshot)
        .where(Snapshot.created_at < now - rules.unused_snapshot)
        .order_by(Snapshot.hash, Snapshot.owner)
        .with_for_update()
    ).all()
    runs = select(Run.owner, Run.snapshot).where(Run.removed_at.is_(None)).distinct()
    used = {(owner, snapshot) for owner, snapshot in session.execute(runs)}
    schedules = select(Schedule).where(Schedule.retired_at.is_(None))
    used |= {(s.owner, s.request["snapshot"]) for s in session.scalars(schedules)}
    unused = [snapshot for snapshot in old if (snapshot.owner, snapshot.hash) not in used]
    for snapshot in unused:
        session.delete(snapshot)
        _drop_hand_ins(session, snapshot)
    session.flush()
    return {snapshot.hash for snapshot in unused} - set(session.scalars(select(Snapshot.hash)))


def _drop_hand_ins(session: Session, snapshot: Snapshot) -> None:
    """Forget who handed a snapshot in, but for what runs' and schedules' records say."""
    named = [
        select(table.id).where(table.hand_in == HandIn.id).exists() for table in (Run, Schedule)
    ]
    session.execute(
        delete(HandIn)
        .where(HandIn.snapshot == snapshot.hash, HandIn.owner == snapshot.owner)
        .where(*(~one for one in named))
    )


def count_kept(engine: Engine, run_id: str, kept: Path) -> None:
    """Note what a run's files take up by now, reports and PDF included; unless they are to go."""
    total = 0
    for folder, _, names in os.walk(kept):
        for name in names:
            with suppress(FileNotFoundError):  # another thread has just put a newer one there
                total += os.lstat(os.path.join(folder, name)).st_size
    with Session(engine) as session, session.begin():
        session.execute(
            update(Run).where(Run.id == run_id, Run.removed_at.is_(None)).values(bytes_kept=total)
        )


def _of_one_owner(
    latest_first: list[Row], rules: Rules, now: datetime
) -> Iterable[tuple[str, str]]:
    total = sum(row.bytes_kept for row in latest_first if row.published_at)
    for number, row in enumerate(row for row in latest_first if not row.published_at):
        total += row.bytes_kept
        if now - row.ended_at > rules.age:
            yield row.id, f"It ended more than {rules.age.days} days ago."
        elif total > rules.total_bytes and number > 0:
            yield row.id, "The files of its owner's runs took more space than they may."


def _mark(session: Session, run_id: str, why: str, now: datetime) -> bool:
    """Say that a run's files are gone, unless it was published since it was chosen."""
    run = session.get_one(Run, run_id)
    lock(session, run)
    if run.removed_at is not None or run.published_at is not None:
        return False
    run.removed_at, run.bytes_kept = now, 0
    record(session, run, now, "files removed", Cause(message=why))
    return True
