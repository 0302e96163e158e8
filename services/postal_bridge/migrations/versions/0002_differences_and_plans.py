"""Explained cash differences (append-only, like the other ledgers), and the newest plan of a day."""

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; what is there already stays untouched."""
    op.create_table(
        "plan_copy",
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("office_id", "day"),
    )
    op.create_table(
        "difference",
        sa.Column("difference_id", sa.String(), nullable=False),
        sa.Column("cashbook_id", sa.String(), nullable=False),
        sa.Column("ledger", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.String(), nullable=False),
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("worker_name", sa.String(), nullable=False),
        sa.Column("cashier_name", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["cashbook_id"], ["cashbook.cashbook_id"]),
        sa.PrimaryKeyConstraint("difference_id"),
    )
    op.create_index("ix_difference_cashbook_id", "difference", ["cashbook_id"])
    _forbid_changes()


def downgrade() -> None:
    """The way back; the triggers go with their table."""
    op.drop_table("difference")
    op.drop_table("plan_copy")


def _forbid_changes() -> None:
    """The triggers of the first revision, for the new ledger."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER difference_append_only BEFORE UPDATE OR DELETE ON difference "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER difference_no_truncate BEFORE TRUNCATE ON difference "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER difference_no_{change.lower()} BEFORE {change} ON difference "
            "BEGIN SELECT RAISE(ABORT, 'difference is append-only'); END"
        )
