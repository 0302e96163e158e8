"""The unsent rows of the outbox are found without reading the sent ones; failures in a row are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNSENT = sa.text("sent_at IS NULL")


def upgrade() -> None:
    """A new table, and an index anew; on SQLite that index covers only the unsent rows since the start."""
    op.create_table(
        "failure_run",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_outbox_unsent", table_name="outbox")
        op.create_index("ix_outbox_unsent", "outbox", ["position"], postgresql_where=UNSENT)


def downgrade() -> None:
    """The way back; the count begins anew when the table does."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_outbox_unsent", table_name="outbox")
        op.create_index("ix_outbox_unsent", "outbox", ["position"])
    op.drop_table("failure_run")
