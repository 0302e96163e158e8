"""What citizens do, told to intake the way Zalo tells it: signed, as a webhook."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

import httpx

from deploy.fake_zalo.protocol import World, new_message_id, new_uid
from deploy.fake_zalo.store import Citizen, Message

NOT_REACHABLE = 0
"""The status kept when nobody answered at intake's address."""

ANSWER_SECONDS = 2.0
"""Zalo waits no longer for an answer."""


class Post(Protocol):
    """Delivers a body and answers the HTTP status, `NOT_REACHABLE` when there was no answer."""

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Post once."""
        ...


@cache
def _client() -> httpx.Client:
    """One for all posts: to make one reads every certificate authority, longer than a post takes."""
    return httpx.Client(timeout=ANSWER_SECONDS)


def post_by_http(url: str, body: bytes, headers: dict[str, str]) -> int:
    """Post over the network."""
    try:
        return _client().post(url, content=body, headers=headers).status_code
    except httpx.HTTPError:
        return NOT_REACHABLE


def run_aside(job: Callable[[], object]) -> None:
    """Run a job beside the request that caused it."""
    threading.Thread(target=job, daemon=True).start()


class Webhooks:
    """Builds, signs and posts events. Nothing is repeated by itself: `again` plays Zalo's retry."""

    def __init__(
        self,
        world: World,
        post: Post = post_by_http,
        aside: Callable[[Callable[[], object]], object] = run_aside,
    ) -> None:
        self._world = world
        self._post = post
        self._aside = aside

    def text(self, citizen: Citizen, text: str) -> Message:
        """The citizen writes."""
        message_id = new_message_id()
        return self._say(citizen, "user_send_text", "message", text, {"msg_id": message_id, "text": text})

    def location(self, citizen: Citizen, latitude: float, longitude: float) -> Message:
        """The citizen sends a point."""
        coordinates = {"latitude": str(latitude), "longitude": str(longitude)}
        attachment = {"type": "location", "payload": {"coordinates": coordinates}}
        content = {"msg_id": new_message_id(), "text": "", "attachments": [attachment]}
        shown = f"Vị trí {latitude:.6f}, {longitude:.6f}"
        return self._say(citizen, "user_send_location", "location", shown, content)

    def again(self, message: Message) -> int:
        """Post an earlier event once more, byte for byte, as Zalo's first retry."""
        if message.webhook_body is None:
            return NOT_REACHABLE
        status = self._deliver(message.webhook_body, {"num_retry": "1"})
        self._world.store.set_webhook_status(message.id, status)
        return status

    def receipt(self, message: Message, phone: str) -> None:
        """A template sent by phone has arrived; told beside the answer to the sender, as Zalo does."""
        settings = self._world.settings
        content = {
            "msg_id": message.id,
            "tracking_id": message.tracking_id,
            "delivery_time": str(message.at),
        }
        event = {
            "app_id": settings.app_id,
            "oa_id": settings.oa_id,
            "event_name": "user_received_message",
            "timestamp": str(self._world.now_ms()),
            "sender": {"id": settings.oa_id},
            "recipient": {"id": phone},
            "message": content,
        }
        self._aside(lambda: self._deliver(_encode(event), {"X-ZEvent-Server": "ZNS"}))

    def _say(self, citizen: Citizen, name: str, kind: str, shown: str, content: dict[str, Any]) -> Message:
        world, now = self._world, self._world.now_ms()
        event = {
            "app_id": world.settings.app_id,
            "user_id_by_app": citizen.uid[::-1],
            "event_name": name,
            "timestamp": str(now),
            "sender": {"id": citizen.uid},
            "recipient": {"id": world.settings.oa_id},
            "message": content,
        }
        body = _encode(event)
        world.store.put_citizen(replace(citizen, last_interaction=now))
        message = Message(content["msg_id"], citizen.uid, True, kind, shown, now, webhook_body=body)
        world.store.add_message(message)
        status = self._deliver(body, {})
        world.store.set_webhook_status(message.id, status)
        return replace(message, webhook_status=status)

    def _deliver(self, body: bytes, extra: dict[str, str]) -> int:
        settings = self._world.settings
        timestamp = json.loads(body)["timestamp"]
        signed = settings.app_id.encode() + body + timestamp.encode() + settings.oa_secret.encode()
        headers = {
            "Content-Type": "application/json",
            "X-ZEvent-Signature": "mac=" + hashlib.sha256(signed).hexdigest(),
            **extra,
        }
        return self._post(settings.intake_url.rstrip("/") + settings.webhook_path, body, headers)


def new_citizen(name: str, phone: str | None = None) -> Citizen:
    """Somebody who has not written yet."""
    return Citizen(new_uid(), name, phone, 0, None)


def _encode(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
