"""The first tables: messaging, reference data, stops and plans."""

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "answer",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("given_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "idempotency_key"),
    )
    op.create_table(
        "gate",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "key"),
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(
        "ix_outbox_unsent", "outbox", ["position"], unique=False, sqlite_where=sa.text("sent_at IS NULL")
    )
    op.create_table(
        "parked_event",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("waits_for", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parked_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_parked_event_key", "parked_event", ["key"], unique=False)
    op.create_index("ix_parked_event_state", "parked_event", ["state"], unique=False)
    op.create_index("ix_parked_event_waits_for", "parked_event", ["waits_for"], unique=False)
    op.create_table(
        "stream_head",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "key"),
    )
    op.create_table(
        "calendar_entry",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ix_calendar_entry_day", "calendar_entry", ["day"], unique=False)
    op.create_table(
        "office",
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("mountains", sa.Boolean(), nullable=False),
        sa.Column("coverage", sa.JSON(), nullable=False),
        sa.Column("is_desk", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("office_id"),
    )
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
        sa.PrimaryKeyConstraint("plan_id"),
        sa.UniqueConstraint("office_id", "day", "revision"),
    )
    op.create_index("ix_plan_office_id", "plan", ["office_id"], unique=False)
    op.create_table(
        "postal_worker",
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("badge", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("shift_start", sa.String(), nullable=False),
        sa.Column("shift_end", sa.String(), nullable=False),
        sa.Column("lunch_from", sa.String(), nullable=False),
        sa.Column("lunch_to", sa.String(), nullable=False),
        sa.Column("lunch_minutes", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )
    op.create_index("ix_postal_worker_office_id", "postal_worker", ["office_id"], unique=False)
    op.create_table(
        "procedure",
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("neutral_title", sa.String(), nullable=False),
        sa.Column("service_minutes", sa.Integer(), nullable=False),
        sa.Column("skill", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("procedure_code"),
    )
    op.create_table(
        "stop",
        sa.Column("stop_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("service_seconds", sa.Integer(), nullable=False),
        sa.Column("skill", sa.String(), nullable=True),
        sa.Column("load", sa.Integer(), nullable=False),
        sa.Column("window_start", Utc(), nullable=False),
        sa.Column("window_end", Utc(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(), nullable=True),
        sa.Column("locked_to", sa.String(), nullable=True),
        sa.Column("aboard_of", sa.String(), nullable=True),
        sa.Column("plan_id", sa.String(), nullable=True),
        sa.Column("tour", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arrival", Utc(), nullable=True),
        sa.Column("start", Utc(), nullable=True),
        sa.Column("depart", Utc(), nullable=True),
        sa.Column("set_off_at", Utc(), nullable=True),
        sa.Column("arrived_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("reason_code", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told_worker_id", sa.String(), nullable=True),
        sa.Column("told_day", sa.Date(), nullable=True),
        sa.Column("told_window_start", Utc(), nullable=True),
        sa.Column("told_window_end", Utc(), nullable=True),
        sa.Column("told_arrival", Utc(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("announced_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("stop_id"),
    )
    op.create_index("ix_stop_day", "stop", ["day"], unique=False)
    op.create_index("ix_stop_office_id", "stop", ["office_id"], unique=False)
    op.create_index("ix_stop_request_id", "stop", ["request_id"], unique=False)
    op.create_index("ix_stop_state", "stop", ["state"], unique=False)
    op.create_index("ix_stop_worker_id", "stop", ["worker_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id"),
    )


def downgrade() -> None:
    """Drop everything."""
    op.drop_table("unit")
    op.drop_table("stop")
    op.drop_table("procedure")
    op.drop_table("postal_worker")
    op.drop_table("plan")
    op.drop_table("office")
    op.drop_table("calendar_entry")
    op.drop_table("stream_head")
    op.drop_table("parked_event")
    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_table("gate")
    op.drop_table("answer")
