"""Tasks of one run never overlap, and one that fails does not come back at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from cohort.engine import EngineUnreachableError
from experiments.tasks import Tasks
from tests.labs import eventually


@pytest.fixture
def done() -> list[str]:
    return []


@pytest.fixture
def tasks(done) -> Iterator[Tasks]:
    tasks = Tasks(4, "test", lambda: done.append("done"))
    yield tasks
    tasks.close()


def test_a_key_has_one_task_at_a_time_and_others_go_on(tasks, done):
    gate, ran = threading.Event(), []

    def wait(name: str) -> None:
        ran.append(name)
        gate.wait(10)

    tasks.do("a", wait, "a")
    tasks.do("a", wait, "a again")
    tasks.do("b", wait, "b")
    eventually(lambda: len(ran) == 2)
    gate.set()
    eventually(lambda: len(done) == 2)
    assert sorted(ran) == ["a", "b"]
    tasks.do("a", wait, "a later")
    eventually(lambda: "a later" in ran)


def test_a_failure_is_logged_counted_and_rested_after(tasks, done, monkeypatch, caplog):
    def fail() -> None:
        raise ValueError("no")

    now = [0.0]
    monkeypatch.setattr("experiments.tasks.time.monotonic", lambda: now[0])
    tasks.do("a", fail)
    eventually(lambda: len(done) == 1)
    assert tasks.failures("a") == 1
    assert "ValueError: no" in caplog.text
    tasks.do("a", fail)
    assert len(done) == 1, "it rests"
    now[0] = 2.1
    tasks.do("a", fail)
    eventually(lambda: len(done) == 2)
    assert tasks.failures("a") == 2
    now[0] = 10
    tasks.do("a", done.append, "well")
    eventually(lambda: len(done) == 4)
    assert tasks.failures("a") == 0


def test_an_engine_that_is_away_is_no_failure_of_the_task(tasks, done, caplog):
    def reach() -> None:
        raise EngineUnreachableError("no answer")

    tasks.do("a", reach)
    eventually(lambda: done)
    assert tasks.failures("a") == 0
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
