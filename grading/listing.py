"""The assignment list of one owner: what is released, due, handed in, marked and handed back.

Invariant: a student learns of a mark once something was handed back on that work, not before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from grading import feedback
from grading.deadlines import Penalty, closes_at, effective_due
from grading.marks import adjustments, assignments, marks, total
from grading.tables import Adjustment, Assignment, Extension, Fetch, Mark, Release, Submission


@dataclass(frozen=True)
class Entry:
    """An assignment as one owner has it; ``mark`` is what counts, None while none is known."""

    row: Assignment
    release: Release | None
    due: datetime | None
    extended: bool
    closed: bool
    fetched_at: datetime | None
    submissions: list[Submission]
    returned: dict[str, datetime]  # by submission, when it was handed back
    mark: Mark | None
    points: float | None

    @property
    def attempts_left(self) -> int | None:
        limit = self.row.attempts
        return None if limit is None else max(0, limit - len(self.submissions))


@dataclass(frozen=True)
class Records:
    """What is stored of some owners' work in a course, by assignment and owner."""

    submissions: dict[tuple[str, str], list[Submission]]
    fetches: dict[tuple[str, str], dict[int, datetime]]
    marks: dict[tuple[str, str], Mark]
    extensions: dict[tuple[str, str], datetime]
    returned: dict[str, datetime]
    adjustments: dict[tuple[str, str, str], Adjustment]

    def points(self, mark: Mark, login: str) -> float:
        """What a mark is worth to somebody: their own adjustment, or the total."""
        own = self.adjustments.get((mark.assignment, mark.owner, login))
        return total(mark) if own is None else own.score


def records(session: Session, course: str, owners: frozenset[str] | None) -> Records:
    """All of it, in one query a table; of these owners, or of all."""

    def rows(table):
        query = select(table).where(table.course == course)
        if owners is not None:
            query = query.where(table.owner.in_(owners))
        return query

    handed_in, fetched = defaultdict(list), defaultdict(dict)
    for one in session.scalars(rows(Submission).order_by(Submission.number)):
        handed_in[one.assignment, one.owner].append(one)
    for one in session.scalars(rows(Fetch)):
        fetched[one.assignment, one.owner][one.version] = one.at
    return Records(
        submissions=handed_in,
        fetches=fetched,
        marks={(m.assignment, m.owner): m for m in marks(session, course, owners)},
        extensions={(e.assignment, e.owner): e.due for e in session.scalars(rows(Extension))},
        returned=feedback.returned(session, course, owners),
        adjustments=adjustments(session, course),
    )


def entries(
    session: Session, course: str, owner: str, now: datetime, *, login: str | None = None
) -> list[Entry]:
    """Every assignment of a course for one owner.

    With ``login`` as a student sees it: without what is not released, and with their own mark
    for the team's work once it is returned.
    """
    found = records(session, course, frozenset({owner}))
    query = select(Release).where(Release.course == course)
    releases = {(one.assignment, one.version): one for one in session.scalars(query)}
    made = [
        _entry(row, releases.get((row.name, row.version)), found, owner, now)
        for row in assignments(session, course)
    ]
    if login is None:
        return made
    shown = [one for one in made if _is_shown(one)]
    return [_as_seen(one, found, login) for one in shown]


def _entry(
    row: Assignment, release: Release | None, found: Records, owner: str, now: datetime
) -> Entry:
    place = (row.name, owner)
    later = found.extensions.get(place)
    due = effective_due(row.due, later)
    closes = closes_at(due, row.grace_minutes, Penalty(**row.penalty))
    out = row.version is None or row.withdrawn_at is not None
    mark = found.marks.get(place)
    return Entry(
        row=row, release=release, due=due, extended=due != row.due,
        closed=out or (closes is not None and now > closes),
        fetched_at=found.fetches.get(place, {}).get(row.version),
        submissions=found.submissions.get(place, []), returned=found.returned,
        mark=mark, points=None if mark is None else total(mark),
    )  # fmt: skip


def _is_shown(one: Entry) -> bool:
    released = one.row.version is not None and one.row.withdrawn_at is None
    return released or bool(one.submissions)


def _as_seen(one: Entry, found: Records, login: str) -> Entry:
    if one.mark is None or one.mark.submission not in one.returned:
        return replace(one, mark=None, points=None)
    return replace(one, points=found.points(one.mark, login))
