"""What a run left is taken whole or not at all, whatever lies there."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiments.report.collect import Caps, collect, keep_file, read_collected
from experiments.report.exchange import exchange
from experiments.report.result import read_result
from tests.experiments.report_samples import RESULT, notebook
from tests.labs import ROOT, eventually


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A result folder as a runner leaves it."""
    folder = tmp_path / "result"
    (folder / "outputs" / "figures").mkdir(parents=True)
    (folder / "notebook.ipynb").write_bytes(notebook())
    (folder / "events.jsonl").write_text("{}\n")
    (folder / "result.json").write_text(json.dumps(RESULT))
    (folder / "outputs" / "model.bin").write_bytes(b"m" * 3000)
    (folder / "outputs" / "figures" / "a b.svg").write_text("<svg/>")
    return folder


def test_what_a_runner_leaves_is_kept(left, tmp_path):
    kept = tmp_path / "kept" / "run-a"
    done, result = collect(left, kept, b"its log", attempt=1)
    assert set(done.files) == {
        "notebook.ipynb", "events.jsonl", "result.json", "log.txt", "outputs/model.bin",
        "outputs/figures/a b.svg",
    }  # fmt: skip
    for path, size in done.files.items():
        assert (kept / path).stat().st_size == size
    assert (kept / "outputs" / "model.bin").read_bytes() == b"m" * 3000
    assert (kept / "log.txt").read_bytes() == b"its log"
    assert done.left_out == [] and done.bytes == sum(done.files.values())
    assert result.metrics == {"accuracy": 0.93125, "model": "mlp"}
    assert [p.name for p in kept.parent.iterdir()] == ["run-a"]


def test_links_pipes_devices_sockets_and_odd_names_stay_behind_and_are_listed(left, tmp_path):
    outputs = left / "outputs"
    (left / "notebook.ipynb").unlink()
    (left / "notebook.ipynb").symlink_to("/etc/passwd")
    (outputs / "passwd").symlink_to("/etc/passwd")
    (outputs / "etc").symlink_to("/etc")
    (outputs / "up").symlink_to("..")
    os.mkfifo(outputs / "pipe")
    os.mknod(outputs / "null", 0o600 | 0o020000, os.makedev(1, 3))
    (outputs / "line\nbreak").write_text("x")
    long = outputs.joinpath(*["é" * 120] * 5)
    long.mkdir(parents=True)
    (long / "x").write_text("x")
    (outputs / os.fsdecode(b"\xff")).write_text("x")
    (left / "report.html").write_text("not the runner's")
    (left / "more").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(outputs / "socket"))
    done, _ = collect(left, tmp_path / "kept", b"", attempt=1)
    assert set(done.files) == {
        "events.jsonl", "result.json", "log.txt", "outputs/model.bin", "outputs/figures/a b.svg",
    }  # fmt: skip
    name = "\\xe9" * 120
    assert sorted(done.left_out) == sorted([
        f"outputs/{'/'.join([name] * 5)}"[:300] + " (a name that pages and archives cannot show)",
        "more (not a result of the runner)",
        "notebook.ipynb (a link)",
        "outputs/etc (a link)",
        "outputs/line\\nbreak (a name that pages and archives cannot show)",
        "outputs/null (a device)",
        "outputs/passwd (a link)",
        "outputs/pipe (a pipe)",
        "outputs/socket (a socket)",
        "outputs/up (a link)",
        "outputs/\\udcff (a name that pages and archives cannot show)",
        "report.html (not a result of the runner)",
    ])  # fmt: skip
    assert not any(p.is_symlink() for p in (tmp_path / "kept").rglob("*"))


def test_outputs_that_is_a_link_and_a_result_folder_that_is_one_are_not_entered(left, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "outputs").symlink_to(left / "outputs")
    done, _ = collect(tmp_path / "other", tmp_path / "kept", b"", attempt=1)
    assert list(done.files) == ["log.txt"] and done.left_out == ["outputs (a link)"]
    (tmp_path / "linked").symlink_to(left)
    done, _ = collect(tmp_path / "linked", tmp_path / "kept-2", b"", attempt=1)
    assert list(done.files) == ["log.txt"]


def test_caps_hold_on_size_total_count_and_depth(left, tmp_path):
    with open(left / "outputs" / "sparse", "wb") as file:
        file.truncate(1 << 40)
    (left / "outputs" / "deep" / "deeper").mkdir(parents=True)
    (left / "outputs" / "deep" / "deeper" / "x").write_text("x")
    for number in range(20):
        (left / "outputs" / f"n{number:02}").write_bytes(b"n" * 1000)
    caps = Caps(file=4000, total=12_000, files=12, depth=2)
    done, _ = collect(left, tmp_path / "kept", b"log" * 100, attempt=1, caps=caps)
    assert done.bytes <= caps.total + len("log" * 100)
    assert len(done.files) <= caps.files + 1
    said = " ".join(done.left_out)
    assert "outputs/sparse (the file would be over the limit)" in done.left_out
    assert "outputs/deep/deeper (more than 2 folders deep)" in done.left_out
    assert "over the limit" in said or "more than 12 files" in said
    assert done.left_out_count >= 20 - 12


