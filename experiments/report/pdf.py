"""A report as PDF, made by WeasyPrint in a container that is thrown away.

Invariant: the report's HTML is laid out where it can reach nothing: no network, no other file
than itself. What comes back is data: one regular file, of bounded size, that begins as a PDF
does. Nothing is left behind, whatever happens; what a killed service left, `remove_leftovers`
removes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cohort.engine import Engine, Job, JobState, Mount
from experiments.errors import ExperimentError
from experiments.report.collect import keep_file

KIND = {"cohort.kind": "pdf"}
UID = 1000
MAX_BYTES = 128 << 20
NOT_PRINTED = "The report could not be printed: print it in the browser."
COMMAND = (
    "python",
    "-I",
    "-m",
    "experiments.report.printing",
    "/in/report.html",
    "/out/report.pdf",
)


@dataclass(frozen=True)
class Press:
    """Where PDFs are made: in ``folder`` (of the host), in containers of ``image``."""

    engine: Engine
    image: str
    project: str
    folder: Path
    seconds: float = 120
    memory_bytes: int = 2 << 30

    def make(self, report: Path, kept: Path, name: str) -> Path:
        """Print ``report`` and keep it as ``kept/name``; returns that path.

        Raises `ExperimentError` if it cannot be printed, `EngineError` if the engine refuses.
        """
        job = f"{self.project}-pdf-{secrets.token_hex(6)}"
        room = self.folder / job
        try:
            keep_file(kept, name, self._print(report, room, job))
        finally:
            self.engine.remove(job)
            shutil.rmtree(room, ignore_errors=True)
        return kept / name

    def remove_leftovers(self) -> None:
        """Remove containers and folders of a service that was killed; when none is at work."""
        for left in self.engine.all(self._labels()):
            self.engine.remove(left.name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _print(self, report: Path, room: Path, name: str) -> bytes:
        out = room / "out"
        out.mkdir(parents=True)
        os.chown(out, UID, UID)
        # A copy: what is kept is readable by root alone.
        shutil.copyfile(report, room / "report.html")
        (room / "report.html").chmod(0o644)
        self.engine.submit(self._job(name, room))
        ended = self._wait(name)
        if ended is None or ended.exit_code != 0:
            raise ExperimentError(_refusal(ended, self.seconds), code="pdf_not_possible")
        return _read(out / "report.pdf")

    def _job(self, name: str, room: Path) -> Job:
        return Job(
            name=name,
            image=self.image,
            command=COMMAND,
            cpus=1,
            memory_bytes=self.memory_bytes,
            labels=self._labels(),
            environment={"HOME": "/out"},  # the only place it may write: fonts' cache
            mounts=(
                Mount(str(room / "report.html"), "/in/report.html"),
                Mount(str(room / "out"), "/out", read_only=False),
            ),
            file_bytes=MAX_BYTES,
        )

    def _labels(self) -> Mapping[str, str]:
        return {"cohort.project": self.project, **KIND}

    def _wait(self, name: str) -> JobState | None:
        """The state in which it ended; None if it did not in time."""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            state = self.engine.poll(name)
            if state is None or state.status == "ended":
                return state
            time.sleep(0.2)
        return None


def _refusal(ended: JobState | None, seconds: float) -> str:
    if ended is None:
        return f"The report could not be printed within {seconds:g} s: print it in the browser."
    if ended.out_of_memory:
        return "The report needs too much memory to be printed: print it in the browser."
    return NOT_PRINTED


def _read(path: Path) -> bytes:
    """The PDF that a container says it made: any user may have written what lies there."""
    try:
        found = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise ExperimentError(NOT_PRINTED, code="pdf_not_possible") from None
    try:
        told = os.fstat(found)
        if stat.S_ISREG(told.st_mode) and told.st_size <= MAX_BYTES:
            with open(found, "rb", closefd=False) as file:
                data = file.read(MAX_BYTES)
            if data.startswith(b"%PDF-"):
                return data
    finally:
        os.close(found)
    raise ExperimentError(NOT_PRINTED, code="pdf_not_possible")
