"""Fixtures: a house with its clock, containers and engine, and nothing left of it afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from cohort.engine_docker import DockerEngine
from tests.engines import Door, owned
from tests.experiments.house import House
from tests.experiments.witnesses import Starts
from tests.leftovers import PREFIX
from tests.workspace.servers import image

pytest_plugins = ["tests.postgres"]


@pytest.fixture(scope="session")
def digest() -> str:
    engine = DockerEngine()
    found = engine.image_digest(image())
    engine.close()
    return found


@pytest.fixture
def description(tmp_path, digest) -> Iterator[dict]:
    project = PREFIX + secrets.token_hex(3)
    with owned(project):
        yield {
            "data": str(tmp_path / "data"), "project": project, "digest": digest,
            "url": f"sqlite:///{tmp_path / 'data' / 'cohort.db'}",
        }  # fmt: skip


@pytest.fixture
def house(description) -> Iterator[House]:
    house = House(description)
    yield house
    house.close()


@pytest.fixture
def gpu_house(description, simulated_gpus) -> Iterator[House]:
    house = House({**description, "devices": simulated_gpus})
    yield house
    house.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def either_house(request, description) -> Iterator[House]:
    if request.param == "postgresql":
        description["url"] = request.getfixturevalue("postgres_database")
    house = House(description)
    yield house
    house.close()


@pytest.fixture
def starts(description) -> Iterator[Starts]:
    starts = Starts(description["project"])
    yield starts
    starts.close()


@pytest.fixture
def engine() -> Iterator[DockerEngine]:
    engine = DockerEngine()
    yield engine
    engine.close()


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    door = Door(tmp_path)
    door.open()
    yield door
    door.shut()
    door.engine.close()
