"""What intake keeps: its own requests and accounts, and copies of what other services told."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, MetaData, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.persistence.engine import Utc


def _json() -> Any:
    return Column(JSON, nullable=False)


class IntakeTable(SQLModel, registry=registry()):
    """Base of intake's tables."""

    metadata = MetaData()


class AccountRow(IntakeTable, table=True):
    """A person who may sign in, in one role bound to one place.

    The password is kept as an argon2 hash only, and empty for who signs in at the identity provider alone;
    `email` (lower case) is what a first sign-in there may be recognised by.
    """

    __tablename__ = "account"
    account: str = Field(primary_key=True)
    password_hash: str
    email: str | None = Field(default=None, index=True)
    name: str
    role: str
    office: str | None = None
    unit: str | None = None
    worker: str | None = None
    demo: bool = False
    changed_at: datetime = Field(sa_type=Utc)


class IdentityRow(IntakeTable, table=True):
    """An account's person at an identity provider. One person for each account and provider.

    `linked_by` tells why we believe it: `email`, `account` (a claim) or `administrator`.
    """

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "account", name="uq_identity_account"),)
    issuer: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    account: str = Field(foreign_key="account.account")
    linked_by: str
    linked_at: datetime = Field(sa_type=Utc)


class SignInAttempt(IntakeTable, table=True):
    """A person on the way to the identity provider and back, known by digests of state and browser secret.

    A used one stays until it expires, so that a second use is seen; times are the machine's.
    """

    __tablename__ = "sign_in_attempt"
    state: str = Field(primary_key=True)
    browser: str
    nonce: str
    verifier: str
    target: str
    expires_at: datetime = Field(sa_type=Utc, index=True)
    used_at: datetime | None = Field(default=None, sa_type=Utc)


class AccountLock(IntakeTable, table=True):
    """An account that nobody may sign in as; who locked it and when (the machine's time)."""

    __tablename__ = "account_lock"
    account: str = Field(primary_key=True, foreign_key="account.account")
    locked_by: str
    locked_at: datetime = Field(sa_type=Utc)


class RequestRow(IntakeTable, table=True):
    """What one citizen asked for. Fields of a draft may still be empty."""

    __tablename__ = "request"
    request_id: str = Field(primary_key=True)
    code: str = Field(unique=True)
    channel: str
    status: str = Field(index=True)
    procedure_code: str = ""
    applicant_name: str = ""
    phone: str = Field(default="", index=True)
    zalo_user: str = Field(default="", index=True)
    address: str = Field(default="", sa_column=Column(Text, nullable=False))
    landmark: str = ""
    unit_id: str = ""
    lat: float | None = None
    lon: float | None = None
    precision: str = ""
    office_id: str = Field(default="", index=True)
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    reading: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    entered_by: str = ""
    withdrawn_at: datetime | None = Field(default=None, sa_type=Utc)
    created_at: datetime = Field(sa_type=Utc, index=True)
    changed_at: datetime = Field(sa_type=Utc)


class ConsentRow(IntakeTable, table=True):
    """A provable consent: for what, under which text, given how (Decree 356/2025 on personal data)."""

    __tablename__ = "consent"
    consent_id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="request.request_id", index=True)
    purpose: str
    text_version: str
    channel: str
    evidence: str
    given_at: datetime = Field(sa_type=Utc)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Utc)


class AppointmentRow(IntakeTable, table=True):
    """One agreed visit of a request.

    `former_windows` are the promises it replaced (ISO starts); `promised_at` is when the present window
    was agreed, empty for rows from before that was kept.
    """

    __tablename__ = "appointment"
    appointment_id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="request.request_id", index=True)
    purpose: str
    attempt: int
    status: str = Field(index=True)
    window_start: datetime = Field(sa_type=Utc, index=True)
    window_end: datetime = Field(sa_type=Utc)
    former_windows: list[str] = Field(default_factory=list, sa_column=_json())
    promised_at: datetime | None = Field(default=None, sa_type=Utc)
    office_id: str = Field(index=True)
    dossier_id: str | None = None
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    worker_id: str | None = None
    expected_arrival: datetime | None = Field(default=None, sa_type=Utc)
    unassigned_reason: str = ""
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    arrived_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    outcome: str = ""
    created_at: datetime = Field(sa_type=Utc)


