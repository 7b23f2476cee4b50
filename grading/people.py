"""Marks per person: also for team work, where every member has the team's or their own.

Invariant: who was in a team when its work came in has its mark, whoever is in it today.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields

from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.ids import is_team
from grading.marks import adjustments, marks, total
from grading.tables import Submission

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class PersonMark:
    """What one person has for one assignment; ``total`` is what counts."""

    login: str
    assignment: str
    owner: str  # who handed in: the person or the team's account
    score: float
    penalty: float
    total: float
    max_score: float
    late_seconds: int | None
    adjusted: bool
    reason: str
    submission: str | None


def person_marks(session: Session, course: str) -> list[PersonMark]:
    """What everybody has in a course, by login and assignment."""
    changed = adjustments(session, course)
    query = select(Submission).where(Submission.course == course)
    work = {row.id: row for row in session.scalars(query)}
    found = []
    for mark in marks(session, course):
        handed_in = work.get(mark.submission)
        people = set(handed_in.members if handed_in else ())
        people |= {login for a, o, login in changed if (a, o) == (mark.assignment, mark.owner)}
        if not is_team(mark.owner):
            people = {mark.owner}
        for login in people:
            own = changed.get((mark.assignment, mark.owner, login))
            found.append(
                PersonMark(
                    login=login, assignment=mark.assignment, owner=mark.owner, score=mark.score,
                    penalty=mark.penalty, total=own.score if own else total(mark),
                    max_score=mark.max_score, adjusted=own is not None,
                    late_seconds=handed_in.late_seconds if handed_in else None,
                    reason=own.reason if own else "", submission=mark.submission,
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (one.login, one.assignment, one.owner))


def as_csv(rows: list[PersonMark]) -> str:
    """The same as a table; no value is one that a spreadsheet would run as a formula."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(field.name for field in fields(PersonMark))
    for row in rows:
        writer.writerow(_plain(value) for value in asdict(row).values())
    return target.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
