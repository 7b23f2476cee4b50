"""What a run's container is started from, and what it finds inside."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from cohort.engine import Mount
from experiments.launch import (
    WRITABLE,
    mark_stopped,
    read_stopped,
    remove_tree,
)
from experiments.states import Reason, State
from tests.workspace.servers import python

pytest_plugins = ["tests.experiments.housing"]

PROBE = r"""
def refusal(path):
    try:
        open(path, "w").write("x")
    except OSError as e:
        return e.strerror

def seen(path):
    found = os.stat(path)
    return found.st_uid, oct(found.st_mode & 0o777)

print(json.dumps({
    "order": order,
    "files": {p: seen(p) for p in ("/run/work/lessons/work.ipynb", "/run/work/lessons")},
    "notebook": open("/run/work/lessons/work.ipynb").read(),
    "here": os.getcwd(),
    "refused": {p: refusal(p) for p in ("/run/order.json", "/srv/scenarios/x", "/x", "/run/x")},
    "written": [refusal(p + "/x") for p in ("/run/work", "/run/result", "/home/jovyan", "/tmp")],
    "environment": {k: v for k, v in os.environ.items()
                    if k.startswith(("COHORT", "OMP", "PYTHONHASH"))},
    "interfaces": os.listdir("/sys/class/net"),
    "scenario": open("/srv/scenarios/rain.csv").read(),
}))
"""


def test_what_a_run_finds_inside(house):
    (house.data / "scenarios" / "rain.csv").write_text("1,2")
    run_id = house.submit(
        {"lessons/work.ipynb": b"{}"}, notebook="lessons/work.ipynb", do=PROBE, cpus=1.5,
        secrets={"api_key": "pa$$ word"}, cell_limit_s=7, time_limit_s=60,
    )  # fmt: skip
    with house.supervised():
        house.reaches(run_id, State.SUCCEEDED)
    kept = house.launcher.folders.kept(run_id)
    seen = json.loads((kept / "log.txt").read_text().splitlines()[1])
    assert seen == {
        "order": {
            "run": run_id, "attempt": 1, "notebook": "lessons/work.ipynb",
            "parameters": {"do": PROBE}, "secrets": ["api_key"], "kernel": "python3",
            "time_limit_s": 60, "cell_limit_s": 7, "save_seconds": 2.0,
        },
        "files": {"/run/work/lessons/work.ipynb": [1000, "0o644"],
                  "/run/work/lessons": [1000, "0o755"]},
        "notebook": "{}", "here": "/run/work",
        "refused": {"/run/order.json": "Read-only file system",
                    "/srv/scenarios/x": "Read-only file system",
                    "/x": "Read-only file system", "/run/x": "Read-only file system"},
        "written": [None] * 4,
        "environment": {"COHORT_SECRET_API_KEY": "pa$$ word", "OMP_NUM_THREADS": "1",
                        "PYTHONHASHSEED": "0"},
        "interfaces": ["lo"], "scenario": "1,2",
    }  # fmt: skip


def test_the_job_says_whose_it_is_and_keeps_its_secrets_to_itself(gpu_house):
    house = gpu_house
    run_id = house.submit(secrets={"api_key": "opensesame"}, gpus=1)
    house.alter(run_id, attempt=2, devices=[house.ledger.devices[1]])
    run = house.run(run_id)
    house.launcher.prepare(run)
    job, live = house.launcher.job(run), house.launcher.folders.of(run_id, 2)
    assert job.name == f"{house.project}-{run_id}-2"
    assert job.labels == {
        "cohort.project": house.project, "cohort.kind": "run", "cohort.team": "apollo",
        "cohort.run": run_id, "cohort.attempt": "2",
    }  # fmt: skip
    assert (job.image, job.network) == (run.image_digest, None)
    assert job.gpus == ("sim.cohort/gpu=1",)
    assert set(job.mounts) == {
        *(Mount(str(live / name), path, read_only=False) for name, path in WRITABLE.items()),
        Mount(str(live / "order.json"), "/run/order.json"),
        Mount(str(house.data / "scenarios"), "/srv/scenarios"),
    }
    assert json.loads((live / "order.json").read_bytes())["secrets"] == ["api_key"]
    assert house.run(run_id).secret_names == ["api_key"]
    assert "opensesame" not in repr(job)
    assert not [p for p in live.rglob("*") if p.is_file() and b"opensesame" in p.read_bytes()]


def test_only_a_run_that_may_joins_the_labs_network(house):
    run_id = house.submit()
    house.alter(run_id, network=True, owner="ada")
    job = house.launcher.job(house.run(run_id))
    assert job.network == house.project
    assert job.labels["cohort.team"] == ""


def test_nobody_else_on_the_host_comes_to_a_runs_files(house):
    run_id = house.submit()
    house.alter(run_id, attempt=1)
    house.launcher.prepare(house.run(run_id))
    live = house.launcher.folders.of(run_id, 1)
    order = live / "order.json"
    assert stat.S_IMODE(live.stat().st_mode) == 0o700
    assert (live.stat().st_uid, order.stat().st_uid, stat.S_IMODE(order.stat().st_mode)) == (
        0, 0, 0o444,
    )  # fmt: skip


def test_folders_are_made_afresh(house):
    run_id = house.submit({"work.ipynb": b"new"})
    house.alter(run_id, attempt=1)
    live = house.launcher.folders.of(run_id, 1)
    (live / "work").mkdir(parents=True)
    (live / "work" / "stray").write_text("of an attempt that was cut off")
    mark_stopped(live, Reason.DISK_LIMIT)
    house.launcher.prepare(house.run(run_id))
    assert sorted(os.listdir(live / "work")) == ["work.ipynb"]
    assert read_stopped(live) is None
    assert house.launcher.folders.attempts() == {(run_id, 1)}


def test_the_first_reason_to_stop_stays(tmp_path):
    assert read_stopped(tmp_path) is None
    mark_stopped(tmp_path, Reason.DISK_LIMIT)
    mark_stopped(tmp_path, Reason.TIME_LIMIT)
    assert read_stopped(tmp_path) == Reason.DISK_LIMIT


def test_what_a_run_left_is_removed_however_deep_and_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    live = tmp_path / "run-abc-1"
    live.mkdir()
    (live / "link").symlink_to(outside)
    nest = "import os\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')"
    python(nest, "--user", "0", "--volume", f"{live}:/mnt", "--workdir", "/mnt")
    remove_tree(live)
    assert os.listdir(tmp_path) == ["outside"]
    assert os.listdir(outside) == ["precious"]
    remove_tree(live)


def test_a_removal_that_was_cut_off_is_found_again(house):
    folders = house.launcher.folders
    live = folders.of("run-abc", 1)
    (live.with_name(f".{live.name}") / "half").mkdir(parents=True)
    assert folders.attempts() == {("run-abc", 1)}
    (live / "work").mkdir(parents=True)
    remove_tree(live)
    assert folders.attempts() == set()
    assert os.listdir(folders.live) == []


@pytest.mark.parametrize("name", ["data", "runs", "live", "run-abc", "..", "run-a/../../x-1"])
def test_nothing_but_a_live_folder_is_removed(tmp_path, name):
    with pytest.raises(ValueError, match="live folder"):
        remove_tree(Path(tmp_path, name))
