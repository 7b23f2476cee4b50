"""The engine itself stopped or killed in the middle of runs: all end right, each once.

With a real dockerd of the test's own, since the machine's has other people's containers.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cohort.engine_docker import DockerEngine
from cohort.lab.base_image import ensure_base_image
from cohort.lab.images import image_names
from experiments.states import Reason, State
from tests.experiments.house import House
from tests.leftovers import PREFIX
from tests.machine import eventually
from tests.own_engine import OwnEngine, own_engine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an engine of its own needs root")

# The first attempt goes on until the test says so; a second one is not held.
HELD = "while order['attempt'] == 1 and not os.path.exists('/run/work/go'): time.sleep(0.05)"


class Reading(DockerEngine):
    """The real engine, which notes how often each container whose log is read was executed."""

    def __init__(self) -> None:
        super().__init__()
        self.executed: Counter[str] = Counter()

    def logs(self, name: str, tail_bytes: int) -> bytes:
        text = super().logs(name, tail_bytes)
        self.executed[name] = text.count(b"ran run-")
        return text


@pytest.fixture(scope="module")
def machine() -> Iterator[tuple[OwnEngine, str]]:
    """The engine, and an image in it that has Python: the smallest that the lab has."""
    tag = image_names()[0]
    ensure_base_image(tag, print)
    with own_engine() as engine:
        yield engine, engine.take(f"cohort/base:{tag}")


@pytest.fixture
def house(machine, tmp_path, monkeypatch) -> Iterator[House]:
    own, digest = machine
    monkeypatch.setenv("DOCKER_HOST", own.host)
    data = tmp_path / "data"
    house = House({"data": str(data), "project": PREFIX + secrets.token_hex(3), "digest": digest,
                   "url": f"sqlite:///{data / 'cohort.db'}"})  # fmt: skip
    yield house
    house.close()


def let_go(house: House, run_id: str) -> None:
    """Let the first attempt of a run come to its end."""
    (house.launcher.folders.of(run_id, 1) / "work" / "go").touch()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_runs_whose_containers_went_with_the_engine_are_run_again(machine, house, number):
    own, engine = machine[0], Reading()
    own.ensure(live_restore=False)
    with house.supervised(engine):
        cut = [house.submit(do=HELD, cpus=2, answer=n) for n in range(2)]
        later = [house.submit(cpus=2, answer=n) for n in range(2, 5)]
        for run_id in cut:
            eventually(lambda run_id=run_id: house.run(run_id).cells_done == 1)
        own.end(number)
        assert [house.run(r).state for r in cut + later] == ["running"] * 2 + ["waiting"] * 3
        own.start()
        for run_id in cut:
            assert house.reaches(run_id, State.WAITING).reason == Reason.ENGINE_GONE
        house.skew = timedelta(seconds=10)  # the back-off is over
        found = [house.reaches(run_id, State.SUCCEEDED) for run_id in cut + later]
        eventually(house.is_clean)
    engine.close()
    assert [(run.attempt, run.metrics["answer"]) for run in found] == [
        (2, 0), (2, 1), (1, 2), (1, 3), (1, 4),
    ]  # fmt: skip
    once = ["starting", "running"]
    for run in found:
        again = ["waiting", *once] if run.id in cut else []
        assert house.history(run.id) == ["waiting", *once, *again, "succeeded"]
        for attempt in range(1, run.attempt + 1):
            assert engine.executed[house.launcher.name(run.id, attempt)] == 1
    assert house.reported == {run.id: 1 for run in found}


def test_runs_whose_containers_outlive_the_engine_go_on(machine, house):
    own, engine = machine[0], Reading()
    own.ensure(live_restore=True)
    with house.supervised(engine):
        going_on, meanwhile = (house.submit(do=HELD, cpus=2, answer=n) for n in range(2))
        later = house.submit(cpus=2, answer=2)
        for run_id in (going_on, meanwhile):
            eventually(lambda run_id=run_id: house.run(run_id).cells_done == 1)
        own.end(signal.SIGKILL)
        let_go(house, meanwhile)
        result = house.launcher.folders.of(meanwhile, 1) / "result" / "result.json"
        eventually(result.exists, what="it ends while there is no engine")
        own.start(live_restore=True)
        ended = house.reaches(meanwhile, State.SUCCEEDED)
        assert house.run(going_on).state == State.RUNNING
        let_go(house, going_on)
        found = [ended, *(house.reaches(r, State.SUCCEEDED) for r in (going_on, later))]
        eventually(house.is_clean)
    engine.close()
    assert [(run.attempt, run.metrics["answer"]) for run in found] == [(1, 1), (1, 0), (1, 2)]
    for run in found:
        assert house.history(run.id) == ["waiting", "starting", "running", "succeeded"]
        assert engine.executed[house.launcher.name(run.id, 1)] == 1
    assert house.reported == {run.id: 1 for run in found}
