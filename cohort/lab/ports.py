"""Looks whether the lab can listen where the settings say, before anything is changed.

Invariant: a port that the running lab itself holds is not in its own way; every other one is
tried by binding it, which is what the services will do.
"""

from __future__ import annotations

import errno
import socket

from cohort.errors import CohortError
from cohort.settings import HUB_PORT, INTERNAL, SERVICE_PORTS, Address, Settings

# Linux's own, absent from Python's socket module: binds an address that is not there yet.
IP_FREEBIND = 15


def check_ports(settings: Settings, running: Settings | None) -> None:
    """Raise `CohortError` for the first port that somebody else has.

    ``running`` are the settings that the lab runs with now, or None while it is down.
    """
    own = ports_of(running.address) if running else frozenset()
    check_address(settings.address, own)
    check_internal_ports(settings.address, own)
    gateway = settings.network.gateway
    if running is None or running.network.gateway != gateway:
        check_gateway_ports(gateway)


def ports_of(address: Address) -> frozenset[int]:
    """Every port that a lab with these settings may hold on loopback and the public address."""
    return frozenset({address.port, *(address.internal(service) for service in INTERNAL)})


def check_address(address: Address, own: frozenset[int] = frozenset()) -> None:
    """The public address is of this machine, and nobody else listens on its port."""
    try:
        # Port 0 is any free one: it tries the address alone.
        _bind(address.listen, 0 if address.port in own else address.port)
    except socket.gaierror as e:
        raise CohortError(f"[address] bind {address.listen!r} is no address: "
                          "give one of this machine's, or leave it out.") from e  # fmt: skip
    except OSError as e:
        if e.errno == errno.EADDRNOTAVAIL:
            raise CohortError(f"{address.listen} is not an address of this machine: "
                              "change [address] bind, or leave it out.") from e  # fmt: skip
        raise CohortError(f"Port {address.port} on {address.listen} is in use by another program: "
                          "stop it, or put another port in [address] url.") from e  # fmt: skip


def check_internal_ports(address: Address, own: frozenset[int] = frozenset()) -> None:
    """Nobody else listens on the loopback ports that the services use among themselves."""
    for port in (address.internal(service) for service in INTERNAL):
        if port in own:
            continue
        try:
            _bind("127.0.0.1", port)
        except OSError as e:
            first = address.internal_port
            raise CohortError(
                f"Port {port} on 127.0.0.1 is in use by another program; the lab needs {first} to "
                f"{first + len(INTERNAL) - 1}: stop it, or change [address] internal_port."
            ) from e


def check_gateway_ports(gateway: str) -> None:
    """Nobody listens on every address of this machine at the ports that containers reach.

    The gateway itself may not be there yet: its bridge is made later.
    """
    for port in (HUB_PORT, *SERVICE_PORTS.values()):
        try:
            _bind(gateway, port, absent=True)
        except OSError as e:
            raise CohortError(
                f"Port {port} is in use by another program, and the lab needs it on {gateway}: "
                "stop that program, or make it listen on 127.0.0.1 alone."
            ) from e


def _bind(host: str, port: int, *, absent: bool = False) -> None:
    """Bind and let go again; with ``absent`` the address need not be this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: connections that have just ended do not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if absent:
            probe.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            # A port under 1024, which the proxy's container may take though we may not.
            return
