"""The exchange's fixtures: a service for a module, and one for a test on each database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.grading.services import Service, service_in


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    """A service on SQLite."""
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, tmp_path) -> Iterator[Service]:
    """A service of this test alone, on each database."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else ""
    with service_in(tmp_path, url) as service:
        yield service
