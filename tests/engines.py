"""The real engine for tests: jobs that are cleaned up, and a door to it that can be shut."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cohort.engine import Job
from cohort.engine_docker import DockerEngine
from tests.leftovers import PREFIX, owner_file
from tests.machine import docker
from tests.workspace.servers import image

SOCKET = "/var/run/docker.sock"


class Jobs:
    """Small jobs of one test, all with a project's label of their own."""

    def __init__(self, folder: Path) -> None:
        self.project = PREFIX + secrets.token_hex(3)
        self.labels = {"cohort.project": self.project, "cohort.kind": "test"}
        self.folder = folder  # of this test, for what is mounted

    def job(self, script: str, **changes) -> Job:
        """A job that runs a shell script."""
        values = {
            "name": f"{self.project}-job", "image": image(), "command": ("sh", "-c", script),
            "cpus": 1.0, "memory_bytes": 256 * 1024**2, "labels": self.labels,
        }  # fmt: skip
        return Job(**{**values, **changes})

    def shared(self) -> Path:
        """A folder that user 1000 may write, to be mounted."""
        folder = self.folder / "shared"
        folder.mkdir(exist_ok=True)
        os.chown(folder, 1000, 1000)
        return folder

    def names(self) -> list[str]:
        """The containers that there are."""
        line = ["ps", "--all", "--filter", f"label=cohort.project={self.project}"]
        return docker(*line, "--format", "{{.Names}}").split()


@contextmanager
def jobs_in(folder: Path) -> Iterator[Jobs]:
    """Jobs inside the block; none of them after it."""
    jobs = Jobs(folder)
    with owned(jobs.project):
        try:
            yield jobs
        finally:
            if names := jobs.names():
                docker("rm", "--force", *names)
            assert not jobs.names()


@contextmanager
def owned(project: str) -> Iterator[None]:
    """Keep other test runs on this machine from taking a project's containers for leftovers."""
    owner_file(project).write_text(str(os.getpid()))
    try:
        yield
    finally:
        owner_file(project).unlink()


class Door:
    """A socket that leads to the engine while it is open, and to nothing while it is shut."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "engine.sock"
        self.engine = DockerEngine(f"unix://{self.path}")
        self._passing: list[socket.socket] = []
        self._listening: socket.socket | None = None

    def open(self) -> None:
        """Let requests through."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(64)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """Cut off what is under way, as an engine that is killed does."""
        self.path.unlink()
        self._end(self._listening)
        while self._passing:
            self._end(self._passing.pop())

    @staticmethod
    def _end(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                outside, _ = listening.accept()
            except OSError:
                return
            inside = socket.socket(socket.AF_UNIX)
            inside.connect(SOCKET)
            self._passing += [outside, inside]
            for one, other in ((outside, inside), (inside, outside)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
