"""Runs, sweeps, schedules, what they are found by, and what happened to them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)
NAME = sa.String(255)
ID = sa.String(31)
TERM = sa.String(511).with_variant(sa.String(511, collation="C"), "postgresql")


def upgrade() -> None:
    create_snapshots()
    create_sweeps()
    create_schedules()
    create_runs()
    create_what_runs_have()


def required(name: str, kind, **more) -> sa.Column:
    return sa.Column(name, kind, nullable=False, **more)


def optional(name: str, kind) -> sa.Column:
    return sa.Column(name, kind, nullable=True)


def of_run(table: str, column: str = "run_id") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["runs.id"], name=f"fk_{table}_{column}_runs")


def create_snapshots() -> None:
    op.create_table(
        "run_snapshots",
        required("hash", sa.String(64)),
        required("owner", NAME),
        required("author", NAME),
        required("files", sa.Integer()),
        required("bytes", sa.BigInteger()),
        optional("git", sa.JSON()),
        required("created_at", TIME),
        sa.PrimaryKeyConstraint("hash", "owner", name="pk_run_snapshots"),
    )


def create_sweeps() -> None:
    op.create_table(
        "run_sweeps",
        required("id", ID),
        required("owner", NAME),
        required("author", NAME),
        required("title", NAME),
        required("request", sa.JSON()),
        required("spec", sa.JSON()),
        required("max_running", sa.Integer()),
        optional("idempotency_key", sa.String(100)),
        required("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_run_sweeps"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_run_sweeps_owner"),
    )


def create_schedules() -> None:
    op.create_table(
        "run_schedules",
        required("id", ID),
        required("owner", NAME),
        required("author", NAME),
        required("title", NAME),
        required("request", sa.JSON()),
        optional("secrets", sa.Text()),
        required("cron", sa.String(100)),
        required("timezone", sa.String(64)),
        required("missed", sa.String(15)),
        required("overlap", sa.String(15)),
        required("paused", sa.Boolean()),
        optional("next_at", TIME),
        optional("last_at", TIME),
        optional("note", sa.Text()),
        required("created_at", TIME),
        optional("retired_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_run_schedules"),
    )
    op.create_index("ix_run_schedules_next_at", "run_schedules", ["next_at"])


def create_runs() -> None:
    op.create_table(
        "runs",
        required("id", ID),
        required("owner", NAME),
        required("author", NAME),
        required("title", NAME),
        optional("idempotency_key", sa.String(100)),
        required("request_hash", sa.String(64)),
        required("fingerprint", sa.String(64)),
        optional("sweep_id", ID),
        optional("schedule_id", ID),
        optional("verify_of", ID),
        required("snapshot", sa.String(64)),
        required("notebook", sa.String(1024)),
        required("parameters", sa.JSON()),
        optional("secrets", sa.Text()),
        required("kernel", sa.String(63)),
        required("image", NAME),
        required("image_digest", sa.String(80)),
        required("cpus", sa.Double()),
        required("memory_bytes", sa.BigInteger()),
        required("gpus", sa.Integer()),
        required("time_limit_s", sa.Integer()),
        required("cell_limit_s", sa.Integer()),
        required("network", sa.Boolean()),
        optional("notify", sa.JSON()),
        *run_progress(),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("owner", "idempotency_key", name="uq_runs_owner"),
        sa.ForeignKeyConstraint(
            ["sweep_id"], ["run_sweeps.id"], name="fk_runs_sweep_id_run_sweeps"
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["run_schedules.id"], name="fk_runs_schedule_id_run_schedules"
        ),
        of_run("runs", "verify_of"),
    )
    for column in ("fingerprint", "sweep_id", "schedule_id", "verify_of", "published_at"):
        op.create_index(f"ix_runs_{column}", "runs", [column])
    op.create_index("ix_runs_created", "runs", ["created_at", "id"])
    op.create_index("ix_runs_owner_created", "runs", ["owner", "created_at", "id"])
    op.create_index("ix_runs_state_created", "runs", ["state", "created_at", "id"])
    op.create_index("ix_runs_owner_state_created", "runs", ["owner", "state", "created_at", "id"])
    op.create_index("ix_runs_owner_notebook_created", "runs", ["owner", "notebook", "created_at"])


def run_progress() -> tuple[sa.Column, ...]:
    return (
        required("state", sa.String(15)),
        optional("reason", sa.String(31)),
        optional("message", sa.Text()),
        required("attempt", sa.Integer()),
        required("max_attempts", sa.Integer()),
        optional("not_before", TIME),
        optional("cancel_by", NAME),
        optional("devices", sa.JSON()),
        optional("container", sa.String(80)),
        optional("cells_total", sa.Integer()),
        required("cells_done", sa.Integer()),
        optional("metrics", sa.JSON()),
        optional("provenance", sa.JSON()),
        optional("tolerance", sa.JSON()),
        optional("verdict", sa.JSON()),
        required("bytes_kept", sa.BigInteger()),
        required("created_at", TIME),
        optional("started_at", TIME),
        optional("ended_at", TIME),
        optional("reported_at", TIME),
        optional("published_at", TIME),
        optional("removed_at", TIME),
    )


def create_what_runs_have() -> None:
    op.create_table(
        "run_tags",
        required("run_id", ID),
        required("tag", sa.String(63)),
        sa.PrimaryKeyConstraint("run_id", "tag", name="pk_run_tags"),
        of_run("run_tags"),
    )
    op.create_table(
        "run_terms",
        required("run_id", ID),
        required("term", TERM),
        required("owner", NAME),
        required("created_at", TIME),
        sa.PrimaryKeyConstraint("run_id", "term", name="pk_run_terms"),
        of_run("run_terms"),
    )
    op.create_index("ix_run_terms_term", "run_terms", ["term", "created_at", "run_id"])
    op.create_index(
        "ix_run_terms_owner_term", "run_terms", ["owner", "term", "created_at", "run_id"]
    )
    op.create_table(
        "run_changes",
        required("number", sa.Integer(), autoincrement=True),
        required("run_id", ID),
        required("at", TIME),
        required("who", NAME),
        required("what", sa.String(63)),
        optional("detail", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_run_changes"),
        of_run("run_changes"),
    )
    op.create_index("ix_run_changes_run_id", "run_changes", ["run_id"])
    op.create_table(
        "run_notices",
        required("id", ID),
        required("run_id", ID),
        required("kind", sa.String(15)),
        required("target", sa.String(1024)),
        required("attempts", sa.Integer()),
        optional("next_at", TIME),
        optional("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_run_notices"),
        of_run("run_notices"),
    )
    op.create_index("ix_run_notices_run_id", "run_notices", ["run_id"])
    op.create_index("ix_run_notices_next_at", "run_notices", ["next_at"])
