"""The first tables of intake."""

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.persistence.engine import Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 - one statement a table
    op.create_table(
        "answer",
        sa.Column("scope", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("idempotency_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("fingerprint", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("given_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "idempotency_key"),
    )
    op.create_table(
        "gate",
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "key"),
    )
    op.create_table(
        "inbox",
        sa.Column("event_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("event_id"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_unsent", ["position"], unique=False, sqlite_where=sa.text("sent_at IS NULL")
        )

    op.create_table(
        "parked_event",
        sa.Column("event_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("waits_for", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parked_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    with op.batch_alter_table("parked_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parked_event_key"), ["key"], unique=False)
        batch_op.create_index(batch_op.f("ix_parked_event_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_parked_event_waits_for"), ["waits_for"], unique=False)

    op.create_table(
        "stream_head",
        sa.Column("topic", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "key"),
    )
    op.create_table(
        "account",
        sa.Column("account", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("password_hash", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("role", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("office", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("unit", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("worker", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "coverage_copy",
        sa.Column("unit_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("office_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id"),
    )
    with op.batch_alter_table("coverage_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_coverage_copy_office_id"), ["office_id"], unique=False)

    op.create_table(
        "dossier_copy",
        sa.Column("dossier_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("dossier_code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("accepted_at", Utc(), nullable=True),
        sa.Column("due_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("dossier_id"),
    )
    with op.batch_alter_table("dossier_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dossier_copy_request_id"), ["request_id"], unique=False)

    op.create_table(
        "office_copy",
        sa.Column("office_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("unit_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("is_desk", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("office_id"),
    )
    op.create_table(
        "parcel_copy",
        sa.Column("parcel_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("holder_kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("holder_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("moved_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("parcel_id"),
    )
    with op.batch_alter_table("parcel_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_parcel_copy_request_id"), ["request_id"], unique=False)

    op.create_table(
        "published_reference",
        sa.Column("kind", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key"),
    )
    op.create_table(
        "receipt_copy",
        sa.Column("receipt_no", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("fee", sa.Integer(), nullable=False),
        sa.Column("fare", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("collected_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("receipt_no"),
    )
    with op.batch_alter_table("receipt_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipt_copy_request_id"), ["request_id"], unique=False)

    op.create_table(
        "request",
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("procedure_code", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("applicant_name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("phone", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("zalo_user", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("landmark", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("unit_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("precision", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("office_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.Column("entered_by", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("request_id"),
        sa.UniqueConstraint("code"),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_office_id"), ["office_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_phone"), ["phone"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_request_zalo_user"), ["zalo_user"], unique=False)

    op.create_table(
        "worker_copy",
        sa.Column("worker_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("name", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("badge", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("office_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )
    op.create_table(
        "zalo_contact",
        sa.Column("zalo_user", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("last_interaction_at", Utc(), nullable=False),
        sa.Column("following", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("zalo_user"),
    )
    op.create_table(
        "appointment",
        sa.Column("appointment_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("window_start", Utc(), nullable=False),
        sa.Column("window_end", Utc(), nullable=False),
        sa.Column("former_windows", sa.JSON(), nullable=False),
        sa.Column("office_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("dossier_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("worker_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("expected_arrival", Utc(), nullable=True),
        sa.Column("unassigned_reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("started_at", Utc(), nullable=True),
        sa.Column("arrived_at", Utc(), nullable=True),
        sa.Column("finished_at", Utc(), nullable=True),
        sa.Column("outcome", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.request_id"],
        ),
        sa.PrimaryKeyConstraint("appointment_id"),
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appointment_office_id"), ["office_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_appointment_request_id"), ["request_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_appointment_status"), ["status"], unique=False)
        batch_op.create_index(batch_op.f("ix_appointment_window_start"), ["window_start"], unique=False)

    op.create_table(
        "consent",
        sa.Column("consent_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("purpose", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text_version", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("evidence", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("given_at", Utc(), nullable=False),
        sa.Column("withdrawn_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.request_id"],
        ),
        sa.PrimaryKeyConstraint("consent_id"),
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consent_request_id"), ["request_id"], unique=False)

    op.create_table(
        "notice",
        sa.Column("notice_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("appointment_id", sqlmodel.sql.sqltypes.AutoString(), nullable=True),
        sa.Column("about", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("channel", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("reason", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("settled_at", Utc(), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.request_id"],
        ),
        sa.PrimaryKeyConstraint("notice_id"),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("ix_notice_queue", ["state", "notice_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_notice_request_id"), ["request_id"], unique=False)

    op.create_table(
        "progress",
        sa.Column("progress_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.request_id"],
        ),
        sa.PrimaryKeyConstraint("progress_id"),
    )
    with op.batch_alter_table("progress", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_progress_request_id"), ["request_id"], unique=False)

    op.create_table(
        "zalo_message",
        sa.Column("event_key", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("request_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["request.request_id"],
        ),
        sa.PrimaryKeyConstraint("event_key"),
    )
    with op.batch_alter_table("zalo_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_zalo_message_request_id"), ["request_id"], unique=False)

    op.create_table(
        "zalo_sending",
        sa.Column("notice_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("way", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("digest", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("started_at", Utc(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("provider_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", "part"),
    )
    op.create_table(
        "zalo_token",
        sa.Column("oa_id", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("access_token", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("refresh_token", sqlmodel.sql.sqltypes.AutoString(), nullable=False),
        sa.Column("obtained_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("oa_id"),
    )


def downgrade() -> None:  # noqa: PLR0915 - one statement a table
    op.drop_table("zalo_token")
    op.drop_table("zalo_sending")
    with op.batch_alter_table("zalo_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_zalo_message_request_id"))

    op.drop_table("zalo_message")
    with op.batch_alter_table("progress", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_progress_request_id"))

    op.drop_table("progress")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_request_id"))
        batch_op.drop_index("ix_notice_queue")

    op.drop_table("notice")
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_request_id"))

    op.drop_table("consent")
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_appointment_window_start"))
        batch_op.drop_index(batch_op.f("ix_appointment_status"))
        batch_op.drop_index(batch_op.f("ix_appointment_request_id"))
        batch_op.drop_index(batch_op.f("ix_appointment_office_id"))

    op.drop_table("appointment")
    op.drop_table("zalo_contact")
    op.drop_table("worker_copy")
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_request_zalo_user"))
        batch_op.drop_index(batch_op.f("ix_request_status"))
        batch_op.drop_index(batch_op.f("ix_request_phone"))
        batch_op.drop_index(batch_op.f("ix_request_office_id"))
        batch_op.drop_index(batch_op.f("ix_request_created_at"))

    op.drop_table("request")
    with op.batch_alter_table("receipt_copy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipt_copy_request_id"))

    op.drop_table("receipt_copy")
    op.drop_table("published_reference")
    with op.batch_alter_table("parcel_copy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parcel_copy_request_id"))

    op.drop_table("parcel_copy")
    op.drop_table("office_copy")
    with op.batch_alter_table("dossier_copy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_dossier_copy_request_id"))

    op.drop_table("dossier_copy")
    with op.batch_alter_table("coverage_copy", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_coverage_copy_office_id"))

    op.drop_table("coverage_copy")
    op.drop_table("account")
    op.drop_table("stream_head")
    with op.batch_alter_table("parked_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_parked_event_waits_for"))
        batch_op.drop_index(batch_op.f("ix_parked_event_state"))
        batch_op.drop_index(batch_op.f("ix_parked_event_key"))

    op.drop_table("parked_event")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_outbox_unsent", sqlite_where=sa.text("sent_at IS NULL"))

    op.drop_table("outbox")
    op.drop_table("inbox")
    op.drop_table("gate")
    op.drop_table("answer")
