"""The OpenAPI is what the service does: whatever it says may be sent is answered as it says."""

from __future__ import annotations

import os

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

from experiments.service import api
from experiments.service.app import PREFIX
from tests.experiments.report_samples import notebook
from tests.experiments.services import API, HEADER, request_for, service_in, submit

EXAMPLES = 200 if os.environ.get("COHORT_CAMPAIGN") else 8
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance,
          response_schema_conformance, unsupported_method]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(scope="module")
def things(service) -> dict[str, object]:
    """Something of each kind to be asked for, so that not every answer is that there is none."""
    with service.to("ada") as ada:
        ended = submit(ada)["id"]
        service.finish(ended, {"notebook.ipynb": notebook(), "events.jsonl": b""}, report=True)
        kept = service.context.folders.kept(ended)
        (kept / "report.pdf").write_bytes(b"%PDF-1.4")
        body = request_for(ada)
        sweep = {"run": body["run"], "spec": {"kind": "grid", "axes": {"lr": [1, 2]}}}
        made = ada.post("/sweeps", json={"owner": "team-apollo", "sweep": sweep}).json()
        schedule = {"run": body["run"], "cron": "0 2 * * *"}
        planned = ada.post("/schedules", json={"owner": "team-apollo", "schedule": schedule}).json()
    return {"run_id": ended, "sweep_id": made["sweep"]["id"], "owner": "team-apollo",
            "schedule_id": planned["schedule"]["id"], "path": "notebook.ipynb",
            "snapshot": body["run"]["snapshot"], "notebook": "work.ipynb", "one": ended,
            "other": ended, "cron": "0 2 * * *", "timezone": "Asia/Hong_Kong",
            "spec": {"kind": "list", "members": [{"lr": 1}]}}  # fmt: skip


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
    """Put ids, hashes and names of what there is into a request, at whatever depth."""
    if isinstance(given_, dict):
        given_.update({name: things[name] for name in given_ if name in things})
        for value in given_.values():
            put_in(value, things)


def test_the_service_says_all_its_routes(service):
    served = httpx.get(f"{service.url}{PREFIX}/openapi.json", trust_env=False).json()
    assert served["paths"] == paths()["paths"]
    assert len(OPERATIONS) > 30


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda op: op.label)
def test_whatever_is_sent_is_answered_as_the_schema_says(service, things, operation):
    @given(case=operation.as_strategy())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(case) -> None:
        case.call_and_validate(base_url=service.url, headers={HEADER: "ada"}, checks=CHECKS)
        for given_ in (case.path_parameters, case.query, case.body):
            put_in(given_, things)
        case.call_and_validate(base_url=service.url, headers={HEADER: "ada"}, checks=CHECKS)

    ask()
