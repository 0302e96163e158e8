"""The JSON API: the worker's steps, hand-overs, the desk, the cashier, the overview."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.postal_bridge.application import commands, queries
from services.postal_bridge.application.handlers_dossiers import dossier_answer
from services.postal_bridge.domain.custody import HolderKind
from services.postal_bridge.domain.dossier import DossierState
from services.postal_bridge.domain.money import EntryKind, Ledger
from services.postal_bridge.domain.steps import Step
from services.postal_bridge.domain.visit import FailureReason
from services.postal_bridge.entrypoints.access import Acting, PostalService, Reading
from shared.clock import local_date
from shared.contracts.envelope import Instant
from shared.web.forms import IdempotencyKey
from shared.web.roles import CurrentActor, Role, allow

router = APIRouter(prefix="/api", tags=["postal_bridge"])

HANDS = (Role.WORKER, Role.DISPATCHER, Role.CASHIER, Role.DESK_OFFICER)
"""Roles that can have a parcel in hand."""


class Body(BaseModel):
    """A request body: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class StepBody(BaseModel):
    """A step's own fields, beside the device's time and place."""

    model_config = ConfigDict(extra="allow")

    device_time: Instant | None = None
    lat: float | None = None
    lon: float | None = None
    accuracy_m: float | None = None


class FailBody(Body):
    """Why the visit is given up."""

    reason: FailureReason
    note: str = ""
    call_attempts: int = 0
    device_time: Instant | None = None


class OfferBody(Body):
    """To whom."""

    receiver_kind: HolderKind
    receiver_id: str


class AcceptBody(Body):
    """What was scanned and counted, if it was."""

    seal: str | None = None
    paper_count: int | None = None


class DisputeBody(Body):
    """Why not."""

    reason: str


class OpenBody(Body):
    """The look at the seal before opening."""

    seal: str | None = None
    intact: bool = True
    note: str = ""


class AcceptDossierBody(Body):
    """The code given by the desk's own system, if it gave one."""

    dossier_code: str | None = None


class SupplementBody(Body):
    """What is needed; whether the post pays the way because it was its fault."""

    items: tuple[str, ...]
    free_of_fare: bool = False


class RefuseBody(Body):
    """Why, and the serial of the new seal if one was put on by hand."""

    reason: str
    seal: str | None = None


class ResultBody(Body):
    """The sealed result; `withdraw` replaces the procedure's list of old papers to take back."""

    seal: str
    withdraw: tuple[str, ...] | None = None
    paper_count: int = Field(default=1, ge=1)


class DepositBody(Body):
    """The counted cash, VND by ledger."""

    fee: int = 0
    fare: int = 0
    explanation: str = ""


class DifferenceBody(Body):
    """What book and hand disagree about, VND, and why."""

    ledger: Ledger
    kind: Literal[EntryKind.SHORTAGE, EntryKind.OVERAGE]
    amount: int = Field(gt=0)
    explanation: str


Day = Annotated[date | None, Query()]


@router.get("/worker/visits", dependencies=[allow(Role.WORKER)])
def worker_visits(
    session: Reading, service: PostalService, actor: CurrentActor, day: Day = None
) -> dict[str, Any]:
    """The worker's own visits of a day (default today) in the order of the plan."""
    chosen = day or local_date(service.transactions.clock())
    rows = queries.visits_of_worker(session, actor.worker or "", chosen)
    return {"day": chosen.isoformat(), "visits": [queries.visit_answer(session, row) for row in rows]}


@router.post("/visits/{visit_id}/steps/{step}", dependencies=[allow(Role.WORKER)])
def take_step(
    visit_id: str, step: Step, acting: Acting, key: IdempotencyKey, body: StepBody | None = None
) -> dict[str, Any]:
    """One step of a visit; the answer names the next one."""
    sent = body or StepBody()
    command = commands.TakeStep(
        action_id=key,
        visit_id=visit_id,
        step=step,
        body=sent.model_extra or {},
        device_time=sent.device_time,
        lat=sent.lat,
        lon=sent.lon,
        accuracy_m=sent.accuracy_m,
    )
    return acting.execute(command, key)


@router.post("/visits/{visit_id}/fail", dependencies=[allow(Role.WORKER)])
def fail_visit(visit_id: str, body: FailBody, acting: Acting, key: IdempotencyKey) -> dict[str, Any]:
    """Gives a visit up."""
    return acting.execute(commands.FailVisit(action_id=key, visit_id=visit_id, **body.model_dump()), key)


@router.get("/parcels", dependencies=[allow(*HANDS, Role.INSPECTOR, Role.ADMINISTRATOR)])
def parcels(
    session: Reading,
    actor: CurrentActor,
    holder_kind: HolderKind | None = None,
    holder_id: str | None = None,
    state: commands.ParcelState | None = None,
) -> dict[str, Any]:
    """Parcels in the actor's hand or on offer to it."""
    rows = queries.parcels(session, actor, holder_kind=holder_kind, holder_id=holder_id, state=state)
    return {"parcels": [queries.parcel_answer(session, row) for row in rows]}


@router.post("/parcels/{parcel_id}/offer", dependencies=[allow(*HANDS)])
def offer(parcel_id: str, body: OfferBody, acting: Acting, key: IdempotencyKey) -> dict[str, Any]:
    """Offers a parcel to the next hand."""
    return acting.execute(commands.OfferParcel(parcel_id=parcel_id, **body.model_dump()), key)


