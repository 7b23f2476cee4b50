"""Who is what in a course, and whose work they may see and hand in.

Invariant: this module alone decides, from the hub's word and the settings; what somebody may
not see is, to them, not there.
"""

from __future__ import annotations

from dataclasses import dataclass

from cohort.membership import course_account, team_of
from cohort.service.callers import Caller
from cohort.settings import Course, Settings
from grading.errors import GradingError
from grading.ids import is_team, title_of
from grading.service.roster import is_student

INSTRUCTOR, STUDENT = "instructor", "student"


@dataclass(frozen=True)
class Member:
    """Somebody in a course; ``owners`` are the accounts in whose name a student hands in."""

    caller: Caller
    course: Course
    role: str
    owners: tuple[str, ...]

    @property
    def login(self) -> str:
        return self.caller.login

    @property
    def teaches(self) -> bool:
        return self.role == INSTRUCTOR

    def sees(self, owner: str) -> bool:
        """Whether they may see what belongs to an owner."""
        return self.teaches or owner in self.owners

    @property
    def readable(self) -> frozenset[str] | None:
        """Whose work they may see; None: everybody's."""
        return None if self.teaches else frozenset(self.owners)


def member(caller: Caller, course: Course) -> Member | None:
    """What somebody is in a course; None if it is nothing to them."""
    own = caller.login == course_account(course.id)
    if own or course.taught_by(caller.login, caller.role):
        return Member(caller, course, INSTRUCTOR, ())
    team = team_of(caller.login)
    if team is not None:
        return Member(caller, course, STUDENT, (caller.login,)) if course.taken_by([team]) else None
    if not is_student(caller, course):
        return None
    teams = tuple(a for a in caller.teams if course.taken_by([a.removeprefix("team-")]))
    return Member(caller, course, STUDENT, (caller.login, *teams))


def memberships(caller: Caller, settings: Settings) -> list[Member]:
    """All courses that somebody is in."""
    found = (member(caller, course) for course in settings.courses)
    return [one for one in found if one is not None]


def find_member(caller: Caller, settings: Settings, course: str) -> Member:
    """What somebody is in the course of an id; a 404 if they are not in it or there is none."""
    for one in memberships(caller, settings):
        if one.course.id == course:
            return one
    raise GradingError(
        f"There is no course {course[:40]} that you are in.", code="course_unknown", status=404
    )


def check_teaches(who: Member) -> None:
    """Refuse (403) whoever is no instructor of the course."""
    if not who.teaches:
        raise GradingError(
            f"Only the instructors of {who.course.title} may do that.",
            code="instructors_only", status=403,
        )  # fmt: skip


def check_owner(who: Member, owner: str | None, kind: str | None = None) -> str:
    """In whose name a student does something; refused (403) if it is not one of theirs.

    Without a word of theirs it is the account whose server asks, or for an assignment of teams
    the only team that they are in.
    """
    if who.teaches:
        raise GradingError(
            "Instructors hand nothing in: use an account that takes the course to try it.",
            code="students_only", status=403,
        )  # fmt: skip
    if owner is None:
        teams = [name for name in who.owners if is_team(name)]
        return teams[0] if kind == "team" and len(teams) == 1 else who.login
    if owner not in who.owners:
        raise GradingError(
            f"You cannot hand in for {owner[:80]}: choose one of "
            f"{', '.join(title_of(name) for name in who.owners)}.",
            code="owner_not_yours", status=403, field="owner",
        )  # fmt: skip
    return owner
