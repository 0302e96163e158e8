"""The inbox (what a citizen would have read), the form to write as a citizen, and their JSON for tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Response
from fastapi.responses import JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse

from deploy.fake_zalo.approved import APPROVED
from deploy.fake_zalo.faults import Fault, FaultBoard
from deploy.fake_zalo.protocol import World, new_uid
from deploy.fake_zalo.store import Citizen, Message
from deploy.fake_zalo.webhooks import Webhooks, new_citizen
from shared.clock import local
from shared.errors import Invalid
from shared.vietnamese import phones

_HERE = Path(__file__).parent


class CitizenInput(BaseModel):
    """Somebody with a Zalo account. `refusal` is the code Zalo shall answer for them, 0 for none."""

    model_config = ConfigDict(extra="forbid")

    uid: str | None = Field(default=None, pattern=r"^[0-9]{1,20}$")
    name: str = Field(min_length=1, max_length=80)
    phone: str | None = None
    refusal: int = 0
    last_interaction_ms: int | None = None


class Writing(BaseModel):
    """What a citizen says: a text or a point. Without `uid` somebody new writes."""

    model_config = ConfigDict(extra="forbid")

    uid: str | None = None
    name: str = Field(default="Công dân mới", max_length=80)
    phone: str | None = None
    text: str = Field(default="", max_length=2000)
    latitude: float | None = Field(default=None, ge=-90, le=90)
    longitude: float | None = Field(default=None, ge=-180, le=180)


class CannotWrite(ValueError):
    """The writing says nothing, or nobody has that user id; the text is Vietnamese."""


def zalo_phone(text: str | None) -> str | None:
    """A typed phone as Zalo writes it (`84…`); None for an empty field. Raises `CannotWrite`."""
    if not text or not text.strip():
        return None
    try:
        return phones.parse(text).removeprefix("+")
    except Invalid as error:
        raise CannotWrite(error.message) from error


def routes(world: World, webhooks: Webhooks, board: FaultBoard) -> APIRouter:
    """Everything that is not Zalo's protocol."""
    router = APIRouter()
    render = _renderer()
    _add_pages(router, world, webhooks, render)
    _add_json(router, world, webhooks)
    _add_citizens(router, world)
    _add_faults(router, world, board)
    return router


def _add_pages(
    router: APIRouter, world: World, webhooks: Webhooks, render: Callable[..., HTMLResponse]
) -> None:
    store = world.store

    @router.get("/")
    def inbox(user: str = "") -> HTMLResponse:
        """Citizens on the left, one conversation on the right; refreshes itself."""
        chosen = store.citizen(user) if user else None
        citizens = store.citizens()
        lines = store.messages(chosen.uid) if chosen else store.messages(limit=50)
        names = {citizen.uid: citizen.name for citizen in citizens}
        return render("inbox.html", citizens=citizens, chosen=chosen, lines=lines, names=names, refresh=True)

    @router.get("/write")
    def form(user: str = "") -> HTMLResponse:
        """The form; it does not refresh itself, so nothing typed is lost."""
        return render("write.html", citizens=store.citizens(), typed={"uid": user}, problem="")

    @router.post("/write")
    def write(
        uid: Annotated[str, Form()] = "",
        name: Annotated[str, Form(max_length=80)] = "",
        phone: Annotated[str, Form(max_length=30)] = "",
        text: Annotated[str, Form(max_length=2000)] = "",
        latitude: Annotated[str, Form(max_length=30)] = "",
        longitude: Annotated[str, Form(max_length=30)] = "",
    ) -> Response:
        """Write as a citizen, then show the conversation."""
        typed = {
            "uid": uid,
            "name": name,
            "phone": phone,
            "text": text,
            "latitude": latitude,
            "longitude": longitude,
        }
        try:
            given = {field: value for field, value in typed.items() if value.strip()}
            said = _say(world, webhooks, Writing.model_validate(given))
        except ValueError as error:  # pydantic's refusals are ValueErrors, too
            problem = str(error) if isinstance(error, CannotWrite) else "Toạ độ hoặc nội dung không hợp lệ."
            page = render("write.html", citizens=store.citizens(), typed=typed, problem=problem)
            page.status_code = 422
            return page
        return RedirectResponse(f"/?user={said.uid}", status_code=303)

    @router.post("/again/{message_id}")
    def again(message_id: str) -> Response:
        """Send a webhook once more, as Zalo does when it got no answer."""
        message = store.message(message_id)
        if message is None:
            return render("missing.html")
        webhooks.again(message)
        return RedirectResponse(f"/?user={message.uid}", status_code=303)


