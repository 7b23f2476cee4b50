"""The API as programs use it: the same request twice, what may be done with a run, schedules."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event

from experiments.service.api.queue import queue_for
from experiments.states import State
from tests.experiments.services import (
    PEOPLE,
    hand_in,
    notebook,
    refused,
    request_for,
    service_in,
    submit,
)

pytest_plugins = ["tests.postgres"]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with service_in(tmp_path_factory.mktemp("service")) as service:
        yield service


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request, tmp_path):
    """A service of this test alone, on each database."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else ""
    with service_in(tmp_path, url) as service:
        yield service


@pytest.fixture
def ada(service):
    with service.to("ada") as client:
        yield client


def test_nobody_is_told_to_log_in(service):
    with service.to("") as nobody:
        refused(nobody.get("/me"), 401, "login_needed")
        refused(nobody.post("/runs", json={}), 401, "login_needed")


def test_me_says_in_whose_name_one_may_act(service):
    with service.to("ken") as ken, service.to("mia") as mia:
        assert ken.get("/me").json() == {
            "login": "ken", "name": "Ken", "role": "researcher", "advises": [],
            "owners": [{"account": "ken", "title": "ken"},
                       {"account": "team-apollo", "title": "team apollo"}],
        }  # fmt: skip
        me = mia.get("/me").json()
        assert [o["account"] for o in me["owners"]] == ["mia"]
        assert me["advises"] == ["team-apollo"]


def test_the_same_key_is_the_same_run_and_never_another_ones(either):
    with either.to("ada") as ada:
        asked = request_for(ada, idempotency_key="night-1", parameters={"lr": 0.5})
        first = ada.post("/runs", json=asked)
        assert (first.status_code, first.json()["created"]) == (201, True)
        again = ada.post("/runs", json=asked)
        assert again.status_code == 200
        assert (again.json()["created"], again.json()["same"]) == (False, "key")
        assert again.json()["run"]["id"] == first.json()["run"]["id"]
        before = either.everything()
        asked["run"]["parameters"] = {"lr": 0.6}
        error = refused(ada.post("/runs", json=asked), 409, "key_used")
        assert error["run"] == first.json()["run"]["id"]
        assert either.everything() == before


def test_ten_at_once_with_one_key_are_one_run(either):
    with either.to("ada") as ada:
        asked = request_for(ada, idempotency_key="storm")
        answers, start = [], threading.Barrier(10)

        def ask() -> None:
            with either.to("ada") as client:
                start.wait()
                answers.append(client.post("/runs", json=asked))

        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {a.status_code for a in answers} <= {200, 201}, [a.text for a in answers]
        assert len({a.json()["run"]["id"] for a in answers}) == 1
        assert [a.json()["created"] for a in answers].count(True) == 1
        assert len(ada.get("/runs").json()["runs"]) == 1


def test_a_folder_handed_in_by_many_at_once_is_one_snapshot(either):
    answers, start = [], threading.Barrier(8)

    def upload() -> None:
        with either.to("ada") as client:
            start.wait()
            answers.append(hand_in(client))

    threads = [threading.Thread(target=upload) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.status_code for a in answers] == [201] * 8, [a.text for a in answers]
    assert len({a.json()["hash"] for a in answers}) == 1


def test_the_same_inputs_offer_the_earlier_run(service, ada):
    asked = request_for(ada, parameters={"lr": 0.25})
    first = ada.post("/runs", json=asked).json()["run"]
    waiting = ada.post("/runs", json=asked).json()
    assert waiting["created"], "one that has not ended is none to show"
    service.move(first["id"], State.STARTING, State.RUNNING, State.SUCCEEDED)
    offered = ada.post("/runs", json=asked)
    assert offered.status_code == 200
    assert (offered.json()["created"], offered.json()["same"]) == (False, "inputs")
    assert offered.json()["run"]["id"] == first["id"]
    again = ada.post("/runs", json=asked | {"again": True})
    assert again.status_code == 201
    assert again.json()["run"]["id"] != first["id"]
    other = asked | {"run": asked["run"] | {"parameters": {"lr": 0.26}}}
    assert ada.post("/runs", json=other).status_code == 201


