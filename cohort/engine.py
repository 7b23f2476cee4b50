"""What runs containers for the services: one small interface, whatever stands behind it.

Invariant: a job's name is its identity. Whoever submits it again, from whatever process, gets
the one container that it has; nothing is run twice. `cohort.engine_docker` is one Docker
engine; a swarm is another implementation of the same protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from cohort.errors import EngineError


class EngineUnreachableError(EngineError):
    """Nothing answers: what was true of the jobs before is still the best that is known."""


class ImageMissingError(EngineError):
    """The job's image is not there; nothing was created."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host at a path inside; it must exist when the job starts."""

    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class Job:
    """A container that is run once.

    Its root file system is read-only and it runs as user 1000: all that it may write is what
    is mounted writable, so that whoever owns those folders can count what is in them.
    """

    name: str
    image: str  # a name, or an image's id
    command: tuple[str, ...]
    cpus: float
    memory_bytes: int  # of memory and swap together
    labels: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    mounts: tuple[Mount, ...] = ()
    gpus: tuple[str, ...] = ()  # qualified CDI names
    network: str | None = None  # of the engine; None: no network at all
    working_dir: str = "/"
    file_bytes: int = 8 * 1024**3  # the largest file that it may write
    stop_seconds: int = 10  # between SIGTERM and SIGKILL when the engine itself goes down


@dataclass(frozen=True)
class JobState:
    """What the engine says of a job; ``ended`` is for good."""

    name: str
    id: str
    labels: Mapping[str, str]
    status: Literal["created", "running", "ended"]
    exit_code: int | None = None  # of one that has ended
    out_of_memory: bool = False  # a process of it was killed by the kernel for that
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: str = ""  # why it could not be started, in the engine's words


@dataclass(frozen=True)
class Capacity:
    """What all jobs together can have."""

    cpus: float
    memory_bytes: int


class Engine(Protocol):
    """Every method raises `EngineError` on a refusal, `EngineUnreachableError` on silence."""

    def submit(self, job: Job) -> JobState:
        """Run a job unless its name was submitted before; what has ended is not run again.

        One that was created and never started, by a caller that was cut off, is started.
        After a refused start the container stays, created: `remove` it or submit it again.
        Raises `ImageMissingError`.
        """

    def poll(self, name: str) -> JobState | None:
        """All that is known of a job; None if the engine answers and has no such job."""

    def all(self, labels: Mapping[str, str]) -> list[JobState]:
        """The jobs with these labels, for one cheap call and one more for each that ended.

        ``started_at`` of one that is running is only said by `poll`.
        """

    def logs(self, name: str, tail_bytes: int) -> bytes:
        """The end of what a job has printed, both streams; empty if there is no such job."""

    def cancel(self, name: str, grace_s: int) -> None:
        """Ask a job to end (SIGTERM), kill it after ``grace_s``; returns when it has ended.

        Does nothing to one that has ended or is not there.
        """

    def remove(self, name: str) -> None:
        """Kill a job if it runs and forget it; when this returns it has none of its devices."""

    def capacity(self) -> Capacity:
        """What the engine's machine, or machines, have."""

    def image_digest(self, image: str) -> str | None:
        """The id by which exactly this image can be run again; None if it is not there."""
