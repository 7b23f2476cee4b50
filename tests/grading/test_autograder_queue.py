"""The queue of attempts, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from cohort.database import ensure_schema, open_database
from grading.autograder.queue import (
    DONE,
    FAILED,
    RUNNING,
    WAITING,
    AttemptQueue,
    Result,
    Wanted,
)

WANTED = Wanted("course", "ps", "sub-a", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def queue(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'lab.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    database = open_database(url)
    ensure_schema(database)
    yield AttemptQueue(database)
    database.dispose()


def finish(queue: AttemptQueue, attempt: str, result: Result) -> bool:
    queue.start(attempt, "image", [])
    return queue.finish(attempt, result)


def test_asking_twice_at_once_is_one_attempt(queue):
    with ThreadPoolExecutor(8) as pool:
        asked = set(pool.map(lambda _: queue.add(WANTED, by="ada"), range(24)))
    assert len(asked) == 1
    assert [row.state for row in queue.open()] == [WAITING]


def test_what_is_done_is_graded_again_only_on_request(queue):
    first = queue.add(WANTED, by="ada")
    assert finish(queue, first, Result({"notebooks": {}}))
    assert queue.add(WANTED, by="ben") == first
    second = queue.add(WANTED, by="ben", again=True)
    assert second != first
    assert queue.add(WANTED, by="cho", again=True) == second
    assert queue.latest("sub-a").id == first
    finish(queue, second, Result({"notebooks": {}}))
    assert queue.latest("sub-a").id == second
    assert [queue.get(one).number for one in (first, second)] == [1, 2]


def test_what_failed_is_followed_by_a_new_attempt(queue):
    first = queue.add(WANTED, by="ada")
    finish(queue, first, Result(None, why="The image is gone."))
    assert (queue.get(first).state, queue.get(first).why) == (FAILED, "The image is gone.")
    assert queue.latest("sub-a") is None
    assert queue.add(WANTED, by="ada") != first


def test_another_source_version_is_another_attempt(queue):
    first = queue.add(WANTED, by="ada")
    assert queue.add(Wanted("course", "ps", "sub-a", 2), by="ada") != first


def test_a_result_is_written_once(queue):
    attempt = queue.add(WANTED, by="ada")
    queue.start(attempt, "image", ["gpu=0"])
    assert queue.get(attempt).state == RUNNING
    with ThreadPoolExecutor(8) as pool:
        said = pool.map(lambda n: queue.finish(attempt, Result({"n": n})), range(8))
    assert sorted(said) == [False] * 7 + [True]
    row = queue.get(attempt)
    assert (row.state, row.devices) == (DONE, ["gpu=0"])
    assert not queue.finish(attempt, Result(None, why="late"))
    assert queue.get(attempt).result == row.result


def test_what_has_started_is_not_started_again(queue):
    attempt = queue.add(WANTED, by="ada")
    assert queue.start(attempt, "image", [])
    assert not queue.start(attempt, "image", [])
    queue.put_back(attempt)
    assert queue.start(attempt, "image", [])
    assert queue.get(attempt).tries == 2
