"""The way in for Zalo: verify, keep, answer 200 quickly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import structlog
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from services.intake.adapters.zalo import events as zalo
from services.intake.adapters.zalo.channel import ZaloChannel
from services.intake.adapters.zalo.webhook import ZaloWebhook
from services.intake.application.commands import NoteZaloContact, ReceiveZaloMessage
from services.intake.settings import Settings
from shared.contracts.envelope import ActorRef
from shared.errors import Problem
from shared.messaging.commands import Command
from shared.observability.metrics import webhooks_received
from shared.service import Service
from shared.web.roles import WEBHOOK

log = structlog.get_logger(__name__)


def webhook_router(service: Service[Settings], webhook: ZaloWebhook) -> APIRouter:
    """`POST /webhooks/zalo`."""
    router = APIRouter()

    @router.post("/webhooks/zalo", dependencies=[WEBHOOK])
    async def zalo_webhook(request: Request) -> dict[str, str]:
        """Takes one event. Refused with 400 or 401, nothing is stored but a counter."""
        body = await request.body()
        try:
            event = webhook.receive(body, dict(request.headers))
        except Problem as problem:
            webhooks_received.labels(problem.problem_code).inc()
            log.warning("zalo.webhook_refused", code=problem.problem_code)
            raise
        command = command_for(event)
        if command is not None:
            sender = getattr(command, "zalo_user", "")
            actor = ActorRef(account=f"citizen:zalo:{sender}", role="citizen")
            await run_in_threadpool(service.bus.execute, command, actor)
        elif isinstance(event, zalo.UserReceivedMessage):
            await run_in_threadpool(_settle_delivery, service, event)
        webhooks_received.labels("accepted" if command is not None else "ignored").inc()
        return {"status": "ok"}

    return router


def command_for(event: zalo.ZaloEvent) -> Command | None:
    """What an event asks of us; None for what is only acknowledged."""
    said_at = _instant(event.timestamp)
    if isinstance(event, zalo.UserSendText | zalo.UserSendLocation | zalo.UserSubmitInfo):
        return ReceiveZaloMessage(
            event_key=event.idempotency_key, zalo_user=event.user_id, sent_at=said_at, **_content(event)
        )
    if isinstance(event, zalo.Follow | zalo.Unfollow):
        following = isinstance(event, zalo.Follow)
        return NoteZaloContact(zalo_user=event.user_id, at=said_at, following=following)
    return None


def _content(event: zalo.UserSendText | zalo.UserSendLocation | zalo.UserSubmitInfo) -> dict[str, Any]:
    if isinstance(event, zalo.UserSendText):
        return {"text": event.message.text}
    if isinstance(event, zalo.UserSendLocation):
        point = event.message.coordinates
        return {"lat": point.latitude, "lon": point.longitude}
    info = event.info
    parts = (info.address, info.ward, info.district, info.city)
    return {
        "contact_name": info.name,
        "contact_phone": info.phone[:40],
        "contact_address": ", ".join(part for part in parts if part)[:500],
    }


def _settle_delivery(service: Service[Settings], event: zalo.UserReceivedMessage) -> None:
    channel = service.bus.ports.zalo
    if event.message.tracking_id and isinstance(channel, ZaloChannel):
        channel.confirm_delivery(event.message.tracking_id, event.message.msg_id or "")


def _instant(milliseconds: str) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
