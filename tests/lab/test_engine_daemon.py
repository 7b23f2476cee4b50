"""The engine's configuration keeps what others wrote, and a daemon that fails says why."""

from __future__ import annotations

import json
import os

import pytest

from cohort.errors import EngineError
from cohort.lab.engine_daemon import merge_daemon, start_daemon, wait_for_engine


def test_daemon_json_is_merged():
    have = {"log-driver": "local", "features": {"buildkit": True}, "cdi-spec-dirs": ["/opt/cdi"]}
    assert json.loads(merge_daemon(json.dumps(have))) == {
        "log-driver": "local",
        "features": {"buildkit": True, "cdi": True},
        "cdi-spec-dirs": ["/opt/cdi", "/etc/cdi", "/var/run/cdi"],
    }


def test_daemon_json_that_is_right_is_left_as_it_is():
    made = merge_daemon("")
    assert merge_daemon(made) == made
    by_hand = made.replace("\n", "   \n")
    assert merge_daemon(by_hand) == by_hand


@pytest.mark.parametrize("text", ["{,}", "[]", '{"features": 1}', '{"cdi-spec-dirs": 5}'])
def test_daemon_json_that_is_broken_is_named_not_overwritten(text):
    with pytest.raises(EngineError, match=r"/etc/docker/daemon\.json is not what Docker expects"):
        merge_daemon(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="dockerd reads its configuration as root")
def test_a_daemon_that_ends_at_once_is_reported_with_its_log(tmp_path):
    """A real dockerd with a configuration it refuses, before it touches anything."""
    log, config = tmp_path / "dockerd.log", tmp_path / "daemon.json"
    config.write_text('{"no-such-option": 1}')
    start_daemon(
        log, "dockerd", "--config-file", str(config), "--data-root", str(tmp_path / "data"),
        "--exec-root", str(tmp_path / "exec"), "--pidfile", str(tmp_path / "pid"),
        "--host", f"unix://{tmp_path}/sock",
    )  # fmt: skip
    with pytest.raises(EngineError) as e:
        wait_for_engine(log, host=f"unix://{tmp_path}/sock", pid_file=tmp_path / "pid", seconds=20)
    assert "ended at its start (" in str(e.value)
    assert f"see {log}" in str(e.value)
    assert "no-such-option" in log.read_text()


def test_a_daemon_that_never_answers_has_an_end(tmp_path):
    log = tmp_path / "dockerd.log"
    with pytest.raises(EngineError, match="did not answer at its start"):
        wait_for_engine(log, host=f"unix://{tmp_path}/sock", pid_file=tmp_path / "pid", seconds=0.3)
