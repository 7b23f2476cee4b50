"""Who may see and do what: asked of every route that the service says it has."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from experiments.service import api
from experiments.states import State
from tests.experiments.services import (
    Service,
    hand_in,
    notebook,
    refused,
    request_for,
    service_in,
    submit,
)

KINDS = {"{run_id}": "run", "{sweep_id}": "sweep", "{schedule_id}": "schedule"}
# A member of another team, its mentor, a course's server: to them none of it is there.
OUTSIDERS = ("ben", "max", "course-ml")
READERS = ("mia", "ines")
# Where a body must be there; for the rest none will do.
BODIES = {"patch": {"title": "Taken"}}
SECRET = "nightingale"


def schema() -> dict:
    """The paths of the API as its OpenAPI says them."""
    app = FastAPI()
    app.include_router(api.router)
    return app.openapi()["paths"]


ROUTES = [
    (method, path)
    for path, methods in schema().items()
    for method in methods
    if any(name in path for name in KINDS)
]
READS = [path for method, path in ROUTES if method == "get"]
CHANGES = [route for route in ROUTES if route[0] != "get"]


@dataclass
class Things:
    """What team apollo has, each with the word ``SECRET`` in all that people wrote."""

    service: Service
    run: str  # has ended, with files and report
    running: str
    waiting: str
    sweep: str
    schedule: str

    def call(self, client: httpx.Client, method: str, path: str, run: str = "") -> httpx.Response:
        """Ask for one of the routes, of apollo's things."""
        names = {"{run_id}": run or self.run, "{sweep_id}": self.sweep,
                 "{schedule_id}": self.schedule, "{path}": "notebook.ipynb"}  # fmt: skip
        for name, value in names.items():
            path = path.replace(name, value)
        return client.request(method, path, json=BODIES.get(method))


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("access")) as service, service.to("ada") as ada:
        facts = {"title": SECRET, "tags": [SECRET], "parameters": {"name": SECRET}}
        text = 'name: str = ""\nlr: float = 1.0'
        folder = {f"{SECRET}.ipynb": notebook(text)}
        snapshot = hand_in(ada, files=folder).json()["hash"]
        facts |= {"notebook": f"{SECRET}.ipynb", "snapshot": snapshot}
        runs = [submit(ada, **facts)["id"] for _ in range(3)]
        service.finish(runs[0], {"notebook.ipynb": notebook(), "events.jsonl": b""}, report=True)
        (service.context.folders.kept(runs[0]) / "report.pdf").write_bytes(b"%PDF-1.4")
        service.move(runs[1], State.STARTING, State.RUNNING)
        run = {**facts, "memory": "256M"}
        spec = {"kind": "grid", "axes": {"lr": [1, 2]}}
        sweep = ada.post(
            "/sweeps", json={"owner": "team-apollo", "sweep": {"run": run, "spec": spec}}
        ).json()["sweep"]["id"]
        nightly = {"run": run, "cron": "0 2 * * *"}
        schedule = ada.post(
            "/schedules", json={"owner": "team-apollo", "schedule": nightly}
        ).json()["schedule"]["id"]
        yield Things(service, *runs, sweep, schedule)


@pytest.mark.parametrize("login", OUTSIDERS)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_what_is_another_teams_is_not_there(things, method, path, login):
    kind = next(kind for name, kind in KINDS.items() if name in path)
    before = things.service.everything()
    with things.service.to(login) as outsider:
        for run in (things.run, things.running, things.waiting):
            theirs = things.call(outsider, method, path, run)
            refused(theirs, 404, f"{kind}_unknown")
            known = {"run": run, "sweep": things.sweep, "schedule": things.schedule}[kind]
            none = f"{kind}-zzzzzzzzzzzz"
            nobodys = things.call(outsider, method, path.replace(f"{{{kind}_id}}", none), run)
            assert nobodys.status_code == 404
            assert theirs.text.replace(known, none) == nobodys.text
            assert dict(theirs.headers) | {"date": "", "content-length": ""} == dict(
                nobodys.headers
            ) | {"date": "", "content-length": ""}
    assert things.service.everything() == before


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize("path", READS)
def test_mentors_of_the_team_and_instructors_read(things, path, login):
    with things.service.to(login) as reader:
        answer = things.call(reader, "get", path)
        assert answer.status_code == 200, answer.text
        if answer.headers["content-type"] == "application/json":
            assert answer.json().get("may", []) == []


@pytest.mark.parametrize("login", READERS)
@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_mentors_and_instructors_change_nothing(things, method, path, login):
    before = things.service.everything()
    with things.service.to(login) as reader:
        for run in (things.run, things.waiting):
            assert things.call(reader, method, path, run).status_code == 404
    assert things.service.everything() == before


@pytest.mark.parametrize("path", [path for path in READS if path != "/runs/{run_id}"])
def test_operators_read_nothing(things, path):
    with things.service.to("otto") as operator:
        assert things.call(operator, "get", path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [route for route in CHANGES if not route[1].endswith("/cancel")]
)
def test_operators_change_nothing_but_cancel(things, method, path):
    before = things.service.everything()
    with things.service.to("otto") as operator:
        assert things.call(operator, method, path).status_code == 404
    assert things.service.everything() == before