def _add_json(router: APIRouter, world: World, webhooks: Webhooks) -> None:
    store = world.store

    @router.get("/livez")
    def livez() -> dict[str, str]:
        """The server turns."""
        return {"status": "ok"}

    @router.get("/inbox.json")
    def inbox(user: str = "") -> dict[str, Any]:
        """Messages to citizens, newest first: of one (user id or phone `84…`) or of all."""
        citizen = store.citizen(user) if user else None
        if user and citizen is None:
            return {"messages": []}
        lines = store.messages(citizen.uid if citizen else None, limit=10_000)
        by_uid = {one.uid: one for one in store.citizens()}
        return {"messages": [_as_json(line, by_uid[line.uid]) for line in lines if not line.from_citizen]}

    @router.post("/write.json")
    def write(given: Writing) -> Response:
        """Write as a citizen; answers who wrote, the message id and what intake answered."""
        try:
            said = _say(world, webhooks, given)
        except CannotWrite as error:
            return JSONResponse({"detail": str(error)}, status_code=422)
        return JSONResponse({"uid": said.uid, "msg_id": said.id, "webhook_status": said.webhook_status})

    @router.post("/again.json")
    def again(message_id: str) -> Response:
        """Send a webhook once more; answers what intake answered."""
        message = store.message(message_id)
        if message is None:
            return JSONResponse({"detail": "Không có tin này."}, status_code=404)
        return JSONResponse({"webhook_status": webhooks.again(message)})


def _add_citizens(router: APIRouter, world: World) -> None:
    store = world.store

    @router.post("/citizens.json")
    def put_citizen(given: CitizenInput) -> Response:
        """Add or change a citizen."""
        try:
            phone = zalo_phone(given.phone)
        except CannotWrite as error:
            return JSONResponse({"detail": str(error)}, status_code=422)
        owner = store.citizen(phone) if phone else None
        if owner and given.uid and owner.uid != given.uid:
            return JSONResponse({"detail": "Số điện thoại này là của người khác."}, status_code=409)
        known = store.citizen(given.uid) if given.uid else owner
        seen = given.last_interaction_ms or (known.last_interaction if known else None)
        uid = given.uid or (known.uid if known else new_uid())
        citizen = Citizen(uid, given.name, phone, given.refusal, seen)
        store.put_citizen(citizen)
        return JSONResponse(asdict(citizen))


def _add_faults(router: APIRouter, world: World, board: FaultBoard) -> None:
    @router.get("/faults")
    def pending() -> list[Fault]:
        """Failures still to happen."""
        return board.pending()

    @router.post("/faults")
    def order(fault: Fault) -> list[Fault]:
        """Order a failure."""
        board.order(fault)
        return board.pending()

    @router.delete("/faults")
    def clear() -> list[Fault]:
        """All is well again."""
        board.clear()
        return []

    @router.post("/faults/expire-tokens")
    def expire_tokens() -> dict[str, str]:
        """Make every access token stale."""
        world.store.expire_tokens()
        return {"status": "ok"}


def _say(world: World, webhooks: Webhooks, given: Writing) -> Message:
    citizen = _speaker(world, given)
    if given.latitude is not None and given.longitude is not None:
        return webhooks.location(citizen, given.latitude, given.longitude)
    if not given.text.strip():
        raise CannotWrite("Hãy viết một tin nhắn, hoặc cho đủ vĩ độ và kinh độ.")
    return webhooks.text(citizen, given.text.strip())


def _speaker(world: World, given: Writing) -> Citizen:
    """Who writes. A phone that is known brings its citizen back."""
    if given.uid:
        citizen = world.store.citizen(given.uid)
        if citizen is None:
            raise CannotWrite("Không có người dùng Zalo này.")
        return citizen
    phone = zalo_phone(given.phone)
    return (world.store.citizen(phone) if phone else None) or new_citizen(given.name, phone)


def _as_json(line: Message, citizen: Citizen) -> dict[str, Any]:
    return {
        "id": line.id,
        "user": line.uid,
        "phone": citizen.phone,
        "kind": line.kind,
        "template_id": line.template_id or None,
        "tracking_id": line.tracking_id or None,
        "text": line.text,
        "sent_at": datetime.fromtimestamp(line.at / 1000, UTC).isoformat(),
    }


def _renderer() -> Callable[..., HTMLResponse]:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["moment"] = _moment
    environment.filters["initials"] = lambda name: "".join(re.findall(r"\b\w", name))[-2:].upper()
    environment.filters["phone"] = lambda number: phones.display(f"+{number}")
    environment.filters["template_name"] = lambda number: APPROVED[number].name

    def render(page: str, **context: Any) -> HTMLResponse:
        return HTMLResponse(environment.get_template(page).render(**context))

    return render


def _moment(milliseconds: int) -> str:
    return local(datetime.fromtimestamp(milliseconds / 1000, UTC)).strftime("%H:%M, %d/%m/%Y")
