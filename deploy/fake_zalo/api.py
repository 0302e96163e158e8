"""Zalo's endpoints: tokens, consultation and template messages, and the look-ups around them."""

from __future__ import annotations

import json
import re
import secrets
import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Form, Header, Request

from deploy.fake_zalo.approved import APPROVED, ApprovedTemplate
from deploy.fake_zalo.protocol import Refusal, World, authorise, new_message_id, new_uid, reachable, success
from deploy.fake_zalo.store import Citizen, Message
from deploy.fake_zalo.webhooks import Webhooks

WINDOW_MS = 7 * 24 * 3_600_000
DAILY_QUOTA = 500
_PHONE = re.compile(r"84\d{9,10}")

JsonBody = Annotated[dict[str, Any], Body()]


def routes(world: World, webhooks: Webhooks) -> APIRouter:
    """All protocol routes; on the real Zalo they live on three hosts."""
    router = APIRouter()
    _add_token_route(router, world)
    _add_sending_routes(router, world, webhooks)
    _add_looking_routes(router, world)
    return router


def _add_token_route(router: APIRouter, world: World) -> None:
    settings, store = world.settings, world.store

    @router.post("/v4/oa/access_token")
    def access_token(
        app_id: Annotated[str, Form()] = "",
        grant_type: Annotated[str, Form()] = "",
        refresh_token: Annotated[str, Form()] = "",
        code: Annotated[str, Form()] = "",
        secret_key: Annotated[str, Header(convert_underscores=False)] = "",
    ) -> dict[str, Any]:
        """Grant or refresh; a refresh token works once."""
        if app_id != settings.app_id:
            raise Refusal(-14002)
        if not secrets.compare_digest(secret_key.encode(), settings.app_secret.encode()):
            raise Refusal(-14004)
        if grant_type == "authorization_code":
            if code != settings.consent_code:
                raise Refusal(-14003)
        elif grant_type != "refresh_token" or not store.spend_refresh(refresh_token):
            raise Refusal(-14014)
        access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
        store.add_token(access, refresh, time.time() + settings.token_seconds)
        return {"access_token": access, "refresh_token": refresh, "expires_in": str(settings.token_seconds)}


def _add_sending_routes(router: APIRouter, world: World, webhooks: Webhooks) -> None:
    store = world.store

    @router.post("/v3.0/oa/message/cs")
    def consultation(request: Request, body: JsonBody) -> dict[str, Any]:
        """Free text within seven days of the citizen's last interaction."""
        authorise(world, request.headers, business=False)
        uid = _text_at(body, "recipient", "user_id")
        text = _text_at(body, "message", "text")
        if len(text) > 2000:
            raise Refusal(-210)
        citizen = reachable(store.citizen(uid), unknown=-213)
        now = world.now_ms()
        if citizen.last_interaction is None or now - citizen.last_interaction > WINDOW_MS:
            raise Refusal(-230)
        message = Message(new_message_id(), citizen.uid, False, "message", text, now)
        store.add_message(message)
        return success({"message_id": message.id, "user_id": citizen.uid})

    @router.post("/v3.0/oa/message/template")
    def template_by_user(request: Request, body: JsonBody) -> dict[str, Any]:
        """An approved template to a user id."""
        authorise(world, request.headers, business=False)
        citizen = reachable(store.citizen(_text_at(body, "user_id")), unknown=-213)
        message = _deliver_template(world, body, citizen, "")
        return success({"message_id": message.id, "user_id": citizen.uid, "sent_time": str(message.at)})

    @router.post("/message/template")
    def template_by_phone(request: Request, body: JsonBody) -> dict[str, Any]:
        """An approved template to a phone number; a receipt follows by webhook."""
        authorise(world, request.headers, business=True)
        phone = _text_at(body, "phone")
        if not _PHONE.fullmatch(phone):
            raise Refusal(-108)
        known = store.citizen(phone)
        citizen = reachable(known or Citizen(new_uid(), f"Số {phone}", phone, 0, None), unknown=-118)
        tracking_id = str(body.get("tracking_id", ""))
        if len(tracking_id) > 48:
            raise Refusal(-1121)
        message = _deliver_template(world, body, citizen, tracking_id)
        if world.settings.receipts:
            webhooks.receipt(message, phone)
        quota = {"dailyQuota": str(DAILY_QUOTA), "remainingQuota": str(DAILY_QUOTA - 1)}
        return success({"msg_id": message.id, "sent_time": str(message.at), "quota": quota})


