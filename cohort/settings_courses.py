"""``[[courses]]``: what is taught, by whom and to whom."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from cohort.settings_programme import Lesson
from cohort.settings_types import Model, Name


class Course(Model):
    """A course of the programme."""

    id: Name = Field(description="names the course")
    title: str = Field(min_length=1, max_length=80, description="what people see")
    instructors: tuple[str, ...] = Field(
        (), description="logins of those who teach it; without any, whoever is an instructor"
    )
    takers: tuple[Name, ...] = Field((), description="teams that take it; without any, every team")
    folder: str = Field("", description="its folder in the curriculum; its id without one")
    version: str = Field("", description="version of it that people have; the newest without one")
    plan: tuple[Lesson, ...] = Field(
        (),
        description="when what is learnt: lesson, title, week, until for longer ones",
    )

    def taught_by(self, login: str, role: str | None) -> bool:
        """True for an instructor of this course: the role is needed, also by who is named."""
        return role == "instructor" and (not self.instructors or login in self.instructors)

    def taken_by(self, teams: Iterable[str]) -> bool:
        """True for members of these teams (their names, without ``team-``)."""
        return bool(set(teams) & set(self.takers) if self.takers else set(teams))
