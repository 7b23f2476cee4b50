"""The queue's fixtures, each on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from cohort.database import ensure_schema, open_database
from tests.experiments.queueing import Clock, Desk


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lab.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def database(database_url) -> Iterator[Engine]:
    database = open_database(database_url)
    ensure_schema(database)
    yield database
    database.dispose()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(database, clock) -> Desk:
    return Desk(database, clock)