def test_parameters_are_read_for_the_form(ada):
    text = 'lr: float = 0.1  # how fast\nkind: Literal["a", "b"] = "a"\nkey: "secret" = ""\nn: int'
    snapshot = hand_in(ada, files={"deep/work.ipynb": notebook(text)}).json()["hash"]
    where = f"/snapshots/{snapshot}/parameters"
    ask = {"owner": "team-apollo", "notebook": "deep/work.ipynb"}
    found = ada.get(where, params=ask).json()["parameters"]
    assert [(p["name"], p["type"]) for p in found[:1]] == [("lr", "float")]
    assert found[0]["help"] == "how fast"
    assert found[1]["choices"] == ["a", "b"]
    assert [p["name"] for p in found if p["secret"]] == ["key"]
    assert [p["name"] for p in found if p["required"]] == ["n"]
    refused(ada.get(where, params=ask | {"notebook": "no.ipynb"}), 404, "file_missing")
    refused(ada.get(where, params=ask | {"owner": "ada"}), 422, "snapshot_unknown")


def test_cancel_takes_a_run_out_of_the_queue_once(service, ada):
    run = submit(ada)
    stopped = ada.post(f"/runs/{run['id']}/cancel").json()
    assert (stopped["state"], stopped["reason"]) == ("cancelled", "cancelled")
    refused(ada.post(f"/runs/{run['id']}/cancel"), 409, "already_ended")


def test_cancel_of_a_running_run_may_be_asked_twice(service, ada):
    run = submit(ada)["id"]
    service.move(run, State.STARTING, State.RUNNING)
    for _ in range(2):
        answer = ada.post(f"/runs/{run}/cancel")
        assert answer.status_code == 200
        assert answer.json()["cancel_asked"]
        assert "cancel" not in answer.json()["may"]
    changes = [c["what"] for c in ada.get(f"/runs/{run}/changes").json()["changes"]]
    assert changes == ["waiting", "starting", "running", "cancel asked"]


def test_retry_asks_for_the_same_again(service, ada):
    run = submit(ada, tags=["baseline"], parameters={"lr": 0.7}, title="Try")
    service.move(run["id"], State.STARTING, State.RUNNING, State.FAILED)
    made = ada.post(f"/runs/{run['id']}/retry")
    assert made.status_code == 201
    again = made.json()["run"]
    assert again["id"] != run["id"]
    for name in ("title", "parameters", "tags", "snapshot", "memory_bytes", "owner"):
        assert again[name] == run[name]


def test_a_secret_is_asked_for_again_and_never_told(service, ada):
    files = {"work.ipynb": notebook('key: "secret"')}
    snapshot = hand_in(ada, files=files).json()["hash"]
    asked = {"notebook": "work.ipynb", "snapshot": snapshot, "secrets": {"key": "hunter2-hunter2"}}
    answer = ada.post("/runs", json={"owner": "team-apollo", "run": asked})
    assert answer.status_code == 201, answer.text
    run = answer.json()["run"]["id"]
    service.move(run, State.STARTING, State.RUNNING, State.FAILED)
    before = service.everything()
    error = ada.post(f"/runs/{run}/retry").json()["error"]
    assert "key" in error["message"]
    assert service.everything() == before
    for wrong in ({"key": "x"}, {"__key": "hunter2-hunter2"}, {"other": "hunter2-hunter2"}):
        for action in ("retry", "verify"):
            answer = ada.post(f"/runs/{run}/{action}", json={"secrets": wrong})
            assert answer.status_code in (409, 422), answer.text
            assert "hunter2" not in answer.text
    assert service.everything() == before
    again = ada.post(f"/runs/{run}/retry", json={"secrets": {"key": "hunter2-hunter2"}})
    assert again.status_code == 201, again.text
    told = answer.text + again.text + ada.get("/runs").text + str(service.everything())
    assert "hunter2" not in told


