"""Parked events that a person decided never to apply are kept, with who, when and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table; what is there already stays untouched."""
    op.create_table(
        "discarded_event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parked_at", Utc(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("discarded_at", Utc(), nullable=False),
        sa.Column("discarded_by", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_discarded_event_topic", "discarded_event", ["topic"])


def downgrade() -> None:
    """The way back."""
    op.drop_index("ix_discarded_event_topic", table_name="discarded_event")
    op.drop_table("discarded_event")
