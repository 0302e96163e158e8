"""The JSON API under /api/: what programs, the demonstration and other channels use."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.intake.application import queries
from services.intake.application.commands import (
    AskCitizen,
    BookAgain,
    CancelRequest,
    CompleteDraft,
    Reschedule,
    SubmitRequest,
)
from services.intake.application.handlers_accounts import sign_in as check_sign_in
from services.intake.application.ports import Ports
from services.intake.domain.addresses import resolve
from services.intake.domain.gazetteer import Point
from services.intake.domain.windows import offered_windows
from services.intake.entrypoints.guessing import ByCode, count_try, request_of_citizen
from services.intake.settings import Settings
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import Window
from shared.errors import Invalid
from shared.service import Service
from shared.vietnamese import phones
from shared.web.forms import IdempotencyKey
from shared.web.limits import limit
from shared.web.roles import PUBLIC, CurrentActor, Role, allow
from shared.web.session import SessionSigner, sign_in

LABELS = {
    "procedure_code": "thủ tục",
    "applicant_name": "họ và tên",
    "phone": "số điện thoại",
    "address": "địa chỉ",
    "unit_id": "xã, phường",
    "lat": "vĩ độ",
    "lon": "kinh độ",
    "window": "khung giờ",
    "start": "giờ bắt đầu",
    "end": "giờ kết thúc",
    "consent": "sự đồng ý",
    "note": "ghi chú",
    "channel": "kênh",
    "code": "mã yêu cầu",
    "last4": "4 số cuối điện thoại",
    "account": "tài khoản",
    "password": "mật khẩu",
    "text": "nội dung",
    "reason": "lý do",
    "appointment_id": "lịch hẹn",
    "question": "câu hỏi",
    "q": "từ tìm kiếm",
    "days": "số ngày",
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignInBody(_Body):
    """Account and password."""

    account: str = Field(min_length=1, max_length=60)
    password: str = Field(min_length=1, max_length=128, repr=False)


class AddressBody(_Body):
    """An address in a citizen's words, perhaps with a point they sent."""

    text: str = Field(min_length=1, max_length=300)
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)


class DetailsBody(_Body):
    """A whole request; checked further by the command."""

    procedure_code: str = Field(min_length=1, max_length=40)
    applicant_name: str = Field(min_length=2, max_length=80)
    phone: str = Field(min_length=1, max_length=30)
    address: str = Field(min_length=2, max_length=300)
    unit_id: str | None = Field(default=None, max_length=40)
    lat: float | None = Field(default=None, ge=-90, le=90)
    lon: float | None = Field(default=None, ge=-180, le=180)
    window: Window
    consent: bool
    note: str = Field(default="", max_length=500)


class OperatorBody(DetailsBody):
    """A request that an operator took by phone, e-mail or Facebook."""

    channel: Literal["phone", "email", "facebook"] = "phone"


class RescheduleBody(_Body):
    """Another window for an appointment."""

    appointment_id: str
    window: Window
    reason: str = Field(default="", max_length=500)


class WindowBody(_Body):
    """A window for another visit."""

    window: Window


class ReasonBody(_Body):
    """Why something is withdrawn."""

    reason: str = Field(default="", max_length=500)


class QuestionBody(_Body):
    """What to ask the citizen."""

    question: str = Field(min_length=5, max_length=500)


class ByCodeReschedule(ByCode):
    """A citizen moves the own visit."""

    appointment_id: str
    window: Window


class ByCodeWindow(ByCode):
    """A citizen books another visit."""

    window: Window


def api_router(service: Service[Settings], signer: SessionSigner) -> APIRouter:
    """All JSON routes of intake."""
    router = APIRouter(prefix="/api")
    _session_routes(router, service, signer)
    _public_routes(router, service)
    _operator_routes(router, service)
    _status_routes(router, service)
    _overview_routes(router, service)
    return router


def _ports(service: Service[Settings]) -> Ports:
    return cast("Ports", service.bus.ports)