def _add_looking_routes(router: APIRouter, world: World) -> None:
    store = world.store

    @router.get("/message/status")
    def status(request: Request, message_id: str = "") -> dict[str, Any]:
        """1 delivered, -1 not."""
        authorise(world, request.headers, business=True)
        message = store.message(message_id)
        if message is None:
            return success({"status": -1, "message": "Message not found"})
        return success({"status": 1, "delivery_time": str(message.at), "message": "Delivered"})

    @router.get("/template/info/v2")
    def template_info(request: Request, template_id: str = "") -> dict[str, Any]:
        """Name, status and parameters of a template."""
        authorise(world, request.headers, business=True)
        template = _approved(template_id)
        always = {"require": True, "type": "STRING", "minLength": 1, "acceptNull": False}
        parameters = [
            {"name": name, "maxLength": size, **always} for name, size in template.parameters.items()
        ]
        return success(
            {
                "templateId": template.id,
                "templateName": template.name,
                "status": "ENABLE",
                "listParams": parameters,
            }
        )

    @router.get("/v2.0/oa/getoa")
    def account(request: Request) -> dict[str, Any]:
        """The account itself."""
        authorise(world, request.headers, business=False)
        return success({"oa_id": world.settings.oa_id, "name": "Tận Nhà (giả lập)", "is_verified": True})

    @router.get("/v2.0/oa/conversation")
    def conversation(request: Request, data: str = "{}") -> dict[str, Any]:
        """Up to ten lines with one user, newest first."""
        authorise(world, request.headers, business=False)
        question = _json_object(data)
        citizen = reachable(store.citizen(str(question.get("user_id", ""))), unknown=-213)
        offset, count = _number(question.get("offset", 0)), min(_number(question.get("count", 10)), 10)
        lines = store.messages(citizen.uid)[offset : offset + count]
        shown = [
            {
                "src": 1 if line.from_citizen else 0,
                "time": line.at,
                "type": "text",
                "message": line.text,
                "message_id": line.id,
            }
            for line in lines
        ]
        return {"error": 0, "message": "Success", "data": shown}

    @router.post("/v3.0/oa/quota/message")
    def quota(request: Request, body: JsonBody) -> dict[str, Any]:
        """When a user last interacted, and how many messages are left."""
        authorise(world, request.headers, business=False)
        citizen = reachable(store.citizen(_text_at(body, "user_id")), unknown=-213)
        return success({"last_interaction": citizen.last_interaction, "cs_reply": {"remain": 8, "total": 8}})


def _deliver_template(world: World, body: dict[str, Any], citizen: Citizen, tracking_id: str) -> Message:
    template = _approved(_text_at(body, "template_id"))
    data = body.get("template_data")
    if not isinstance(data, dict):
        raise Refusal(-1122)
    for name, size in template.parameters.items():
        value = data.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal(-1122)
        if len(value) > size:
            raise Refusal(-1121)
    known = world.store.meet(citizen)
    message = Message(
        new_message_id(),
        known.uid,
        False,
        "template",
        template.render(data),
        world.now_ms(),
        template.id,
        tracking_id,
    )
    world.store.add_message(message)
    return message


def _approved(template_id: str) -> ApprovedTemplate:
    if template_id not in APPROVED:
        raise Refusal(-117)
    return APPROVED[template_id]


def _text_at(body: dict[str, Any], *path: str) -> str:
    found: Any = body
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        raise Refusal(-201)
    return found


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise Refusal(-201) from error
    if not isinstance(found, dict):
        raise Refusal(-201)
    return found


def _number(given: Any) -> int:
    try:
        return max(int(given), 0)
    except (TypeError, ValueError) as error:
        raise Refusal(-201) from error
