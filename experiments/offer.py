"""What the lab offers to runs: its size, its images, its rules of sharing, its clock and key.

Invariant: what `Offer.check` lets pass can start one day, when nothing else runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from cohort.gpus import utc_now
from experiments.errors import ExperimentError
from experiments.requests import RunRequest
from experiments.seal import Seal

GIB = 1024**3
ROUNDING = 1e-6  # CPUs are added up as floats


@dataclass(frozen=True)
class Room:
    """An amount of what runs need: CPUs, bytes of memory, GPUs."""

    cpus: float = 0
    memory_bytes: int = 0
    gpus: int = 0

    def __add__(self, other: Room) -> Room:
        return Room(
            self.cpus + other.cpus, self.memory_bytes + other.memory_bytes, self.gpus + other.gpus
        )

    def __sub__(self, other: Room) -> Room:
        """What is left; never less than nothing."""
        return Room(
            max(0, self.cpus - other.cpus),
            max(0, self.memory_bytes - other.memory_bytes),
            max(0, self.gpus - other.gpus),
        )

    def lacks(self, need: Room) -> list[str]:
        """Which of "gpus", "cpus" and "memory" there is too little of for a need."""
        short = {
            "gpus": need.gpus > self.gpus,
            "cpus": need.cpus > self.cpus + ROUNDING,
            "memory": need.memory_bytes > self.memory_bytes,
        }
        return [what for what, lacking in short.items() if lacking]

    def words(self, what: str) -> str:
        """An amount as people say it: ``2 GPUs``, ``1 CPU``, ``4 GB of memory``."""
        if what == "memory":
            return f"{self.memory_bytes / GIB:.3g} GB of memory"
        number = self.gpus if what == "gpus" else self.cpus
        return f"{number:g} {'GPU' if what == 'gpus' else 'CPU'}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Shares:
    """How the lab is shared; each limit is of one owner, that is of a team or a desk."""

    running: int = 50
    gpus: int = 64
    waiting: int = 5000
    schedules: int = 100
    patience: timedelta = timedelta(minutes=10)  # then room is kept for a run that found none


@dataclass(frozen=True)
class Offer:
    """Everything that a submission and an admission are measured against."""

    total: Room
    images: Mapping[str, str]  # allowed images by name, and their digests; the first is default
    seal: Seal
    shares: Shares = Shares()
    network_owners: frozenset[str] = frozenset()  # whose runs may have a network
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Hong_Kong"))  # for sentences
    now: Callable[[], datetime] = utc_now

    def image(self, name: str) -> tuple[str, str]:
        """Name and digest of the image that is asked for, or of the lab's own."""
        name = name or next(iter(self.images), "workspace")
        if name not in self.images:
            raise ExperimentError(
                f"This lab has no image {name} for runs: choose one of those it has "
                f"({', '.join(self.images) or 'none'}).",
                code="image_unknown",
                field="image",
            )
        return name, self.images[name]

    def check(self, request: RunRequest, owner: str) -> None:
        """Refuse what could never start here, or is not allowed, with a sentence."""
        need = need_of(request)
        short = self.total.lacks(need)
        if short:
            raise ExperimentError(
                f"The run asks for {need.words(short[0])} and this lab has "
                f"{self.total.words(short[0])}: ask for less.",
                code="never_fits",
                field=short[0],
            )
        if request.gpus > self.shares.gpus:
            raise ExperimentError(
                f"The run asks for {need.words('gpus')} and {people(owner)} may have "
                f"{self.shares.gpus} at once: ask for less.",
                code="never_fits",
                field="gpus",
            )
        if request.network and owner not in self.network_owners:
            raise ExperimentError(
                f"Runs of {people(owner)} have no network: submit it without, or ask the operator.",
                code="network_not_allowed",
                status=403,
                field="network",
            )

    def clock_time(self, then: datetime) -> str:
        """A time as people say it, in the lab's zone: day and year only if they are not now's."""
        local, today = then.astimezone(self.zone), self.now().astimezone(self.zone)
        if local.date() == today.date():
            return f"{local:%H:%M}"
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {local:%B}{year}, {local:%H:%M}"


def need_of(run) -> Room:
    """What a run, or a request for one, needs."""
    return Room(run.cpus, run.memory_bytes, run.gpus)


def people(owner: str) -> str:
    """What an owner is called in a sentence: ``team apollo`` for ``team-apollo``."""
    return f"team {owner.removeprefix('team-')}" if owner.startswith("team-") else owner
