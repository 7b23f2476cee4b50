"""What an engine is judged by, from what engines really say; a good one is left alone."""

from __future__ import annotations

import json
import time

import pytest

from cohort.lab.engine_check import Engine, fault, look, read_info
from cohort.lab.engine_setup import ensure_engine

CANNOT = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?"


def info(**more) -> str:
    plugins = [{"Name": "buildx", "Version": "0.13.1"}, {"Name": "compose", "Version": "2.26.1"}]
    base = {"ServerVersion": "26.1.5+dfsg1", "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
            "ContainersRunning": 2, "ClientInfo": {"Plugins": plugins}}  # fmt: skip
    return json.dumps({**base, **more})


def test_a_good_engine_has_no_fault():
    engine = read_info(info())
    assert fault(engine) == ""
    assert engine.running == 2


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ServerVersion": "20.10.24+dfsg1", "CDISpecDirs": None}, "20.10.24+dfsg1 is too old"),
        ({"ServerVersion": "24.0.7"}, "upgrade it to 25 or newer"),
        ({"CDISpecDirs": []}, "CDI devices off"),
        ({"ClientInfo": {"Plugins": None}}, "lacks its plug-in buildx and compose"),
        ({"ClientInfo": {"Plugins": [{"Name": "buildx"}]}}, "lacks its plug-in compose"),
        (
            {"ClientInfo": {"Plugins": [{"Name": "buildx"}, {"Name": "compose", "Err": "bad"}]}},
            "lacks its plug-in compose",
        ),
        ({"ServerVersion": "", "ServerErrors": [CANNOT]}, "Cannot connect to the Docker daemon"),
        (
            {"ServerVersion": "", "ServerErrors": ["permission denied while trying to connect"]},
            "usermod -aG docker",
        ),
    ],
)
def test_what_an_engine_lacks_is_one_sentence(more, words):
    text = fault(read_info(info(**more)))
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize("version", ["25.0.0", "26.1.5+dfsg1", "29.1.2"])
def test_versions_that_will_do(version):
    assert fault(read_info(info(ServerVersion=version))) == ""


def test_output_that_is_no_json_is_no_answer():
    assert read_info("json\n").version == ""
    assert "No Docker engine answers" in fault(Engine())


def test_the_engine_here_is_found_good_and_left_alone():
    """The real engine that the tests run on: nothing is reported, nothing changes, no wait."""
    said: list[str] = []
    ensure_engine(said.append)
    start = time.monotonic()
    ensure_engine(said.append)
    assert time.monotonic() - start < 1
    assert said == []


def test_looking_at_a_socket_that_nobody_serves(tmp_path):
    engine = look(f"unix://{tmp_path}/none.sock")
    assert engine.version == ""
    assert "No Docker engine answers" in fault(engine)
