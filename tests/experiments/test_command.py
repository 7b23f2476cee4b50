"""The command: what it prints, where, in which colours, and what its exit codes say."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from experiments.client import Client, Event
from experiments.command.__main__ import COMMANDS, main
from experiments.command.transcript import Transcript
from tests.experiments.recorded import (
    RUNNING,
    TOKEN,
    WAITS,
    RecordedService,
    create_app,
    ended,
    refusal,
    served,
    verdict,
)
from tests.experiments.runs import notebook
from tests.labs import ROOT, eventually, free_ports

PARAMETERS = """\
lr = 0.1  # learning rate
epochs: int = 3
api_key: "secret" = ""
"""
SECRET = "hunter2-9f3"
COMMAND = (sys.executable, "-m", "experiments.command")
ESC = "\x1b"


@dataclass
class Said:
    """What a call of the command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


@pytest.fixture(scope="module")
def server():
    service = RecordedService()
    with served(create_app(service)) as address:
        yield service, address


@pytest.fixture
def service(server, monkeypatch, tmp_path):
    """The service that the command finds, as in a workspace, and a notebook in its folder."""
    service, address = server
    service.forget()
    monkeypatch.setenv("COHORT_EXPERIMENTS_URL", address)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", TOKEN)
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_HUB_URL", "https://lab.example/hub/")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    Path("train.ipynb").write_text(json.dumps(notebook("print(lr)", parameters=PARAMETERS)))
    return service


@pytest.fixture
def experiments(service, capsys):
    """Calls the command in this process, which is no terminal."""

    def call(*argv: str) -> Said:
        capsys.readouterr()
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code
        said = Said(code, *capsys.readouterr())
        assert SECRET not in said.out + said.err
        assert ESC not in said.out + said.err
        assert "Traceback" not in said.err
        if "--json" in argv:
            assert [json.loads(line) for line in said.out.splitlines()]
        return said

    return call


def on_terminal(*argv: str, columns: int = 80) -> tuple[int, str]:
    """Call the command on a terminal of so many columns: exit code and what it showed."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color"}
    process = subprocess.Popen([*COMMAND, *argv], stdin=follower, stdout=follower,
                               stderr=follower, env=environment)  # fmt: skip
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 60)[0]:
        try:
            shown += os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
    os.close(leader)
    return process.wait(timeout=10), shown.decode()


def plain_lines(shown: str) -> list[str]:
    """What stood on a terminal's lines, one state after another, without colours."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown))


@pytest.mark.parametrize(
    ("state", "code"),
    [("succeeded", 0), ("failed", 1), ("cancelled", 3), ("timed out", 4), ("lost", 5)],
)
@pytest.mark.parametrize("how", ["--wait", "--follow"])
def test_the_exit_code_tells_how_the_run_ended(experiments, service, how, state, code):
    # A stream says of itself when the run has ended: the one look is afterwards.
    steps = [RUNNING] if how == "--wait" else []
    service.steps = [*steps, ended(state, message="A cell raised an error.")]
    said = experiments("submit", "train.ipynb", how)
    assert said.code == code
    [name] = service.runs
    assert f"{name} {state} after 3 min 12 s" in said.out
    assert "A cell raised an error." in said.out
    assert f"https://lab.example/services/experiments/runs/{name}" in said.out


def test_a_submission_says_the_run_and_leaves_it(experiments, service):
    said = experiments("submit", "train.ipynb", "-p", "lr=1e-2", "-p", "epochs=5", "--gpus", "1",
                       "--cpus", "2.5", "--memory", "8G", "--time-limit", "1.5h", "--tag", "a",
                       "--tag", "b", "--title", "訓練", "--email", "ada@example.org",
                       "--network")  # fmt: skip
    [name] = service.runs
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[0] == f"{name} waiting"
    [sent] = service.bodies("POST /runs")
    asked = sent["run"]
    assert asked["parameters"] == {"lr": 0.01, "epochs": 5}
    assert (asked["gpus"], asked["cpus"], asked["memory"]) == (1, 2.5, "8G")
    assert (asked["time_limit_s"], asked["tags"], asked["title"]) == (5400, ["a", "b"], "訓練")
    assert (asked["notify"], asked["network"]) == ({"email": "ada@example.org"}, True)
    assert "cell_limit_s" not in asked


