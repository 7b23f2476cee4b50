"""Asks a Docker engine what it is, and says in one sentence what it lacks.

Invariant: looking changes nothing, on this machine or in the engine.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST = 25  # the first engine with CDI devices
DAEMON_JSON = Path("/etc/docker/daemon.json")


@dataclass(frozen=True)
class Engine:
    """What `docker info` says; ``version`` is empty if nothing answers."""

    version: str = ""
    cdi: bool = False
    plugins: frozenset[str] = frozenset()
    running: int = 0
    error: str = "there is no docker command"

    @property
    def denied(self) -> bool:
        return "permission denied" in self.error.lower()


def read_info(text: str) -> Engine:
    """Return what ``docker info --format '{{json .}}'`` printed as an `Engine`."""
    try:
        info = json.loads(text)
    except ValueError:
        return Engine(error="docker info printed no JSON")
    plugins = (info.get("ClientInfo") or {}).get("Plugins") or []
    return Engine(
        version=info.get("ServerVersion") or "",
        # An engine with CDI off lists no folders; one with CDI on by default lists its own.
        cdi=bool(info.get("CDISpecDirs")),
        plugins=frozenset(p["Name"] for p in plugins if not p.get("Err")),
        running=info.get("ContainersRunning") or 0,
        error=" ".join(info.get("ServerErrors") or []),
    )


def look(host: str = "") -> Engine:
    """Ask the engine what it is (0.1 s); ``host`` names another than the usual one."""
    line = ["docker", *(["--host", host] if host else []), "info", "--format", "{{json .}}"]
    try:
        done = subprocess.run(line, check=False, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        return Engine()
    except subprocess.TimeoutExpired:
        return Engine(error="it did not answer within 30 s")
    engine = read_info(done.stdout)
    said = done.stderr.strip()
    return engine if engine.version or not said else Engine(error=said, plugins=engine.plugins)


def fault(engine: Engine) -> str:
    """Return one sentence on what the engine lacks and what to do, or "" if it will do."""
    if engine.denied:
        return (
            "You have no right to use Docker: run this as root, or run "
            "`sudo usermod -aG docker $USER`, log out and in, and try again."
        )
    if not engine.version:
        return f"No Docker engine answers ({engine.error}): start it, then run this again."
    if not (major := re.match(r"\d+", engine.version)) or int(major[0]) < OLDEST:
        return (
            f"Docker {engine.version} is too old: upgrade it to {OLDEST} or newer, or remove it "
            "and run this again, which installs one from your distribution."
        )
    if not engine.cdi:
        return (
            'Docker has CDI devices off: add "features": {"cdi": true} to '
            f"{DAEMON_JSON}, restart Docker and run this again."
        )
    missing = [name for name in ("buildx", "compose") if name not in engine.plugins]
    if missing:
        return (
            f"Docker lacks its plug-in {' and '.join(missing)}: install it from where your "
            "Docker came from, then run this again."
        )
    return ""
