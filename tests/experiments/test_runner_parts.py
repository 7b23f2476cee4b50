"""The runner's parts by themselves, where a container adds nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import time

import pytest

from experiments.runner import artefacts, events
from experiments.runner.artefacts import Artefacts
from experiments.runner.environment import cores
from experiments.runner.events import EventLog
from experiments.runner.limits import Limits
from experiments.runner.memory import oom_kills
from experiments.runner.metrics import Metrics
from experiments.runner.order import read_order
from experiments.runner.outcome import of_error, reason_of_error
from experiments.runner.scrub import MARK, Scrubber
from experiments.states import Reason, State


def test_a_stream_in_pieces_shows_no_secret_wherever_it_is_cut():
    # One begins with the other, one overlaps itself, one is what repr changes.
    secrets = ["abc", "abcdef", "abab", 'a"b\n', "ü<>"]
    choose = random.Random(1)
    for _ in range(2000):
        parts = [choose.choice([*secrets, "a", "b", "x", "ab", '"', "\n", "ü"]) for _ in range(8)]
        text, scrubber = "".join(parts), Scrubber(secrets)
        shown = held = ""
        for start in range(0, len(text), size := choose.randint(1, 4)):
            now, held = scrubber.split(held + text[start : start + size])
            shown += now
        assert shown + scrubber.text(held) == scrubber.text(text)
        assert not any(secret in shown for secret in secrets)


def test_a_tree_becomes_valid_json_without_secrets():
    tree = {"tok\n1": ["tok\n1", 1, None, True, float("inf"), {"x": repr("tok\n1") + "\ud800"}]}
    clean = Scrubber(["tok\n1"]).tree(tree)
    assert clean == {MARK: [MARK, 1, None, True, "inf", {"x": f"'{MARK}'?"}]}
    json.dumps(clean, allow_nan=False).encode()


def test_an_empty_secret_changes_nothing():
    assert Scrubber([""]).split("text") == ("text", "")


@pytest.mark.parametrize(
    ("ename", "evalue", "kills", "reason"),
    [
        ("ValueError", "no", 0, Reason.USER_ERROR),
        ("OutOfMemoryError", "CUDA out of memory. Tried", 0, Reason.GPU_MEMORY),
        ("RuntimeError", "CUDA error: out of memory", 0, Reason.GPU_MEMORY),
        ("RuntimeError", "CUDA out of memory. Tried", 0, Reason.GPU_MEMORY),
        ("ResourceExhaustedError", "OOM when allocating", 0, Reason.GPU_MEMORY),
        ("MemoryError", "", 0, Reason.HOST_MEMORY),
        ("RuntimeError", "DataLoader worker (pid 9) is killed by signal", 1, Reason.HOST_MEMORY),
        ("OSError", "[Errno 28] No space left on device: 'x'", 0, Reason.DISK_LIMIT),
        ("OSError", "[Errno 2] No such file", 0, Reason.USER_ERROR),
    ],
)
def test_the_reason_of_an_error(ename, evalue, kills, reason):
    assert reason_of_error(ename, evalue, kills) is reason


def test_a_system_exit_is_an_error_only_with_a_status():
    assert of_error({"ename": "SystemExit", "evalue": "0"}, 3, 1, 0).outcome is State.SUCCEEDED
    assert of_error({"ename": "SystemExit", "evalue": "2"}, 3, 1, 0).outcome is State.FAILED


def test_an_error_is_shortened_only_when_it_is_clean():
    ending = of_error({"ename": "ValueError", "evalue": "x" * 1990 + "a secret"}, 0, 1, 0)
    clean = ending.cleaned(Scrubber(["a secret"]).text)
    assert clean.evalue == "x" * 1990 + MARK
    assert len(clean.message) == 400


def test_sigterm_is_noticed_and_the_first_reason_stays():
    before = signal.getsignal(signal.SIGTERM)
    limits = Limits()
    limits.catch_sigterm()
    try:
        assert limits.due() is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert limits.due() is Reason.CANCELLED
        limits.set(1e-9, 0)
        assert limits.due() is Reason.CANCELLED
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_cells_time_is_its_own():
    limits = Limits()
    limits.set(0, 0.05)
    limits.cell_begins()
    limits.cell_ended()
    time.sleep(0.06)
    assert limits.due() is None
    limits.cell_begins()
    time.sleep(0.06)
    assert limits.due() is Reason.CELL_LIMIT


def test_secrets_leave_the_environment(tmp_path):
    order = {
        "notebook": "a/b.ipynb",
        "parameters": {"lr": 1},
        "secrets": ["key"],
        "kernel": "python3",
        "time_limit_s": 1,
        "cell_limit_s": 0,
        "save_seconds": 2,
    }
    (tmp_path / "order.json").write_text(json.dumps(order))
    environ = {"COHORT_SECRET_KEY": "s3", "COHORT_SECRET_STRAY": "s4", "PATH": "/bin"}
    read = read_order(tmp_path / "order.json", environ)
    assert read.secrets == {"key": "s3"}
    assert environ == {"PATH": "/bin"}
    assert "s3" not in repr(read)
    assert (read.notebook, read.result) == (tmp_path / "work/a/b.ipynb", tmp_path / "result")


def scrap(name, data, encoder="json") -> dict:
    return {f"application/scrapbook.scrap.{encoder}+json": {"name": name, "data": data}}


def test_metrics_are_bounded():
    metrics = Metrics()
    for data in ([1], None, {"a": 1}, "x" * 201, 2**64):
        metrics.take(scrap("bad", data))
    metrics.take({"application/scrapbook.scrap.json+json": "nothing"})
    metrics.take(scrap("x" * 201, 1))
    metrics.take(scrap(None, 1))
    assert metrics.values == {}
    metrics.take(scrap("by glue", "a text", "text"))
    for number in range(300):
        metrics.take(scrap(f"m{number}", number))
    metrics.take(scrap("m0", 0.5))
    assert len(metrics.values) == 200
    assert (metrics.values["m0"], metrics.values["by glue"]) == (0.5, "a text")


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_keeps_all_of_a_stream_and_the_beginning_of_the_rest(tmp_path):
    writer = EventLog(tmp_path / "events.jsonl")
    text = "é" * 100_000
    writer.output(0, 0, {"output_type": "stream", "name": "stdout", "text": text})
    html = {"text/html": "x" * 70_000, "text/plain": "y" * 70_000}
    writer.output(0, 1, {"output_type": "display_data", "data": html, "metadata": {}})
    error = {"output_type": "error", "ename": "E", "evalue": "z" * 70_000, "traceback": ["t"]}
    writer.output(0, 2, error)
    outputs = [event["output"] for event in lines(tmp_path / "events.jsonl")]
    *streams, display, error = outputs
    assert "".join(part["text"] for part in streams) == text
    assert max(len(part["text"].encode()) for part in streams) <= 64 * 1024
    assert display["data"].keys() == {"text/plain"}
    assert display["data"]["text/plain"].startswith("[text/html, 70 kB: see the notebook]\nyyy")
    assert display["data"]["text/plain"].endswith("[4,464 characters more: see the notebook]")
    assert error["evalue"].endswith("[4,464 characters more: see the notebook]")


def test_the_log_ends_with_a_note_when_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(events, "MOST_OUTPUT_BYTES", 1000)
    writer = EventLog(tmp_path / "events.jsonl")
    for number in range(100):
        writer.output(0, 0, {"output_type": "stream", "name": "stdout", "text": f"{number}\n"})
    writer.add("run_ended")
    found = lines(tmp_path / "events.jsonl")
    assert "no longer in this log" in found[-2]["output"]["text"]
    assert found[-1]["kind"] == "run_ended"
    assert len(found) < 20


@pytest.fixture
def written(tmp_path):
    """A folder of artefacts, and how to copy it."""
    source, target = tmp_path / "outputs", tmp_path / "kept"
    source.mkdir()

    def copy(secrets=(), since=0.0, stop=lambda: None) -> tuple[dict, dict]:
        one = Artefacts(Scrubber(secrets), since, stop)
        one.copy(source, target)
        files = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*.*")}
        return files, {left["path"]: left["why"] for left in one.left_out}

    return source, copy


def test_artefacts_keep_to_their_caps(written, monkeypatch):
    source, copy = written
    monkeypatch.setattr(artefacts, "MOST_FILES", 3)
    monkeypatch.setattr(artefacts, "MOST_BYTES", 100)
    (source / "a.txt").write_text("a" * 60)
    (source / "b.txt").write_text("b" * 60)
    for name in ("c.txt", "d.txt", "e.txt"):
        (source / name).write_text("x")
    deep = source.joinpath(*["d"] * 20)
    deep.mkdir(parents=True)
    (deep / "f.txt").write_text("x")
    files, left = copy()
    assert files.keys() == {"a.txt", "c.txt", "d.txt"}
    assert left == {"b.txt": "more than 3 files or 0 GB", "e.txt": "more than 3 files or 0 GB",
                    "/".join(["d"] * 16): "too deep"}  # fmt: skip


def test_artefacts_with_a_secret_across_pieces_are_left_out(written, monkeypatch):
    source, copy = written
    monkeypatch.setattr(artefacts, "PIECE_BYTES", 4)
    (source / "a.txt").write_text("xxsecretxx")
    (source / "b.txt").write_text("xxsecrexx")
    files, left = copy(["secret"])
    assert files == {"b.txt": b"xxsecrexx"}
    assert left == {"a.txt": "holds a secret, or grew while it was copied"}


def test_artefacts_of_the_snapshot_and_of_a_stopped_run_are_not_copied(written):
    source, copy = written
    (source / "a.txt").write_text("x")
    assert copy(since=time.time() + 60) == ({}, {})
    assert copy(stop=lambda: Reason.CANCELLED) == ({}, {"a.txt": "the run had to stop"})


def test_an_artefact_that_cannot_be_written_is_named(written, tmp_path):
    source, copy = written
    (source / ("a" * 250)).write_text("x")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / ("a" * 250)).write_text("there before")
    assert copy()[1] == {"a" * 200: "File exists"}


def test_no_link_is_followed_to_artefacts(written, tmp_path):
    source, copy = written
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    (source / "folder").symlink_to(tmp_path / "elsewhere")
    source.rename(tmp_path / "real")
    (tmp_path / "real" / "b.txt").write_text("x")
    source.symlink_to(tmp_path / "real")
    assert copy() == ({}, {})


def test_cores_are_the_limit_of_the_control_group(tmp_path):
    assert cores(tmp_path) == len(os.sched_getaffinity(0))
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("150000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cores(tmp_path) == 0.5


def test_oom_kills_are_read_from_either_version_of_control_groups(tmp_path):
    second, first = tmp_path / "memory.events", tmp_path / "memory.oom_control"
    assert oom_kills((second, first)) == 0
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert oom_kills((second, first)) == 2
    second.write_text("low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n")
    assert oom_kills((second, first)) == 1
