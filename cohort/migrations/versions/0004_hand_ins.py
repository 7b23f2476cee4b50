"""Who handed a snapshot in, and of which commit, for each time; names of runs' secrets."""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.DateTime(timezone=True)
HASH = sa.String(64)
NAME = sa.String(255)


def upgrade() -> None:
    op.create_table(
        "run_hand_ins",
        sa.Column("id", HASH, nullable=False),
        sa.Column("snapshot", HASH, nullable=False),
        sa.Column("owner", NAME, nullable=False),
        sa.Column("author", NAME, nullable=False),
        sa.Column("git", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run_hand_ins"),
    )
    op.create_index("ix_run_hand_ins_snapshot", "run_hand_ins", ["snapshot", "owner"])
    op.add_column("runs", sa.Column("secret_names", sa.JSON(), nullable=True))
    for table in ("runs", "run_schedules"):
        # Written out: Alembic adds a constraint by itself, which SQLite cannot.
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN hand_in VARCHAR(64) "
            f"CONSTRAINT fk_{table}_hand_in_run_hand_ins REFERENCES run_hand_ins (id)"
        )
        op.create_index(f"ix_{table}_hand_in", table, ["hand_in"])
    move_facts()
    for column in ("author", "git"):
        op.execute(f"ALTER TABLE run_snapshots DROP COLUMN {column}")


def move_facts() -> None:
    """Take what snapshots said of their last hand-in for what all their runs came of."""
    connection = op.get_bind()
    columns = [sa.column(name, kind) for name, kind in (
        ("hash", HASH), ("owner", NAME), ("author", NAME), ("git", sa.JSON(none_as_null=True)),
        ("created_at", TIME),
    )]  # fmt: skip
    hand_ins = sa.table("run_hand_ins", *(sa.column(name, kind) for name, kind in (
        ("id", HASH), ("snapshot", HASH), ("owner", NAME), ("author", NAME),
        ("git", sa.JSON(none_as_null=True)), ("at", TIME),
    )))  # fmt: skip
    runs = sa.table("runs", *map(sa.column, ("snapshot", "owner", "hand_in")))
    for row in connection.execute(sa.select(*columns).select_from(sa.table("run_snapshots"))).all():
        facts = json.dumps([row.hash, row.owner, row.author, row.git], sort_keys=True)
        id_ = hashlib.sha256(facts.encode()).hexdigest()
        connection.execute(hand_ins.insert().values(
            id=id_, snapshot=row.hash, owner=row.owner, author=row.author, git=row.git,
            at=row.created_at,
        ))  # fmt: skip
        mine = runs.update().where(runs.c.snapshot == row.hash, runs.c.owner == row.owner)
        connection.execute(mine.values(hand_in=id_))
