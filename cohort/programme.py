"""The programme's calendar: weeks of teaching, and what is learnt in each.

Invariant: a week whose five working days are all holidays is no week of teaching; the plan
moves on by it, so that moving a holiday moves every lesson after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cohort.settings import Course, Settings
from cohort.settings_programme import Lesson, Programme

WORKING_DAYS = 5


@dataclass(frozen=True)
class Week:
    """Monday to Friday of one week; ``number`` counts from 1, None for a week off."""

    number: int | None
    days: tuple[date, ...]
    off: tuple[date, ...]

    @property
    def first(self) -> date:
        """First working day that is no holiday; Monday in a week off."""
        return next((day for day in self.days if day not in self.off), self.days[0])

    @property
    def last(self) -> date:
        """Last working day that is no holiday; Friday in a week off."""
        return next((day for day in reversed(self.days) if day not in self.off), self.days[-1])


@dataclass(frozen=True)
class Placed:
    """A lesson on the calendar."""

    course: Course
    lesson: Lesson
    first: date
    last: date


def calendar(programme: Programme) -> list[Week]:
    """All weeks from the first to the last of teaching; none without a start."""
    if programme.start is None:
        return []
    holidays, weeks, number = set(programme.days_off()), [], 0
    monday = programme.start - timedelta(days=programme.start.weekday())
    while number < programme.weeks:
        days = tuple(monday + timedelta(days=n) for n in range(WORKING_DAYS))
        off = tuple(day for day in days if day in holidays)
        taught = len(off) < WORKING_DAYS
        number += taught
        weeks.append(Week(number if taught else None, days, off))
        monday += timedelta(days=7)
    return weeks


def plan(settings: Settings, courses: list[Course]) -> list[Placed]:
    """The lessons of these courses by date; none without a start."""
    weeks = {week.number: week for week in calendar(settings.programme) if week.number}
    if not weeks:
        return []
    placed = [
        Placed(course, one, weeks[one.week].first, weeks[one.last_week].last)
        for course in courses
        for one in course.plan
    ]
    return sorted(placed, key=lambda p: (p.first, p.last, p.lesson.lesson))
