"""Disk of live runs: counted without being led astray, and never for long."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from experiments import watch
from experiments.follower import Follower
from experiments.launch import read_stopped
from experiments.states import Reason, State
from experiments.watch import DEPTH, DiskWatch, measure

pytest_plugins = ["tests.experiments.housing"]

MB = 10**6


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "run-abc-1"
    (folder / "work" / "deep").mkdir(parents=True)
    return folder


def test_all_files_count_by_what_they_take_on_disk(folder):
    (folder / "work" / "deep" / "data").write_bytes(os.urandom(MB))
    with open(folder / "holes", "wb") as holes:
        holes.truncate(10**12)
    found = measure(folder, 10 * MB)
    assert MB <= found.bytes < 1.2 * MB
    assert found.files == 4
    assert not found.over(2 * MB)
    assert found.over(MB // 2)


def test_links_lead_nowhere(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "large").write_bytes(bytes(MB))
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "round").symlink_to(folder)
    assert measure(folder, 10 * MB).bytes < MB
    assert measure(folder, 10 * MB).files == 4


def test_folders_nested_beyond_counting_are_too_much(folder):
    inner = folder / "/".join(["d"] * DEPTH)
    inner.mkdir(parents=True)
    assert not measure(folder, MB).over(MB)
    (inner / "d").mkdir()
    assert measure(folder, MB).over(MB)


def test_files_without_end_are_too_much_and_not_all_looked_at(folder, monkeypatch):
    monkeypatch.setattr(watch, "FILES", 50)
    for i in range(200):
        (folder / "work" / str(i)).touch()
    found = measure(folder, MB)
    assert found.over(MB)
    assert found.files == 51


def test_no_descriptor_is_left_open(folder):
    (folder / "work" / "large").write_bytes(os.urandom(MB))
    before = len(os.listdir("/proc/self/fd"))
    for cap in (100, 10 * MB):
        measure(folder, cap)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_is_looked_at_when_it_is_due_and_rarely_if_that_takes_long(folder):
    clock = iter([0.0, 1.0, 20.9, 21.1, 21.1, 22.0, 22.0])
    disk = DiskWatch(MB, every_s=2.0, clock=lambda: next(clock))
    assert not disk.over(folder)  # took a second
    (folder / "large").write_bytes(os.urandom(2 * MB))
    assert not disk.over(folder), "not due before twenty times that are over"
    assert disk.over(folder)
    disk.forget_others(set())
    assert disk.over(folder) is True, "a new folder of that name is due at once"


def test_a_folder_that_is_gone_is_no_fault(tmp_path):
    assert not DiskWatch(MB).over(tmp_path / "run-gone-1")


def test_a_run_is_stopped_once_its_limit_and_the_slack_are_over(house):
    run_id, stopped = house.submit(time_limit_s=60), []
    house.alter(run_id, state=State.RUNNING, attempt=1, started_at=house.now())
    run, live = house.run(run_id), house.launcher.folders.of(run_id, 1)
    live.mkdir(parents=True)
    follower = Follower(house.attempts(None), lambda run, why: stopped.append((run.id, why)),
                        slack=timedelta(seconds=30))  # fmt: skip
    house.skew = timedelta(seconds=85)
    follower.look([run])
    assert (stopped, read_stopped(live)) == ([], None)
    house.skew = timedelta(seconds=95)
    follower.look([run])
    assert (stopped, read_stopped(live)) == ([(run_id, Reason.TIME_LIMIT)], Reason.TIME_LIMIT)
