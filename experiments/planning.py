"""Who starts next: the order of the queue and what each run in it waits for.

Invariant: `plan` is a pure function of a picture of the queue; admission acts on it and the
queue's page explains it, so that what people read is what happens.

The rules, in order:
1. The owner who has least running (GPUs first, then CPUs) is next; its runs go first come, first
   served. What does not fit is passed over, so that a small run may overtake a big one.
2. No owner, sweep or schedule has more running than its limit.
3. Room is kept for the first run in this order that has waited longer than the lab's patience and
   does not fit: from there on others start only in what it leaves free. One run at a time has
   room kept, and only if the end of other runs can make enough, so no reservation waits for a
   team to leave its workspace.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from experiments.offer import Room, Shares


class Wait(StrEnum):
    """What a run waits for."""

    TIME = "time"  # its own: scheduled for later, or the pause before the next attempt
    OWNER = "owner"  # others of its owner to end
    OWNER_GPUS = "owner's GPUs"
    SWEEP = "sweep"
    SCHEDULE = "schedule"
    ROOM = "room"
    KEPT = "kept room"  # it would fit, but the room is kept for another
    EVER = "ever"  # the lab has become too small for it


@dataclass(frozen=True)
class Entry:
    """What of a run matters to the queue."""

    id: str
    owner: str
    need: Room
    created_at: datetime
    not_before: datetime | None = None
    sweep_id: str | None = None
    sweep_limit: int = 0
    schedule_id: str | None = None
    notebook: str = ""
    time_limit_s: int = 0
    started_at: datetime | None = None
    attempt: int = 0
    max_attempts: int = 1
    reason: str | None = None  # why the attempt before failed

    @property
    def since(self) -> datetime:
        """Since when it could have started."""
        return max(self.created_at, self.not_before or self.created_at)


@dataclass(frozen=True)
class Picture:
    """The queue at one moment."""

    waiting: tuple[Entry, ...]
    active: tuple[Entry, ...]
    free: Room
    total: Room  # all that there is when no run is active and teams keep what they hold
    lab: Room


@dataclass(frozen=True)
class Decision:
    """What becomes of a run that waits: it starts now, or waits for something."""

    entry: Entry
    waits_for: Wait | None = None
    lacking: tuple[str, ...] = ()  # of room: gpus, cpus, memory
    kept_for: Entry | None = None


def plan(picture: Picture, shares: Shares, now: datetime) -> list[Decision]:
    """Decide on every run that waits; in the order in which they are next."""
    lines: dict[str, deque[Entry]] = defaultdict(deque)
    later = []
    for entry in sorted(picture.waiting, key=lambda e: (e.created_at, e.id)):
        if entry.not_before is not None and entry.not_before > now:
            later.append(entry)
        else:
            lines[entry.owner].append(entry)
    floor = _Floor(picture, shares, now)
    heap = [(*floor.weight[o], line[0].created_at, o) for o, line in lines.items()]
    heapq.heapify(heap)
    decisions = []
    while heap:
        *_, owner = heapq.heappop(heap)
        line = lines[owner]
        decisions.append(floor.decide(line.popleft()))
        if line:
            heapq.heappush(heap, (*floor.weight[owner], line[0].created_at, owner))
    later.sort(key=lambda e: (e.not_before, e.id))
    return decisions + [Decision(entry, Wait.TIME) for entry in later]


@dataclass
class _Floor:
    """What is in use while a plan is made."""

    picture: Picture
    shares: Shares
    now: datetime
    weight: dict[str, tuple[int, float]] = field(init=False)  # GPUs and CPUs of each owner
    running: Counter[str] = field(init=False)  # by owner, sweep and schedule
    kept_for: Entry | None = None

    def __post_init__(self) -> None:
        self.weight = defaultdict(lambda: (0, 0.0))
        self.running = Counter()
        self.free = self.open = self.picture.free  # open: what no room is kept of
        for entry in self.picture.active:
            self._count(entry)

    def decide(self, entry: Entry) -> Decision:
        waits_for = self._limit(entry)
        if waits_for is not None:
            return Decision(entry, waits_for)
        lacking = tuple(self.free.lacks(entry.need))
        if lacking:
            self._keep_room(entry)
            return Decision(entry, Wait.ROOM, lacking)
        if self.open.lacks(entry.need):
            return Decision(entry, Wait.KEPT, kept_for=self.kept_for)
        self.free -= entry.need
        self.open -= entry.need
        self._count(entry)
        return Decision(entry)

    def _limit(self, entry: Entry) -> Wait | None:
        """The first limit that is reached, if any."""
        limits = {
            Wait.EVER: bool(self.picture.lab.lacks(entry.need)),
            Wait.OWNER: self.running[entry.owner] >= self.shares.running,
            Wait.OWNER_GPUS: entry.need.gpus > 0
            and self.weight[entry.owner][0] + entry.need.gpus > self.shares.gpus,
            Wait.SWEEP: entry.sweep_id is not None
            and self.running[entry.sweep_id] >= entry.sweep_limit,
            # Whatever it does on overlap, no schedule has two runs going at once.
            Wait.SCHEDULE: entry.schedule_id is not None and self.running[entry.schedule_id] > 0,
        }
        return next((limit for limit, reached in limits.items() if reached), None)

    def _keep_room(self, entry: Entry) -> None:
        patient = self.now - entry.since < self.shares.patience
        if self.kept_for is None and not patient and not self.picture.total.lacks(entry.need):
            self.kept_for = entry
            self.open = self.free - entry.need

    def _count(self, entry: Entry) -> None:
        gpus, cpus = self.weight[entry.owner]
        self.weight[entry.owner] = (gpus + entry.need.gpus, cpus + entry.need.cpus)
        for name in (entry.owner, entry.sweep_id, entry.schedule_id):
            if name is not None:
                self.running[name] += 1


def taken(entries: Iterable[Entry]) -> Room:
    """What runs need together."""
    return sum((entry.need for entry in entries), Room())
