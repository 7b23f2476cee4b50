"""Who belongs to what: teams and the role of a person, as the hub's roles say.

Invariant: a hub role made by the lab names exactly one team's account, so that what a person's
roles say of teams is all there is to know, for the hub and for every service.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cohort.settings_types import ROLES

RESERVED = ("team-", "course-")


@dataclass(frozen=True)
class Membership:
    """What a person is in the lab; ``role`` is None if the token names none."""

    teams: tuple[str, ...] = ()
    role: str | None = None

    def __bool__(self) -> bool:
        return bool(self.teams or self.role)


def account_of(team: str) -> str:
    """Name of the hub account that owns a team's workspace."""
    return f"team-{team}"


def team_of(account: str) -> str | None:
    """Team of a hub account, or None if it is a person's."""
    return account.removeprefix("team-") if account.startswith("team-") else None


def course_account(course: str) -> str:
    """Name of the hub account that owns a course's server."""
    return f"course-{course}"


def course_of(account: str) -> str | None:
    """Course of a hub account, or None if it is a person's or a team's."""
    return account.removeprefix("course-") if account.startswith("course-") else None


def kind_of(account: str) -> str:
    """What a hub account's server is: ``desk``, ``team`` or ``course``."""
    if team_of(account):
        return "team"
    return "course" if course_of(account) else "desk"


def is_reserved(login: str) -> bool:
    """True for the names of team and course accounts, which nobody may log in as."""
    return login.startswith(RESERVED)


def membership_of(role_names: Iterable[str]) -> Membership:
    """Return the membership that a person's hub roles stand for.

    A mentor's teams are those they advise.
    """
    names = set(role_names)
    teams = {n.removeprefix("team-") for n in names if n.startswith("team-")}
    advised = {n.removeprefix("advises-") for n in names if n.startswith("advises-")}
    role = next((r for r in reversed(ROLES) if f"lab-{r}" in names), None)
    return Membership(tuple(sorted(teams | advised)), role)