def _session_routes(router: APIRouter, service: Service[Settings], signer: SessionSigner) -> None:
    settings = service.settings

    @router.post("/session", dependencies=[PUBLIC, limit(settings.api_sign_in_rate)])
    def open_session(body: SignInBody, request: Request, response: Response) -> dict[str, Any]:
        """Signs in: the token in the answer and in the cookie of all three services."""
        ports = _ports(service)
        count_try(request, "account", body.account.strip().lower(), settings.sign_in_rate_per_account)
        with service.transactions.reading() as session:
            actor = check_sign_in(session, body.account, body.password, ports)
        token = signer.issue(actor)
        sign_in(response, token, production=settings.production)
        return {
            "token": token,
            "account": actor.account,
            "name": actor.name,
            "role": actor.role.value,
            "office": actor.office,
            "unit": actor.unit,
            "worker": actor.worker,
        }


def _public_routes(router: APIRouter, service: Service[Settings]) -> None:
    ports, clock = _ports(service), service.transactions.clock

    @router.get("/procedures", dependencies=[PUBLIC])
    def procedures(q: Annotated[str, Query(max_length=200)] = "") -> list[dict[str, Any]]:
        """Procedures by people's words, with papers, fee, fares and limit."""
        return queries.procedures_json(q, clock(), ports)

    @router.get("/windows", dependencies=[PUBLIC])
    def windows(days: Annotated[int, Query(ge=1, le=14)] = 5) -> list[dict[str, str]]:
        """The windows that can be kept on the next working days."""
        return [queries.window_json(w) for w in offered_windows(clock(), ports.calendar, days)]

    @router.post("/addresses/resolve", dependencies=[PUBLIC, limit(service.settings.request_rate)])
    def resolve_address(body: AddressBody) -> dict[str, Any]:
        """The unit an address means today, or what to ask."""
        pin = None if body.lat is None or body.lon is None else Point(body.lat, body.lon)
        found = resolve(body.text, ports.gazetteer, pin=pin)
        return {
            "unit_id": found.chosen.unit.id if found.chosen else None,
            "unit": found.chosen.label if found.chosen else None,
            "question": found.question,
            "landmark": found.landmark,
            "candidates": [
                {"unit_id": c.unit.id, "label": c.label, "reason": c.reason, "score": c.score}
                for c in found.candidates
            ],
        }

    @router.post("/requests", status_code=201, dependencies=[PUBLIC, limit(service.settings.request_rate)])
    def submit(body: DetailsBody, key: IdempotencyKey) -> dict[str, Any]:
        """A citizen's own request."""
        command = SubmitRequest(channel="web", **_fields(body))
        return service.bus.execute(command, web_citizen(body.phone, key), key)


