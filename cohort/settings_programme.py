"""``[programme]``: when the cohort is here, and ``[[courses.plan]]``: what it learns when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from pydantic import Field, field_validator, model_validator

from cohort.settings_types import Model

HOLIDAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:/(\d{4}-\d\d-\d\d))?")


class Lesson(Model):
    """A lesson's place in the programme; weeks count from 1."""

    lesson: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,60}$")
    title: str = Field(min_length=1, max_length=80)
    week: int = Field(ge=1)
    until: int | None = Field(None, ge=1, description="last week of a longer piece of work")

    @model_validator(mode="after")
    def _forward(self) -> Lesson:
        if self.until is not None and self.until < self.week:
            raise ValueError("until is before week")
        return self

    @property
    def last_week(self) -> int:
        return self.until or self.week


class Programme(Model):
    """The cohort's months in the lab."""

    start: date | None = Field(None, description="a day of the first week; no plan without it")
    weeks: int = Field(26, ge=1, le=104, description="weeks of teaching, holidays not counted")
    holidays: tuple[str, ...] = Field(
        (), description='days off, such as "2027-12-25", and ranges "2027-02-05/2027-02-09"'
    )

    @field_validator("holidays")
    @classmethod
    def _are_days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                first, last = days_of(text)
            except ValueError as error:
                raise ValueError(
                    f'{text!r}: expected a day such as "2027-12-25" or a range of days such as '
                    '"2027-02-05/2027-02-09"'
                ) from error
            if not first <= last <= first + timedelta(days=365):
                raise ValueError(f"{text!r}: the range ends before it begins, or lasts over a year")
        return value

    def days_off(self) -> Iterator[date]:
        """Every day of the holidays."""
        for text in self.holidays:
            first, last = days_of(text)
            yield from (first + timedelta(days=n) for n in range((last - first).days + 1))


def days_of(text: str) -> tuple[date, date]:
    """First and last day of a holiday as it is written; ValueError if it is none."""
    found = HOLIDAY.fullmatch(text)
    if not found:
        raise ValueError(text)
    return date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
