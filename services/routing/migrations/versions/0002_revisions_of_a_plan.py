"""A plan is an office's day and its rows are the revisions of it, so `plan_id` alone is no key any more."""

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (
    "office_id, day, revision, origin, note, made_by, made_at, objective, served, travel_seconds, "
    "routes, unassigned, progress"
)
OFFICE_DAY = "office_id || ':' || CAST(day AS VARCHAR(10))"


def upgrade() -> None:
    """Every revision gets the name of its office's day."""
    _refill(OFFICE_DAY, sa.PrimaryKeyConstraint("plan_id", "revision"))
    op.execute(f"UPDATE stop SET plan_id = {OFFICE_DAY} WHERE plan_id IS NOT NULL")  # noqa: S608 - constants


def downgrade() -> None:
    """Every revision gets a name of its own; stops name the newest one."""
    own = f"{OFFICE_DAY} || ':' || CAST(revision AS VARCHAR(10))"
    unique = sa.UniqueConstraint("office_id", "day", "revision")
    _refill(own, sa.PrimaryKeyConstraint("plan_id"), unique)
    newest = (
        "SELECT plan.plan_id FROM plan WHERE plan.office_id = stop.office_id AND plan.day = stop.day "
        "ORDER BY plan.revision DESC LIMIT 1"
    )
    op.execute(f"UPDATE stop SET plan_id = ({newest}) WHERE plan_id IS NOT NULL")  # noqa: S608 - constants


def _refill(plan_id: str, *constraints: sa.Constraint) -> None:
    """Makes the table anew with another key; SQLite cannot change the key of a table that is there."""
    op.drop_index("ix_plan_office_id", "plan")
    op.rename_table("plan", "plan_before")
    op.create_table(
        "plan",
        sa.Column("plan_id", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", Utc(), nullable=False),
        sa.Column("objective", sa.Integer(), nullable=False),
        sa.Column("served", sa.Integer(), nullable=False),
        sa.Column("travel_seconds", sa.Integer(), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("unassigned", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        *constraints,
    )
    op.execute(f"INSERT INTO plan (plan_id, {COLUMNS}) SELECT {plan_id}, {COLUMNS} FROM plan_before")  # noqa: S608
    op.drop_table("plan_before")
    op.create_index("ix_plan_office_id", "plan", ["office_id"])
