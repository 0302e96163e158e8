"""Limits against guessing and flooding: a moving window for each key, kept in the memory of the process.

    @router.post("/sign-in", dependencies=[PUBLIC, limit("10/minute"), limit("5/minute", key=account)])

Counts are lost with the process and not shared between processes; behind a proxy the server must be told
whose forwarded addresses to trust. Windows follow the machine's clock.
"""

from __future__ import annotations

import hashlib
import inspect
import itertools
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from limits import RateLimitItem, parse

from shared.errors import TooMany
from shared.web.kit import kit_of

_numbers = itertools.count()

Key = Callable[[Request], str | Awaitable[str]]
"""Says for a request whose tries are counted."""


class AskedTooOften(TooMany):
    """The window is full; `retry_after_s` seconds until it has room again."""

    def __init__(self, retry_after_s: int) -> None:
        minutes = math.ceil(retry_after_s / 60)
        super().__init__(f"Ông/Bà đã thử quá nhiều lần. Vui lòng thử lại sau {minutes} phút.")
        self.retry_after_s = retry_after_s


def client_address(request: Request) -> str:
    """The network address the request came from."""
    return request.client.host if request.client else "unknown"


def form_field(name: str) -> Key:
    """Counts by what was typed into a form field, such as the account or the request code."""

    async def key(request: Request) -> str:
        value = (await request.form()).get(name)
        return value.strip().lower() if isinstance(value, str) else ""

    return key


@dataclass(frozen=True)
class Limit:
    """A dependency that counts one try and raises AskedTooOften when the window is full."""

    item: RateLimitItem
    scope: str
    key: Key

    async def __call__(self, request: Request) -> None:
        """Count the request."""
        told = self.key(request)
        whose = await told if inspect.isawaitable(told) else told
        # Hashed: keys stay short whatever was typed, and no phone or code lies around in memory.
        digest = hashlib.sha256(str(whose).encode()).hexdigest()[:32]
        limiter = kit_of(request).limiter
        if not limiter.hit(self.item, self.scope, digest):
            reset = limiter.get_window_stats(self.item, self.scope, digest).reset_time
            raise AskedTooOften(max(1, math.ceil(reset - time.time())))


def limit(rate: str, *, key: Key = client_address, scope: str = "") -> Any:
    """At most `rate` ("10/minute") for each value of `key`.

    Limits with the same `scope` share their counts across routes; without one the limit counts alone.
    """
    return Depends(Limit(parse(rate), scope or f"alone-{next(_numbers)}", key))
