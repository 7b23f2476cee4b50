"""The table of attempts to grade a submission.

Invariant: (submission, source version, number) is one attempt; what a row says of its result was
checked before it was written, and is written once.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cohort.database import Base, UtcDateTime

# None is SQL's NULL, not JSON's null.
MAYBE_JSON = JSON(none_as_null=True)


class AutogradeAttempt(Base):
    """One container that grades one submission by one version of the instructor's notebooks."""

    __tablename__ = "autograde_attempts"

    id: Mapped[str] = mapped_column(String(31), primary_key=True)
    course: Mapped[str] = mapped_column(String(63))
    assignment: Mapped[str] = mapped_column(String(63))
    submission: Mapped[str] = mapped_column(String(31), index=True)
    source_version: Mapped[int]
    number: Mapped[int]
    requested_by: Mapped[str] = mapped_column(String(255))
    state: Mapped[str] = mapped_column(String(15), index=True)
    why: Mapped[str | None] = mapped_column(Text)
    image: Mapped[str | None] = mapped_column(String(80))
    gpus: Mapped[int] = mapped_column(default=0)
    devices: Mapped[list | None] = mapped_column(MAYBE_JSON)
    tries: Mapped[int] = mapped_column(default=0)
    result: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    executed: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("submission", "source_version", "number"),)
