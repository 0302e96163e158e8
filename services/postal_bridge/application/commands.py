"""What people want done, in the imperative."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field

from services.postal_bridge.domain.custody import HolderKind
from services.postal_bridge.domain.money import EntryKind, Ledger
from services.postal_bridge.domain.steps import Step
from services.postal_bridge.domain.visit import FailureReason
from shared.contracts.envelope import Instant
from shared.messaging.commands import Command


class OnDevice(Command):
    """An act on a worker's phone: its own id, the phone's time, and where the phone was."""

    action_id: str = Field(min_length=8, max_length=80)
    device_time: Instant | None = None
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    accuracy_m: float | None = Field(default=None, ge=0)


class TakeStep(OnDevice):
    """The worker did the next step; `body` is what `domain.steps.DATA_OF` wants for it."""

    visit_id: str
    step: Step
    body: dict[str, Any] = Field(default_factory=dict)


class FailVisit(OnDevice):
    """Nobody could be served."""

    visit_id: str
    reason: FailureReason
    note: str = Field(default="", max_length=500)
    call_attempts: int = Field(default=0, ge=0, le=20)


class OfferParcel(Command):
    """The holder offers a parcel."""

    parcel_id: str
    receiver_kind: HolderKind
    receiver_id: str = Field(min_length=1, max_length=60)


class AcceptParcel(Command):
    """The receiver takes it; what was scanned or counted is compared when given."""

    parcel_id: str
    seal: str | None = Field(default=None, max_length=60)
    paper_count: int | None = Field(default=None, ge=0)


class DisputeParcel(Command):
    """The receiver does not take it."""

    parcel_id: str
    reason: str = Field(min_length=1, max_length=500)


class OpenDossier(Command):
    """The officer opens the envelope, the seal checked before."""

    dossier_id: str
    seal: str | None = Field(default=None, max_length=60)
    intact: bool = True
    note: str = Field(default="", max_length=500)


class AcceptDossier(Command):
    """Formal acceptance (form 01); without a code the next one of the day is given."""

    dossier_id: str
    dossier_code: str | None = Field(default=None, max_length=40)


class RequestSupplement(Command):
    """One consolidated list of what is needed (form 02)."""

    dossier_id: str
    items: tuple[str, ...] = Field(max_length=30)
    free_of_fare: bool = False


class RefuseDossier(Command):
    """Not acceptable (form 03); `seal` closes the envelope that goes back."""

    dossier_id: str
    reason: str = Field(min_length=1, max_length=1000)
    seal: str | None = Field(default=None, max_length=60)


class MarkResultReady(Command):
    """The result lies sealed at the desk. `withdraw` None takes the procedure's own list."""

    dossier_id: str
    seal: str = Field(min_length=1, max_length=60)
    withdraw: tuple[str, ...] | None = Field(default=None, max_length=30)
    paper_count: int = Field(default=1, ge=1, le=500)


class DepositCash(Command):
    """The cashier counted what a worker handed in, VND by ledger."""

    worker_id: str
    day: date
    fee: int = Field(ge=0, le=2_000_000_000)
    fare: int = Field(ge=0, le=2_000_000_000)
    explanation: str = Field(default="", max_length=500)


class BookDifference(Command):
    """Book and hand disagree about one ledger, VND; the reason is written down."""

    worker_id: str
    day: date
    ledger: Ledger
    kind: Literal[EntryKind.SHORTAGE, EntryKind.OVERAGE]
    amount: int = Field(gt=0, le=2_000_000_000)
    explanation: str = Field(max_length=500)


class CloseCashDay(Command):
    """The cashier closes a worker's day."""

    worker_id: str
    day: date


ParcelState = Literal["held", "offered"]
