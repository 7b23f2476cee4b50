"""The Python client: what it sends, what it makes of answers, and how it bears lost connections."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fastapi.responses import HTMLResponse
from starlette.responses import JSONResponse

from experiments.client import Client, ExperimentError, UnreachableError, read_study
from experiments.client.events import Event, read_events
from tests.experiments.recorded import (
    RUNNING,
    TOKEN,
    HangUp,
    RecordedService,
    create_app,
    ended,
    refusal,
    served,
)
from tests.experiments.runs import notebook
from tests.labs import ROOT, free_ports

PARAMETERS = """\
lr = 0.1  # learning rate
epochs: int = 3
api_key: "secret" = ""
"""


@pytest.fixture(scope="module")
def server():
    service = RecordedService()
    with served(create_app(service)) as address:
        yield service, address


@pytest.fixture
def service(server):
    server[0].forget()
    return server[0]


@pytest.fixture
def client(service, server):
    client = Client(server[1], TOKEN, patience_s=3)
    yield client
    client.close()


@pytest.fixture
def train(tmp_path) -> Path:
    """A notebook in a folder of its own, with something beside it."""
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "data.csv").write_text("1,2\n")
    path = folder / "train.ipynb"
    path.write_text(json.dumps(notebook("print(lr)", parameters=PARAMETERS)))
    return path


def test_a_run_from_the_notebook_to_its_end(service, client, train):
    service.steps = [RUNNING, ended(metrics={"loss": 0.25})]
    run = client.submit(train, {"lr": 1}, secrets={"api_key": "hunter2"}, gpus=1, tags=("a", "b"))
    assert (run.state, run.ended, run.earlier) == ("waiting", False, False)
    [sent] = service.bodies("POST /runs")
    assert sent["owner"] == "team-apollo"
    assert sent["run"]["parameters"] == {"lr": 1.0}
    assert sent["run"]["secrets"] == {"api_key": "hunter2"}
    assert sent["run"]["notebook"] == "train.ipynb"
    assert sent["run"]["snapshot"] == "5" * 64
    assert (sent["run"]["gpus"], sent["run"]["tags"]) == (1, ["a", "b"])
    assert set(service.handed_in[0]) == {"data.csv", "train.ipynb"}
    seen = []
    run.wait(on_look=lambda run: seen.append(run.state))
    assert seen == ["running", "succeeded"]
    assert run.metrics == {"loss": 0.25}


def test_one_study_is_handed_in_once_for_several_runs(service, client, train):
    study = client.hand_in(read_study(train))
    client.submit(study, {"lr": 0.1})
    client.submit(study, {"lr": 0.2})
    assert len(service.handed_in) == 1
    assert len(service.runs) == 2


def test_the_same_inputs_return_the_earlier_run_unless_it_is_wanted_again(service, client, train):
    first = client.submit(train, {"lr": 0.5})
    service.runs[first.id] |= ended()
    again = client.submit(train, {"lr": 0.5})
    assert (again.id, again.earlier) == (first.id, True)
    anew = client.submit(train, {"lr": 0.5}, again=True)
    assert anew.id != first.id
    assert not anew.earlier


@pytest.mark.parametrize(
    ("asked", "code", "parameter"),
    [
        ({"parameters": {"lrr": 1}}, "parameter_unknown", "lrr"),
        ({"parameters": {"epochs": 1.5}}, "parameter_type", "epochs"),
        ({"parameters": {"lr": float("nan")}}, "parameter_not_finite", "lr"),
        ({"parameters": {"api_key": "hunter2"}}, "parameter_secret", "api_key"),
        ({"secrets": {"lr": "hunter2"}}, "parameter_not_secret", "lr"),
    ],
)
def test_what_is_wrong_is_refused_before_it_is_sent(request, asked, code, parameter):
    client, train, service = map(request.getfixturevalue, ("client", "train", "service"))
    with pytest.raises(ExperimentError, match=parameter) as caught:
        client.submit(train, **asked)
    assert (caught.value.code, caught.value.details["parameter"]) == (code, parameter)
    assert "hunter2" not in str(caught.value)
    assert service.asked == []


def test_a_name_that_is_no_option_is_an_error_of_the_program(service, client, train):
    with pytest.raises(TypeError, match="gpu"):
        client.submit(train, gpu=1)
    assert service.asked == []


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "notebook_missing"), (b"\x89PNG", "notebook_invalid"), (b"{}", "notebook_invalid")],
)
def test_a_file_that_is_no_notebook(service, client, tmp_path, content, code):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ExperimentError) as caught:
        client.submit(path)
    assert caught.value.code == code
    assert service.asked == []


def test_a_notebook_with_a_folder_above_it(service, client, train):
    study = read_study(train, train.parent.parent)
    client.submit(study)
    [sent] = service.bodies("POST /runs")
    assert sent["run"]["notebook"] == "study/train.ipynb"
    with pytest.raises(ExperimentError, match="is not in the folder"):
        read_study(train, train.parent / "elsewhere")


def test_what_was_left_out_of_the_folder_is_warned_of(service, client, train):
    (train.parent / "link").symlink_to("/etc/hostname")
    with pytest.warns(UserWarning, match="leads out of the folder"):
        client.submit(train)
    assert "link" not in service.handed_in[0]


@pytest.mark.parametrize("loss", [HangUp(), HangUp(heard=True), HTMLResponse("away", 503)])
def test_a_submission_whose_answer_is_lost_is_one_run(service, client, train, loss):
    service.instead = {"POST /runs": [loss], "POST /snapshots": [loss]}
    run = client.submit(train)
    assert list(service.runs) == [run.id]
    assert not run.earlier
    keys = {body["run"]["idempotency_key"] for body in service.bodies("POST /runs")}
    assert len(service.bodies("POST /runs")) == 2
    assert len(keys) == 1


def test_what_has_no_key_is_never_sent_twice(service, client, train):
    run = client.submit(train)
    service.instead = {f"POST /runs/{run.id}/retry": [HangUp(heard=True)]}
    with pytest.raises(UnreachableError):
        run.retry()
    assert len(service.runs) == 2
    assert len(service.bodies(f"POST /runs/{run.id}/retry")) == 1


def test_a_refusal_is_not_repeated_and_has_the_servers_own_words(service, client, train):
    answer = refusal(422, "never_fits", "The run asks for 9 GPUs.", field="gpus")
    service.instead = {"POST /runs": [answer]}
    with pytest.raises(ExperimentError, match="asks for 9 GPUs") as caught:
        client.submit(train)
    assert (caught.value.code, caught.value.status) == ("never_fits", 422)
    assert caught.value.details == {"field": "gpus"}
    assert len(service.bodies("POST /runs")) == 1


@pytest.mark.parametrize(
    "answer",
    [HTMLResponse("<h1>hello</h1>"), HTMLResponse("lost", 404), JSONResponse([1]),
     JSONResponse({"error": "no"}, 400), JSONResponse({"error": {"code": 1}}, 500)],
)  # fmt: skip
def test_an_answer_that_is_not_the_services_is_said_to_be_that(service, client, answer):
    service.instead = {"GET /me": [answer]}
    with pytest.raises(ExperimentError, match="not the experiments service") as caught:
        _ = client.me
    assert caught.value.code == "answer_unexpected"


def test_nobody_there_is_one_sentence_after_some_patience():
    port = free_ports(1)
    client = Client(f"http://127.0.0.1:{port}{'/services/experiments'}", "t", patience_s=0.5)
    start = time.monotonic()
    with pytest.raises(UnreachableError, match="cannot be reached"):
        client.runs()
    assert 0.2 < time.monotonic() - start < 3


def test_a_service_that_comes_back_is_waited_for(service, client):
    service.instead = {"GET /me": [HangUp(), HTMLResponse("", 502), HTMLResponse("", 503)]}
    assert client.me["login"] == "team-apollo"
    assert len(service.bodies("GET /me")) == 4


@pytest.mark.parametrize("address", ["", "nonsense", "ftp://x", "http://[::1", "http://\n"])
def test_an_address_that_is_none(monkeypatch, address):
    monkeypatch.delenv("COHORT_EXPERIMENTS_URL", raising=False)
    with pytest.raises(ExperimentError, match="COHORT_EXPERIMENTS_URL"):
        Client(address, "t", patience_s=0.1).runs()


@pytest.mark.parametrize("token", ["hunter2\n", "hunter2é", "hunter2 訓"])
def test_a_token_that_is_none_is_not_shown(server, token):
    with pytest.raises(ExperimentError, match="JUPYTERHUB_API_TOKEN") as caught:
        Client(server[1], token).runs()
    assert "hunter2" not in str(caught.value)


def test_a_broken_stream_is_taken_up_where_it_broke(service, client, monkeypatch):
    monkeypatch.setattr("experiments.client.events.RECONNECT_S", 0.01)
    run = service.add_run()
    service.events = [("output", {"n": n, "text": "é\u2028x"}) for n in range(7)]
    service.break_after = [2, 0, 3]
    service.steps = [{}, ended()]
    followed = client.run(run["id"])
    events = list(followed.follow())
    assert [event.data["n"] for event in events] == list(range(7))
    assert {event.data["text"] for event in events} == {"é\u2028x"}
    assert followed.state == "succeeded"


def test_a_stream_that_is_none(service, client):
    run = service.add_run()
    service.instead = {f"GET /runs/{run['id']}/events": [HTMLResponse("<h1>hello</h1>")]}
    with pytest.raises(ExperimentError, match="not the experiments service"):
        list(client.run(run["id"]).follow())


def test_a_stream_of_a_run_that_is_not_there(service, client):
    run = service.add_run()
    answer = refusal(404, "run_unknown", "There is no run that you may see.")
    service.instead = {f"GET /runs/{run['id']}/events": [answer]}
    with pytest.raises(ExperimentError, match="no run") as caught:
        list(client.run(run["id"]).follow())
    assert caught.value.status == 404


STREAM = (
    b": ping\r\n\r\nevent: state\r\nid: 7\r\ndata: {\"state\":\r\ndata: \"running\"}\r\n\r\n"
    b"data:{\"a\": \"caf\xc3\xa9\xe2\x80\xa8\"}\n\nevent: empty\n\nid: 9\rdata: nonsense\r\r"
    b"event: cut\ndata: {}\n"
)  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_do_not_depend_on_how_the_stream_is_cut(size):
    chunks = [STREAM[i : i + size] for i in range(0, len(STREAM), size)]
    assert list(read_events(chunks)) == [
        Event("state", {"state": "running"}, "7"),
        Event("message", {"a": "caf\xe9\u2028"}, "7"),
        Event("message", {}, "9"),
    ]


def test_waiting_can_be_given_up(service, client):
    run = client.run(service.add_run()["id"])
    with pytest.raises(TimeoutError, match=r"has not ended after 0\.3 s"):
        run.wait(timeout_s=0.3)
    assert service.bodies(f"POST /runs/{run.id}/cancel") == []


def test_files_are_copied_whole_and_inside_of_the_folder(service, client, tmp_path):
    run = client.run(service.add_run(**ended())["id"])
    service.files = {"notebook.ipynb": b"{}", "outputs/ä b#?.txt": b"x" * 100_000,
                     "outputs/deep/y": b"y"}  # fmt: skip
    folder = tmp_path / "here"
    seen = []
    paths = run.download(folder, on_bytes=lambda done, total: seen.append((done, total)))
    assert {str(p.relative_to(folder)): p.read_bytes() for p in paths} == service.files
    assert seen[-1] == (100_003, 100_003)
    assert run.download(folder, ("outputs/deep", "report.pdf"))[1].read_bytes() == b"%PDF-"
    with pytest.raises(ExperimentError, match=r"notebook\.ipynb, outputs"):
        run.download(folder, ("missing",))
    # A download that breaks is begun again.
    service.instead = {f"GET /runs/{run.id}/files/outputs/deep/y": [HangUp()]}
    service.files["outputs/deep/y"] = b"new"
    assert run.download(folder, ("outputs/deep/y",))[0].read_bytes() == b"new"
    assert {p.name for p in folder.rglob(".*")} == set()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", "x\ny"])
def test_a_file_name_that_leads_elsewhere_is_refused(service, client, tmp_path, name):
    run = client.run(service.add_run(**ended())["id"])
    service.files = {name: b"evil"}
    with pytest.raises(ExperimentError, match="no file here can have that name"):
        run.download(tmp_path / "here")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_link_in_the_folder_is_not_followed(service, client, tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "here"
    outside.mkdir()
    folder.mkdir()
    (outside / "file").write_text("mine")
    (folder / "outputs").symlink_to(outside)
    (folder / "log.txt").symlink_to(outside / "file")
    run = client.run(service.add_run(**ended())["id"])
    service.files = {"outputs/file": b"evil"}
    with pytest.raises(ExperimentError, match="a link or a folder is in its place"):
        run.download(folder)
    service.files = {"log.txt": b"log"}
    run.download(folder)
    assert (outside / "file").read_text() == "mine"
    assert (folder / "log.txt").read_bytes() == b"log"


def test_a_sweep_is_checked_here_and_sent_as_it_was_written(service, client, train):
    spec = {"kind": "grid", "axes": {"lr": "0.1,0.01", "epochs": "1:2"}}
    sweep = client.sweep(train, spec, max_running=2, gpus=1)
    [sent] = service.bodies("POST /sweeps")
    assert sent["sweep"]["spec"] == spec
    assert sent["sweep"]["max_running"] == 2
    assert sent["sweep"]["run"]["gpus"] == 1
    assert "max_running" not in sent["sweep"]["run"]
    counts = [{"counts": {"running": 2, "succeeded": 2}},
              {"counts": {"succeeded": 3, "failed": 1}}]  # fmt: skip
    service.steps = list(counts)
    assert sweep.wait().counts == counts[1]["counts"]
    with pytest.raises(ExperimentError, match="lrr"):
        client.sweep(train, {"kind": "grid", "axes": {"lrr": "1,2"}})
    with pytest.raises(ExperimentError, match="at most 500"):
        client.sweep(train, {"kind": "grid", "axes": {"epochs": "1:501"}})
    assert len(service.bodies("POST /sweeps")) == 1


def test_a_schedule_with_no_such_times_sends_no_folder(service, client, train):
    with pytest.raises(ExperimentError, match="no cron expression"):
        client.schedule(train, "nonsense")
    assert service.handed_in == []
    schedule = client.schedule(train, "0 2 * * *", {"lr": 0.2}, timezone="Europe/London")
    [sent] = service.bodies("POST /schedules")
    assert sent["schedule"]["timezone"] == "Europe/London"
    assert sent["schedule"]["run"]["parameters"] == {"lr": 0.2}
    assert "missed" not in sent["schedule"]
    assert schedule.pause().data["paused"]
    assert not schedule.resume().data["paused"]
    assert schedule.change(title="Each night", cron="0 3 * * *").data["title"] == "Each night"
    [sent] = service.bodies(f"PATCH /schedules/{schedule.id}")
    assert sent == {"title": "Each night", "cron": "0 3 * * *"}
    schedule.remove()
    assert client.schedules() == []


def test_parameters_of_what_was_handed_in(service, client, train):
    """They are those that the notebook has, and take the same values."""
    study = client.hand_in(read_study(train))
    told = client.parameters(study.snapshot, study.notebook)
    assert [(p.name, p.kind, p.default, p.help) for p in told] == [
        (p.name, p.kind, p.default, p.help) for p in study.parameters
    ]
    [asked] = service.bodies(f"GET /snapshots/{study.snapshot}/parameters")
    assert asked == {"owner": "team-apollo", "notebook": "train.ipynb"}


def test_a_report_is_published_and_taken_back(service, client):
    run = client.run(service.add_run(**ended())["id"])
    assert run.publish().data["published_at"]
    assert run.withdraw().data["published_at"] is None
    waits = client.run(service.add_run()["id"])
    with pytest.raises(ExperimentError, match="can be published"):
        waits.publish()


def test_lists_go_on_over_pages(service, client):
    for _ in range(120):
        service.add_run()
    assert len(client.runs(limit=110)) == 110
    assert [query["limit"] for query in service.bodies("GET /runs")] == ["50", "50", "10"]
    assert len(client.runs(limit=500)) == 120


def test_what_it_needs_is_what_a_workspace_has():
    code = (
        "import sys, experiments.client, experiments.command.submit, experiments.command.show,"
        " experiments.command.judge, experiments.command.change;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} &"
        " {'pydantic', 'sqlalchemy', 'fastapi', 'docker', 'nbformat', 'papermill', 'cronsim'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
