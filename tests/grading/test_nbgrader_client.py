"""The client of the service: what is sent again, what is not, and what people are told."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from grading.errors import GradingError
from grading.nbgrader.client import AwayError, Service
from tests.grading.desks import service_for_desks
from tests.grading.services import PREFIX, archive, notebook, release
from tests.machine import free_ports

PATIENCE_S = 0.3


@pytest.fixture(scope="module")
def running(tmp_path_factory) -> Iterator[str]:
    """The address of a service with an assignment that is released."""
    with service_for_desks(tmp_path_factory.mktemp("client")) as service:
        release(service.to("ines", Authorization="token ines"))
        yield service.url + PREFIX


@pytest.fixture
def ada(running) -> Iterator[Service]:
    service = Service(running, "ada", PATIENCE_S)
    yield service
    service.close()


def work() -> io.BytesIO:
    return io.BytesIO(archive({"work.ipynb": notebook("answer = 1")}))


def test_one_key_is_one_hand_in(ada):
    path = ("courses", "ai", "assignments", "ps1", "submissions")
    first = ada.upload(*path, archive=work(), key="k1")
    assert ada.upload(*path, archive=work(), key="k1") == first
    assert ada.upload(*path, archive=work(), key="k2")["number"] == first["number"] + 1


def test_a_refusal_is_the_services_own_sentence(ada):
    with pytest.raises(GradingError, match="There is no course nothing that you are in") as refused:
        ada.get("courses", "nothing", "assignments")
    assert (refused.value.code, refused.value.status) == ("course_unknown", 404)


def test_names_cannot_leave_their_part_of_an_address(ada):
    with pytest.raises(GradingError):
        ada.get("courses", "../courses/ai", "assignments")
    with pytest.raises(GradingError):
        ada.get("courses", "ai/assignments?x=#", "assignments")


def test_no_more_is_downloaded_than_the_cap(ada):
    path = ("courses", "ai", "assignments", "ps1", "release")
    with pytest.raises(GradingError, match="is larger than"):
        ada.download(*path, file=io.BytesIO(), cap=100)
    file = io.BytesIO()
    ada.download(*path, file=file, cap=100_000)
    assert file.read(2) == b"\x1f\x8b"


def test_a_token_that_nobody_knows_and_one_that_cannot_be(running):
    with pytest.raises(GradingError) as refused:
        Service(running, "nobody", PATIENCE_S).get("courses")
    assert refused.value.status == 401
    with pytest.raises(GradingError, match="JUPYTERHUB_API_TOKEN") as told:
        Service(running, "secret\n", PATIENCE_S).get("courses")
    assert "secret" not in str(told.value)


def test_a_service_that_is_away_and_an_address_that_is_another(running):
    with pytest.raises(AwayError, match="cannot be reached") as away:
        Service(f"http://127.0.0.1:{free_ports(1)}/services/grading", "ada", 0).get("courses")
    assert away.value.unsent
    with pytest.raises(GradingError):
        Service(running.removesuffix(PREFIX) + "/elsewhere", "ada", PATIENCE_S).get("courses")
    with pytest.raises(GradingError, match="COHORT_GRADING_URL is no address"):
        Service("nowhere", "ada", PATIENCE_S).get("courses")
