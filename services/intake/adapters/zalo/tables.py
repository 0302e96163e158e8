"""What the Zalo adapter remembers in intake's database."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.persistence.engine import Utc


class ZaloTable(SQLModel, registry=registry()):
    """Base of the adapter's tables: a metadata of their own, joined to intake's migrations."""

    metadata = MetaData()


class ZaloTokenRow(ZaloTable, table=True):
    """The token pair of one Official Account."""

    __tablename__ = "zalo_token"
    oa_id: str = Field(primary_key=True)
    access_token: str
    refresh_token: str
    obtained_at: datetime = Field(sa_type=Utc)
    expires_at: datetime = Field(sa_type=Utc)


class ZaloSendingRow(ZaloTable, table=True):
    """One part of a notice handed to Zalo; `sent_at` empty means the outcome is not known yet."""

    __tablename__ = "zalo_sending"
    notice_id: str = Field(primary_key=True)
    part: int = Field(primary_key=True)
    way: str
    digest: str
    started_at: datetime = Field(sa_type=Utc)
    sent_at: datetime | None = Field(default=None, sa_type=Utc)
    provider_id: str = ""
