"""Configures, starts and stops dockerd, with systemd and without.

Invariant: of `DAEMON_JSON` everything that somebody else wrote is kept, and a daemon with
running containers is never stopped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from cohort.errors import EngineError
from cohort.lab.engine_check import DAEMON_JSON, Engine, look
from cohort.lab.root import as_root, write_as_root
from cohort.lab.run import run

CDI_DIRS = ("/etc/cdi", "/var/run/cdi")
PID_FILE = Path("/var/run/docker.pid")
LOG = Path("/var/log/dockerd.log")
SYSTEMD = Path("/run/systemd/system")
ENDED = "cohort: dockerd ended"


def merge_daemon(text: str) -> str:
    """Return daemon.json with CDI on, whatever else it says kept; unchanged if it is on."""
    try:
        tree = json.loads(text or "{}")
        features = tree.setdefault("features", {})
        dirs = tree.setdefault("cdi-spec-dirs", [])
        if features.get("cdi") is True and set(CDI_DIRS) <= set(dirs):
            return text
        features["cdi"] = True
        dirs += [folder for folder in CDI_DIRS if folder not in dirs]
    except (ValueError, AttributeError, TypeError) as e:
        raise EngineError(
            f"{DAEMON_JSON} is not what Docker expects ({e}): mend it and run this again."
        ) from e
    return json.dumps(tree, indent=2) + "\n"


def configure_daemon() -> None:
    """Switch CDI devices on, if they are not; a daemon that runs learns of it when it restarts."""
    before = DAEMON_JSON.read_text() if DAEMON_JSON.exists() else ""
    if (after := merge_daemon(before)) != before:
        write_as_root(DAEMON_JSON, after)


def dockerd_there() -> bool:
    """True if the program is installed."""
    # A user's PATH often lacks /usr/sbin, where distributions put it.
    return bool(shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def alive(pid_file: Path = PID_FILE) -> bool:
    """True if the process that a file names runs."""
    try:
        return Path("/proc", pid_file.read_text().strip(), "stat").exists()
    except OSError:
        return False


def stop_daemon(engine: Engine) -> None:
    """Stop our engine so that it starts with what changed; never under running containers."""
    if engine.running:
        raise EngineError(
            f"Docker has to restart with a new configuration, but {engine.running} containers "
            "run: stop them (`make down` stops the lab's), then run this again."
        )
    if SYSTEMD.exists():
        run(as_root(["systemctl", "stop", "docker"]), what="Stopping Docker")
        return
    # The shell's own kill: a minimal Debian has no program of that name.
    line = ["sh", "-c", 'kill "$0"', PID_FILE.read_text().strip()]
    run(as_root(line), what="Stopping Docker")
    deadline = time.monotonic() + 30
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)


def start_engine() -> None:
    """Start the machine's engine as its packages mean it to be started; returns at once."""
    if SYSTEMD.exists():
        run(as_root(["systemctl", "enable", "--now", "docker"]),
            what="Starting Docker (see `journalctl -u docker`)")  # fmt: skip
    elif not alive():
        start_daemon(LOG, "dockerd")


def start_daemon(log: Path, *line: str) -> None:
    """Start dockerd on its own, for machines with no systemd; returns at once.

    A session of its own and no inherited descriptor: whatever waits for the end of our
    output would otherwise wait as long as the engine lives.
    """
    script = (
        'echo "cohort: dockerd starts" >>"$0"; setsid --fork sh -c '
        f'\'"$@" >>"$0" 2>&1 </dev/null; echo "{ENDED}" >>"$0"\' "$0" "$@"'
    )
    path = f"PATH={os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    subprocess.run(
        as_root(["env", path, "sh", "-c", script, str(log), *line]),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip


def wait_for_engine(
    log: Path, host: str = "", pid_file: Path = PID_FILE, seconds: float = 60
) -> Engine:
    """Wait until the engine answers, or ends; raises `EngineError` naming the log."""
    deadline = time.monotonic() + seconds
    while not (engine := look(host)).version and not engine.denied:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        ended = bool(lines) and lines[-1] == ENDED and not alive(pid_file)
        if ended or time.monotonic() > deadline:
            said = next((text for text in reversed(lines) if text != ENDED), engine.error)
            raise EngineError(
                f"The Docker engine {'ended' if ended else 'did not answer'} at its start "
                f"({said[-200:]}): see {log if lines else '`journalctl -u docker`'}, mend it "
                "and run this again."
            )
        time.sleep(0.2)
    return engine
