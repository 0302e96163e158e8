"""Sign-ins can be recalled before they expire, and accounts locked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables; what is there already stays untouched."""
    op.create_table(
        "recalled_sign_ins",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("issued_until", Utc(), nullable=True),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_index("ix_recalled_sign_ins_until", "recalled_sign_ins", ["until"])
    op.create_table(
        "account_lock",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("locked_by", sa.String(), nullable=False),
        sa.Column("locked_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.account"]),
        sa.PrimaryKeyConstraint("account"),
    )


def downgrade() -> None:
    """The way back; recalled tokens are good again until they expire."""
    op.drop_table("account_lock")
    op.drop_index("ix_recalled_sign_ins_until", table_name="recalled_sign_ins")
    op.drop_table("recalled_sign_ins")
