"""This machine as tests use it: its Docker client, free ports and subnets, and patience."""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable


def docker(*args: str, check: bool = True) -> str:
    """Run the docker client and return what it prints."""
    done = subprocess.run(["docker", *args], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"docker {' '.join(args)}: {done.stderr}")
    return done.stdout.strip()


def eventually(look: Callable[[], object], within: float = 30, what: str = "") -> object:
    """Return the first true value that ``look`` gives; fail after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what or look}; last: {value!r}")
        time.sleep(0.1)


def free_ports(count: int) -> int:
    """First of ``count`` consecutive free loopback ports."""
    while True:
        first = 20000 + secrets.randbelow(20000)
        try:
            for port in range(first, first + count):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first


def free_subnet() -> str:
    """A /24 of 172.16.0.0/12 that no network of this machine overlaps."""
    taken = []
    for name in docker("network", "ls", "-q").split():
        for config in json.loads(docker("network", "inspect", name))[0]["IPAM"]["Config"] or []:
            taken.append(ipaddress.ip_network(config["Subnet"]))
    while True:
        third = secrets.randbelow(16 * 256)
        net = ipaddress.ip_network(f"172.{16 + third // 256}.{third % 256}.0/24")
        if not any(net.overlaps(t) for t in taken if t.version == 4):
            return str(net)
