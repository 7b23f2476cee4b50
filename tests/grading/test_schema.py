"""The OpenAPI is what the service does: whatever it says may be sent is answered as it says."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from grading.service import api
from grading.service.app import PREFIX
from tests.grading.services import API, CAMPAIGN, HEADER, archive, hand_back, hand_in, mark, release

EXAMPLES = 200 if CAMPAIGN else 6
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance,
          response_schema_conformance, unsupported_method]  # fmt: skip
GOOD = archive({"work.ipynb": b'{"nbformat": 4, "metadata": {}, "cells": []}', "a.html": b"<p>"})


@schemathesis.serializer("application/gzip")
def raw(ctx, value):
    """What is generated for an archive is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def things(service) -> dict[str, object]:
    """Something of each kind to be asked for, so that not every answer is that there is none."""
    with service.to("ines") as ines, service.to("ada") as ada, service.to("ken") as ken:
        release(ines, due="2031-01-01T12:00:00")
        release(ines, "project", kind="team")
        made = hand_in(ada).json()
        team = hand_in(ken, "project", owner="team-apollo").json()
        hand_back(ines, "ps1", made)
        body = [mark("ps1", made, 5), mark("project", team, 5)]
        assert ines.put("/courses/ai/marks", json=body).is_success
        where = "/courses/ai/assignments/ps1/extensions/ada"
        assert ines.put(where, json={"due": "2031-02-01T12:00", "reason": "ill"}).is_success
    return {"course": "ai", "assignment": "ps1", "submission": made["id"], "owner": "ada",
            "team": "team-apollo", "login": "ken", "version": 1}  # fmt: skip


def paths() -> dict:
    """The OpenAPI of the routes, without a service that would have to run to be asked."""
    app = FastAPI()
    app.include_router(api.router, prefix=API)
    return app.openapi()


OPERATIONS = [
    found.ok() for found in schemathesis.openapi.from_dict(paths()).get_all_operations()
]  # fmt: skip
OPERATIONS.sort(key=lambda operation: operation.method == "delete")  # what is taken away goes last


def put_in(given_: object, things: dict[str, object]) -> None:
    """Put names and ids of what there is into a request, at whatever depth."""
    if isinstance(given_, dict):
        given_.update({name: things[name] for name in given_ if name in things})
        for value in given_.values():
            put_in(value, things)


def test_the_service_says_all_its_routes(service):
    served = httpx.get(f"{service.url}{PREFIX}/openapi.json", trust_env=False).json()
    assert served["paths"] == paths()["paths"]
    assert len(OPERATIONS) > 20


@pytest.mark.parametrize("login", ["ines", "ada"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.label)
def test_whatever_is_sent_is_answered_as_the_schema_says(service, things, operation, login):
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case) -> None:
        facts = {"base_url": service.url, "headers": {HEADER: login}, "checks": CHECKS}
        case.call_and_validate(**facts)
        for given_ in (case.path_parameters, case.query, case.body):
            put_in(given_, things)
        if case.media_type == "application/gzip":
            case.body = GOOD
        case.call_and_validate(**facts)

    ask()
