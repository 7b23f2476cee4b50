"""Who holds which GPU; the device is the key, so that no device is ever held twice."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "gpu_claims",
        sa.Column("device", sa.String(255), nullable=False),
        sa.Column("holder_kind", sa.String(31), nullable=False),
        sa.Column("holder_name", sa.String(255), nullable=False),
        sa.Column("holder_label", sa.String(255), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("device", name="pk_gpu_claims"),
    )