def test_operators_see_facts_and_no_word_of_what_people_wrote(things):
    with things.service.to("otto") as operator:
        for path in ("/runs", "/queue", f"/runs/{things.run}", f"/runs/{things.waiting}"):
            answer = operator.get(path)
            assert things.waiting in answer.text or things.run in answer.text
            assert SECRET not in answer.text
        for search in ({"text": SECRET}, {"tag": SECRET}, {"notebook": f"{SECRET}.ipynb"}):
            assert operator.get("/runs", params=search).json()["runs"] == []
        assert operator.get("/choices", params={"kind": "tag"}).json()["choices"] == []
        assert operator.get("/sweeps").json() == {"sweeps": [], "next": None}
        assert operator.get("/schedules").json() == {"schedules": []}


def test_operators_stop_runs_and_sweeps_unread(things):
    service = things.service
    with service.to("ada") as ada, service.to("otto") as operator:
        run = request_for(ada)["run"] | {"title": SECRET}
        one = ada.post("/runs", json={"owner": "team-apollo", "run": run, "again": True})
        stopped = operator.post(f"/runs/{one.json()['run']['id']}/cancel")
        assert stopped.json()["state"] == "cancelled"
        assert SECRET not in stopped.text
        spec = {"kind": "grid", "axes": {"lr": [7, 8]}}
        made = ada.post(
            "/sweeps", json={"owner": "team-apollo", "sweep": {"run": run, "spec": spec}}
        )
        answer = operator.post(f"/sweeps/{made.json()['sweep']['id']}/cancel")
        assert answer.json()["counts"]["cancelled"] == 2
        assert SECRET not in answer.text
        assert answer.json()["spec"] == {}


@pytest.mark.parametrize("login", OUTSIDERS)
def test_lists_and_searches_show_nothing_of_another_team(things, login):
    with things.service.to(login) as outsider:
        searches = [{}, {"owner": "team-apollo"}, {"text": SECRET}, {"tag": SECRET},
                    {"author": "ada"}, {"sweep": things.sweep}, {"schedule": things.schedule},
                    {"state": "waiting"}, {"notebook": f"{SECRET}.ipynb"}]  # fmt: skip
        for search in searches:
            assert outsider.get("/runs", params=search).json() == {"runs": [], "next": None}
        for kind in ("tag", "notebook", "author"):
            assert outsider.get("/choices", params={"kind": kind}).json() == {"choices": []}
        for owner in ("", "team-apollo"):
            params = {"owner": owner}
            assert outsider.get("/sweeps", params=params).json() == {"sweeps": [], "next": None}
            assert outsider.get("/schedules", params=params).json() == {"schedules": []}
        queue = outsider.get("/queue").json()
        assert (queue["running"], queue["waiting"]) == ([], [])
        assert queue["others"]["running"] == 1
        assert queue["others"]["waiting"] >= 3


@pytest.mark.parametrize("login", OUTSIDERS)
def test_a_comparison_holds_no_run_of_another_team(things, login):
    with things.service.to(login) as outsider:
        own = submit(outsider, login)["id"]
        for runs in ([things.run], [own, things.run], [things.run, own]):
            refused(outsider.get("/compare", params={"run": runs}), 404, "run_unknown")
        for one, other in ((own, things.run), (things.run, own)):
            cells = outsider.get("/compare/cells", params={"one": one, "other": other})
            assert cells.status_code in (404, 409)
            assert SECRET not in cells.text
        outsider.post(f"/runs/{own}/cancel")


@pytest.mark.parametrize("login", [*OUTSIDERS, *READERS, "otto"])
def test_nobody_asks_in_another_teams_name(things, login):
    service = things.service
    with service.to("ada") as ada, service.to(login) as other:
        run = request_for(ada)["run"]
        spec = {"kind": "grid", "axes": {"lr": [1]}}
        before = service.everything()
        asked = {
            "/runs": {"run": run},
            "/sweeps": {"sweep": {"run": run, "spec": spec}},
            "/schedules": {"schedule": {"run": run, "cron": "* * * * *"}},
        }
        for path, body in asked.items():
            answer = other.post(path, json={"owner": "team-apollo", **body})
            assert refused(answer, 403, "owner_not_yours")["field"] == "owner"
        refused(hand_in(other, "team-apollo"), 403, "owner_not_yours")
        where = f"/snapshots/{run['snapshot']}/parameters"
        params = {"owner": "team-apollo", "notebook": "work.ipynb"}
        refused(other.get(where, params=params), 403, "owner_not_yours")
        assert service.everything() == before


def test_a_snapshot_is_used_by_whoever_handed_it_in(things):
    with things.service.to("ada") as ada, things.service.to("ben") as ben:
        run = request_for(ada)["run"] | {"snapshot": hand_in(
            ada, files={"work.ipynb": notebook("only_apollos = 1")}).json()["hash"]}  # fmt: skip
        before = things.service.everything()
        refused(ben.post("/runs", json={"owner": "team-borealis", "run": run}), 422,
                "snapshot_unknown")  # fmt: skip
        where = f"/snapshots/{run['snapshot']}/parameters"
        params = {"owner": "team-borealis", "notebook": "work.ipynb"}
        refused(ben.get(where, params=params), 422, "snapshot_unknown")
        assert things.service.everything() == before


def test_a_teams_server_speaks_for_the_team(things):
    with things.service.to("team-apollo") as server:
        assert server.get(f"/runs/{things.run}").json()["title"] == SECRET
        assert submit(server)["author"] == "team-apollo"
