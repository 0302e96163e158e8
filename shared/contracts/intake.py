"""What intake tells the world: requests and appointments, notices, and its reference data."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.envelope import Contract, Event, Instant

Channel = Literal["phone", "web", "zalo", "email", "facebook"]
Purpose = Literal["pickup", "guidance", "supplement", "return"]
Precision = Literal["pin", "house", "village", "unit"]


class Window(Contract):
    """The promise to come: service starts inside [start, end]."""

    start: Instant
    end: Instant


class Place(Contract):
    """Where a visit happens. `precision` says how far the point may be trusted."""

    text: str
    unit_id: str
    lat: float
    lon: float
    precision: Precision
    landmark: str = ""


class RequestReceived(Event):
    """A citizen's request is complete enough to work on."""

    KIND: ClassVar[str] = "received"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    code: str
    channel: Channel
    procedure_code: str
    unit_id: str


class AppointmentConfirmed(Event):
    """A visit was agreed with the citizen; everything the visit needs is in here."""

    KIND: ClassVar[str] = "appointment_confirmed"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    code: str
    appointment_id: str
    purpose: Purpose
    attempt: int = Field(ge=1, default=1)
    window: Window
    procedure_code: str
    applicant_name: str
    phone: str
    place: Place
    office_id: str
    note: str = ""
    dossier_id: str | None = None


class AppointmentRescheduled(Event):
    """The citizen (or an operator for them) chose another window."""

    KIND: ClassVar[str] = "appointment_rescheduled"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    appointment_id: str
    window: Window
    reason: str = ""


class AppointmentCancelled(Event):
    """This visit will not take place."""

    KIND: ClassVar[str] = "appointment_cancelled"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    appointment_id: str
    reason: str = ""


class RequestCancelled(Event):
    """The citizen withdrew the request before anything was picked up."""

    KIND: ClassVar[str] = "cancelled"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    reason: str = ""


class RequestClosed(Event):
    """Nothing is left to do for this request."""

    KIND: ClassVar[str] = "closed"
    KEY: ClassVar[str] = "request_id"
    request_id: str
    outcome: str


class NoticeSent(Event):
    """A message left for the citizen on a channel, or was handed to an operator to phone."""

    KIND: ClassVar[str] = "sent"
    KEY: ClassVar[str] = "notice_id"
    notice_id: str
    request_id: str
    appointment_id: str | None = None
    about: str
    channel: str
    sent_at: Instant


class NoticeFailed(Event):
    """No channel reached the citizen; a person has to call."""

    KIND: ClassVar[str] = "failed"
    KEY: ClassVar[str] = "notice_id"
    notice_id: str
    request_id: str
    appointment_id: str | None = None
    about: str
    reason: str


class OrgUnitPublished(Event):
    """An administrative unit as it is known now, old or new, with what became of it."""

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "unit_id"
    unit_id: str
    kind: str
    name: str
    district: str = ""
    valid_from: date
    valid_to: date | None = None
    agency_code: str = ""
    lat: float
    lon: float
    successors: tuple[str, ...] = ()


class DocumentNeeded(Contract):
    """One row of a procedure's published paper list."""

    name: str
    kind: str
    keep: Literal["no", "kept", "withdraw_at_pickup", "withdraw_at_return"] = "no"


class Limit(Contract):
    """How long the agency has: working days (wd), same day (sd) or calendar days (cd)."""

    unit: Literal["wd", "sd", "cd"]
    value: int = Field(ge=0)


class ProcedurePublished(Event):
    """A version of an administrative procedure, as visits, desks and due dates need it."""

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "procedure_code"
    procedure_code: str
    version: int
    title: str
    neutral_title: str
    home_class: Literal["A", "B", "C", "D", "E"]
    documents: tuple[DocumentNeeded, ...]
    fee_amount: int = Field(ge=0)
    fare_pickup: int = Field(ge=0)
    fare_return: int = Field(ge=0)
    fare_fee_transfer: int = Field(ge=0, default=0)
    limit: Limit
    exempt_groups: tuple[str, ...] = ()
    service_minutes: int = Field(gt=0)
    skill: str = "none"
    sensitivity: int = 0


class CalendarDayPublished(Event):
    """A day that differs from the ordinary working week."""

    KIND: ClassVar[str] = "published"
    KEY: ClassVar[str] = "entry_id"
    entry_id: str
    day: date
    kind: Literal["holiday", "makeup_work", "local_closure", "reception_only"]
    scope: str
    name: str
    source: str = ""


class RecalledToken(Contract):
    """One sign-in token that is no longer good; `until` it would have been, by the machine's clock."""

    token_id: str
    until: Instant


class SignInsRecalled(Event):
    """Sign-in tokens of an account are no longer good although they have not expired.

    The whole record of the account: the tokens signed out, and the instant (machine's clock) up to which
    every token issued is recalled, None when all others are good.
    """

    KIND: ClassVar[str] = "sign_ins_recalled"
    KEY: ClassVar[str] = "account"
    account: str
    issued_until: Instant | None = None
    tokens: tuple[RecalledToken, ...] = ()
