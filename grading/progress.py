"""How far everybody is in a course: a matrix, how marks are spread, which test cells fail most.

Invariant: computed from the records at each look; nothing of it is stored.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from grading.listing import Records, records
from grading.marks import assignments, total
from grading.tables import Assignment, Mark, Release

BINS = 10
FAILING = 20  # cells that are shown of an assignment


@dataclass(frozen=True)
class Standing:
    """How far one owner is with one assignment; ``score`` is what counts."""

    fetched_at: datetime | None
    handed_in_at: datetime | None
    attempts: int
    late_seconds: int
    graded_at: datetime | None
    returned_at: datetime | None
    score: float | None
    max_score: float | None


@dataclass(frozen=True)
class FailingCell:
    """A cell that gives points and how many of those who are marked did not get all of them."""

    name: str
    failed: int
    marked: int


@dataclass(frozen=True)
class Column:
    """An assignment: its points, a histogram of marks in tenths of them, its failing cells."""

    name: str
    kind: str
    max_score: float | None
    histogram: list[int]
    failing: list[FailingCell]


def columns(session: Session, course: str, found: Records) -> list[Column]:
    """A column for each assignment."""
    query = select(Release).where(Release.course == course)
    points = {(one.assignment, one.version): one.max_score for one in session.scalars(query)}
    by_name = defaultdict(list)
    for mark in found.marks.values():
        by_name[mark.assignment].append(mark)
    return [
        Column(
            name=row.name, kind=row.kind, max_score=points.get((row.name, row.version)),
            histogram=histogram(by_name[row.name]), failing=failing(by_name[row.name]),
        )
        for row in assignments(session, course)
    ]  # fmt: skip


def histogram(marks: list[Mark]) -> list[int]:
    """How many marks are in each tenth of the points; full marks are in the last."""
    counts = [0] * BINS
    for mark in marks:
        if mark.max_score > 0:
            share = total(mark) / mark.max_score
            counts[min(BINS - 1, max(0, int(share * BINS)))] += 1
    return counts


def failing(marks: list[Mark]) -> list[FailingCell]:
    """The cells that most did not get all points of, the worst first."""
    marked, failed = defaultdict(int), defaultdict(int)
    for mark in marks:
        for cell in mark.cells:
            if cell["max_score"] > 0:
                marked[cell["name"]] += 1
                failed[cell["name"]] += cell["score"] < cell["max_score"]
    worst = sorted(marked, key=lambda name: (-failed[name] / marked[name], name))
    return [FailingCell(n, failed[n], marked[n]) for n in worst if failed[n]][:FAILING]


def matrix(
    session: Session, course: str, owners: frozenset[str] | None = None
) -> tuple[dict[str, dict[str, Standing]], Records]:
    """Of each owner with any record how far they are with each assignment; of these, or of all."""
    found = records(session, course, owners)
    known = {owner for part in (found.submissions, found.fetches, found.marks) for _, owner in part}
    rows = assignments(session, course)
    cells = {
        owner: {row.name: standing(row, owner, found) for row in rows} for owner in sorted(known)
    }
    return cells, found


def standing(row: Assignment, owner: str, found: Records) -> Standing:
    """How far one owner is with one assignment."""
    place = (row.name, owner)
    work, mark = found.submissions.get(place, []), found.marks.get(place)
    fetched = found.fetches.get(place)
    returned = [found.returned[one.id] for one in work if one.id in found.returned]
    return Standing(
        fetched_at=min(fetched.values()) if fetched else None,
        handed_in_at=work[-1].received_at if work else None, attempts=len(work),
        late_seconds=work[-1].late_seconds if work else 0,
        graded_at=mark.at if mark else None, returned_at=max(returned, default=None),
        score=total(mark) if mark else None, max_score=mark.max_score if mark else None,
    )  # fmt: skip