def test_submit_with_json_prints_one_document(experiments, service):
    said = experiments("submit", "train.ipynb", "--json")
    assert said.json["created"]
    assert said.json["run"]["state"] == "waiting"
    service.steps = [WAITS, RUNNING, ended(metrics={"loss": 0.2})]
    said = experiments("submit", "train.ipynb", "--wait", "--json", "-p", "lr=2")
    assert said.json["run"]["metrics"] == {"loss": 0.2}
    assert said.err.splitlines() == [
        "waiting, place 3: It needs 1 GPU; 0 GPUs are free.", "running",
    ]  # fmt: skip


def test_the_same_once_more_is_offered(experiments, service):
    service.steps = [ended()]
    experiments("submit", "train.ipynb", "--wait")
    said = experiments("submit", "train.ipynb")
    [name] = service.runs
    assert said.code == 0
    assert said.out.startswith(f"The same has run before: {name} succeeded. To run it anew:")
    assert experiments("submit", "train.ipynb", "--json").json["same"] == "inputs"
    experiments("submit", "train.ipynb", "--again")
    assert len(service.runs) == 2


REFUSED = [
    (["submit", "train.ipynb", "-p", "lrr=1"], "did you mean lr"),
    (["submit", "train.ipynb", "-p", "epochs=1.5"], "epochs expects a whole number"),
    (["submit", "train.ipynb", "-p", "lr=nan"], "lr expects a finite number"),
    (["submit", "train.ipynb", "-p", "lr"], "-p expects a name, = and a value"),
    (["submit", "train.ipynb", "-p", "lr=1", "-p", "lr=2"], "lr is given twice"),
    (["submit", "train.ipynb", "-p", "__class__=1"], "no parameter begins with _"),
    (["submit", "train.ipynb", "-p", f"api_key={SECRET}"], "api_key is a secret"),
    (["submit", "train.ipynb", "--secret", f"api_key={SECRET}"], "write --secret api_key"),
    (["submit", "train.ipynb", "--secret", SECRET], "does not belong on the command line"),
    (["submit", "train.ipynb", "--secret", "lr"], "The parameter lr is no secret"),
    (["submit", "train.ipynb", "--secret", "api_key"], "environment variable api_key or API_KEY"),
    (["submit", "train.ipynb", "--secrets", f"api_key={SECRET}"], "no option --secrets"),
    (["submit", "train.ipynb", f"--secrets={SECRET}"], "no option --secrets."),
    (["submit", "train.ipynb", SECRET], "too many arguments"),
    (["submit", "train.ipynb", "--gpus", "many"], "--gpus"),
    (["submit", "train.ipynb", "--time-limit", "soon"], "90s, 30m, 2h or 1d"),
    (["submit", "train.ipynb", "--wait", "--follow"], "not allowed with"),
    (["submit", "missing.ipynb"], "There is no notebook missing.ipynb."),
    (["sweep", "train.ipynb"], "Give axes, such as -g lr=0.1,0.01"),
    (["sweep", "train.ipynb", "-g", "epochs=1:10:0"], "a step that leads from 1 to 10"),
    (["sweep", "train.ipynb", "-g", "epochs=1:9999"], "at most 500 values"),
    (["sweep", "train.ipynb", "-g", "epochs=a,b"], "epochs expects a whole number"),
    (["sweep", "train.ipynb", "-g", "lr=1,2", "-p", "lr=1"], "either fixed or an axis"),
    (["sweep", "train.ipynb", "-g", "lr=1,2", "--seed", "1"], "--seed is for --random"),
    (["sweep", "train.ipynb", "--list", "none.json"], "none.json cannot be read"),
    (["schedule", "train.ipynb"], "--cron"),
    (["schedule", "train.ipynb", "--cron", "soon"], "no cron expression"),
    (["show", "../me"], "is no id such as run-"),
    (["cancel", "schedule-aaaaaaaaaaaa"], "is no id such as run-… or sweep-…"),
    (["show", "run-aaaaaaaaaaaa"], "There is no run run-aaaaaaaaaaaa"),
    (["compare", "run-aaaaaaaaaaaa"], "Name what is compared"),
    (["verify", "run-aaaaaaaaaaaa", "--tolerance", "loss=-1"], "expected METRIC=AMOUNT"),
    (["list", "--state", "odd"], "--state"),
    (["list", "--limit", "0"], "a whole number from 1 on"),
    (["logs", "../me"], "is no id such as run-"),
    (["frobnicate"], "COMMAND"),
    ([], "name a command"),
]


