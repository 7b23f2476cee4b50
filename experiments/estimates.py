"""About when runs that wait should start: the plan, played forward.

Invariant: an estimate follows from what runs now and from how long runs of the same notebook
took, or else may take; it knows nothing of what is submitted later and of when teams leave their
workspaces, so what depends on that has none.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.offer import Shares
from experiments.planning import Decision, Entry, Picture, plan
from experiments.states import State
from experiments.tables import Run

LOOK_AHEAD = 50  # runs that are next
STEPS = 200  # moments at which something ends or becomes due
TYPICAL_OF = 10  # latest runs of a notebook

Durations = dict[tuple[str, str], timedelta]  # by owner and notebook


def expected_starts(
    session: Session, picture: Picture, decisions: list[Decision], shares: Shares, now: datetime
) -> dict[str, datetime]:
    """About when the first runs of a plan start, by their ids."""
    line = [decision.entry for decision in decisions[:LOOK_AHEAD]]
    typical = typical_durations(session, [*line, *picture.active])
    return _Play(picture, line, typical, now).run(shares)


def typical_durations(session: Session, entries: Iterable[Entry]) -> Durations:
    """How long the latest runs of these notebooks took that went well: their median."""
    found = {}
    for owner, notebook in {(entry.owner, entry.notebook) for entry in entries}:
        rows = session.execute(
            select(Run.state, Run.started_at, Run.ended_at)
            .where(Run.owner == owner, Run.notebook == notebook)
            .order_by(Run.created_at.desc())
            .limit(TYPICAL_OF)
        )
        took = [r.ended_at - r.started_at for r in rows if r.state == State.SUCCEEDED]
        if took:
            found[owner, notebook] = median(took)
    return found


class _Play:
    """The queue as it goes on from a picture, if nothing new comes."""

    def __init__(
        self, picture: Picture, line: list[Entry], typical: Durations, now: datetime
    ) -> None:
        self.picture, self.typical, self.clock = picture, typical, now
        self.waiting, self.free = line, picture.free
        self.active = {entry.id: entry for entry in picture.active}
        self.ends = [(self._end(e, e.started_at or now), e.id) for e in picture.active]
        heapq.heapify(self.ends)
        self.starts: dict[str, datetime] = {}

    def run(self, shares: Shares) -> dict[str, datetime]:
        for _ in range(STEPS):
            self._start_what_may(shares)
            moments = [self.ends[0][0]] if self.ends else []
            moments += [e.since for e in self.waiting if e.since > self.clock]
            if not self.waiting or not moments:
                break
            self.clock = min(moments)
            while self.ends and self.ends[0][0] <= self.clock:
                self.free += self.active.pop(heapq.heappop(self.ends)[1]).need
        return self.starts

    def _start_what_may(self, shares: Shares) -> None:
        scene = replace(
            self.picture,
            waiting=tuple(self.waiting),
            active=tuple(self.active.values()),
            free=self.free,
        )
        for decision in plan(scene, shares, self.clock):
            entry = decision.entry
            if decision.waits_for is None:
                self.starts[entry.id] = self.clock
                self.free -= entry.need
                self.active[entry.id] = entry
                heapq.heappush(self.ends, (self._end(entry, self.clock), entry.id))
        self.waiting = [entry for entry in self.waiting if entry.id not in self.starts]

    def _end(self, entry: Entry, started: datetime) -> datetime:
        """When a run should end: as those before it, or by its time limit if it is over that."""
        limit = timedelta(seconds=entry.time_limit_s)
        end = started + self.typical.get((entry.owner, entry.notebook), limit)
        return end if end > self.clock else max(self.clock, started + limit)
