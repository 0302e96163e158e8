"""When a window was promised and a request withdrawn, when a notice is due, and wrong look-ups by code."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.persistence.engine import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns may be empty, so that no row has to be touched."""
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.add_column(sa.Column("withdrawn_at", Utc(), nullable=True))
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.add_column(sa.Column("promised_at", Utc(), nullable=True))
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.add_column(sa.Column("useful_until", Utc(), nullable=True))
        batch_op.add_column(sa.Column("not_before", Utc(), nullable=True))
    op.create_table(
        "wrong_lookups",
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("locked_until", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("code"),
    )
    with op.batch_alter_table("wrong_lookups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wrong_lookups_since"), ["since"], unique=False)


def downgrade() -> None:
    """The way back."""
    with op.batch_alter_table("wrong_lookups", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_wrong_lookups_since"))
    op.drop_table("wrong_lookups")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_column("not_before")
        batch_op.drop_column("useful_until")
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.drop_column("promised_at")
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.drop_column("withdrawn_at")
