"""Everybody in the lab and their teams, as the hub knows them.

Invariant: read from the hub again after `FRESH` seconds at most; while it is away nobody is
taken to have left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from cohort.service.callers import FRESH, Caller, Hub
from cohort.settings import Course


class Roster:
    """The lab's people."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._read: tuple[float, tuple[Caller, ...]] | None = None
        self._lock = asyncio.Lock()

    async def everybody(self) -> tuple[Caller, ...]:
        """All people, without the accounts of teams and courses; a `Refusal` (503) without hub."""
        async with self._lock:  # a deadline's rush asks the hub once
            if self._read is None or time.monotonic() - self._read[0] > FRESH:
                self._read = time.monotonic(), tuple(await self._hub.everybody())
            return self._read[1]


def members_of(everybody: Iterable[Caller], owner: str) -> tuple[str, ...]:
    """Logins of those whose work an owner's is: the person, or the team's members."""
    members = tuple(one.login for one in everybody if owner in one.teams)
    return members if owner.startswith("team-") else (owner,)


def students_of(everybody: Iterable[Caller], course: Course) -> tuple[Caller, ...]:
    """Who takes a course."""
    return tuple(one for one in everybody if is_student(one, course))


def is_student(caller: Caller, course: Course) -> bool:
    """Whether somebody takes a course: a member of one of its teams who does not teach it."""
    names = [account.removeprefix("team-") for account in caller.teams]
    return course.taken_by(names) and not course.taught_by(caller.login, caller.role)