@pytest.mark.parametrize(("argv", "why"), REFUSED, ids=lambda value: " ".join(value)[:40])
def test_what_is_refused_is_one_sentence_and_changes_nothing(experiments, service, argv, why):
    said = experiments(*argv)
    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert said.err.startswith("experiments: ")
    assert re.search(r"[.?]\n$", said.err)
    assert said.err.count("\n") == 1
    assert service.handed_in == []
    assert service.runs == service.sweeps == service.schedules == {}
    as_json = experiments(*argv, "--json")
    assert as_json.code == 2
    assert why in as_json.json["error"]["message"]


def test_a_refusal_by_the_service_is_told_in_its_words(experiments, service):
    answer = refusal(422, "never_fits", "The run asks for 9 GPUs: ask for less.", field="gpus")
    service.instead = {"POST /runs": [answer]}
    said = experiments("submit", "train.ipynb", "--gpus", "9", "--json")
    assert said.code == 2
    assert said.json["error"]["field"] == "gpus"
    assert said.err == "experiments: The run asks for 9 GPUs: ask for less.\n"


def test_nobody_there(experiments, monkeypatch):
    monkeypatch.setitem(Client.__init__.__kwdefaults__, "patience_s", 0.3)
    monkeypatch.setenv("COHORT_EXPERIMENTS_URL", f"http://127.0.0.1:{free_ports(1)}/services/x")
    said = experiments("list", "--json")
    assert said.code == 6
    assert "cannot be reached" in said.err
    assert said.json["error"]["code"] == "service_unreachable"
    for address in ("", "nonsense"):
        monkeypatch.setenv("COHORT_EXPERIMENTS_URL", address)
        assert experiments("list").code == 6


def test_a_secret_comes_from_the_environment(experiments, service, monkeypatch):
    monkeypatch.setenv("API_KEY", SECRET)
    for more in ((), ("--json",), ("-p", "lr=x")):
        experiments("submit", "train.ipynb", "--secret", "api_key", "--again", *more)
    assert [body["run"]["secrets"] for body in service.bodies("POST /runs")] == [
        {"api_key": SECRET}, {"api_key": SECRET},
    ]  # fmt: skip


def test_a_secret_is_asked_for_without_echo(service):
    leader, follower = pty.openpty()
    process = subprocess.Popen([*COMMAND, "submit", "train.ipynb", "--secret", "api_key"],
                               stdin=follower, stdout=follower, stderr=follower,
                               start_new_session=True)  # fmt: skip
    os.close(follower)
    shown = b""
    while b"(not shown)" not in shown:
        shown += os.read(leader, 1024)
    os.write(leader, f"{SECRET}\n".encode())
    while process.poll() is None or select.select([leader], [], [], 0)[0]:
        try:
            shown += os.read(leader, 1024)
        except OSError:
            break
    os.close(leader)
    assert process.wait() == 0
    assert SECRET not in shown.decode()
    assert service.bodies("POST /runs")[0]["run"]["secrets"] == {"api_key": SECRET}


