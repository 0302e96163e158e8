"""Who an account is at the identity provider, and the sign-ins on their way there and back."""

from __future__ import annotations

import sqlalchemy as sa
import sqlmodel
from alembic import op

from shared.persistence.engine import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Text = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    """The new column may be empty, so that no row has to be touched."""
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("email", _Text(), nullable=True))
        batch_op.create_index(batch_op.f("ix_account_email"), ["email"], unique=False)
    op.create_table(
        "identity",
        sa.Column("issuer", _Text(), nullable=False),
        sa.Column("subject", _Text(), nullable=False),
        sa.Column("account", _Text(), nullable=False),
        sa.Column("linked_by", _Text(), nullable=False),
        sa.Column("linked_at", Utc(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.account"]),
        sa.PrimaryKeyConstraint("issuer", "subject"),
        sa.UniqueConstraint("issuer", "account", name="uq_identity_account"),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("state", _Text(), nullable=False),
        sa.Column("browser", _Text(), nullable=False),
        sa.Column("nonce", _Text(), nullable=False),
        sa.Column("verifier", _Text(), nullable=False),
        sa.Column("target", _Text(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=False),
        sa.Column("used_at", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("state"),
    )
    with op.batch_alter_table("sign_in_attempt", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_attempt_expires_at"), ["expires_at"], unique=False)


def downgrade() -> None:
    """The way back; links are lost, accounts stay."""
    with op.batch_alter_table("sign_in_attempt", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_attempt_expires_at"))
    op.drop_table("sign_in_attempt")
    op.drop_table("identity")
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_account_email"))
        batch_op.drop_column("email")
