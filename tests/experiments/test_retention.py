"""Retention: only files go, only by the rules, and whoever is killed in between loses nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cohort.database import ensure_schema, open_database
from experiments import queue, retention, schedules
from experiments.errors import ExperimentError
from experiments.requests import ScheduleRequest
from experiments.retention import Rules, choose, drop_snapshots, enforce
from experiments.states import State
from experiments.tables import Run, Schedule, Snapshot
from tests.experiments.queueing import APOLLO, BOREALIS, HASH, Desk, request
from tests.labs import eventually

RULES = Rules(age=timedelta(days=30), total_bytes=100)
OLD = "It ended more than 30 days ago."
MUCH = "The files of its owner's runs took more space than they may."


@pytest.fixture
def kept(tmp_path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def ended(desk: Desk, kept: Path, size: int, origin=APOLLO, state=State.SUCCEEDED) -> str:
    """A run that ended with files of a size; the next one ends an hour later."""
    run_id = desk.submit(origin, tags=["t"])
    desk.finish(run_id, state)
    desk.alter(run_id, bytes_kept=size)
    (kept / run_id / "outputs").mkdir(parents=True)
    (kept / run_id / "outputs" / "file").write_bytes(b"x" * size)
    desk.clock.later(hours=1)
    return run_id


def chosen(desk: Desk, rules: Rules = RULES) -> dict[str, str]:
    with Session(desk.database) as session, session.begin():
        return choose(session, rules, desk.clock())


def test_by_age(desk, kept):
    old = [ended(desk, kept, 1, state=state) for state in (State.SUCCEEDED, State.FAILED)]
    desk.clock.later(days=29)
    assert chosen(desk) == {}
    recent = ended(desk, kept, 1)
    desk.clock.later(days=1)
    assert chosen(desk) == dict.fromkeys(old, OLD)
    desk.alter(old[0], published_at=desk.clock())
    assert chosen(desk) == {old[1]: OLD}
    assert recent not in chosen(desk)


def test_by_size_for_each_owner(desk, kept):
    first, second, third = (ended(desk, kept, 40) for _ in range(3))
    other = ended(desk, kept, 90, BOREALIS)
    assert chosen(desk) == {first: MUCH}
    desk.alter(second, published_at=desk.clock())  # it stays, and is counted
    assert chosen(desk) == {first: MUCH}
    huge = ended(desk, kept, 1000)
    assert chosen(desk) == {first: MUCH, third: MUCH}  # the latest is never too large to see
    assert {huge, other}.isdisjoint(chosen(desk))


def test_what_has_not_ended_is_left_alone(desk):
    waiting, running = desk.submit(), desk.submit()
    desk.move(running, State.STARTING, State.RUNNING)
    desk.alter(running, bytes_kept=10**9)
    desk.clock.later(days=400)
    assert waiting and chosen(desk) == {}


def test_files_go_and_the_record_stays(desk, kept):
    gone, stays = ended(desk, kept, 80), ended(desk, kept, 80)
    assert enforce(desk.database, kept, RULES, desk.clock()) == [gone]
    assert [folder.name for folder in kept.iterdir()] == [stays]
    run = desk.run(gone)
    assert (run.state, run.removed_at, run.bytes_kept) == ("succeeded", desk.clock(), 0)
    assert desk.history(gone)[-1] == ("files removed", "lab")
    assert enforce(desk.database, kept, RULES, desk.clock()) == []
    assert len(desk.history(gone)) == 5


def test_killed_between_the_mark_and_the_files(desk, kept, monkeypatch):
    gone, stays = ended(desk, kept, 80), ended(desk, kept, 80)

    def die(path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(retention.shutil, "rmtree", die)
        enforce(desk.database, kept, RULES, desk.clock())
    assert desk.run(gone).removed_at == desk.clock()
    assert enforce(desk.database, kept, RULES, desk.clock()) == []
    assert [folder.name for folder in kept.iterdir()] == [stays]


def test_published_since_it_was_chosen(desk, kept, monkeypatch):
    first, second, _ = (ended(desk, kept, 80) for _ in range(3))

    def choose_and_publish(session, *args):
        found = choose(session, *args)
        session.get_one(Run, first).published_at = desk.clock()
        return found

    monkeypatch.setattr(retention, "choose", choose_and_publish)
    assert enforce(desk.database, kept, RULES, desk.clock()) == [second]
    assert (kept / first).is_dir() and desk.run(first).removed_at is None


def drop(desk: Desk) -> set[str]:
    with Session(desk.database) as session, session.begin():
        return drop_snapshots(session, RULES, desk.clock())


def test_snapshots_go_when_nobody_needs_them(desk, kept):
    run_id = ended(desk, kept, 1)
    by_schedule, fresh = "b" * 64, "c" * 64
    desk.hand_in(APOLLO, by_schedule)
    asked = {"run": {"notebook": "work.ipynb", "snapshot": by_schedule}, "cron": "0 2 1 1 *"}
    with Session(desk.database) as session, session.begin():
        wanted = ScheduleRequest.model_validate(asked)
        schedule_id = schedules.create(session, wanted, APOLLO, desk.offer).id
    desk.clock.later(days=2)
    desk.hand_in(APOLLO, fresh)
    assert drop(desk) == set()  # others had handed in the same one, and the run has its files
    with Session(desk.database) as session, session.begin():
        left = {(s.owner, s.hash[0]) for s in session.scalars(select(Snapshot))}
    assert left == {("team-apollo", letter) for letter in "abc"}
    desk.clock.later(days=40)
    enforce(desk.database, kept, RULES, desk.clock())
    assert desk.run(run_id).removed_at and drop(desk) == {HASH, fresh}
    with Session(desk.database) as session, session.begin():
        schedules.retire(session, session.get_one(Schedule, schedule_id), desk.clock())
    assert drop(desk) == {by_schedule}
    with pytest.raises(ExperimentError, match="upload the notebook's folder first"):
        desk.submit()


def test_a_submission_that_is_under_way_keeps_its_snapshot(postgres_database, clock):
    """On PostgreSQL alone: on SQLite nobody writes meanwhile."""
    database = open_database(postgres_database)
    ensure_schema(database)
    desk = Desk(database, clock)
    clock.later(days=2)

    def somebody_waits() -> bool:
        with database.connect() as connection:
            blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return connection.execute(blocked).scalar() > 0

    with ThreadPoolExecutor(1) as pool:
        with Session(database) as session, session.begin():
            queue.submit(session, request(), APOLLO, desk.offer)
            dropped = pool.submit(drop, desk)
            eventually(somebody_waits)
        assert dropped.result(30) == set()  # two other teams have it no more, and one has
    with Session(database) as session, session.begin():
        assert [s.owner for s in session.scalars(select(Snapshot))] == ["team-apollo"]
    database.dispose()