EVENTS = [
    ("state", {"state": "waiting", "reason": None, "message": "It needs 1 GPU.", "place": 2}),
    ("state", {"state": "running", "reason": None, "message": None, "place": None}),
    ("run_started", {"cells": 2}),
    ("cell_started", {"cell": 1, "source": "for i in range(3):\n    print(i)"}),
    ("output", {"cell": 1, "output": {"output_type": "stream", "name": "stdout",
                                      "text": "one\nt\x1b]0;evil\x07w"}}),
    ("output", {"cell": 1, "output": {"output_type": "stream", "name": "stdout",
                                      "text": "o\n10%\r50%\r100%\nrest"}}),
    ("cell_ended", {"cell": 1, "ok": True, "seconds": 0.1}),
    ("state", {"state": "running", "reason": None, "message": None, "place": None}),
    ("cell_started", {"cell": 2, "source": "boom"}),
    ("output", {"cell": 2, "index": 0, "output": {
        "output_type": "display_data", "data": {"text/plain": "0 of 9"}, "metadata": {}}}),
    ("output", {"cell": 2, "index": 0, "output": {
        "output_type": "display_data", "data": {"text/plain": "5 of 9"}, "metadata": {}}}),
    ("output", {"cell": 2, "index": 0, "output": {
        "output_type": "display_data", "data": {"text/plain": "9 of 9"}, "metadata": {}}}),
    ("output", {"cell": 2, "index": 1, "output": {
        "output_type": "display_data", "data": {"image/png": "…"}, "metadata": {}}}),
    ("output", {"cell": 2, "index": 2, "output": {
        "output_type": "error", "ename": "NameError", "evalue": "boom",
        "traceback": ["\x1b[31mNameError\x1b[0m", "name 'boom' is not defined"]}}),
    ("cell_ended", {"cell": 2, "ok": False, "seconds": 0.1}),
    ("something_new", {"a": 1}),
    ("cell_started", {"cell": [], "source": 7}),
    ("output", {"output": {"output_type": "stream", "text": 9}}),
    ("flush", {}),
    ("run_ended", {"outcome": "failed", "reason": "user error"}),
]  # fmt: skip
FOLLOWED = """\
waiting, place 2: It needs 1 GPU.
running
[1/2] for i in range(3):
one
two
100%
rest
[2/2] boom
0 of 9
[image/png]
NameError
name 'boom' is not defined
9 of 9
"""


def test_follow_shows_what_happens_in_lines(experiments, service):
    run = service.add_run()
    service.events, service.steps = EVENTS, [RUNNING, ended("failed")]
    said = experiments("follow", run["id"])
    assert said.code == 1
    assert said.out.startswith(FOLLOWED)
    assert said.out.removeprefix(FOLLOWED).startswith(f"{run['id']} failed")


def test_follow_with_json_is_an_event_a_line(experiments, service):
    run = service.add_run()
    service.events, service.steps = EVENTS, [RUNNING, ended("failed")]
    said = experiments("follow", run["id"], "--json")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["event"] for line in lines] == [name for name, _ in EVENTS] + ["end"]
    assert lines[-1]["data"]["state"] == "failed"
    assert (said.code, said.err) == (1, "")


@pytest.mark.parametrize(
    ("word", "code"), [("REPRODUCED", 0), ("WITHIN TOLERANCE", 0), ("DIVERGED", 7)]
)
def test_verify_says_the_verdict(experiments, service, word, code):
    run = service.add_run(**ended())
    # The verdict is there a moment after the end.
    service.steps = [{}, RUNNING, ended(), {}, {"verdict": verdict(word)}]
    argv = ("verify", run["id"], "--tolerance", "loss=1%", "--tolerance", "loss=0.5")
    said = experiments(*argv)
    assert said.code == code
    assert f"{word}. Run again, it came out so." in said.out
    assert bool(re.search(r"^loss +0.31 +0.42 +off$", said.out, re.MULTILINE)) == (code == 7)
    assert ("Line 1: '0.31' and '0.42'." in said.out) == (code == 7)
    [sent] = service.bodies(f"POST /runs/{run['id']}/verify")
    assert sent["tolerance"] == {"loss": {"rel": 0.01, "abs": 0.5}}
    service.steps = [{}, ended(verdict=verdict(word))]
    said = experiments("verify", run["id"], "--json")
    assert (said.code, said.json["verdict"]["verdict"]) == (code, word)


def test_a_verification_that_is_lost_has_no_verdict(experiments, service):
    run = service.add_run(**ended())
    service.steps = [{}, ended("lost")]
    said = experiments("verify", run["id"], "--json")
    assert (said.code, said.json["verdict"]) == (5, None)
    assert experiments("verify", run["id"], "--no-wait").code == 0