def _operator_routes(router: APIRouter, service: Service[Settings]) -> None:
    operator = [allow(Role.OPERATOR)]
    ports, bus = _ports(service), service.bus

    @router.post("/operator/requests", status_code=201, dependencies=operator)
    def submit(body: OperatorBody, actor: CurrentActor, key: IdempotencyKey) -> dict[str, Any]:
        """A request taken by an operator."""
        return bus.execute(SubmitRequest(**_fields(body)), actor, key)

    @router.get("/operator/requests", dependencies=operator)
    def list_requests(
        status: str = "", q: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> list[dict[str, Any]]:
        """Requests, the last changed first; `status` may hold several, separated by commas."""
        with service.transactions.reading() as session:
            return queries.requests_json(session, ports, status.split(","), q, limit)

    @router.get("/operator/requests/{request_id}", dependencies=operator)
    def one_request(request_id: str) -> dict[str, Any]:
        """One request with its messages, appointments, progress and notices."""
        with service.transactions.reading() as session:
            return queries.request_json(request_id, session, ports)

    @router.post("/operator/requests/{request_id}/complete", dependencies=operator)
    def complete(
        request_id: str, body: DetailsBody, actor: CurrentActor, key: IdempotencyKey
    ) -> dict[str, Any]:
        """A draft becomes a confirmed request."""
        return bus.execute(CompleteDraft(request_id=request_id, **_fields(body)), actor, key)

    @router.post("/operator/requests/{request_id}/ask", dependencies=operator)
    def ask(request_id: str, body: QuestionBody, actor: CurrentActor, key: IdempotencyKey) -> dict[str, Any]:
        """A question to the citizen of a draft."""
        return bus.execute(AskCitizen(request_id=request_id, question=body.question), actor, key)

    @router.post("/operator/requests/{request_id}/reschedule", dependencies=operator)
    def reschedule(
        request_id: str, body: RescheduleBody, actor: CurrentActor, key: IdempotencyKey
    ) -> dict[str, Any]:
        """Another window for a visit that has not begun."""
        return bus.execute(Reschedule(request_id=request_id, **_fields(body)), actor, key)

    @router.post("/operator/requests/{request_id}/book", dependencies=operator)
    def book(request_id: str, body: WindowBody, actor: CurrentActor, key: IdempotencyKey) -> dict[str, Any]:
        """Another visit after one that could not be finished."""
        return bus.execute(BookAgain(request_id=request_id, window=body.window), actor, key)

    @router.post("/operator/requests/{request_id}/cancel", dependencies=operator)
    def cancel(request_id: str, body: ReasonBody, actor: CurrentActor, key: IdempotencyKey) -> dict[str, Any]:
        """Withdraws a request for the citizen."""
        return bus.execute(CancelRequest(request_id=request_id, reason=body.reason), actor, key)


def _status_routes(router: APIRouter, service: Service[Settings]) -> None:
    guarded = [PUBLIC, limit(service.settings.status_rate, scope="status")]
    ports, bus = _ports(service), service.bus

    @router.post("/status", dependencies=guarded)
    def status(body: ByCode, request: Request) -> dict[str, Any]:
        """Where a request stands, for who knows its code and the end of its phone number."""
        found = request_of_citizen(service, request, body)
        with service.transactions.reading() as session:
            return queries.status_json(found, session, ports)

    @router.post("/status/reschedule", dependencies=guarded)
    def reschedule(body: ByCodeReschedule, request: Request, key: IdempotencyKey) -> dict[str, Any]:
        """The citizen moves the own visit."""
        found = request_of_citizen(service, request, body)
        command = Reschedule(
            request_id=found.request_id, appointment_id=body.appointment_id, window=body.window
        )
        return bus.execute(command, citizen(found.request_id), key)

    @router.post("/status/book", dependencies=guarded)
    def book(body: ByCodeWindow, request: Request, key: IdempotencyKey) -> dict[str, Any]:
        """The citizen books another visit after one that could not be finished."""
        found = request_of_citizen(service, request, body)
        command = BookAgain(request_id=found.request_id, window=body.window)
        return bus.execute(command, citizen(found.request_id), key)

    @router.post("/status/cancel", dependencies=guarded)
    def cancel(body: ByCode, request: Request, key: IdempotencyKey) -> dict[str, Any]:
        """The citizen withdraws the own request."""
        found = request_of_citizen(service, request, body)
        return bus.execute(CancelRequest(request_id=found.request_id), citizen(found.request_id), key)


def _overview_routes(router: APIRouter, service: Service[Settings]) -> None:
    overseers = (Role.ADMINISTRATOR, Role.INSPECTOR)

    @router.get("/notices", dependencies=[allow(Role.OPERATOR, *overseers)])
    def notices(request_id: str = "") -> list[dict[str, Any]]:
        """What citizens were told."""
        with service.transactions.reading() as session:
            return queries.notices_json(request_id or None, session)

    @router.get("/overview", dependencies=[allow(*overseers)])
    def overview() -> dict[str, Any]:
        """Counts, and every promise with what became of it."""
        now: datetime = service.transactions.clock()
        with service.transactions.reading() as session:
            return {"service": "intake", "now": now.isoformat(), **queries.overview_json(session)}


def web_citizen(phone: str, key: str) -> ActorRef:
    """A citizen without an account who asks for a visit.

    Another phone is another person, so two people never get each other's answer for an equal
    idempotency key. The random key is part of the digest: a phone alone could be guessed from it.
    """
    try:
        phone = phones.parse(phone)
    except Invalid:
        phone = phone.strip()  # refused by the command itself, with its field named
    digest = hashlib.sha256(f"{phone}\n{key}".encode()).hexdigest()
    return ActorRef(account=f"citizen:web:{digest[:24]}", role="citizen")


def citizen(request_id: str) -> ActorRef:
    """A citizen who proved to know the code and phone of a request."""
    return ActorRef(account=f"citizen:{request_id}", role="citizen")


def _fields(body: BaseModel) -> dict[str, Any]:
    return {name: getattr(body, name) for name in type(body).model_fields}
