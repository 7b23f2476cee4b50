"""A Docker engine of a test's own, beside the machine's: it can be stopped, killed, restarted.

It has its own folders, socket and containerd, and no bridge and no firewall rules: nothing of it
meets the machine's engine. Its containers have no network.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cohort.lab.engine_daemon import ENDED, alive, start_daemon, wait_for_engine
from tests.machine import docker, eventually

PREFIX = "cohort-engine-"


class OwnEngine:
    """One engine in a folder; ``host`` is its address, as ``DOCKER_HOST`` has it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self._pid = folder, folder / "log", folder / "pid"
        self._live_restore = False
        self.host = f"unix://{folder}/sock"
        (folder / "config.json").write_text(json.dumps({"features": {"cdi": True}}))

    def start(self, *, live_restore: bool = False) -> None:
        """Start it and wait until it answers; ``live_restore``: containers outlive it."""
        start_daemon(
            # Without a network of its own it would remove the machine's engine's bridge.
            self.log, "unshare", "--net", "dockerd", "--config-file", f"{self.folder}/config.json",
            "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec",
            "--pidfile", str(self._pid), "--host", self.host, "--bridge", "none",
            "--iptables=false", "--ip6tables=false", "--ip-forward=false",
            f"--live-restore={str(live_restore).lower()}",
        )  # fmt: skip
        self._live_restore = live_restore
        wait_for_engine(self.log, self.host, self._pid)

    def ensure(self, *, live_restore: bool) -> None:
        """Have it run so, whatever an earlier test left."""
        if alive(self._pid):
            if self._live_restore == live_restore:
                return
            self.end()
        self.start(live_restore=live_restore)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send it a signal and wait until it has gone, and what it ran beside it."""
        containerd = self.folder / "exec" / "containerd" / "containerd.pid"
        os.kill(int(self._pid.read_text()), number)
        eventually(lambda: not alive(self._pid), 60, "dockerd ends")
        eventually(lambda: not alive(containerd), 30, "its containerd ends")
        # Else the note of its end could come after that of the next start.
        eventually(lambda: self.log.read_text().endswith(f"{ENDED}\n"), 30, "its log ends")
        # A killed one leaves it; the number may be somebody else's when it starts again.
        self._pid.unlink(missing_ok=True)

    def take(self, image: str) -> str:
        """Copy an image of the machine's engine; its id, which stays the same."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            line = ["docker", "--host", self.host, "load", "--quiet"]
            subprocess.run(line, stdin=saved.stdout, check=True, capture_output=True)
        return docker("--host", self.host, "image", "inspect", "--format", "{{.Id}}", image)

    def remove(self) -> None:
        """End it, with all its containers, and leave nothing behind."""
        if alive(self._pid):
            names = docker("--host", self.host, "ps", "--all", "--quiet").split()
            if names:
                docker("--host", self.host, "rm", "--force", *names)
            self.end()
        # It mounts its own folder anew, and one that was killed leaves that and more.
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed(
            [place for place in mounts if Path(place).is_relative_to(self.folder)]
        ):
            subprocess.run(["umount", place], check=True)
        shutil.rmtree(self.folder)


@contextmanager
def own_engine() -> Iterator[OwnEngine]:
    """One that runs inside the block, unless it is ended there."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if not Path("/proc", left.name.split("-")[2]).exists():
            OwnEngine(left).remove()
    # Not in pytest's folder: containerd's sockets would have names longer than sockets may have.
    engine = OwnEngine(Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")))
    try:
        engine.start()
        yield engine
    finally:
        engine.remove()
