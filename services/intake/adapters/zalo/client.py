"""Zalo's OpenAPI (v3) over httpx: three ways to send, two ways to look, one way to fail.

Success is `error == 0` inside HTTP 200; everything else becomes an error of `errors`. A token refused
by Zalo is refreshed and the call repeated once, which is safe because a refused call had no effect.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import httpx

from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.errors import (
    Ambiguous,
    Misconfigured,
    OurDefect,
    TokenRejected,
    TryLater,
    error_for,
)
from services.intake.adapters.zalo.tokens import TokenKeeper

MESSAGE_LIMIT = 2000
"""Characters of one consultation message, counted in NFC."""

TRACKING_LIMIT = 48

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before a byte of the request left: certainly without effect."""


@dataclass(frozen=True)
class Sent:
    """A message Zalo took. `message_id` is "" if Zalo gave none."""

    message_id: str


class DeliveryStatus(IntEnum):
    """Answer of the status call."""

    FAILED = -1
    PENDING = 0
    DELIVERED = 1


@dataclass(frozen=True)
class ThreadMessage:
    """One line of the conversation between our account and a user."""

    message_id: str
    text: str
    from_us: bool
    at: datetime


class ZaloClient:
    """Calls in the name of one Official Account. `http` brings time-outs and the transport."""

    def __init__(self, account: ZaloAccount, tokens: TokenKeeper, http: httpx.Client) -> None:
        self._account = account
        self._tokens = tokens
        self._http = http

    def send_message(self, user_id: str, text: str) -> Sent:
        """A consultation message (free text), allowed within seven days of the user's last interaction.

        `text` is sent in NFC; over `MESSAGE_LIMIT` raises `OurDefect`, so split it first.
        """
        composed = unicodedata.normalize("NFC", text)
        if len(composed) > MESSAGE_LIMIT:
            raise OurDefect(-210, "the message is over 2000 characters")
        body = {"recipient": {"user_id": user_id}, "message": {"text": composed}}
        return _sent(self._post(f"{self._account.openapi_url}/v3.0/oa/message/cs", body))

    def send_template_to_user(self, user_id: str, template_id: str, data: Mapping[str, str]) -> Sent:
        """An approved template by user id: at any time after the last interaction, billed."""
        body = {"user_id": user_id, "template_id": template_id, "template_data": dict(data)}
        return _sent(self._post(f"{self._account.openapi_url}/v3.0/oa/message/template", body))

    def send_template_to_phone(
        self, phone: str, template_id: str, data: Mapping[str, str], tracking_id: str
    ) -> Sent:
        """An approved template by phone (`84…`); `tracking_id` (≤ 48) comes back in the receipt."""
        if len(tracking_id) > TRACKING_LIMIT:
            raise OurDefect(-1121, "the tracking id is over 48 characters")
        body = {
            "phone": phone,
            "template_id": template_id,
            "template_data": dict(data),
            "tracking_id": tracking_id,
        }
        return _sent(self._post(f"{self._account.business_url}/message/template", body))

    def status(self, message_id: str) -> DeliveryStatus:
        """Whether a template message reached the phone."""
        answer = self._get(f"{self._account.business_url}/message/status", {"message_id": message_id})
        try:
            return DeliveryStatus(int(_data(answer)["status"]))
        except (KeyError, TypeError, ValueError) as error:
            raise Ambiguous(0, "the status answer has another shape") from error

    def recent_messages(self, user_id: str, count: int = 10) -> list[ThreadMessage]:
        """The newest lines (≤ 10, Zalo's limit) of the conversation with a user."""
        question = json.dumps({"user_id": user_id, "offset": 0, "count": count})
        answer = self._get(f"{self._account.openapi_url}/v2.0/oa/conversation", {"data": question})
        lines = answer.get("data")
        return [_thread_message(line) for line in lines if isinstance(line, dict)] if lines else []

    def health(self) -> Mapping[str, Any]:
        """The account as Zalo sees it: `name`, `is_verified`, `package_name`."""
        return _data(self._get(f"{self._account.openapi_url}/v2.0/oa/getoa", {}))

    def _post(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._authorised("POST", url, json=body)

    def _get(self, url: str, params: Mapping[str, str]) -> dict[str, Any]:
        return self._authorised("GET", url, params=params)

    def _authorised(self, method: str, url: str, **request: Any) -> dict[str, Any]:
        token = self._tokens.access_token()
        try:
            return self._call(method, url, token, **request)
        except TokenRejected:
            fresh = self._tokens.replace(token)
        try:
            return self._call(method, url, fresh, **request)
        except TokenRejected as error:
            raise Misconfigured(error.code, f"a fresh token was refused too: {error.said}") from error

    def _call(self, method: str, url: str, token: str, **request: Any) -> dict[str, Any]:
        headers = {"access_token": token}
        if self._account.use_proof:
            headers["appsecret_proof"] = self._account.proof(token)
        try:
            answer = self._http.request(method, url, headers=headers, **request)
        except _NOT_SENT as error:
            raise TryLater(0, f"Zalo is not reachable: {type(error).__name__}") from error
        except httpx.UnsupportedProtocol as error:
            raise Misconfigured(0, "the address of Zalo is no http address") from error
        except httpx.RequestError as error:
            raise Ambiguous(0, f"the connection to Zalo failed: {type(error).__name__}") from error
        return _read(answer)


def split_text(text: str, limit: int = MESSAGE_LIMIT) -> list[str]:
    """Parts of at most `limit` NFC characters, cut at the last paragraph, line, sentence or word end.

    Joined they say what `text` says; only the white space at the cuts is lost.
    """
    rest = unicodedata.normalize("NFC", text).strip()
    parts: list[str] = []
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*parts, rest] if rest else parts


