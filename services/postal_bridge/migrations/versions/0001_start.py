"""The tables of postal_bridge, and triggers that keep its ledgers append-only."""

import sqlalchemy as sa
from alembic import op

from shared.persistence.engine import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "answer",
    "gate",
    "inbox",
    "outbox",
    "parked_event",
    "stream_head",
    "calendar_copy",
    "office_copy",
    "procedure_copy",
    "unit_copy",
    "worker_copy",
    "route",
    "visit",
    "visit_step",
    "seal",
    "parcel",
    "custody_entry",
    "dossier",
    "dossier_act",
    "desk_sequence",
    "cashbook",
    "money_entry",
    "receipt",
    "deposit",
)
LEDGERS = ("visit_step", "custody_entry", "dossier_act", "money_entry", "receipt", "deposit")


def upgrade() -> None:
    _messaging()
    _copies()
    _visits()
    _custody()
    _dossiers()
    _money()
    _forbid_changes()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _forbid_changes() -> None:
    """What happened at a door, who held what and where money went may be added to, never changed."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        for table in LEDGERS:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table in LEDGERS:
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _messaging() -> None:
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
    op.create_index("ix_outbox_unsent", "outbox", ["position"], sqlite_where=sa.text("sent_at IS NULL"))
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
    op.create_index("ix_parked_event_key", "parked_event", ["key"])
    op.create_index("ix_parked_event_state", "parked_event", ["state"])
    op.create_index("ix_parked_event_waits_for", "parked_event", ["waits_for"])
    op.create_table(
        "stream_head",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "key"),
    )


def _copies() -> None:
    op.create_table(
        "calendar_copy",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ix_calendar_copy_day", "calendar_copy", ["day"])
    op.create_table(
        "office_copy",
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("coverage", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("office_id"),
    )
    op.create_table(
        "procedure_copy",
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("procedure_code"),
    )
    op.create_table(
        "unit_copy",
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("agency_code", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id"),
    )
    op.create_table(
        "worker_copy",
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("badge", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )
    op.create_index("ix_worker_copy_office_id", "worker_copy", ["office_id"])
    op.create_table(
        "route",
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("stop_ids", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", "day"),
    )
    op.create_index("ix_route_office_id", "route", ["office_id"])


def _visits() -> None:
    op.create_table(
        "visit",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("request_code", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("window_start", Utc(), nullable=False),
        sa.Column("window_end", Utc(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("applicant_name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("place_text", sa.String(), nullable=False),
        sa.Column("landmark", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=False),
        sa.Column("lon", sa.Float(), nullable=False),
        sa.Column("precision", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("dossier_id", sa.String(), nullable=True),
        sa.Column("worker_id", sa.String(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("expected_arrival", Utc(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("terms", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("arrived_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("failure_reason", sa.String(), nullable=False),
        sa.Column("failure_note", sa.String(), nullable=False),
        sa.Column("call_attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("visit_id"),
    )
    op.create_index("ix_visit_day", "visit", ["day"])
    op.create_index("ix_visit_office_id", "visit", ["office_id"])
    op.create_index("ix_visit_request_id", "visit", ["request_id"])
    op.create_index("ix_visit_state", "visit", ["state"])
    op.create_index("ix_visit_worker_id", "visit", ["worker_id"])
    op.create_table(
        "visit_step",
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("device_time", Utc(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("accuracy_m", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["visit_id"],
            ["visit.visit_id"],
        ),
        sa.PrimaryKeyConstraint("visit_id", "position"),
    )
    op.create_index("ix_visit_step_action_id", "visit_step", ["action_id"])


def _custody() -> None:
    op.create_table(
        "seal",
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("used_for", sa.String(), nullable=False),
        sa.Column("used_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_table(
        "parcel",
        sa.Column("parcel_id", sa.String(), nullable=False),
        sa.Column("dossier_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("paper_count", sa.Integer(), nullable=False),
        sa.Column("papers", sa.JSON(), nullable=False),
        sa.Column("holder_kind", sa.String(), nullable=False),
        sa.Column("holder_id", sa.String(), nullable=False),
        sa.Column("offered_kind", sa.String(), nullable=False),
        sa.Column("offered_id", sa.String(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("parcel_id"),
    )
    op.create_index("ix_parcel_dossier_id", "parcel", ["dossier_id"])
    op.create_index("ix_parcel_holder_id", "parcel", ["holder_id"])
    op.create_index("ix_parcel_holder_kind", "parcel", ["holder_kind"])
    op.create_index("ix_parcel_offered_id", "parcel", ["offered_id"])
    op.create_index("ix_parcel_seal", "parcel", ["seal"])
    op.create_table(
        "custody_entry",
        sa.Column("parcel_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("giver_kind", sa.String(), nullable=False),
        sa.Column("giver_id", sa.String(), nullable=False),
        sa.Column("receiver_kind", sa.String(), nullable=False),
        sa.Column("receiver_id", sa.String(), nullable=False),
        sa.Column("seal", sa.String(), nullable=False),
        sa.Column("paper_count", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parcel_id"],
            ["parcel.parcel_id"],
        ),
        sa.PrimaryKeyConstraint("parcel_id", "position"),
    )


def _dossiers() -> None:
    op.create_table(
        "dossier",
        sa.Column("dossier_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("request_code", sa.String(), nullable=False),
        sa.Column("unit_id", sa.String(), nullable=False),
        sa.Column("procedure_code", sa.String(), nullable=False),
        sa.Column("procedure_version", sa.Integer(), nullable=False),
        sa.Column("procedure_title", sa.String(), nullable=False),
        sa.Column("limit_unit", sa.String(), nullable=False),
        sa.Column("limit_value", sa.Integer(), nullable=False),
        sa.Column("withdraw", sa.JSON(), nullable=False),
        sa.Column("fare_return", sa.Integer(), nullable=False),
        sa.Column("exemption", sa.String(), nullable=False),
        sa.Column("exemption_evidence", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("dossier_code", sa.String(), nullable=True),
        sa.Column("accepted_at", Utc(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.Column("paused_at", Utc(), nullable=True),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("supplement_free", sa.Boolean(), nullable=False),
        sa.Column("supplement_rounds", sa.Integer(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("dossier_id"),
        sa.UniqueConstraint("dossier_code"),
    )
    op.create_index("ix_dossier_request_id", "dossier", ["request_id"])
    op.create_index("ix_dossier_state", "dossier", ["state"])
    op.create_index("ix_dossier_unit_id", "dossier", ["unit_id"])
    op.create_table(
        "dossier_act",
        sa.Column("dossier_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dossier_id"],
            ["dossier.dossier_id"],
        ),
        sa.PrimaryKeyConstraint("dossier_id", "position"),
    )
    op.create_table(
        "desk_sequence",
        sa.Column("agency_code", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agency_code", "day"),
    )


def _money() -> None:
    op.create_table(
        "cashbook",
        sa.Column("cashbook_id", sa.String(), nullable=False),
        sa.Column("worker_id", sa.String(), nullable=False),
        sa.Column("office_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("receipts", sa.Integer(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("cashbook_id"),
    )
    op.create_index("ix_cashbook_day", "cashbook", ["day"])
    op.create_index("ix_cashbook_office_id", "cashbook", ["office_id"])
    op.create_table(
        "money_entry",
        sa.Column("entry_id", sa.String(), nullable=False),
        sa.Column("cashbook_id", sa.String(), nullable=False),
        sa.Column("ledger", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("debit", sa.String(), nullable=False),
        sa.Column("credit", sa.String(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("receipt_no", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cashbook_id"],
            ["cashbook.cashbook_id"],
        ),
        sa.PrimaryKeyConstraint("entry_id"),
    )
    op.create_index("ix_money_entry_cashbook_id", "money_entry", ["cashbook_id"])
    op.create_table(
        "receipt",
        sa.Column("receipt_no", sa.String(), nullable=False),
        sa.Column("visit_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("cashbook_id", sa.String(), nullable=False),
        sa.Column("fee", sa.Integer(), nullable=False),
        sa.Column("fare", sa.Integer(), nullable=False),
        sa.Column("exemption", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_no"),
        sa.UniqueConstraint("visit_id"),
    )
    op.create_index("ix_receipt_request_id", "receipt", ["request_id"])
    op.create_table(
        "deposit",
        sa.Column("deposit_id", sa.String(), nullable=False),
        sa.Column("cashbook_id", sa.String(), nullable=False),
        sa.Column("fee", sa.Integer(), nullable=False),
        sa.Column("fare", sa.Integer(), nullable=False),
        sa.Column("fee_in_hand", sa.Integer(), nullable=False),
        sa.Column("fare_in_hand", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("deposit_id"),
    )
    op.create_index("ix_deposit_cashbook_id", "deposit", ["cashbook_id"])
