"""The rows of postal_bridge. Ledgers are append-only: the migration forbids changing them by triggers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.persistence.engine import Utc

APPEND_ONLY = (
    "visit_step",
    "custody_entry",
    "dossier_act",
    "money_entry",
    "receipt",
    "deposit",
    "difference",
)
"""Tables whose rows may be added but never changed or deleted."""


class PostalTable(SQLModel, registry=registry()):
    """Base of the tables of postal_bridge."""

    metadata = MetaData()


def _json() -> Any:
    return Field(sa_column=Column(JSON, nullable=False))


class ProcedureCopy(PostalTable, table=True):
    """A procedure as intake published it last; `body` is the event."""

    __tablename__ = "procedure_copy"
    procedure_code: str = Field(primary_key=True)
    version: int
    body: dict[str, Any] = _json()


class UnitCopy(PostalTable, table=True):
    """A commune or ward with its agency code."""

    __tablename__ = "unit_copy"
    unit_id: str = Field(primary_key=True)
    name: str
    kind: str
    agency_code: str = ""


class CalendarCopy(PostalTable, table=True):
    """A day that differs from the ordinary week."""

    __tablename__ = "calendar_copy"
    entry_id: str = Field(primary_key=True)
    day: date = Field(index=True)
    kind: str
    scope: str
    name: str


class OfficeCopy(PostalTable, table=True):
    """A post office and the units its workers serve."""

    __tablename__ = "office_copy"
    office_id: str = Field(primary_key=True)
    name: str
    unit_id: str
    coverage: list[str] = _json()


class WorkerCopy(PostalTable, table=True):
    """A postal worker as routing published them."""

    __tablename__ = "worker_copy"
    worker_id: str = Field(primary_key=True)
    name: str
    badge: str
    office_id: str = Field(index=True)
    active: bool = True


class PlanCopy(PostalTable, table=True):
    """The newest plan of an office's day: by it an older one that comes late is known."""

    __tablename__ = "plan_copy"
    office_id: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    revision: int


class RouteRow(PostalTable, table=True):
    """The order of one worker's stops on a day, from the newest plan of the office."""

    __tablename__ = "route"
    worker_id: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    office_id: str = Field(index=True)
    revision: int
    stop_ids: list[str] = _json()


class VisitRow(PostalTable, table=True):
    """An appointment, who comes for it and when; what happened there is in its steps.

    `state`, `outcome` and the instants are an index over the steps, kept for lists.
    """

    __tablename__ = "visit"
    visit_id: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    request_code: str
    purpose: str
    attempt: int
    window_start: datetime = Field(sa_type=Utc)
    window_end: datetime = Field(sa_type=Utc)
    procedure_code: str
    applicant_name: str
    phone: str
    place_text: str
    landmark: str = ""
    unit_id: str
    lat: float
    lon: float
    precision: str
    office_id: str = Field(index=True)
    note: str = ""
    dossier_id: str | None = None
    worker_id: str | None = Field(default=None, index=True)
    day: date | None = Field(default=None, index=True)
    expected_arrival: datetime | None = Field(default=None, sa_type=Utc)
    state: str = Field(index=True)
    terms: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    started_at: datetime | None = Field(default=None, sa_type=Utc)
    arrived_at: datetime | None = Field(default=None, sa_type=Utc)
    finished_at: datetime | None = Field(default=None, sa_type=Utc)
    outcome: str = ""
    failure_reason: str = ""
    failure_note: str = ""
    call_attempts: int = 0


class VisitStepRow(PostalTable, table=True):
    """One step taken: what was written down, when by the device and by us, and where."""

    __tablename__ = "visit_step"
    visit_id: str = Field(primary_key=True, foreign_key="visit.visit_id")
    position: int = Field(primary_key=True)
    step: str
    body: dict[str, Any] = _json()
    action_id: str = Field(index=True)
    account: str
    device_time: datetime = Field(sa_type=Utc)
    recorded_at: datetime = Field(sa_type=Utc)
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None


class SealRow(PostalTable, table=True):
    """A seal serial that was used; it can never be used again."""

    __tablename__ = "seal"
    serial: str = Field(primary_key=True)
    used_for: str
    used_at: datetime = Field(sa_type=Utc)


class ParcelRow(PostalTable, table=True):
    """A parcel. Holder and offer are an index over the ledger; `length` and `head` pin its end."""

    __tablename__ = "parcel"
    parcel_id: str = Field(primary_key=True)
    dossier_id: str = Field(index=True)
    request_id: str
    kind: str
    seal: str = Field(index=True)
    paper_count: int
    papers: list[str] = _json()
    holder_kind: str = Field(index=True)
    holder_id: str = Field(index=True)
    offered_kind: str = ""
    offered_id: str = Field(default="", index=True)
    since: datetime = Field(sa_type=Utc)
    length: int
    head: str


