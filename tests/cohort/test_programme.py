"""Weeks, holidays and lessons on the calendar."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from cohort.programme import calendar, plan
from cohort.settings import Course, Settings
from cohort.settings_programme import Programme

# Lunar New Year of 2027 is on 6 February, a Saturday.
NEW_YEAR = ("2027-02-08/2027-02-09",)


def settings(programme: dict, lessons: list[dict]) -> Settings:
    """A lab with one course of these lessons."""
    profiles = [{"name": kind, "title": kind, "kind": kind} for kind in ("desk", "team", "course")]
    course = {"id": "ai", "title": "AI", "plan": lessons}
    return Settings(programme=programme, profiles=profiles, courses=[course])


def lesson(week: int, name: str = "01-lab", **more) -> dict:
    """A lesson as cohort.toml has it."""
    return {"lesson": name, "title": name.title(), "week": week, **more}


def test_without_a_start_there_is_no_plan():
    assert calendar(Programme()) == []
    lab = settings({}, [lesson(1)])
    assert plan(lab, list(lab.courses)) == []


@pytest.mark.parametrize("start", ["2027-01-11", "2027-01-13", "2027-01-17"])
def test_any_day_of_the_first_week_is_its_start(start):
    weeks = calendar(Programme(start=start, weeks=2))
    assert [week.days[0] for week in weeks] == [date(2027, 1, 11), date(2027, 1, 18)]
    assert [week.number for week in weeks] == [1, 2]


def test_days_off_shorten_a_week_and_a_week_off_moves_the_rest():
    short = calendar(Programme(start="2027-02-08", weeks=1, holidays=NEW_YEAR))
    assert [(w.number, w.first, w.last) for w in short] == [
        (1, date(2027, 2, 10), date(2027, 2, 12))
    ]
    gone = calendar(Programme(start="2027-02-01", weeks=2, holidays=("2027-02-08/2027-02-12",)))
    assert [(w.number, w.days[0]) for w in gone] == [
        (1, date(2027, 2, 1)), (None, date(2027, 2, 8)), (2, date(2027, 2, 15)),
    ]  # fmt: skip


def test_lessons_stand_by_date_and_long_ones_last():
    lab = settings(
        {"start": "2027-02-01", "weeks": 4, "holidays": NEW_YEAR},
        [lesson(3, "03-gradients"), lesson(2, "capstone", until=4), lesson(1)],
    )
    assert [(p.lesson.lesson, p.first, p.last) for p in plan(lab, list(lab.courses))] == [
        ("01-lab", date(2027, 2, 1), date(2027, 2, 5)),
        ("capstone", date(2027, 2, 10), date(2027, 2, 26)),
        ("03-gradients", date(2027, 2, 15), date(2027, 2, 19)),
    ]


@pytest.mark.parametrize(
    "text",
    ["Christmas", "2027-2-5", "2027-02-30", "2027-02-09/2027-02-05", "2027-01-01/2029-01-01", ""],
)
def test_what_is_no_holiday_is_refused(text):
    with pytest.raises(ValidationError):
        Programme(start="2027-02-01", holidays=(text,))


def test_a_lesson_after_the_end_and_one_that_goes_backwards_are_refused():
    with pytest.raises(ValidationError, match=r"'01-Lab' is in week 5, and .* weeks is 4"):
        settings({"weeks": 4}, [lesson(5)])
    with pytest.raises(ValidationError, match="until is before week"):
        settings({"weeks": 4}, [lesson(3, until=2)])


def test_a_course_alone_needs_no_programme():
    assert Course(id="ai", title="AI").plan == ()