class ProgressRow(IntakeTable, table=True):
    """One line of what happened, in plain words for the citizen; no names, no addresses."""

    __tablename__ = "progress"
    progress_id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="request.request_id", index=True)
    at: datetime = Field(sa_type=Utc)
    text: str = Field(sa_column=Column(Text, nullable=False))
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))


class NoticeRow(IntakeTable, table=True):
    """Something to tell a citizen: written with the fact it tells, sent afterwards.

    `useful_until` is business time: what could not be sent by then is told by a person. `not_before` is
    the machine's time: no further try sooner.
    """

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_queue", "state", "notice_id"),)
    notice_id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="request.request_id", index=True)
    appointment_id: str | None = None
    about: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    facts: dict[str, str] = Field(default_factory=dict, sa_column=_json())
    state: str
    attempts: int = 0
    channel: str = ""
    reason: str = ""
    useful_until: datetime | None = Field(default=None, sa_type=Utc)
    not_before: datetime | None = Field(default=None, sa_type=Utc)
    created_at: datetime = Field(sa_type=Utc)
    settled_at: datetime | None = Field(default=None, sa_type=Utc)


class WrongLookups(IntakeTable, table=True):
    """Wrong digits typed for a request code since a moment, whether or not the code exists."""

    __tablename__ = "wrong_lookups"
    code: str = Field(primary_key=True)
    since: datetime = Field(sa_type=Utc, index=True)
    count: int = 0
    locked_until: datetime | None = Field(default=None, sa_type=Utc)


class ZaloMessageRow(IntakeTable, table=True):
    """A message that came by Zalo and the draft it belongs to; the key makes a repeat harmless."""

    __tablename__ = "zalo_message"
    event_key: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="request.request_id", index=True)
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    lat: float | None = None
    lon: float | None = None
    sent_at: datetime = Field(sa_type=Utc)


class ZaloContactRow(IntakeTable, table=True):
    """When a Zalo user last wrote or followed: Zalo's clock, it opens the window for free text."""

    __tablename__ = "zalo_contact"
    zalo_user: str = Field(primary_key=True)
    last_interaction_at: datetime = Field(sa_type=Utc)
    following: bool = True


class OfficeCopy(IntakeTable, table=True):
    """A post office as routing published it."""

    __tablename__ = "office_copy"
    office_id: str = Field(primary_key=True)
    name: str
    unit_id: str
    is_desk: bool = False


class CoverageCopy(IntakeTable, table=True):
    """Which post office serves a unit."""

    __tablename__ = "coverage_copy"
    unit_id: str = Field(primary_key=True)
    office_id: str = Field(index=True)


class WorkerCopy(IntakeTable, table=True):
    """A postal worker as citizens may know them."""

    __tablename__ = "worker_copy"
    worker_id: str = Field(primary_key=True)
    name: str
    badge: str
    office_id: str
    active: bool = True


class DossierCopy(IntakeTable, table=True):
    """How far the agency is with a dossier."""

    __tablename__ = "dossier_copy"
    dossier_id: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    state: str
    dossier_code: str = ""
    accepted_at: datetime | None = Field(default=None, sa_type=Utc)
    due_at: datetime | None = Field(default=None, sa_type=Utc)


class ParcelCopy(IntakeTable, table=True):
    """Who has a sealed parcel in hand."""

    __tablename__ = "parcel_copy"
    parcel_id: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    kind: str
    holder_kind: str
    holder_id: str
    moved_at: datetime = Field(sa_type=Utc)


class ReceiptCopy(IntakeTable, table=True):
    """Money taken at the door, in VND, with its receipt number."""

    __tablename__ = "receipt_copy"
    receipt_no: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    fee: int
    fare: int
    day: date
    collected_at: datetime = Field(sa_type=Utc)


class PublishedReference(IntakeTable, table=True):
    """The digest of a reference row as it was last published, so that only changes are."""

    __tablename__ = "published_reference"
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    digest: str