class CustodyEntryRow(PostalTable, table=True):
    """One line of a parcel's custody ledger (see `domain.custody.Entry`)."""

    __tablename__ = "custody_entry"
    parcel_id: str = Field(primary_key=True, foreign_key="parcel.parcel_id")
    position: int = Field(primary_key=True)
    act: str
    giver_kind: str
    giver_id: str
    receiver_kind: str
    receiver_id: str
    seal: str
    paper_count: int
    account: str
    role: str
    at: datetime = Field(sa_type=Utc)
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    previous: str
    digest: str


class DossierRow(PostalTable, table=True):
    """A dossier from the door to the desk and back, under the procedure version frozen at the door."""

    __tablename__ = "dossier"
    dossier_id: str = Field(primary_key=True)
    request_id: str = Field(index=True)
    request_code: str
    unit_id: str = Field(index=True)
    procedure_code: str
    procedure_version: int
    procedure_title: str
    limit_unit: str
    limit_value: int
    withdraw: list[str] = _json()
    fare_return: int
    exemption: str
    exemption_evidence: str = ""
    state: str = Field(index=True)
    dossier_code: str | None = Field(default=None, unique=True)
    accepted_at: datetime | None = Field(default=None, sa_type=Utc)
    due_at: datetime | None = Field(default=None, sa_type=Utc)
    paused_at: datetime | None = Field(default=None, sa_type=Utc)
    items: list[str] = _json()
    supplement_free: bool = False
    supplement_rounds: int = 0
    opened_at: datetime = Field(sa_type=Utc)


class DossierActRow(PostalTable, table=True):
    """What was done with a dossier, by whom and when."""

    __tablename__ = "dossier_act"
    dossier_id: str = Field(primary_key=True, foreign_key="dossier.dossier_id")
    position: int = Field(primary_key=True)
    act: str
    note: str = Field(default="", sa_column=Column(Text, nullable=False))
    account: str
    role: str
    at: datetime = Field(sa_type=Utc)


class DeskSequence(PostalTable, table=True):
    """The last dossier number an agency gave out on a day."""

    __tablename__ = "desk_sequence"
    agency_code: str = Field(primary_key=True)
    day: date = Field(primary_key=True)
    last: int


class CashbookRow(PostalTable, table=True):
    """A worker's cash day: opened by its first receipt, closed by the cashier at zero."""

    __tablename__ = "cashbook"
    cashbook_id: str = Field(primary_key=True)
    worker_id: str
    office_id: str = Field(index=True)
    day: date = Field(index=True)
    receipts: int = 0
    closed_at: datetime | None = Field(default=None, sa_type=Utc)
    closed_by: str = ""


class MoneyEntryRow(PostalTable, table=True):
    """One movement of money of one ledger (see `domain.money.Entry`), VND."""

    __tablename__ = "money_entry"
    entry_id: str = Field(primary_key=True)
    cashbook_id: str = Field(index=True, foreign_key="cashbook.cashbook_id")
    ledger: str
    kind: str
    debit: str
    credit: str
    amount: int
    receipt_no: str = ""
    account: str
    at: datetime = Field(sa_type=Utc)


class ReceiptRow(PostalTable, table=True):
    """A receipt given at the door, VND. One number, one visit, for ever."""

    __tablename__ = "receipt"
    receipt_no: str = Field(primary_key=True)
    visit_id: str = Field(unique=True)
    request_id: str = Field(index=True)
    cashbook_id: str
    fee: int
    fare: int
    exemption: str
    evidence: str = ""
    at: datetime = Field(sa_type=Utc)


class DepositRow(PostalTable, table=True):
    """Cash counted by the cashier, beside what was in hand then, VND."""

    __tablename__ = "deposit"
    deposit_id: str = Field(primary_key=True)
    cashbook_id: str = Field(index=True)
    fee: int
    fare: int
    fee_in_hand: int
    fare_in_hand: int
    explanation: str = ""
    account: str
    at: datetime = Field(sa_type=Utc)


class DifferenceRow(PostalTable, table=True):
    """Cash that book and hand disagree about, VND: the cashier writes down why, with the worker beside.

    `kind` is `shortage` or `overage`; both names are kept as they were then, for the inspector.
    """

    __tablename__ = "difference"
    difference_id: str = Field(primary_key=True)
    cashbook_id: str = Field(index=True, foreign_key="cashbook.cashbook_id")
    ledger: str
    kind: str
    amount: int
    explanation: str
    worker_id: str
    worker_name: str
    cashier_name: str
    account: str
    at: datetime = Field(sa_type=Utc)
