"""Keeps users' containers away from the host, from private ranges and metadata addresses.

Invariant: of the host they reach the ports of the hub's API and of the services, and nothing
else; of private ranges only those that ``[network] allow`` lists; wherever they are, the host's
name servers answer on port 53. The rules are in chains of the lab's own, put first, and are
looked at again every `EVERY` seconds, because an engine restart or another tool may move them.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from cohort.settings import HUB_PORT, SERVICE_PORTS, Settings
from cohort.settings_file import load_settings

EVERY = 20
# Link-local (cloud metadata), private, carrier, loopback and multicast ranges.
CLOSED = (
    "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
    "127.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4",
)  # fmt: skip


def chains(settings: Settings) -> tuple[str, str]:
    """Names of the lab's chains (28 characters at most) for forwarded and for local traffic."""
    digest = hashlib.sha256(settings.lab.project.encode()).hexdigest()[:8].upper()
    return f"COHORT-{digest}-FWD", f"COHORT-{digest}-IN"


def name_servers(path: Path = Path("/etc/resolv.conf")) -> list[str]:
    """IPv4 name servers of the host that containers ask themselves.

    The engine's resolver sends a container's questions from the container's own namespace;
    only to a loopback server does it go from the host's.
    """
    words = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    found = [w[1] for w in words if w[:1] == ["nameserver"] and len(w) > 1 and ":" not in w[1]]
    return [server for server in found if not ipaddress.IPv4Address(server).is_loopback]


def rules(settings: Settings) -> dict[str, list[list[str]]]:
    """The rules of each chain, in order."""
    forward, local = chains(settings)
    known = ["-m", "conntrack", "--ctstate", "ESTABLISHED,RELATED"]
    ports = ",".join(str(port) for port in (HUB_PORT, *SERVICE_PORTS.values()))
    lab = ["-p", "tcp", "-d", settings.network.gateway, "-m", "multiport", "--dports", ports]
    names = [
        ["-p", protocol, "-d", server, "--dport", "53"]
        for server in name_servers() for protocol in ("tcp", "udp")
    ]  # fmt: skip
    return {
        forward: [
            [*known, "-j", "RETURN"],
            *([*name, "-j", "RETURN"] for name in names),
            *(["-d", net, "-j", "RETURN"] for net in settings.network.allow),
            *(["-d", net, "-j", "DROP"] for net in CLOSED),
            ["-j", "RETURN"],
        ],
        local: [
            *([*line, "-j", "ACCEPT"] for line in (known, lab, *names)),
            ["-j", "DROP"],
        ],
    }


def jumps(settings: Settings) -> list[tuple[str, list[str]]]:
    """Where each chain is entered from: the engine's own hook, and the host's input."""
    forward, local = chains(settings)
    source = ["-s", settings.network.subnet]
    return [("DOCKER-USER", [*source, "-j", forward]), ("INPUT", [*source, "-j", local])]


def iptables() -> str:
    """The variant that the engine uses: the one in which it has made its hook."""
    for program in ("iptables-nft", "iptables-legacy", "iptables"):
        if shutil.which(program) and _call(program, "-n", "-L", "DOCKER-USER"):
            return program
    raise SystemExit("No DOCKER-USER chain: start the engine with its iptables support on.")


def apply(settings: Settings, program: str) -> None:
    """Write the chains afresh and see that each is entered first."""
    for chain, lines in rules(settings).items():
        _call(program, "-N", chain)
        text = ["*filter", f":{chain} - [0:0]", f"-F {chain}"]
        text += [" ".join(["-A", chain, *line]) for line in lines]
        # One commit: there is no moment without rules.
        subprocess.run(
            [f"{program}-restore", "--noflush", "-w"],
            input="\n".join([*text, "COMMIT\n"]), text=True, check=True,
        )  # fmt: skip
    for parent, line in jumps(settings):
        if not _first(program, parent, line):
            _call(program, "-D", parent, *line)
            subprocess.run([program, "-w", "-I", parent, "1", *line], check=True)


def check(settings: Settings, program: str) -> bool:
    """True if both chains are entered and end as they should."""
    entered = all(_call(program, "-C", parent, *line) for parent, line in jumps(settings))
    return entered and all(
        _call(program, "-C", chain, *line) for chain, lines in rules(settings).items()
        for line in lines
    )  # fmt: skip


def remove(settings: Settings, program: str) -> None:
    """Take the lab's chains out again; nothing happens if they are not there."""
    for parent, line in jumps(settings):
        _call(program, "-D", parent, *line)
    for chain in chains(settings):
        _call(program, "-F", chain)
        _call(program, "-X", chain)


def _first(program: str, parent: str, line: list[str]) -> bool:
    listed = subprocess.run([program, "-w", "-S", parent], capture_output=True, text=True)
    appended = [rule for rule in listed.stdout.splitlines() if rule.startswith("-A")]
    # Several labs on one machine: all of theirs stand before anybody else's.
    mine = " ".join(["-A", parent, *line])
    before = appended[: appended.index(mine)] if mine in appended else None
    return before is not None and all("COHORT-" in rule for rule in before)


def _call(program: str, *args: str) -> bool:
    return subprocess.run([program, "-w", *args], capture_output=True).returncode == 0


def main() -> None:
    """``keep`` the rules until killed, ``check`` them (exit code), or ``remove`` them."""
    settings = load_settings(os.environ["COHORT_SETTINGS"])
    program, action = iptables(), sys.argv[1]
    if action == "remove":
        remove(settings, program)
    elif action == "check":
        raise SystemExit(0 if check(settings, program) else 1)
    else:
        while True:
            apply(settings, program)
            time.sleep(EVERY)


if __name__ == "__main__":
    main()
