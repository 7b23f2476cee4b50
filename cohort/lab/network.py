"""The bridge that users' containers sit on: one for all, on which none reaches another."""

from __future__ import annotations

import json
import subprocess

from cohort.errors import CohortError
from cohort.lab.run import run
from cohort.settings import Settings

# With inter-container traffic off, the bridge isolates teams with no network per team.
OPTIONS = {
    "com.docker.network.bridge.enable_icc": "false",
    "com.docker.network.bridge.enable_ip_masquerade": "true",
}


def ensure_network(settings: Settings) -> None:
    """Make the lab's network; an existing one must have the right subnet and isolation."""
    name, subnet = settings.lab.project, settings.network.subnet
    found = subprocess.run(["docker", "network", "inspect", name], capture_output=True, text=True)
    if found.returncode == 0:
        _check(json.loads(found.stdout)[0], name, subnet)
        return
    options = [part for key, value in OPTIONS.items() for part in ("-o", f"{key}={value}")]
    run(
        ["docker", "network", "create", "--driver", "bridge", "--subnet", subnet,
         "--gateway", settings.network.gateway, "--label", f"cohort.project={name}",
         *options, name],
        what=f"Making the network {name} ({subnet})",
    )  # fmt: skip


def _check(network: dict, name: str, subnet: str) -> None:
    have = [c.get("Subnet") for c in network["IPAM"]["Config"] or []]
    isolated = network["Options"].get("com.docker.network.bridge.enable_icc") == "false"
    if have != [subnet] or not isolated:
        raise CohortError(
            f"There is a Docker network {name!r} already, with subnet {have} and "
            f"{'no ' if not isolated else ''}isolation; run `make down`, or choose another "
            "[lab] project or [network] subnet."
        )


def remove_network(project: str) -> None:
    """Remove the lab's network, if it is there and nobody is on it."""
    subprocess.run(["docker", "network", "rm", project], capture_output=True)