@router.post("/parcels/{parcel_id}/accept", dependencies=[allow(*HANDS)])
def accept(
    parcel_id: str, acting: Acting, key: IdempotencyKey, body: AcceptBody | None = None
) -> dict[str, Any]:
    """Takes an offered parcel."""
    return acting.execute(
        commands.AcceptParcel(parcel_id=parcel_id, **(body or AcceptBody()).model_dump()), key
    )


@router.post("/parcels/{parcel_id}/dispute", dependencies=[allow(*HANDS)])
def dispute(parcel_id: str, body: DisputeBody, acting: Acting, key: IdempotencyKey) -> dict[str, Any]:
    """Does not take an offered parcel."""
    return acting.execute(commands.DisputeParcel(parcel_id=parcel_id, reason=body.reason), key)


@router.get("/parcels/{parcel_id}/chain", dependencies=[allow(*HANDS, Role.INSPECTOR, Role.ADMINISTRATOR)])
def chain(parcel_id: str, session: Reading, actor: CurrentActor) -> dict[str, Any]:
    """A parcel's ledger, with whether it verifies."""
    return queries.chain_answer(session, actor, parcel_id)


@router.get("/desk/dossiers", dependencies=[allow(Role.DESK_OFFICER)])
def desk_dossiers(session: Reading, actor: CurrentActor, state: DossierState | None = None) -> dict[str, Any]:
    """The dossiers of the officer's own desk."""
    rows = queries.dossiers_of_desk(session, actor.unit or "", state)
    return {"dossiers": [dossier_answer(row) for row in rows]}


@router.post("/dossiers/{dossier_id}/open", dependencies=[allow(Role.DESK_OFFICER)])
def open_dossier(
    dossier_id: str, acting: Acting, key: IdempotencyKey, body: OpenBody | None = None
) -> dict[str, Any]:
    """Opens the envelope."""
    return acting.execute(
        commands.OpenDossier(dossier_id=dossier_id, **(body or OpenBody()).model_dump()), key
    )


@router.post("/dossiers/{dossier_id}/accept", dependencies=[allow(Role.DESK_OFFICER)])
def accept_dossier(
    dossier_id: str, acting: Acting, key: IdempotencyKey, body: AcceptDossierBody | None = None
) -> dict[str, Any]:
    """Accepts formally."""
    code = body.dossier_code if body else None
    return acting.execute(commands.AcceptDossier(dossier_id=dossier_id, dossier_code=code), key)


@router.post("/dossiers/{dossier_id}/supplement", dependencies=[allow(Role.DESK_OFFICER)])
def request_supplement(
    dossier_id: str, body: SupplementBody, acting: Acting, key: IdempotencyKey
) -> dict[str, Any]:
    """Asks for more."""
    return acting.execute(commands.RequestSupplement(dossier_id=dossier_id, **body.model_dump()), key)


@router.post("/dossiers/{dossier_id}/refuse", dependencies=[allow(Role.DESK_OFFICER)])
def refuse_dossier(dossier_id: str, body: RefuseBody, acting: Acting, key: IdempotencyKey) -> dict[str, Any]:
    """Does not accept."""
    return acting.execute(commands.RefuseDossier(dossier_id=dossier_id, **body.model_dump()), key)


@router.post("/dossiers/{dossier_id}/result", dependencies=[allow(Role.DESK_OFFICER)])
def mark_result_ready(
    dossier_id: str, body: ResultBody, acting: Acting, key: IdempotencyKey
) -> dict[str, Any]:
    """Announces the sealed result."""
    return acting.execute(commands.MarkResultReady(dossier_id=dossier_id, **body.model_dump()), key)


@router.get("/cashbooks", dependencies=[allow(Role.CASHIER, Role.INSPECTOR, Role.ADMINISTRATOR)])
def cashbooks(
    session: Reading, service: PostalService, actor: CurrentActor, day: Day = None
) -> dict[str, Any]:
    """The cash days of the cashier's office."""
    chosen = day or local_date(service.transactions.clock())
    return {"day": chosen.isoformat(), "cashbooks": queries.cashbooks(session, actor, chosen)}


@router.post("/cashbooks/{worker_id}/{day}/deposit", dependencies=[allow(Role.CASHIER)])
def deposit(
    worker_id: str, day: date, body: DepositBody, acting: Acting, key: IdempotencyKey
) -> dict[str, Any]:
    """Books counted cash."""
    return acting.execute(commands.DepositCash(worker_id=worker_id, day=day, **body.model_dump()), key)


@router.post("/cashbooks/{worker_id}/{day}/difference", dependencies=[allow(Role.CASHIER)])
def difference(
    worker_id: str, day: date, body: DifferenceBody, acting: Acting, key: IdempotencyKey
) -> dict[str, Any]:
    """Writes down an explained difference of one ledger."""
    return acting.execute(commands.BookDifference(worker_id=worker_id, day=day, **body.model_dump()), key)


@router.post("/cashbooks/{worker_id}/{day}/close", dependencies=[allow(Role.CASHIER)])
def close(worker_id: str, day: date, acting: Acting, key: IdempotencyKey) -> dict[str, Any]:
    """Closes a worker's day once nothing is in hand."""
    return acting.execute(commands.CloseCashDay(worker_id=worker_id, day=day), key)


@router.get("/overview", dependencies=[allow(Role.INSPECTOR, Role.ADMINISTRATOR)])
def overview(session: Reading) -> dict[str, Any]:
    """Everything there is to compare."""
    return queries.overview(session)
