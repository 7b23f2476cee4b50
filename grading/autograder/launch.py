"""From an attempt to what its container is started from, and back from what it left.

Invariant: a container is given the submission and the release's files read-only, and one file
that it may write. The instructor's notebooks and the key are in that file until the grader
inside has read them, before any student code runs; the key stays here, in a folder that no
container sees.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cohort.engine import Job, Mount
from grading.autograder.inside.order import FILES, ORDER, SUBMITTED, Order, write_order
from grading.autograder.queue import Wanted
from grading.autograder.tables import AutogradeAttempt
from grading.autograder.verdict import expected_cells

UID = 1000
COMMAND = ("python", "-I", "-m", "grading.autograder.inside")
VERDICT_BYTES = 96 << 20
# In the container's memory: all that a notebook may write, and what it keeps open.
ENVIRONMENT = {
    "HOME": "/dev/shm/home",  # noqa: S108
    "TMPDIR": "/dev/shm/tmp",  # noqa: S108
    "MPLCONFIGDIR": "/dev/shm/home/.matplotlib",  # noqa: S108
    "MPLBACKEND": "module://grading.autograder.inside.figures",
    # A pool of threads does not outlive the forks in which tests run.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
}


class Materials(Protocol):
    """Where submissions and the instructor's versions are kept."""

    def lay_out(self, wanted: Wanted, folder: Path) -> dict[str, bytes]:
        """Write the student's files to ``folder/submitted`` and the release's to
        ``folder/files``; the instructor's notebooks by name. Raises `CohortError`."""


@dataclass(frozen=True)
class Limits:
    """What one attempt may use; times in seconds."""

    cpus: float = 1.0
    memory_bytes: int = 3 << 30
    cell_seconds: float = 60.0
    total_seconds: float = 600.0
    output_bytes: int = 1 << 20  # printed by one cell
    file_bytes: int = 256 << 20  # also of the one file that is the host's


@dataclass(frozen=True)
class Launcher:
    """Prepares attempts in ``live``, a folder that only the service may enter."""

    project: str
    live: Path
    materials: Materials
    limits: Limits = Limits()
    command: tuple[str, ...] = COMMAND

    def name(self, attempt: str) -> str:
        """The name of an attempt's job."""
        return f"{self.project}-{attempt}"

    def folder(self, attempt: str) -> Path:
        """Where its files are while it runs."""
        return self.live / attempt

    def prepare(self, row: AutogradeAttempt) -> None:
        """Make the attempt's folder afresh; only while it has no container.

        Raises `CohortError` if something of it is gone, `NotANotebookError` if the instructor's
        are none, `OSError` if the disk is full.
        """
        folder = self.folder(row.id)
        self.clear(row.id)
        folder.mkdir(mode=0o700, parents=True)
        for name in ("submitted", "files"):
            (folder / name).mkdir()
        wanted = Wanted(row.course, row.assignment, row.submission, row.source_version, row.gpus)
        notebooks = self.materials.lay_out(wanted, folder)
        key = secrets.token_bytes(32)
        expected = json.dumps(expected_cells(notebooks)).encode()
        for name, body in (("key", key), ("expected", expected), ("order", b"")):
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
        texts = {name: body.decode("utf-8", "replace") for name, body in notebooks.items()}
        limits = self.limits
        write_order(folder / "order", Order(
            key, texts, limits.cell_seconds, limits.total_seconds, limits.output_bytes,
            forks=row.gpus == 0))  # fmt: skip
        os.chown(folder / "order", UID, UID)

    def job(self, row: AutogradeAttempt) -> Job:
        """The job of an attempt."""
        folder = self.folder(row.id)
        return Job(
            name=self.name(row.id),
            image=row.image,
            command=self.command,
            cpus=self.limits.cpus,
            memory_bytes=self.limits.memory_bytes,
            labels=self.labels() | {"cohort.attempt": row.id},
            environment=ENVIRONMENT,
            mounts=(
                Mount(str(folder / "order"), str(ORDER), read_only=False),
                Mount(str(folder / "files"), str(FILES)),
                Mount(str(folder / "submitted"), str(SUBMITTED)),
            ),
            gpus=tuple(row.devices or ()),
            network=None,
            working_dir="/dev/shm",  # noqa: S108
            file_bytes=self.limits.file_bytes,
        )

    def labels(self) -> dict[str, str]:
        """Labels by which attempts are found again."""
        return {"cohort.project": self.project, "cohort.kind": "autograde", "cohort.team": ""}

    def expected(self, attempt: str) -> dict[str, dict[str, float]]:
        """The tests that must report, with their points, by notebook."""
        return json.loads((self.folder(attempt) / "expected").read_bytes())

    def sealed(self, attempt: str) -> tuple[bytes, bytes]:
        """What the container left in its file, up to a cap, and the key it should carry.

        Raises `FileNotFoundError` if the attempt has no folder.
        """
        folder = self.folder(attempt)
        key = (folder / "key").read_bytes()
        with (folder / "order").open("rb") as file:
            return file.read(VERDICT_BYTES), key

    def clear(self, attempt: str) -> None:
        """Remove the attempt's folder, if there is one."""
        # What lies in it was written by the service: not deep, and its names are checked.
        folder = self.folder(attempt)
        if folder.exists():
            shutil.rmtree(folder)
