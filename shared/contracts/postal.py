"""What postal_bridge tells the world: visits, custody, dossiers and money."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.envelope import Contract, Event, Instant
from shared.contracts.intake import Purpose

HolderKind = Literal["citizen", "worker", "post_office", "desk"]
ParcelKind = Literal["dossier", "supplement", "result"]
FailureReason = Literal[
    "not_home",
    "wrong_address",
    "phone_off",
    "refused",
    "papers_not_ready",
    "payment_not_ready",
    "identity_mismatch",
    "unsafe",
    "dog",
    "worker_breakdown",
    "out_of_time",
]


class Holder(Contract):
    """Who has a parcel in hand. `id` is a request id, worker id, office id or unit id by kind."""

    kind: HolderKind
    id: str


class VisitStarted(Event):
    """The worker set off for this door."""

    KIND: ClassVar[str] = "started"
    KEY: ClassVar[str] = "visit_id"
    visit_id: str
    request_id: str
    worker_id: str
    purpose: Purpose
    started_at: Instant


class VisitCompleted(Event):
    """The visit ended as far as it could. `missing` lists papers still to bring when incomplete."""

    KIND: ClassVar[str] = "completed"
    KEY: ClassVar[str] = "visit_id"
    visit_id: str
    request_id: str
    worker_id: str
    purpose: Purpose
    outcome: Literal["picked_up", "supplement_collected", "delivered", "guided", "papers_incomplete"]
    arrived_at: Instant
    finished_at: Instant
    dossier_id: str | None = None
    parcel_id: str | None = None
    paper_count: int = 0
    missing: tuple[str, ...] = ()


class VisitFailed(Event):
    """Nobody could be served. `arrived_at` is None when the worker never stood at the door."""

    KIND: ClassVar[str] = "failed"
    KEY: ClassVar[str] = "visit_id"
    visit_id: str
    request_id: str
    worker_id: str
    purpose: Purpose
    attempt: int = Field(ge=1)
    reason: FailureReason
    cause: Literal["citizen", "post", "agency", "force_majeure"]
    arrived_at: Instant | None
    failed_at: Instant | None = None
    note: str = ""


class ParcelSealed(Event):
    """Papers were sealed in front of the giver; `holder` has them now."""

    KIND: ClassVar[str] = "sealed"
    KEY: ClassVar[str] = "parcel_id"
    parcel_id: str
    dossier_id: str
    request_id: str
    kind: ParcelKind
    seal: str
    paper_count: int = Field(ge=1)
    holder: Holder


class HandoverOffered(Event):
    """The holder offers the parcel to a receiver and keeps it until accepted."""

    KIND: ClassVar[str] = "offered"
    KEY: ClassVar[str] = "parcel_id"
    parcel_id: str
    dossier_id: str
    request_id: str
    giver: Holder
    receiver: Holder


class HandoverAccepted(Event):
    """The receiver found seal and count right and holds the parcel now."""

    KIND: ClassVar[str] = "accepted"
    KEY: ClassVar[str] = "parcel_id"
    parcel_id: str
    dossier_id: str
    request_id: str
    giver: Holder
    receiver: Holder


class HandoverDisputed(Event):
    """The receiver did not take it; the giver still holds the parcel."""

    KIND: ClassVar[str] = "disputed"
    KEY: ClassVar[str] = "parcel_id"
    parcel_id: str
    dossier_id: str
    request_id: str
    giver: Holder
    receiver: Holder
    reason: str


class DossierOpened(Event):
    """A dossier was counted and sealed at the door; it has no dossier code yet."""

    KIND: ClassVar[str] = "opened"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    procedure_code: str


class DossierAccepted(Event):
    """Formal acceptance at the desk (form 01): the clock starts here."""

    KIND: ClassVar[str] = "accepted"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    dossier_code: str
    unit_id: str
    accepted_at: Instant
    due_at: Instant


class SupplementRequested(Event):
    """The desk needs more (form 02): one consolidated list."""

    KIND: ClassVar[str] = "supplement_requested"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    items: tuple[str, ...]
    free_of_fare: bool = False


class SupplementReceived(Event):
    """What was asked for reached the desk; a paused clock goes on, and then `due_at` has moved."""

    KIND: ClassVar[str] = "supplement_received"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    due_at: Instant | None = None


class DossierRefused(Event):
    """The desk cannot accept the dossier (form 03); it goes back to the citizen."""

    KIND: ClassVar[str] = "refused"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    reason: str


class ResultReady(Event):
    """The agency finished; the result waits for the post."""

    KIND: ClassVar[str] = "result_ready"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    unit_id: str
    withdraw: tuple[str, ...] = ()


class ResultCollected(Event):
    """The result is at the delivery office and can be brought home."""

    KIND: ClassVar[str] = "result_collected"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    office_id: str


class ResultDelivered(Event):
    """The applicant or an authorised person has the result in hand."""

    KIND: ClassVar[str] = "result_delivered"
    KEY: ClassVar[str] = "dossier_id"
    dossier_id: str
    request_id: str
    delivered_at: Instant


class MoneyCollected(Event):
    """Money taken at the door, agency fee and postal fare apart, with the receipt given at once. VND."""

    KIND: ClassVar[str] = "collected"
    KEY: ClassVar[str] = "cashbook_id"
    cashbook_id: str
    worker_id: str
    day: date
    visit_id: str
    request_id: str
    dossier_id: str | None = None
    fee: int = Field(ge=0)
    fare: int = Field(ge=0)
    receipt_no: str


class MoneyDeposited(Event):
    """Cash handed from a worker to the post office's cashier. VND."""

    KIND: ClassVar[str] = "deposited"
    KEY: ClassVar[str] = "cashbook_id"
    cashbook_id: str
    worker_id: str
    day: date
    office_id: str
    fee: int = Field(ge=0)
    fare: int = Field(ge=0)


class CashDayClosed(Event):
    """The worker's day is settled: collected = handed in (the totals) + explained differences. VND.

    A difference is positive for money that is missing, negative for money that is too much.
    """

    KIND: ClassVar[str] = "day_closed"
    KEY: ClassVar[str] = "cashbook_id"
    cashbook_id: str
    worker_id: str
    day: date
    office_id: str
    fee_total: int = Field(ge=0)
    fare_total: int = Field(ge=0)
    fee_difference: int = 0
    fare_difference: int = 0
