"""The tables of assignments, releases, hand-ins, feedback and marks, in the cohort database.

Invariant: releases, submissions, feedback and changes are written once and never altered; what
may be altered (settings, extensions, marks, adjustments) has a row of `Change` for each change,
in the same transaction. Times are UTC. Files are named by the hash of their manifest.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from cohort.database import Base, UtcDateTime

NAME = String(255)
COURSE = String(31)
ASSIGNMENT = String(61)
HASH = String(64)
ID = String(31)
# None is SQL's NULL, not JSON's null.
MAYBE_JSON = JSON(none_as_null=True)


class Assignment(Base):
    """An assignment of a course and the rules of handing it in."""

    __tablename__ = "grading_assignments"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    name: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    kind: Mapped[str] = mapped_column(String(15))  # person, team
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)
    timezone: Mapped[str] = mapped_column(String(64))  # in which people are told of times
    grace_minutes: Mapped[int]
    attempts: Mapped[int | None]  # None: as many as one likes
    penalty: Mapped[dict] = mapped_column(JSON)
    version: Mapped[int | None]  # what is released now; None: nothing yet
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


def of_assignment() -> ForeignKeyConstraint:
    """The reference to the assignment that a row is about."""
    return ForeignKeyConstraint(
        ["course", "assignment"], ["grading_assignments.course", "grading_assignments.name"]
    )


class Release(Base):
    """One version of an assignment: what students get, and the instructor's with hidden tests."""

    __tablename__ = "grading_releases"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    release: Mapped[str] = mapped_column(HASH)
    source: Mapped[str] = mapped_column(HASH)
    files: Mapped[list] = mapped_column(JSON)  # paths of what students get
    max_score: Mapped[float]
    released_by: Mapped[str] = mapped_column(NAME)
    released_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (of_assignment(),)


class Fetch(Base):
    """The first time that somebody's server fetched a version."""

    __tablename__ = "grading_fetches"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    owner: Mapped[str] = mapped_column(NAME, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (of_assignment(),)


class Extension(Base):
    """A later deadline for one person or team."""

    __tablename__ = "grading_extensions"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    owner: Mapped[str] = mapped_column(NAME, primary_key=True)
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (of_assignment(),)


class Submission(Base):
    """One hand-in, as it was acknowledged."""

    __tablename__ = "grading_submissions"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    course: Mapped[str] = mapped_column(COURSE)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT)
    # Hub account whose work it is: "team-apollo", or a login.
    owner: Mapped[str] = mapped_column(NAME)
    author: Mapped[str] = mapped_column(NAME)  # whose token handed it in
    members: Mapped[list] = mapped_column(JSON)  # logins that get its mark: as it was that day
    number: Mapped[int]  # from 1, of this owner's
    version: Mapped[int]  # of the release when it came in
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    sha256: Mapped[str] = mapped_column(HASH)
    bytes: Mapped[int] = mapped_column(BigInteger)
    missing: Mapped[list] = mapped_column(JSON)  # notebooks of the release that are not in it
    extra: Mapped[list] = mapped_column(JSON)  # notebooks that are not in the release
    due: Mapped[datetime | None] = mapped_column(UtcDateTime)  # extension included
    late_seconds: Mapped[int]
    receipt: Mapped[str] = mapped_column(HASH)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        of_assignment(),
        UniqueConstraint("course", "assignment", "owner", "number"),
        Index(
            "uq_grading_submissions_key", "course", "assignment", "owner", "idempotency_key",
            unique=True,
        ),
        Index("ix_grading_submissions_owner", "course", "owner"),
    )  # fmt: skip


class Feedback(Base):
    """What was handed back on a submission; the highest number is shown."""

    __tablename__ = "grading_feedback"

    submission: Mapped[str] = mapped_column(
        ForeignKey("grading_submissions.id"), primary_key=True
    )  # fmt: skip
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(HASH)
    by: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Mark(Base):
    """The mark that an owner has for an assignment now; of a team's every member has it."""

    __tablename__ = "grading_marks"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    owner: Mapped[str] = mapped_column(NAME, primary_key=True)
    submission: Mapped[str | None] = mapped_column(ForeignKey("grading_submissions.id"))
    score: Mapped[float]  # without the penalty
    max_score: Mapped[float]
    penalty: Mapped[float]  # points taken off for being late
    cells: Mapped[list] = mapped_column(JSON)  # name, score, max_score, comment
    by: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (of_assignment(),)


class Adjustment(Base):
    """What one member of a team gets in place of the team's mark."""

    __tablename__ = "grading_adjustments"

    course: Mapped[str] = mapped_column(COURSE, primary_key=True)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT, primary_key=True)
    owner: Mapped[str] = mapped_column(NAME, primary_key=True)  # the team's account
    login: Mapped[str] = mapped_column(NAME, primary_key=True)
    score: Mapped[float]  # all of it: no penalty is taken off
    reason: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(NAME)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (of_assignment(),)


class Change(Base):
    """Who changed what from what to what; never altered, never removed."""

    __tablename__ = "grading_changes"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    course: Mapped[str] = mapped_column(COURSE)
    assignment: Mapped[str] = mapped_column(ASSIGNMENT)
    owner: Mapped[str | None] = mapped_column(NAME)  # None: it concerns everybody
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(NAME)
    what: Mapped[str] = mapped_column(String(31))  # settings, release, extension, mark, …
    before: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    after: Mapped[dict | None] = mapped_column(MAYBE_JSON)

    __table_args__ = (Index("ix_grading_changes_course", "course", "number"),)
