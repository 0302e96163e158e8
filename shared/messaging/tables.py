"""What messaging remembers in every service's database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, LargeBinary, MetaData, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.persistence.engine import Utc


class MessagingTable(SQLModel, registry=registry()):
    """Base of the messaging tables: a metadata of their own, joined to each service's migrations."""

    metadata = MetaData()


_UNSENT = text("sent_at IS NULL")


class OutboxRow(MessagingTable, table=True):
    """An event that is true since its transaction; `sent_at` tells whether the broker has it."""

    __tablename__ = "outbox"
    # Rows stay for ever, unsent ones are few: looking for them must not cost more from year to year.
    __table_args__ = (Index("ix_outbox_unsent", "position", sqlite_where=_UNSENT, postgresql_where=_UNSENT),)
    position: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    event_id: str = Field(unique=True)
    topic: str
    key: str
    sequence: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: datetime = Field(sa_type=Utc)
    sent_at: datetime | None = Field(default=None, sa_type=Utc)


class StreamHead(MessagingTable, table=True):
    """The last sequence number given out for a key of an own topic."""

    __tablename__ = "stream_head"
    topic: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    sequence: int


class InboxRow(MessagingTable, table=True):
    """An event that was applied or dropped for good: a second delivery has no effect."""

    __tablename__ = "inbox"
    event_id: str = Field(primary_key=True)
    received_at: datetime = Field(sa_type=Utc)


class GatePosition(MessagingTable, table=True):
    """The last sequence number applied for a key of a foreign topic."""

    __tablename__ = "gate"
    topic: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    sequence: int


class ParkedEvent(MessagingTable, table=True):
    """An event that could not be applied yet (`early`, `waiting`) or not at all (`failed`)."""

    __tablename__ = "parked_event"
    event_id: str = Field(primary_key=True)
    topic: str
    key: str = Field(index=True)
    sequence: int
    state: str = Field(index=True)
    waits_for: str = Field(default="", index=True)
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    attempts: int = 0
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    parked_at: datetime = Field(sa_type=Utc)


class FailureRun(MessagingTable, table=True):
    """How many events of a foreign topic failed for good in a row, without one applied between them."""

    __tablename__ = "failure_run"
    topic: str = Field(primary_key=True)
    length: int


class DiscardedEvent(MessagingTable, table=True):
    """A parked event that a person decided never to apply: what it was, who decided, when and why.

    `passed` tells whether the gate went on past it; without it the event named no key that could be told.
    """

    __tablename__ = "discarded_event"
    event_id: str = Field(primary_key=True)
    topic: str = Field(index=True)
    key: str
    sequence: int
    reason: str = Field(sa_column=Column(Text, nullable=False))
    attempts: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    parked_at: datetime = Field(sa_type=Utc)
    passed: bool
    discarded_at: datetime = Field(sa_type=Utc)
    discarded_by: str
    why: str = Field(sa_column=Column(Text, nullable=False))


class RecalledSignIns(MessagingTable, table=True):
    """Sign-in tokens of an account that are no longer good (see `shared.sign_ins`).

    `until` is when the last of them would have expired: then the row says nothing any more.
    """

    __tablename__ = "recalled_sign_ins"
    account: str = Field(primary_key=True)
    issued_until: datetime | None = Field(default=None, sa_type=Utc)
    tokens: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    until: datetime = Field(sa_type=Utc, index=True)


class Answer(MessagingTable, table=True):
    """The answer given to an Idempotency-Key, and the fingerprint of what was asked."""

    __tablename__ = "answer"
    scope: str = Field(primary_key=True)
    idempotency_key: str = Field(primary_key=True)
    fingerprint: str
    answer: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    given_at: datetime = Field(sa_type=Utc)