@pytest.mark.parametrize(
    ("counts", "code"),
    [({"succeeded": 4}, 0), ({"succeeded": 3, "failed": 1}, 1), ({"cancelled": 4}, 3),
     ({"succeeded": 3, "timed out": 1}, 4), ({"lost": 1, "succeeded": 3}, 5)],
)  # fmt: skip
def test_a_sweep_is_waited_for(experiments, service, counts, code):
    service.steps = [{"counts": {"running": 2, "waiting": 2}}, {"counts": counts}]
    said = experiments("sweep", "train.ipynb", "-g", "lr=0.1,0.01", "-g", "epochs=1:2", "--wait")
    assert said.code == code
    assert said.out.startswith("sweep-aaaaaaaaaaaa 4 runs: ")
    assert f"{counts.get('succeeded', 0)} succeeded" in said.out or code == 3
    [sent] = service.bodies("POST /sweeps")
    assert sent["sweep"]["spec"] == {
        "kind": "grid", "axes": {"lr": "0.1,0.01", "epochs": "1:2"},
    }  # fmt: skip


def test_sweeps_by_chance_and_from_files(experiments, service):
    experiments("sweep", "train.ipynb", "-g", "lr=log(1e-4,1e-1)", "--random", "7", "--seed", "3")
    Path("members.csv").write_text("lr,epochs\n0.5,\n0.25,7\n")
    experiments("sweep", "train.ipynb", "--list", "members.csv")
    Path("members.json").write_text('[{"lr": 1}, {"epochs": 2}]')
    experiments("sweep", "train.ipynb", "--list", "members.json", "--max-running", "2")
    assert [body["sweep"]["spec"] for body in service.bodies("POST /sweeps")] == [
        {"kind": "random", "axes": {"lr": "log(1e-4,1e-1)"}, "count": 7, "seed": 3},
        {"kind": "list", "members": [{"lr": 0.5}, {"lr": 0.25, "epochs": 7}]},
        {"kind": "list", "members": [{"lr": 1}, {"epochs": 2}]},
    ]
    for name, text in (("a.csv", "lr\n1,2\n"), ("b.json", "{}"), ("c.json", '[{"epochs": "x"}]')):
        Path(name).write_text(text)
        assert experiments("sweep", "train.ipynb", "--list", name).code == 2


def test_schedules(experiments, service):
    argv = ("schedule", "train.ipynb", "--cron", "0 2 * * *", "--timezone", "Asia/Tokyo")
    said = experiments(*argv, "--missed", "skip", "--overlap", "queue")
    assert said.out.splitlines()[:2] == [
        "schedule-aaaaaaaaaaaa runs next, by the clock of Asia/Tokyo:", "  Mon 2026-11-23 15:00",
    ]  # fmt: skip
    assert service.bodies("POST /schedules")[0]["schedule"]["overlap"] == "queue"
    assert "0 2 * * *" in experiments("schedules").out
    assert experiments("pause", "schedule-aaaaaaaaaaaa").code == 0
    assert "paused" in experiments("schedules").out
    assert "paused" in experiments("show", "schedule-aaaaaaaaaaaa").out
    assert not experiments("resume", "schedule-aaaaaaaaaaaa", "--json").json["schedules"][0][
        "paused"
    ]
    changed = ("reschedule", "schedule-aaaaaaaaaaaa", "--cron", "5 6 * * 1", "--missed", "all")
    said = experiments(*changed)
    assert said.out.startswith("schedule-aaaaaaaaaaaa runs next, by the clock of Asia/Tokyo:\n")
    [sent] = service.bodies("PATCH /schedules/schedule-aaaaaaaaaaaa")
    assert sent == {"cron": "5 6 * * 1", "missed": "all"}
    assert "5 6 * * 1" in experiments("schedules").out
    assert "what is to be changed" in experiments("reschedule", "schedule-aaaaaaaaaaaa").err
    assert experiments("unschedule", "schedule-aaaaaaaaaaaa").code == 0
    assert experiments("schedules").out == "There are no schedules.\n"


def test_lists_are_whole_without_a_terminal(experiments, service):
    long = "[red]" + "x" * 300
    service.add_run(title=long, **ended())
    service.add_run(**RUNNING, cells_done=1)
    lines = experiments("list", "--limit", "5").out.splitlines()
    assert lines[0].split() == ["run", "state", "title", "submitted", "took", "owner", "author"]
    assert long in lines[1]
    assert "running 1/3 " in lines[2]
    assert len(experiments("list", "--state", "running", "--json").json["runs"]) == 1
    assert experiments("list", "--state", "lost").out == "There are no such runs.\n"


