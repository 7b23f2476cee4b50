"""The host's obstacles, each a real one: a full file system, routes, rights."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cohort.errors import CohortError
from cohort.lab import preflight
from cohort.lab.preflight import Route, check_host
from cohort.settings import Settings
from tests.labs import docker, free_ports, free_subnet

ROOT = Path(__file__).resolve().parents[2]
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and namespaces need root")


def settings(data: Path, *, port: int = 0, subnet: str = "", **lab) -> Settings:
    port = port or free_ports(8)
    return Settings.model_validate({
        "lab": {"data": data, "project": "cohort-t-preflight", **lab},
        "address": {"url": f"http://127.0.0.1:{port}", "internal_port": port + 1},
        "network": {"subnet": subnet or free_subnet()},
        "profiles": [{"name": "desk", "title": "Desk", "kind": "desk"},
                     {"name": "team", "title": "Team", "kind": "team"}],
    })  # fmt: skip


def sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_a_host_with_nothing_in_the_way(tmp_path):
    check_host(settings(tmp_path / "data"), own_running=False)
    assert not (tmp_path / "data").exists()


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 16 MB, and a function that fills, remounts or reads it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


@root_only
def test_too_little_room_for_data(small_disk):
    with pytest.raises(CohortError) as e:
        check_host(settings(small_disk / "lab" / "data"), own_running=False)
    assert "Only 0.0 GB are free" in sentence(e)
    assert "1 GB are needed" in sentence(e)
    assert list(small_disk.iterdir()) == []


@root_only
def test_too_little_room_for_images_unless_they_are_there(small_disk, monkeypatch):
    monkeypatch.setattr(preflight, "images_built", lambda: False)
    with pytest.raises(CohortError) as e:
        preflight.check_engine_space(small_disk / "docker")
    assert "8 GB are needed" in sentence(e)
    monkeypatch.setattr(preflight, "images_built", lambda: True)
    preflight.check_engine_space(small_disk / "docker")


def test_where_docker_keeps_its_data(tmp_path, monkeypatch):
    daemon = tmp_path / "daemon.json"
    monkeypatch.setattr(preflight, "DAEMON_JSON", daemon)
    for text in (None, "{,}", "{}", "[]"):
        if text is not None:
            daemon.write_text(text)
        assert preflight.engine_folder() == Path("/var/lib/docker")
    daemon.write_text('{"data-root": "/big/docker"}')
    assert preflight.engine_folder() == Path("/big/docker")


@root_only
def test_data_on_a_read_only_file_system(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(CohortError) as e:
        preflight.ensure_data_folder(small_disk / "data")
    assert f"cannot write in {small_disk}" in sentence(e)


def test_data_under_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CohortError) as e:
        preflight.ensure_data_folder(tmp_path / "file" / "data")
    assert "file is not a folder" in sentence(e)


def test_data_with_no_absolute_path():
    with pytest.raises(CohortError) as e:
        preflight.ensure_data_folder(Path("data"))
    assert "[lab] data" in sentence(e)


@root_only
def test_a_person_without_rights_gets_the_sentence():
    """A real process of another user, with no sudo in its PATH."""
    script = ("import os; os.setgid(65534); os.setuid(65534)\n"
              "from pathlib import Path\nfrom cohort.errors import CohortError\n"
              "from cohort.lab import preflight\n"
              "try: preflight.ensure_data_folder(Path('/srv/cohort-t-no-rights'))\n"
              "except CohortError as e: print(e)")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={"PATH": "/nowhere"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("You cannot write in /srv, and the lab keeps its data in")
    assert "run this as root" in done.stdout


def test_subnet_of_an_engines_other_network(tmp_path):
    """The engine's own default bridge is a real route of this machine, and not the lab's."""
    taken = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]["Subnet"]
    with pytest.raises(CohortError) as e:
        check_host(settings(tmp_path, subnet=taken), own_running=False)
    assert "docker0: choose another private range" in sentence(e)


def test_the_labs_own_bridge_is_not_in_its_way(tmp_path):
    lab = settings(tmp_path)
    docker("network", "create", "--subnet", lab.network.subnet, lab.lab.project)
    try:
        check_host(lab, own_running=False)
        other = settings(tmp_path, subnet=lab.network.subnet, project="cohort-t-preflight2")
        with pytest.raises(CohortError, match="overlaps"):
            check_host(other, own_running=False)
    finally:
        docker("network", "rm", lab.lab.project)


@root_only
def test_routes_of_a_namespace_by_both_ways_of_reading(tmp_path):
    """An interface in a namespace of its own: as `ip` tells it and as the kernel does."""
    script = ("ip link set lo up; ip link add d0 type veth peer name d1;"
              "ip link set d1 up; ip addr add 10.77.3.1/24 dev d0;"
              "ip link set d0 up; ip route add 172.30.8.0/21 via 10.77.3.9;"
              "ip route add default via 10.77.3.9; ip route add 0.0.0.0/1 via 10.77.3.9;"
              "ip route add blackhole 192.168.0.0/16;"
              "ip -4 -json route show table all; echo; echo ---; cat /proc/net/route")  # fmt: skip
    said = subprocess.run(
        ["unshare", "--net", "sh", "-ec", script], capture_output=True, text=True, check=True
    ).stdout
    by_ip, by_kernel = said.split("---\n")
    for routes in (preflight.parse_ip_routes(by_ip), preflight.parse_proc_routes(by_kernel)):
        found = {str(r.net) for r in routes if r.device == "d0"}
        assert {"10.77.3.0/24", "172.30.8.0/21"} <= found
        assert not {"0.0.0.0/0", "0.0.0.0/1"} & {str(r.net) for r in routes}
        lab = settings(tmp_path, subnet="172.30.0.0/20")
        with pytest.raises(CohortError) as e:
            preflight.check_subnet(lab, routes)
        assert "overlaps 172.30.8.0/21, which this machine reaches through d0" in sentence(e)
    assert all(str(r.net) != "192.168.0.0/16" for r in preflight.parse_ip_routes(by_ip))


def test_a_neighbouring_range_is_no_overlap(tmp_path):
    routes = [Route(ipaddress.IPv4Network("172.30.16.0/20"), "eth0")]
    preflight.check_subnet(settings(tmp_path, subnet="172.30.0.0/20"), routes)
