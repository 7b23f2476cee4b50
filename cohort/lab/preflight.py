"""Looks at the host before anything is changed: ports, disk, data folder, subnet.

Invariant: what is wrong here is one sentence, and the machine is as it was.
"""

from __future__ import annotations

import getpass
import ipaddress
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.engine_check import DAEMON_JSON
from cohort.lab.images import exists, image_names
from cohort.lab.installed import settings_in_force
from cohort.lab.ports import check_ports
from cohort.settings import Settings

GB = 1024**3
IMAGES_NEED = 8 * GB
DATA_NEEDS = 1 * GB
ROUTES = Path("/proc/net/route")
# Such a route claims no addresses: it drops what no other route knows.
NO_WAY = {"blackhole", "unreachable", "prohibit", "throw", "broadcast", "multicast"}


@dataclass(frozen=True)
class Route:
    """Addresses that this machine reaches through an interface."""

    net: ipaddress.IPv4Network
    device: str


def check_host(settings: Settings, *, own_running: bool) -> None:
    """Raise `CohortError` for the first thing on this machine that stands in the lab's way.

    With ``own_running`` the lab runs: ports that it holds by the settings in force are its own.
    """
    # With no copy that can be read nothing says which ports those are: take it for the same ones.
    check_ports(settings, (settings_in_force(settings.data) or settings) if own_running else None)
    check_subnet(settings, host_routes())
    check_space(settings.data, DATA_NEEDS, "Set [lab] data to a larger one, or make room")
    check_engine_space(engine_folder())
    ensure_data_folder(settings.data)


def check_subnet(settings: Settings, routes: Iterable[Route]) -> None:
    """The users' subnet is no part of what this machine reaches some other way."""
    subnet = ipaddress.IPv4Network(settings.network.subnet)
    overlapping = [r for r in routes if r.net.overlaps(subnet)]
    own = own_bridge(settings.lab.project) if overlapping else ""
    for route in overlapping:
        if route.device != own:
            raise CohortError(
                f"[network] subnet {subnet} overlaps {route.net}, which this machine reaches "
                f"through {route.device}: choose another private range."
            )


def own_bridge(project: str) -> str:
    """Name of the interface of the lab's own Docker network; empty if there is none."""
    if not shutil.which("docker"):
        return ""
    line = ["docker", "network", "inspect", project]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        return ""
    network = json.loads(done.stdout)[0]
    given = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return given or "br-" + network["Id"][:12]


def host_routes() -> list[Route]:
    """This machine's IPv4 routes and addresses, without the default ones."""
    if shutil.which("ip"):
        # All tables: the one called local holds the interfaces' own addresses.
        line = ["ip", "-4", "-json", "route", "show", "table", "all"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return parse_ip_routes(done.stdout)
    return parse_proc_routes(ROUTES.read_text(encoding="ascii"))


def parse_ip_routes(text: str) -> list[Route]:
    """Read what ``ip -json route`` prints."""
    return _specific(
        Route(ipaddress.IPv4Network(row["dst"]), row.get("dev", "another route"))
        for row in json.loads(text or "[]")
        if row["dst"] != "default" and row.get("type") not in NO_WAY
    )


def parse_proc_routes(text: str) -> list[Route]:
    """Read ``/proc/net/route``, whose numbers are in the machine's byte order."""
    routes = []
    for line in text.splitlines()[1:]:
        device, destination, *_, mask = line.split()[:8]
        first, bits = (
            ipaddress.IPv4Address(struct.pack("=I", int(word, 16))) for word in (destination, mask)
        )
        routes.append(Route(ipaddress.IPv4Network(f"{first}/{bits}"), device))
    return _specific(routes)


def _specific(routes: Iterable[Route]) -> list[Route]:
    """Without default routes, some of which VPNs write as halves of all addresses."""
    return [r for r in routes if r.net.prefixlen > 1]


def check_space(path: Path, needed: int, remedy: str) -> None:
    """At least ``needed`` bytes are free where ``path`` is or will be."""
    folder = nearest(path)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CohortError(f"Only {free / GB:.1f} GB are free for {path}, and "
                          f"{needed / GB:.0f} GB are needed: {remedy}.")  # fmt: skip


def check_engine_space(folder: Path, needed: int = IMAGES_NEED) -> None:
    """The images fit where Docker keeps its data, unless they are there already."""
    if shutil.disk_usage(nearest(folder)).free < needed and not images_built():
        check_space(folder, needed, "remove images with `docker system prune`, or make room")


def engine_folder() -> Path:
    """Where Docker keeps its data, or will once it is installed."""
    try:
        return Path(json.loads(DAEMON_JSON.read_text(encoding="utf-8"))["data-root"])
    except (OSError, ValueError, KeyError, TypeError):
        return Path("/var/lib/docker")


def images_built() -> bool:
    """True if the engine has this checkout's largest images."""
    if not shutil.which("docker"):
        return False
    _, images = image_names()
    return exists(images.workspace) and exists(images.hub)


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that exists (and that we may look into)."""
    for folder in (path, *path.parents):
        try:
            if folder.exists():
                return folder
        except PermissionError:
            continue
    return Path("/")


def ensure_data_folder(data: Path) -> None:
    """The data folder is there, or can be made, and we can write in it.

    For a user with sudo it is made here, as theirs; this is the last check for that reason.
    """
    if not data.is_absolute():
        raise CohortError(f'[lab] data is {str(data)!r}: give a path that begins with "/".')
    folder = nearest(data)
    if not folder.is_dir():
        raise CohortError(f"{folder} is not a folder: set [lab] data to another path.")
    if os.access(folder, os.W_OK | os.X_OK) and not _read_only(folder):
        return
    if data.exists() or _read_only(folder) or not _make_with_sudo(data):
        raise CohortError(f"You cannot write in {folder}, and the lab keeps its data in {data}: "
                          "set [lab] data to a folder of yours, or run this as root.")  # fmt: skip


def _read_only(folder: Path) -> bool:
    """True on a file system where not even root can write."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _make_with_sudo(data: Path) -> bool:
    if os.geteuid() == 0 or not shutil.which("sudo"):
        return False
    line = ["sudo", "install", "-d", "-o", getpass.getuser(), str(data)]
    return subprocess.run(line, stderr=subprocess.DEVNULL, check=False).returncode == 0