def test_show_says_all_there_is(experiments, service):
    run = service.add_run(
        parameters={"lr": 0.1, "name": "a\x1b[31mb"}, metrics={"loss": 1 / 3}, tags=["x"],
        verdict=verdict("DIVERGED"), gpus=2, **ended("failed", message="A cell raised."),
    )  # fmt: skip
    said = experiments("show", run["id"]).out
    for part in ("failed: A cell raised.", "ada for team apollo", "3 min 12 s", "cells      3/3\n",
                 "1 CPU, 2 GB, 2 GPUs, at most 1 h 0 min", "DIVERGED. Run again", "0.333333",
                 "waiting (ada)", "2026-11-23"):  # fmt: skip
        assert part in said
    assert set(experiments("show", run["id"], "--json").json) == {"run", "changes"}
    waits = service.add_run(**WAITS)
    assert "waiting, place 3: It needs 1 GPU" in experiments("show", waits["id"]).out


def test_logs_are_shown_as_they_are_but_for_what_a_terminal_would_act_on(experiments, service):
    run = service.add_run(**ended())
    service.log = b"a\x1b[2Jb\x1b]52;c;ZXZpbA==\x07\tc\xc2\x9b31m\r\n\xffd"
    assert experiments("logs", run["id"]).out == "ab\tc31m\n\ufffdd\n"
    as_json = experiments("logs", run["id"], "--json").json["log"]
    assert as_json == service.log.decode("utf-8", "replace")


