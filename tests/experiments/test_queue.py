"""The queue: one key is one run, whoever races whom; what cannot run leaves nothing."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.orm import Session

from cohort.database import Base, open_database
from experiments import queue
from experiments.errors import ExperimentError
from experiments.offer import Shares
from experiments.queue import find_same, fingerprint_of
from experiments.states import State
from tests.experiments.queueing import APOLLO, BOREALIS, START, Desk, counts, request

MANY = 1000 if os.environ.get("COHORT_CAMPAIGN") else 200


def refused(desk: Desk, origin=APOLLO, **fields) -> ExperimentError:
    """The refusal of a request; nothing may be left of it."""
    before = counts(desk)
    with pytest.raises(ExperimentError) as caught:
        desk.submit(origin, **fields)
    assert counts(desk) == before
    return caught.value


def test_the_migration_makes_what_the_code_expects(database):
    with database.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_new_run_has_all_that_was_asked_for(desk):
    run = desk.run(
        desk.submit(parameters={"lr": 1.0}, secrets={"key": "hunter2"}, tags=["b", "a"], gpus=1,
                    memory="1G", notify={"email": "ada@example.org"})
    )  # fmt: skip
    assert (run.owner, run.author, run.title) == ("team-apollo", "ada", "work")
    assert (run.state, run.attempt, run.gpus, run.memory_bytes) == ("waiting", 0, 1, 2**30)
    assert type(run.parameters["lr"]) is float
    assert (run.image, run.image_digest) == ("workspace", "sha256:" + "1" * 64)
    assert run.notify == {"email": "ada@example.org"}
    assert "hunter2" not in run.secrets and desk.offer.seal.open(run.secrets) == {"key": "hunter2"}
    assert desk.history(run.id) == [("waiting", "ada")]
    assert run.created_at == START


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"gpus": 3}, "never_fits", "asks for 3 GPUs and this lab has 2 GPUs"),
        ({"cpus": 9}, "never_fits", "asks for 9 CPUs and this lab has 8 CPUs"),
        ({"memory": "33G"}, "never_fits", "33 GB of memory and this lab has 32 GB of memory"),
        ({"image": "nobody/else"}, "image_unknown", "those it has (workspace, other)"),
        ({"network": True}, "network_not_allowed", "Runs of team apollo have no network"),
        ({"snapshot": "b" * 64}, "snapshot_unknown", "upload the notebook's folder first"),
    ],
)
def test_what_can_never_run_is_refused(desk, fields, code, words):
    error = refused(desk, **fields)
    assert error.code == code and words in str(error)


def test_nobody_uses_the_snapshot_of_another(desk):
    desk.hand_in(BOREALIS, "b" * 64)
    assert refused(desk, APOLLO, snapshot="b" * 64).code == "snapshot_unknown"
    assert desk.submit(BOREALIS, snapshot="b" * 64)


def test_a_full_queue_is_for_one_owner_only(desk):
    desk.offer = desk.offer.__class__(**{**vars(desk.offer), "shares": Shares(waiting=2)})
    first = desk.submit(idempotency_key="1")
    desk.submit()
    error = refused(desk)
    assert (error.code, error.status) == ("queue_full", 429)
    assert desk.submit(idempotency_key="1") == first
    assert desk.submit(BOREALIS)
    desk.finish(first)
    assert desk.submit()


def test_a_key_is_one_run(desk):
    first = desk.submit(idempotency_key="k", parameters={"lr": 1})
    assert desk.submit(idempotency_key="k", parameters={"lr": 1}) == first
    error = refused(desk, idempotency_key="k", parameters={"lr": 1.0})
    assert (error.code, error.status, error.details["run"]) == ("key_used", 409, first)
    assert desk.submit(BOREALIS, idempotency_key="k") != first
    desk.finish(first)
    assert desk.submit(idempotency_key="k", parameters={"lr": 1}) == first
    assert desk.submit() != desk.submit()


def test_many_at_once(desk, database_url):
    """Every key twice, from two services of sixteen threads: none lost, none double."""
    services = [open_database(database_url) for _ in range(2)]
    found: list[set[str]] = [set() for _ in range(MANY)]

    def ask(number: int) -> None:
        with Session(services[number % 2]) as session, session.begin():
            asked = request(idempotency_key=str(number // 2), parameters={"n": number // 2})
            run = queue.submit(session, asked, APOLLO, desk.offer)
            found[number // 2].add(run.id)

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(ask, range(2 * MANY)))
    for service in services:
        service.dispose()
    assert [len(ids) for ids in found] == [1] * MANY
    runs = desk.runs()
    assert {run.id for run in runs} == set().union(*found)
    assert sorted(run.parameters["n"] for run in runs) == list(range(MANY))
    assert counts(desk)["RunChange"] == MANY


def test_two_who_use_one_key_at_the_same_moment(desk):
    """On PostgreSQL the slower one meets the other's row only when it writes its own."""
    written, go_on = threading.Event(), threading.Event()

    def first() -> str:
        with Session(desk.database) as session, session.begin():
            run = queue.submit(session, request(idempotency_key="k"), APOLLO, desk.offer)
            written.set()
            go_on.wait(30)
            return run.id

    def second(fields: dict) -> str:
        with Session(desk.database) as session, session.begin():
            asked = request(idempotency_key="k", **fields)
            return queue.submit(session, asked, APOLLO, desk.offer).id

    with ThreadPoolExecutor(3) as pool:
        one = pool.submit(first)
        assert written.wait(30)
        same, other = pool.submit(second, {}), pool.submit(second, {"title": "another"})
        go_on.set()
        assert same.result(30) == one.result(30)
        with pytest.raises(ExperimentError, match="used for another request"):
            other.result(30)
    assert counts(desk)["Run"] == 1


def test_the_same_inputs_have_the_same_fingerprint():
    base = fingerprint_of(request(parameters={"a": 1, "b": 2}), "d")
    assert base == fingerprint_of(request(parameters={"b": 2, "a": 1}, title="x", gpus=1), "d")
    others = [
        fingerprint_of(request(parameters={"a": 1.0, "b": 2}), "d"),
        fingerprint_of(request(parameters={"a": True, "b": 2}), "d"),
        fingerprint_of(request(parameters={"a": 1, "b": 2}), "e"),
        fingerprint_of(request(parameters={"a": 1, "b": 2}, kernel="ir"), "d"),
        fingerprint_of(request(parameters={"a": 1, "b": 2}, snapshot="b" * 64), "d"),
        fingerprint_of(request(parameters={"a": 1, "b": 2}, notebook="b.ipynb"), "d"),
    ]
    assert len({base, *others}) == 7


def test_the_earlier_run_is_offered(desk, clock):
    ids = []
    for state in (State.SUCCEEDED, State.SUCCEEDED, State.FAILED):
        ids.append(desk.submit())
        desk.finish(ids[-1], state)
        clock.later(minutes=1)
    print_of = desk.run(ids[0]).fingerprint

    def offered(owner: str = "team-apollo") -> str | None:
        with Session(desk.database) as session, session.begin():
            run = find_same(session, owner, print_of)
            return run and run.id

    assert offered() == ids[1]
    desk.alter(ids[1], removed_at=clock())
    assert offered() == ids[0]
    desk.alter(ids[0], verify_of=ids[1])
    assert offered() is None
    assert offered("team-borealis") is None