def test_a_flood_of_files_is_not_walked_to_its_end(left, tmp_path):
    for number in range(50_000):
        os.mknod(left / "outputs" / f"f{number}")
    begin = time.monotonic()
    done, result = collect(left, tmp_path / "kept", b"", attempt=1)
    assert time.monotonic() - begin < 20
    assert len(done.files) <= Caps().files + 1
    assert len(done.left_out) == 100 < done.left_out_count
    assert result is not None


def test_the_same_attempt_is_taken_once_and_the_next_one_replaces_it(left, tmp_path):
    kept = tmp_path / "kept"
    collect(left, kept, b"first", attempt=1)
    keep_file(kept, "report.html", b"page")
    (left / "outputs" / "model.bin").unlink()
    again, result = collect(left, kept, b"changed", attempt=1)
    assert again.files["outputs/model.bin"] == 3000 and result.seed == 7
    assert (kept / "log.txt").read_bytes() == b"first"
    assert (kept / "report.html").read_bytes() == b"page"
    collect(left, kept, b"second", attempt=2)
    assert (kept / "log.txt").read_bytes() == b"second"
    assert not (kept / "outputs" / "model.bin").exists() and not (kept / "report.html").exists()
    assert read_collected(kept).attempt == 2


def test_without_a_result_folder_the_log_is_kept(tmp_path):
    done, result = collect(tmp_path / "none", tmp_path / "kept", b"log", attempt=1)
    assert done.files == {"log.txt": 3} and result is None


COLLECT_FOR_EVER = """
import sys, itertools
from pathlib import Path
from experiments.report.collect import collect
for attempt in itertools.count(1):
    collect(Path(sys.argv[1]), Path(sys.argv[2]), b"%d" % attempt, attempt=attempt)
"""


def test_a_kill_leaves_the_old_collection_or_the_new(left, tmp_path):
    for number in range(30):
        (left / "outputs" / f"n{number}").write_bytes(b"n" * 10_000)
    kept = tmp_path / "kept" / "run-a"
    for pause in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", COLLECT_FOR_EVER, str(left), str(kept)], cwd=ROOT
        )
        eventually(lambda: read_collected(kept), 20)
        time.sleep(0.05 + 0.007 * pause)  # the instant of the kill, which is what varies
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = read_collected(kept)
        assert (kept / "log.txt").read_text() == str(there.attempt)
        for path, size in there.files.items():
            assert (kept / path).stat().st_size == size
        collect(left, kept, b"0", attempt=0)
        assert [p.name for p in kept.parent.iterdir()] == ["run-a"]


def test_where_a_file_system_cannot_exchange_it_is_done_in_steps(tmp_path, monkeypatch):
    class Libc:
        def renameat2(self, *arguments: object) -> int:
            return -1

    monkeypatch.setattr("ctypes.CDLL", lambda *a, **k: Libc())
    monkeypatch.setattr("ctypes.get_errno", lambda: 22)
    for name in ("new", "old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "is").write_text(name)
    exchange(tmp_path / "new", tmp_path / "old")
    assert (tmp_path / "old" / "is").read_text() == "new"
    assert (tmp_path / "new" / "is").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    "broken",
    [{"outcome": "splendid"}, {"reason": "nonsense"}, {"started": "1"}, {"started": float("nan")},
     {"cells_done": -1}, {"cells_total": True}, {"message": 5}],
)  # fmt: skip
def test_a_broken_result_is_none(broken):
    assert read_result(json.dumps({**RESULT, **broken}).encode()) is None


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 500_000, b"null", b"x" * (2 << 20)])
def test_no_result_at_all_is_none(data):
    assert read_result(data) is None


def test_what_a_result_says_beside_its_end_is_cut_to_what_can_be_stored():
    found = read_result(
        json.dumps(
            {
                **RESULT,
                "message": "a\0b\ud800" + "x" * 5000,
                "metrics": {"ok": 1, "yes": True, "no number": float("nan"), "far": -float("inf"),
                            "long": "x" * 900, "list": [1], "none": None, "huge": 10**400,
                            "": "empty name"},
                "environment": {"packages": {"a": 1}, "cores": 2.5, "gpu": "x", "cpu": None},
                "seed": True,
                "left_out": "nothing",
                "unknown": 1,
            }
        ).encode()
    )  # fmt: skip
    assert found.message.startswith("a\ufffdb\ufffdxxx") and len(found.message) == 2000
    assert found.metrics == {
        "ok": 1, "yes": True, "no number": "nan", "far": "-inf", "long": "x" * 200,
        "": "empty name",
    }  # fmt: skip
    assert found.metrics["yes"] is True and type(found.metrics["ok"]) is int
    assert found.environment.cores == 2.5
    assert (found.environment.packages, found.environment.gpu, found.environment.cpu) == (
        {},
        [],
        "",
    )
    assert found.seed is None and found.left_out == []


def test_only_so_many_metrics_are_taken():
    many = {f"m{n}": n for n in range(1000)}
    assert len(read_result(json.dumps({**RESULT, "metrics": many}).encode()).metrics) == 200
