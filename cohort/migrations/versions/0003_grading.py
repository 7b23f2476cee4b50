"""Assignments, releases, hand-ins, feedback, marks, their changes, and attempts to autograde."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime(timezone=True)
NAME = sa.String(255)
HASH = sa.String(64)
ID = sa.String(31)


def upgrade() -> None:
    create_assignments()
    create_releases()
    create_extensions()
    create_submissions()
    create_feedback()
    create_marks()
    create_changes()
    create_attempts()


def required(name: str, kind, **more) -> sa.Column:
    return sa.Column(name, kind, nullable=False, **more)


def optional(name: str, kind) -> sa.Column:
    return sa.Column(name, kind, nullable=True)


def which() -> tuple[sa.Column, sa.Column]:
    return required("course", sa.String(31)), required("assignment", sa.String(61))


def of_assignment(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["course", "assignment"],
        ["grading_assignments.course", "grading_assignments.name"],
        name=f"fk_{table}_course_grading_assignments",
    )


def of_submission(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["submission"],
        ["grading_submissions.id"],
        name=f"fk_{table}_submission_grading_submissions",
    )


def key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def create_assignments() -> None:
    op.create_table(
        "grading_assignments",
        required("course", sa.String(31)),
        required("name", sa.String(61)),
        required("kind", sa.String(15)),
        optional("due", TIME),
        required("timezone", sa.String(64)),
        required("grace_minutes", sa.Integer()),
        optional("attempts", sa.Integer()),
        required("penalty", sa.JSON()),
        optional("version", sa.Integer()),
        optional("withdrawn_at", TIME),
        required("created_at", TIME),
        key("grading_assignments", "course", "name"),
    )


def create_releases() -> None:
    op.create_table(
        "grading_releases",
        *which(),
        required("version", sa.Integer()),
        required("release", HASH),
        required("source", HASH),
        required("files", sa.JSON()),
        required("max_score", sa.Double()),
        required("released_by", NAME),
        required("released_at", TIME),
        key("grading_releases", "course", "assignment", "version"),
        of_assignment("grading_releases"),
    )
    op.create_table(
        "grading_fetches",
        *which(),
        required("owner", NAME),
        required("version", sa.Integer()),
        required("at", TIME),
        key("grading_fetches", "course", "assignment", "owner", "version"),
        of_assignment("grading_fetches"),
    )


def create_extensions() -> None:
    op.create_table(
        "grading_extensions",
        *which(),
        required("owner", NAME),
        required("due", TIME),
        required("reason", sa.Text()),
        required("by", NAME),
        required("at", TIME),
        key("grading_extensions", "course", "assignment", "owner"),
        of_assignment("grading_extensions"),
    )


def create_submissions() -> None:
    op.create_table(
        "grading_submissions",
        required("id", ID),
        *which(),
        required("owner", NAME),
        required("author", NAME),
        required("members", sa.JSON()),
        required("number", sa.Integer()),
        required("version", sa.Integer()),
        optional("idempotency_key", sa.String(100)),
        required("sha256", HASH),
        required("bytes", sa.BigInteger()),
        required("missing", sa.JSON()),
        required("extra", sa.JSON()),
        optional("due", TIME),
        required("late_seconds", sa.Integer()),
        required("receipt", HASH),
        required("received_at", TIME),
        key("grading_submissions", "id"),
        sa.UniqueConstraint(
            "course", "assignment", "owner", "number", name="uq_grading_submissions_course"
        ),
        of_assignment("grading_submissions"),
    )
    op.create_index(
        "uq_grading_submissions_key",
        "grading_submissions",
        ["course", "assignment", "owner", "idempotency_key"],
        unique=True,
    )
    op.create_index("ix_grading_submissions_owner", "grading_submissions", ["course", "owner"])


def create_feedback() -> None:
    op.create_table(
        "grading_feedback",
        required("submission", ID),
        required("number", sa.Integer()),
        required("sha256", HASH),
        required("by", NAME),
        required("at", TIME),
        key("grading_feedback", "submission", "number"),
        of_submission("grading_feedback"),
    )


def create_marks() -> None:
    op.create_table(
        "grading_marks",
        *which(),
        required("owner", NAME),
        optional("submission", ID),
        required("score", sa.Double()),
        required("max_score", sa.Double()),
        required("penalty", sa.Double()),
        required("cells", sa.JSON()),
        required("by", NAME),
        required("at", TIME),
        key("grading_marks", "course", "assignment", "owner"),
        of_assignment("grading_marks"),
        of_submission("grading_marks"),
    )
    op.create_table(
        "grading_adjustments",
        *which(),
        required("owner", NAME),
        required("login", NAME),
        required("score", sa.Double()),
        required("reason", sa.Text()),
        required("by", NAME),
        required("at", TIME),
        key("grading_adjustments", "course", "assignment", "owner", "login"),
        of_assignment("grading_adjustments"),
    )


def create_changes() -> None:
    op.create_table(
        "grading_changes",
        required("number", sa.Integer(), autoincrement=True),
        *which(),
        optional("owner", NAME),
        required("at", TIME),
        required("who", NAME),
        required("what", sa.String(31)),
        optional("before", sa.JSON()),
        optional("after", sa.JSON()),
        key("grading_changes", "number"),
    )
    op.create_index("ix_grading_changes_course", "grading_changes", ["course", "number"])


def create_attempts() -> None:
    op.create_table(
        "autograde_attempts",
        required("id", ID),
        required("course", sa.String(63)),
        required("assignment", sa.String(63)),
        required("submission", ID),
        required("source_version", sa.Integer()),
        required("number", sa.Integer()),
        required("requested_by", NAME),
        required("state", sa.String(15)),
        optional("why", sa.Text()),
        optional("image", sa.String(80)),
        required("gpus", sa.Integer()),
        optional("devices", sa.JSON()),
        required("tries", sa.Integer()),
        optional("result", sa.JSON()),
        optional("executed", sa.JSON()),
        required("created_at", TIME),
        optional("started_at", TIME),
        optional("ended_at", TIME),
        key("autograde_attempts", "id"),
        sa.UniqueConstraint(
            "submission", "source_version", "number", name="uq_autograde_attempts_submission"
        ),
    )
    for column in ("submission", "state"):
        op.create_index(f"ix_autograde_attempts_{column}", "autograde_attempts", [column])