@pytest.mark.parametrize("state", [State.WAITING, State.RUNNING, State.CANCELLED])
def test_only_what_came_to_its_end_is_verified_and_published(service, ada, state):
    run = submit(ada)["id"]
    steps = {State.RUNNING: [State.STARTING, State.RUNNING], State.CANCELLED: [State.CANCELLED]}
    service.move(run, *steps.get(state, []))
    before = service.everything()
    refused(ada.post(f"/runs/{run}/verify"), 409, "verify_not_possible")
    refused(ada.put(f"/runs/{run}/published"), 409, "publish_not_possible")
    assert service.everything() == before


def test_a_verification_is_a_run_of_the_same_with_a_tolerance(service, ada):
    run = submit(ada, parameters={"lr": 0.9})
    service.finish(run["id"], {})
    for wrong in ({"loss": {"abs": -1}}, {"loss": {"percent": 1}}, {"loss": {"rel": "much"}}):
        before = service.everything()
        answer = ada.post(f"/runs/{run['id']}/verify", json={"tolerance": wrong})
        assert answer.status_code == 422, answer.text
        assert service.everything() == before
    made = ada.post(f"/runs/{run['id']}/verify", json={"tolerance": {"loss": {"rel": 0.1}}})
    assert made.status_code == 201, made.text
    again = made.json()["run"]
    assert (again["verify_of"], again["parameters"]) == (run["id"], {"lr": 0.9})
    assert service.run(again["id"]).tolerance["loss"]["rel"] == 0.1
    service.finish(again["id"], {})
    refused(ada.post(f"/runs/{again['id']}/verify"), 409, "verify_not_possible")


def test_a_verification_needs_the_very_image(service, ada):
    run = submit(ada)["id"]
    service.finish(run, {})
    with service.context.writing() as session:
        session.get_one(type(service.run(run)), run).image_digest = "sha256:" + "0" * 64
    before = service.everything()
    refused(ada.post(f"/runs/{run}/verify"), 409, "image_gone")
    assert service.everything() == before


def test_a_report_is_published_and_taken_back(service, ada):
    run = submit(ada)["id"]
    service.finish(run, {})
    first = ada.put(f"/runs/{run}/published").json()
    assert first["published_at"]
    assert "withdraw" in first["may"]
    assert ada.put(f"/runs/{run}/published").json()["published_at"] == first["published_at"]
    assert ada.delete(f"/runs/{run}/published").json()["published_at"] is None
    assert ada.delete(f"/runs/{run}/published").json()["published_at"] is None
    told = [c["what"] for c in ada.get(f"/runs/{run}/changes").json()["changes"]]
    assert told[-2:] == ["published", "withdrawn"]


def test_a_list_goes_on_page_by_page(service):
    with service.to("ken") as ken:
        made = [submit(ken, "ken", title=f"Number {n}")["id"] for n in range(5)]
        found, after = [], None
        for _ in range(3):
            page = ken.get("/runs", params={"owner": "ken", "limit": 2, **(after or {})}).json()
            found += [run["id"] for run in page["runs"]]
            after = {"after": page["next"]}
        assert found == made[::-1]
        assert page["next"] is None
        assert [r["title"] for r in ken.get("/runs", params={"text": "number 3"}).json()["runs"]] \
            == ["Number 3"]  # fmt: skip


def test_sweeps_go_on_page_by_page_with_one_question_for_their_runs(either):
    with either.to("ada") as ada, either.to("ben") as ben:
        run = request_for(ada)["run"]
        made = []
        for number in range(5):
            spec = {"kind": "grid", "axes": {"lr": [*range(number + 1)]}}
            wanted = {"owner": "team-apollo", "sweep": {"run": run, "spec": spec}}
            made.append(ada.post("/sweeps", json=wanted).json()["sweep"]["id"])
        asked = []
        event.listen(either.context.database, "before_cursor_execute",
                     lambda *call: asked.append(call[2]))  # fmt: skip
        found, after = [], {}
        for _ in range(3):
            page = ada.get("/sweeps", params={"limit": 2, **after}).json()
            found += [(sweep["id"], sweep["members"]) for sweep in page["sweeps"]]
            after = {"after": page["next"]}
        assert found == [(made[n], n + 1) for n in (4, 3, 2, 1, 0)]
        assert page["next"] is None
        assert len([statement for statement in asked if "FROM runs" in statement]) == 3
        for wrong in ("x", "20269999T000000000000~sweep-aaaaaaaaaaaa"):
            refused(ada.get("/sweeps", params={"after": wrong}), 422, "page_unknown")
        assert ben.get("/sweeps").json() == {"sweeps": [], "next": None}