def _cut(text: str, limit: int) -> int:
    """Where to cut, always above zero: at a big pause in the second half, else at any word end."""
    head = text[: limit + 1]
    for mark, kept in (("\n\n", 0), ("\n", 0), (". ", 1)):
        place = head.rfind(mark)
        if place >= max(limit // 2, 1):
            return place + kept
    word_end = head.rfind(" ")
    return word_end if word_end > 0 else limit


def _read(answer: httpx.Response) -> dict[str, Any]:
    """The body of a success. An answer that is not Zalo's own leaves the outcome open."""
    if answer.status_code == 429:
        raise TryLater(-32, "HTTP 429")
    if answer.status_code in {401, 403, 404}:
        raise Misconfigured(0, f"HTTP {answer.status_code}: wrong address or not allowed")
    try:
        body = answer.json()
    except ValueError as error:
        raise Ambiguous(0, f"HTTP {answer.status_code} without JSON") from error
    code = body.get("error") if isinstance(body, dict) else None
    if answer.status_code >= 500 or type(code) is not int:  # false is an int, too
        raise Ambiguous(0, f"HTTP {answer.status_code} without a result")
    if code != 0:
        raise error_for(code, str(body.get("message", "")))
    return dict(body)


def _data(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    data = answer.get("data")
    return data if isinstance(data, dict) else {}


def _sent(answer: Mapping[str, Any]) -> Sent:
    """The id is called `message_id` by user and `msg_id` by phone."""
    data = _data(answer)
    return Sent(str(data.get("message_id") or data.get("msg_id") or ""))


def _thread_message(line: Mapping[str, Any]) -> ThreadMessage:
    """`src` is 0 for our side and 1 for the user's; `time` is in milliseconds."""
    try:
        at = datetime.fromtimestamp(int(line.get("time", 0)) / 1000, UTC)
    except (ValueError, OverflowError, OSError, TypeError):
        at = datetime.fromtimestamp(0, UTC)
    text = unicodedata.normalize("NFC", str(line.get("message", "")))
    return ThreadMessage(str(line.get("message_id", "")), text, line.get("src") == 0, at)
