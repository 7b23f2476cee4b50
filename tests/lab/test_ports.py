"""Ports that somebody else has, each by a real socket; the running lab's own are no obstacle."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cohort.errors import CohortError
from cohort.lab.ports import check_address, check_ports
from cohort.lab.preflight import check_host
from cohort.settings import HUB_PORT, Address, Settings
from tests.labs import ROOT, free_ports, free_subnet

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


def settings(port: int, internal: int, data: Path | str = "/srv/cohort") -> Settings:
    return Settings.model_validate({
        "lab": {"data": str(data), "project": "cohort-t-ports"},
        "address": {"url": f"http://127.0.0.1:{port}", "internal_port": internal},
        "network": {"subnet": free_subnet()},
        "profiles": [{"name": "desk", "title": "Desk", "kind": "desk"},
                     {"name": "team", "title": "Team", "kind": "team"}],
    })  # fmt: skip


@pytest.fixture
def lab() -> Settings:
    """Settings of a lab all of whose ports are free."""
    port = free_ports(8)
    return settings(port, port + 1)


@pytest.fixture
def listener():
    """A factory of sockets that listen on a loopback port until the test ends."""
    made: list[socket.socket] = []

    def listen(port: int) -> int:
        made.append(socket.create_server(("127.0.0.1", port)))
        return made[-1].getsockname()[1]

    yield listen
    for one in made:
        one.close()


def sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def test_public_port_in_use(lab, listener):
    listener(lab.address.port)
    with pytest.raises(CohortError) as e:
        check_ports(lab, None)
    assert f"Port {lab.address.port} on 127.0.0.1 is in use" in sentence(e)


@pytest.mark.parametrize("offset", [0, 1, 5])
def test_internal_port_in_use(lab, listener, offset):
    port = listener(lab.address.internal_port + offset)
    with pytest.raises(CohortError) as e:
        check_ports(lab, None)
    assert f"Port {port} on 127.0.0.1" in sentence(e)
    assert "internal_port" in sentence(e)


def test_a_port_in_use_on_loopback_stops_a_lab_for_everyone(listener):
    port = listener(0)
    with pytest.raises(CohortError, match="in use"):
        check_address(Address(url=f"http://lab.example:{port}"))


def test_a_connection_that_has_just_ended_does_not_hold_the_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()
        client.close()
    check_address(Address(url=f"http://127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("bind", "words"), [("192.0.2.7", "not an address of this machine"), ("no such", "no address")]
)
@pytest.mark.parametrize("held", [False, True])
def test_listen_address_of_another_machine(bind, words, held):
    port = free_ports(1)
    with pytest.raises(CohortError) as e:
        check_address(
            Address(url=f"http://lab.example:{port}", bind=bind), frozenset({port} if held else ())
        )
    assert words in sentence(e)
    assert "[address] bind" in sentence(e)


def test_ports_that_the_running_lab_holds_are_its_own(lab, listener):
    for port in (lab.address.port, lab.address.internal_port, lab.address.internal_port + 5):
        listener(port)
    check_ports(lab, lab)


@pytest.mark.parametrize("change", ["url", "internal_port"])
def test_a_running_lab_is_moved_to_free_ports_only(lab, listener, change):
    for port in (lab.address.port, *range(lab.address.internal_port, lab.address.port + 7)):
        listener(port)
    free = free_ports(6)
    moved = (free, lab.address.internal_port) if change == "url" else (lab.address.port, free)
    check_ports(settings(*moved), lab)
    taken = listener(free)
    with pytest.raises(CohortError, match=f"Port {taken} on 127.0.0.1 is in use"):
        check_ports(settings(*moved), lab)


def test_what_the_running_lab_holds_is_read_from_its_copy_of_the_settings(tmp_path, listener):
    held, wanted = free_ports(8), free_ports(8)
    listener(held)
    listener(wanted)
    lab = settings(wanted, wanted + 1, tmp_path)
    # Nothing tells which ports the lab holds: those it is to have, then.
    check_host(lab, own_running=True)
    (tmp_path / "hub").mkdir()
    copy = tmp_path / "hub" / "cohort.toml"
    profiles = "".join(f'[[profiles]]\nname = "{k}"\ntitle = "x"\nkind = "{k}"\n'
                       for k in ("desk", "team"))  # fmt: skip
    for port, refused in ((held, True), (wanted, False)):
        copy.write_text(f'[address]\nurl = "http://127.0.0.1:{port}"\n{profiles}')
        if refused:
            with pytest.raises(CohortError, match=f"Port {wanted} on 127.0.0.1 is in use"):
                check_host(lab, own_running=True)
        else:
            check_host(lab, own_running=True)


IN_A_NAMESPACE = """
import socket, sys
from cohort.errors import CohortError
from cohort.lab.ports import check_gateway_ports
where, port = sys.argv[1], int(sys.argv[2])
with socket.create_server((where, port), family=socket.AF_INET6 if ":" in where else socket.AF_INET,
                          dualstack_ipv6=":" in where):
    try:
        check_gateway_ports("172.30.0.1")
    except CohortError as e:
        print(e)
"""


@root_only
@pytest.mark.parametrize(
    ("where", "refused"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False)]
)
def test_ports_on_the_gateway_before_its_address_exists(where, refused):
    """In a network namespace of its own: other labs of this machine have hubs that listen."""
    line = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
            sys.executable, "-c", IN_A_NAMESPACE, where, str(HUB_PORT)]  # fmt: skip
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    if not refused:
        assert done.stdout == ""
        return
    assert done.stdout == (
        "Port 8081 is in use by another program, and the lab needs it on 172.30.0.1: "
        "stop that program, or make it listen on 127.0.0.1 alone.\n"
    )
