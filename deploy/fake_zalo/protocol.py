"""How Zalo answers, and what it checks before anything else."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi.responses import JSONResponse

from deploy.fake_zalo.settings import FakeZaloSettings
from deploy.fake_zalo.store import Citizen, Store
from shared.clock import Clock

SAID = {
    -32: "Your application has reached its rate limit",
    -108: "Phone number is invalid",
    -117: "OA does not have permission to use this template",
    -118: "Zalo account does not exist",
    -124: "Access token is invalid",
    -201: "Parameter is invalid",
    -210: "Parameter exceeds the maximum length",
    -213: "User has not interacted with the OA",
    -216: "Access token is invalid",
    -220: "Access token has expired",
    -230: "User has not interacted with the OA in the past 7 days",
    -242: "appsecret_proof is invalid",
    -1121: "Template parameter is too long",
    -1122: "Template parameter is missing",
    -1241: "appsecret_proof is invalid",
    -14002: "Invalid app id",
    -14003: "Invalid consent code",
    -14004: "Invalid secret key",
    -14014: "Invalid refresh token",
}
"""Zalo's words for its codes, shortened."""


class Refusal(Exception):
    """Ends a call with one of Zalo's codes."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class World:
    """What every route of the fake server works with."""

    settings: FakeZaloSettings
    store: Store
    clock: Clock

    def now_ms(self) -> int:
        """Business time in milliseconds, as Zalo writes it."""
        return milliseconds(self.clock())


def milliseconds(instant: datetime) -> int:
    """An instant as milliseconds since 1970."""
    return int(instant.timestamp() * 1000)


def success(data: Mapping[str, Any]) -> dict[str, Any]:
    """A success in Zalo's shape."""
    return {"error": 0, "message": "Success", "data": dict(data)}


def failure(code: int) -> JSONResponse:
    """A refusal in Zalo's shape: HTTP 200 all the same."""
    headers = {"X-RateLimit-Limit": "4000", "X-RateLimit-Remain": "0"} if code == -32 else {}
    return JSONResponse({"error": code, "message": SAID.get(code, "Error")}, headers=headers)


def authorise(world: World, headers: Mapping[str, str], *, business: bool) -> None:
    """The access token and, when sent, the proof. The two API families have different codes."""
    token = headers.get("access_token", "")
    expires_at = world.store.token_expiry(token)
    if expires_at is None:
        raise Refusal(-124 if business else -216)
    if expires_at <= time.time():
        raise Refusal(-124 if business else -220)
    proof = headers.get("appsecret_proof")
    if proof is None:
        return
    expected = hmac.new(world.settings.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(proof.encode(), expected.encode()):
        raise Refusal(-1241 if business else -242)


def reachable(citizen: Citizen | None, unknown: int) -> Citizen:
    """The citizen, or Zalo's refusal for an unknown or unwilling one."""
    if citizen is None:
        raise Refusal(unknown)
    if citizen.refusal:
        raise Refusal(citizen.refusal)
    return citizen


def new_message_id() -> str:
    """An id in the look of Zalo's."""
    return secrets.token_hex(10)


def new_uid() -> str:
    """A user id of 18 digits, as Zalo's."""
    return str(secrets.randbelow(9 * 10**17) + 10**17)