def test_changes_of_runs(experiments, service):
    one, two = service.add_run(), service.add_run()
    said = experiments("cancel", one["id"], two["id"])
    assert said.out == f"{one['id']} cancelled\n{two['id']} cancelled\n"
    said = experiments("cancel", one["id"], "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "already_ended")
    service.steps = [{}, ended()]
    said = experiments("retry", one["id"], "--wait", "--json")
    assert (said.code, said.json["run"]["state"]) == (0, "succeeded")
    experiments("sweep", "train.ipynb", "-g", "lr=1,2")
    assert experiments("retry", "sweep-aaaaaaaaaaaa").code == 0
    assert experiments("cancel", "sweep-aaaaaaaaaaaa").code == 0
    paths = [path for method, path, _ in service.asked if method == "POST" and "sweep-" in path]
    assert paths == ["/sweeps/sweep-aaaaaaaaaaaa/missing", "/sweeps/sweep-aaaaaaaaaaaa/cancel"]


def test_reports_are_published_and_taken_back(experiments, service):
    one, two = service.add_run(**ended()), service.add_run(**ended())
    said = experiments("publish", one["id"], two["id"])
    assert said.out == f"{one['id']} is on the showcase\n{two['id']} is on the showcase\n"
    assert experiments("show", one["id"], "--json").json["run"]["published_at"]
    said = experiments("withdraw", one["id"], "--json")
    assert [run["published_at"] for run in said.json["runs"]] == [None]
    assert service.runs[two["id"]]["published_at"]
    waits = service.add_run()
    said = experiments("publish", waits["id"])
    assert (said.code, said.out) == (2, "")
    assert "can be published" in said.err
    assert experiments("publish", "sweep-aaaaaaaaaaaa").code == 2


def test_download_and_compare(experiments, service):
    one, two = service.add_run(**ended()), service.add_run(**ended())
    service.files = {"notebook.ipynb": b"{}", "outputs/a.txt": b"a"}
    assert experiments("download", one["id"]).out == f"2 files in {one['id']}\n"
    said = experiments("download", one["id"], "outputs", "--to", "x", "--json")
    assert said.json == {"files": ["x/outputs/a.txt"]}
    assert Path("x/outputs/a.txt").read_text() == "a"
    table = experiments("compare", one["id"], two["id"]).out
    assert "lr" in table
    assert "epochs" not in table
    assert "0.333333" in table
    assert "Parameters that are the same in all: 1" in table
    cells = experiments("compare", one["id"], two["id"], "--cells").out
    assert cells.startswith("1 of 3 code cells gave other output.\ncell 3 print(loss)")
    assert len(experiments("compare", one["id"], two["id"], "--json").json["rows"]) == 2


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """What is started minds Ctrl-C: whoever runs in a shell's background inherits that it does not.

    A program that is started finds the default again where its parent has a handler.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupted_while_waiting_it_leaves_the_run_going(service, ctrl_c):
    service.steps = []
    line = [*COMMAND, "submit", "train.ipynb", "--wait", "--json"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(line, **pipes) as process:
        eventually(lambda: len([p for _, p, _ in service.asked if p.startswith("/runs/")]) > 1)
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    [name] = service.runs
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith(f"experiments: Interrupted. {name} goes on.")
    assert f"experiments follow {name}" in err
    document = json.loads(out)
    assert (document["run"]["id"], document["error"]["code"]) == (name, "interrupted")
    assert not [path for _, path, _ in service.asked if path.endswith("/cancel")]


def test_nobody_reads_any_more(service):
    for _ in range(200):
        service.add_run()
    process = subprocess.Popen([*COMMAND, "list", "--limit", "200"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)  # fmt: skip
    process.stdout.close()
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize("columns", [40, 72, 120])
def test_a_terminal_gets_colours_and_no_line_beyond_its_width(service, columns):
    service.add_run(title="a long title " * 10, **ended())
    service.add_run(state="failed", **{k: v for k, v in ended().items() if k != "state"})
    code, shown = on_terminal("list", columns=columns)
    assert code == 0
    assert f"{ESC}[32msucceeded" in shown
    assert f"{ESC}[31mfailed" in shown
    lines = plain_lines(shown)
    assert max(map(len, lines)) <= columns
    assert ("submitted" in lines[0], "owner" in lines[0]) == (columns >= 70, columns >= 100)
    _, shown = on_terminal("compare", *service.runs, columns=columns)
    assert [name for name in service.runs if name not in shown] == []
    assert "0.333333" in shown


def test_a_terminal_gets_a_bar_while_it_waits(service):
    far, half = RUNNING | {"cells_done": 2}, RUNNING | {"cells_done": 1}
    service.steps = [WAITS, half, far, ended()]
    code, shown = on_terminal("submit", "train.ipynb", "--wait", columns=50)
    assert code == 0
    frames = plain_lines(shown)
    assert max(map(len, frames)) <= 50 or "https" in max(frames, key=len)
    assert any(frame.startswith("waiting, place 3: It needs 1 GPU; 0 G") for frame in frames)
    assert any(re.search("running.*━.* 2/3", frame) for frame in frames)
    assert f"https://lab.example/services/experiments/runs/{min(service.runs)}" in frames
    run = service.add_run()
    service.events, service.steps = EVENTS, [RUNNING, ended("failed")]
    code, shown = on_terminal("follow", run["id"], columns=60)
    assert code == 1
    assert set(FOLLOWED.splitlines()) <= set(plain_lines(shown))
    assert "evil" not in shown


def test_colours_are_off_where_they_are_not_wanted(service, monkeypatch):
    service.add_run(**ended())
    monkeypatch.setenv("NO_COLOR", "1")
    _, shown = on_terminal("list")
    assert f"{ESC}[32m" not in shown


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help_with_an_example(experiments, command):
    said = experiments(*command.split(), "--help")
    assert (said.code, said.err) == (0, "")
    assert "exit codes:" in said.out or f"example:\n  experiments {command} " in said.out


def test_help_is_there_at_once():
    def seconds() -> float:
        start = time.perf_counter()
        subprocess.run([*COMMAND, "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3


def test_lines_that_rewrite_themselves_or_never_end():
    transcript = Transcript()

    def stream(text: str) -> list[str]:
        output = {"output_type": "stream", "name": "stderr", "text": text}
        return [line.plain for line in transcript.lines(Event("output", {"output": output}))]

    assert [stream(text) for text in ("1%\r", "50%\r", "\r99%", "\r100%\nx")] == [
        [], [], [], ["100%"],
    ]  # fmt: skip
    pieces = [line for _ in range(5) for line in stream("y" * 30_000)]
    assert [len(piece) for piece in pieces] == [90_001]
    assert len(transcript.lines(Event("run_ended"))[0]) == 60_000