@pytest.mark.parametrize("login", ["ada", "team-apollo", "otto"])
def test_the_queue_does_not_read_all_that_has_ended(service, login):
    asked = []

    def note(connection, cursor, statement, parameters, *_) -> None:
        asked.append((statement, parameters))

    event.listen(service.context.database, "before_cursor_execute", note)
    queue_for(service.context, PEOPLE[login])
    event.remove(service.context.database, "before_cursor_execute", note)
    plans = []
    with service.context.database.connect() as connection:
        for statement, parameters in asked:
            if "FROM runs" in statement:
                explained = connection.exec_driver_sql(
                    f"EXPLAIN QUERY PLAN {statement}", parameters
                )
                plans += [row.detail for row in explained if " runs " in row.detail]
    assert len(plans) >= 5
    # Of a notebook that waits, the last ten runs are asked how long they took.
    few = ("state=?", "owner=? AND notebook=?")
    assert [plan for plan in plans if not any(one in plan for one in few)] == []


def test_a_sweep_is_made_stopped_and_made_whole(either):
    with either.to("ada") as ada:
        run = request_for(ada)["run"]
        spec = {"kind": "grid", "axes": {"lr": [1, 2, 3]}}
        asked = {"owner": "team-apollo", "sweep": {"run": run, "spec": spec}}
        made = ada.post("/sweeps", json=asked)
        assert made.status_code == 201, made.text
        sweep = made.json()["sweep"]
        assert (sweep["members"], sweep["counts"].get("waiting")) == (3, 3)
        stopped = ada.post(f"/sweeps/{sweep['id']}/cancel").json()
        assert stopped["counts"]["cancelled"] == 3
        again = ada.post(f"/sweeps/{sweep['id']}/missing")
        assert again.status_code == 201
        assert sorted(r["parameters"]["lr"] for r in again.json()["runs"]) == [1, 2, 3]
        assert len(ada.get("/runs", params={"sweep": sweep["id"]}).json()["runs"]) == 6


def test_a_schedule_is_altered_paused_and_taken_away(either):
    with either.to("ada") as ada:
        body = {"run": request_for(ada)["run"], "cron": "0 2 * * *"}
        made = ada.post("/schedules", json={"owner": "team-apollo", "schedule": body})
        assert made.status_code == 201, made.text
        schedule = made.json()["schedule"]
        assert (schedule["timezone"], len(schedule["next"])) == ("Asia/Hong_Kong", 5)
        assert schedule["next"][0].endswith("T18:00:00Z")
        where = f"/schedules/{schedule['id']}"
        changed = ada.patch(where, json={"cron": "0 3 * * *", "timezone": "UTC"}).json()
        assert changed["next"][0].endswith("T03:00:00Z")
        assert changed["missed"] == schedule["missed"]
        before = either.everything()
        for wrong in ({"cron": "99 * * * *"}, {"timezone": "Moon/Sea"}, {"paused": True}):
            assert ada.patch(where, json=wrong).status_code == 422
        assert either.everything() == before
        assert ada.post(f"{where}/pause").json()["paused"]
        assert ada.post(f"{where}/resume").json()["next"]
        assert ada.delete(where).status_code == 204
        refused(ada.get(where), 404, "schedule_unknown")
        refused(ada.delete(where), 404, "schedule_unknown")
        assert ada.get("/schedules").json() == {"schedules": []}


def test_a_preview_says_the_next_five_times(ada):
    times = ada.post("/schedules/preview", json={"cron": "0 2 * * *"}).json()["times"]
    assert len(times) == 5
    assert all(time.endswith("T18:00:00Z") for time in times), "02:00 in Hong Kong"


def test_addresses_that_are_none_answer_in_the_same_shape(ada):
    refused(ada.get("/nothing"), 404, "not_found")
    wrong = ada.put("/me")
    refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "GET"
    refused(ada.get("/runs/run-none"), 404, "run_unknown")
