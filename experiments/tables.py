"""The tables of runs, sweeps, schedules and what happened to them, in the cohort database.

Invariant: a row of ``runs`` says everything about a run that must survive its files; a change
of state and what follows from it are one transaction. Times are UTC.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cohort.database import Base, UtcDateTime

# By code point on PostgreSQL too, whatever its locale: words are looked up by their beginning.
TERM = String(511).with_variant(String(511, collation="C"), "postgresql")
# None is SQL's NULL, not JSON's null.
MAYBE_JSON = JSON(none_as_null=True)
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_id(kind: str) -> str:
    """An id such as ``run-k3m9x2pqh7wa``: 58 bits, no letters that look alike."""
    return f"{kind}-" + "".join(secrets.choice(ALPHABET) for _ in range(12))


class Snapshot(Base):
    """A folder as it was at submission; its files are in the content-addressed store.

    A row per owner, so that nobody uses a snapshot that they never handed in.
    """

    __tablename__ = "run_snapshots"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255), primary_key=True)
    files: Mapped[int]
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)  # or handed in again, the last time


class HandIn(Base):
    """Who handed a snapshot in, and what git said of the folder then.

    The same content may come from two people and of two commits, so these are no facts of the
    snapshot. A row never changes but for the time; its id is a digest of all the rest.
    """

    __tablename__ = "run_hand_ins"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    snapshot: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    git: Mapped[dict | None] = mapped_column(MAYBE_JSON)  # commit, branch, patch
    at: Mapped[datetime] = mapped_column(UtcDateTime)  # the last time

    __table_args__ = (Index("ix_run_hand_ins_snapshot", "snapshot", "owner"),)


class Sweep(Base):
    """Runs of one notebook over many parameters."""

    __tablename__ = "run_sweeps"

    id: Mapped[str] = mapped_column(String(31), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(255))
    request: Mapped[dict] = mapped_column(JSON)  # what each run has in common
    spec: Mapped[dict] = mapped_column(JSON)  # axes as they were written
    max_running: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("owner", "idempotency_key"),)


class Schedule(Base):
    """A run that is asked for again and again by the clock."""

    __tablename__ = "run_schedules"

    id: Mapped[str] = mapped_column(String(31), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(255))
    request: Mapped[dict] = mapped_column(JSON)  # without the values of secrets
    hand_in: Mapped[str | None] = mapped_column(ForeignKey("run_hand_ins.id"), index=True)
    secrets: Mapped[str | None] = mapped_column(Text)  # sealed, for every run of it
    cron: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(64))
    missed: Mapped[str] = mapped_column(String(15))  # skip, one, all
    overlap: Mapped[str] = mapped_column(String(15))  # forbid, queue, replace
    paused: Mapped[bool] = mapped_column(default=False)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    last_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(Text)  # a sentence on the last time it was due
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # taken away; its runs stay


class Run(Base):
    """One execution of a notebook."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(31), primary_key=True)
    # Hub account whose run it is: "team-apollo", or a login for a run from somebody's desk.
    owner: Mapped[str] = mapped_column(String(255))
    author: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(255))
    idempotency_key: Mapped[str | None] = mapped_column(String(100))
    request_hash: Mapped[str] = mapped_column(String(64))  # tells a repeated request from another
    fingerprint: Mapped[str] = mapped_column(String(64), index=True)  # of all inputs
    sweep_id: Mapped[str | None] = mapped_column(ForeignKey("run_sweeps.id"), index=True)
    schedule_id: Mapped[str | None] = mapped_column(ForeignKey("run_schedules.id"), index=True)
    verify_of: Mapped[str | None] = mapped_column(ForeignKey("runs.id"), index=True)

    snapshot: Mapped[str] = mapped_column(String(64))
    hand_in: Mapped[str | None] = mapped_column(ForeignKey("run_hand_ins.id"), index=True)
    notebook: Mapped[str] = mapped_column(String(1024))  # path inside the snapshot
    parameters: Mapped[dict] = mapped_column(JSON)  # without secrets
    secrets: Mapped[str | None] = mapped_column(Text)  # sealed; gone once the run has ended
    secret_names: Mapped[list | None] = mapped_column(MAYBE_JSON)  # these stay
    kernel: Mapped[str] = mapped_column(String(63))
    image: Mapped[str] = mapped_column(String(255))
    image_digest: Mapped[str] = mapped_column(String(80))
    cpus: Mapped[float]
    memory_bytes: Mapped[int] = mapped_column(BigInteger)
    gpus: Mapped[int]
    time_limit_s: Mapped[int]
    cell_limit_s: Mapped[int]
    network: Mapped[bool]
    notify: Mapped[dict | None] = mapped_column(MAYBE_JSON)  # who is told of its end

    state: Mapped[str] = mapped_column(String(15))
    reason: Mapped[str | None] = mapped_column(String(31))
    message: Mapped[str | None] = mapped_column(Text)  # a sentence for people
    attempt: Mapped[int] = mapped_column(default=0)  # 1 from the first start on
    max_attempts: Mapped[int] = mapped_column(default=3)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cancel_by: Mapped[str | None] = mapped_column(String(255))  # who asked for it to stop
    devices: Mapped[list | None] = mapped_column(MAYBE_JSON)  # CDI names while and after it ran
    container: Mapped[str | None] = mapped_column(String(80))
    cells_total: Mapped[int | None]
    cells_done: Mapped[int] = mapped_column(default=0)
    metrics: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    provenance: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    tolerance: Mapped[dict | None] = mapped_column(MAYBE_JSON)  # asked for, if it verifies
    verdict: Mapped[dict | None] = mapped_column(MAYBE_JSON)
    bytes_kept: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # record and report are made
    published_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # its files are gone

    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key"),
        Index("ix_runs_created", "created_at", "id"),
        Index("ix_runs_owner_created", "owner", "created_at", "id"),
        Index("ix_runs_state_created", "state", "created_at", "id"),
        Index("ix_runs_owner_state_created", "owner", "state", "created_at", "id"),
        Index("ix_runs_owner_notebook_created", "owner", "notebook", "created_at"),
    )


class RunTag(Base):
    """A label that its author gave a run."""

    __tablename__ = "run_tags"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(63), primary_key=True)


class RunTerm(Base):
    """A run under one of the terms by which it is found, as ``tag:baseline`` or ``word:resnet``.

    Owner and time are copied from the run, neither ever changes: so each question of a list is
    a range of one index, in the order in which it is shown.
    """

    __tablename__ = "run_terms"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    term: Mapped[str] = mapped_column(TERM, primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index("ix_run_terms_term", "term", "created_at", "run_id"),
        Index("ix_run_terms_owner_term", "owner", "term", "created_at", "run_id"),
    )


class RunChange(Base):
    """What happened to a run, when, and who did it; never changed, never removed."""

    __tablename__ = "run_changes"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str] = mapped_column(String(255))  # a login, or "lab"
    what: Mapped[str] = mapped_column(String(63))  # a state, or "published", "withdrawn", …
    detail: Mapped[str | None] = mapped_column(Text)


class Notice(Base):
    """A webhook or an e-mail that is to be sent about a run."""

    __tablename__ = "run_notices"

    id: Mapped[str] = mapped_column(String(31), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), index=True)
    kind: Mapped[str] = mapped_column(String(15))  # webhook, email
    target: Mapped[str] = mapped_column(String(1024))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)  # None: done
    error: Mapped[str | None] = mapped_column(Text)
