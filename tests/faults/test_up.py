"""`make up` again, with another settings file, and after `make down`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time

import pytest

from cohort.settings_file import load_settings
from hub_config.firewall import chains
from tests.kernels import Kernel
from tests.labs import ROOT, Lab, brought_up, docker, free_ports, free_subnet
from tests.visitors import Visitor


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A second lab beside the session's, for what would disturb other tests."""
    with brought_up(Lab(tmp_path_factory.mktemp("small"))) as lab:
        yield lab


def containers(lab: Lab) -> dict[str, str]:
    """Id of each of a lab's containers, and when it was last started."""
    ids = docker("ps", "-aq", "--filter", f"label=cohort.project={lab.project}").split()
    found = json.loads(docker("inspect", *ids)) if ids else []
    return {one["Id"]: one["State"]["StartedAt"] for one in found}


def services(lab: Lab) -> set[str]:
    """Ids of the containers of a lab's services."""
    mine = f"label=cohort.project={lab.project}"
    kind = "label=cohort.kind=service"
    return set(docker("ps", "-q", "--no-trunc", "--filter", mine, "--filter", kind).split())


def written(lab: Lab) -> dict[str, int]:
    """When each file that `up` may write was last written."""
    # In idp/ only what an operator may look at: the provider's database lives while it runs.
    files = [*(lab.data / "secrets").iterdir(), *(lab.data / "idp").glob("[a-z]*.[cjt]*"),
             lab.data / "hub" / "cohort.toml", lab.data / "hub" / "compose.env"]  # fmt: skip
    return {f.name: f.stat().st_mtime_ns for f in files}


def firewall_rules() -> str:
    """Every rule of this machine, by each variant of iptables that it has."""
    programs = filter(shutil.which, ("iptables-nft", "iptables-legacy"))
    return "".join(
        subprocess.run([p, "-S"], capture_output=True, text=True, check=True).stdout
        for p in programs
    )


def home_page(lab: Lab, login: str, password: str) -> str:
    """Log in and return the home page."""
    visitor = Visitor(lab.url, login)
    page = visitor.log_in(password)
    visitor.close()
    assert page.url.path == "/hub/home", page.url
    return page.text


def refused(lab: Lab, old: str, new: str) -> str:
    """Run `up` with something else in the settings; it must say one sentence and do nothing."""
    good, before = lab.settings.read_text(), (containers(lab), written(lab))
    assert old in good
    lab.settings.write_text(good.replace(old, new, 1))
    try:
        done = lab.run("up", check=False)
    finally:
        lab.settings.write_text(good)
    assert done.returncode == 1, done.stdout
    assert done.stderr.count("\n") == 1
    assert (containers(lab), written(lab)) == before
    return done.stderr


def cut_off_up(lab: Lab, word: str) -> None:
    """Kill a real `up`, with all it started, the moment it has installed settings with a word."""
    copy = lab.data / "hub" / "cohort.toml"
    with subprocess.Popen(
        lab.command("up"), cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL
    ) as up:
        while word not in copy.read_text():
            assert up.poll() is None
            time.sleep(0.001)
        os.killpg(up.pid, signal.SIGKILL)


def test_up_again_changes_nothing(fresh):
    fresh.start("team-apollo", "team-cpu")
    before = containers(fresh), written(fresh)
    assert len(before[0]) >= 5
    begin = time.monotonic()
    said = fresh.run("up").stdout
    assert time.monotonic() - begin < 15
    assert (containers(fresh), written(fresh)) == before
    assert "Starting" not in said
    assert "First log-in" not in said
    assert fresh.url in said


def test_status_says_what_runs_and_how_it_is(fresh):
    fresh.start("team-apollo", "team-cpu")
    done = fresh.run("status")
    states = dict(line.split() for line in done.stdout.splitlines()[:-1])
    services = ("experiments", "firewall", "grading", "hub", "idp", "proxy")
    assert states == dict.fromkeys(services, "healthy")
    assert done.stdout.splitlines()[-1] == f"1 desks, workspaces and runs; {fresh.url}"


def test_a_bad_file_leaves_a_running_lab_as_it_is(fresh):
    assert "profiles.1.kind" in refused(fresh, 'kind = "desk"', 'kind = "chair"')


def test_a_running_lab_is_not_moved_to_what_somebody_else_has(fresh):
    url, internal = f'url = "{fresh.url}"', f"internal_port = {fresh.port + 1}"
    free = free_ports(8)
    with socket.create_server(("127.0.0.1", free + 3)):
        moved = f'url = "http://127.0.0.1:{free + 3}"'
        assert f"Port {free + 3} on 127.0.0.1 is in use" in refused(fresh, url, moved)
        sentence = refused(fresh, internal, f"internal_port = {free}")
        assert f"the lab needs {free} to {free + 5}" in sentence


def test_a_running_lab_is_not_moved_to_another_network(fresh):
    other = free_subnet()
    sentence = refused(fresh, f'subnet = "{fresh.subnet}"', f'subnet = "{other}"')
    assert f"There is a Docker network '{fresh.project}' already" in sentence


def test_a_changed_file_is_brought_in_and_running_servers_survive_it(small):
    small.start("team-apollo", "team-cpu")
    kernel = Kernel(small, "team-apollo")
    kernel.run("kept = 41")
    server = small.inspect("team-apollo")["Id"]
    text = small.settings.read_text().replace('name = "Test Lab"', 'name = "Renamed Lab"')
    small.settings.write_text(text.replace("[network]", '[network]\nallow = ["10.250.0.0/16"]'))
    small.run("up")
    forward, _ = chains(load_settings(small.settings))
    assert f"-A {forward} -d 10.250.0.0/16 -j RETURN\n" in firewall_rules()
    assert "Renamed Lab" in home_page(small, "ada", small.password("ada"))
    assert kernel.run("print(kept)") == "41\n"
    assert small.inspect("team-apollo")["Id"] == server


def test_what_a_run_that_was_cut_off_installed_is_brought_in_by_the_next(small):
    settings = small.settings.read_text().replace("Renamed Lab", "Test Lab")
    small.settings.write_text(settings.replace('"Test Lab"', '"Lab cut off"'))
    before = containers(small)
    cut_off_up(small, "Lab cut off")
    assert containers(small) == before
    assert "Starting the services" in small.run("up").stdout
    assert len(services(small)) >= 4
    assert not services(small) & before.keys()
    assert "Lab cut off" in home_page(small, "ada", small.password("ada"))
    assert "Starting" not in small.run("up").stdout


def test_down_leaves_the_data_and_nothing_else_and_up_brings_everybody_back(small):
    if not small.server("team-apollo"):
        small.start("team-apollo", "team-cpu")
    small.sh("team-apollo", "echo kept > ~/note.txt")
    password, secrets = small.password("ada"), written(small)
    own = chains(load_settings(small.settings))
    assert [chain for chain in own if f"-N {chain}\n" not in firewall_rules()] == []
    small.run("down")
    assert containers(small) == {}
    assert docker("network", "ls", "-q", "--filter", f"label=cohort.project={small.project}") == ""
    assert [chain for chain in own if chain in firewall_rules()] == []
    assert small.run("status", check=False).returncode == 3
    assert "First log-in" not in small.run("up").stdout
    assert small.password("ada") == password
    assert written(small) == secrets
    assert "card-ada" in home_page(small, "ada", password)
    assert (small.data / "teams" / "apollo" / "note.txt").read_text() == "kept\n"
