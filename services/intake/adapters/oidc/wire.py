"""Calls to the identity provider that can fail, hang and flood without taking citizens' pages along.

Pages are served by a bounded number of threads. A provider that hangs would hold one of them for each click
on "sign in"; therefore few calls run at once, each has a deadline as a whole, and after a failure nobody
asks again for a moment.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import structlog

from services.intake.application.identity_port import ProviderSilent

MOST_AT_ONCE = 8
WAIT_FOR_A_TURN_SECONDS = 1.0
LARGEST_ANSWER = 256 * 1024

log = structlog.get_logger(__name__)


class Wire:
    """JSON from the provider, or ProviderSilent. `pause_seconds` is the moment of rest after a failure."""

    def __init__(
        self,
        *,
        timeout_seconds: float = 5.0,
        pause_seconds: float = 3.0,
        transport: httpx.BaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = httpx.Client(timeout=timeout_seconds, trust_env=False, transport=transport)
        self._deadline_seconds = timeout_seconds
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._turns = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._rest_until = float("-inf")

    def get(self, address: str) -> dict[str, Any]:
        """The JSON object at `address`. Raises ProviderSilent."""
        status, body = self._ask("GET", address)
        if status != httpx.codes.OK:
            raise _silent(f"{status} for {address}")
        return body

    def post(self, address: str, content: str, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Status and JSON object that a form is answered with. Raises ProviderSilent, also for 5xx."""
        return self._ask("POST", address, content=content, headers=headers)

    def _ask(self, method: str, address: str, **more: Any) -> tuple[int, dict[str, Any]]:
        if self._monotonic() < self._rest_until:
            raise ProviderSilent("resting after a failure")
        if not self._turns.acquire(timeout=WAIT_FOR_A_TURN_SECONDS):
            raise _silent("too many calls under way")
        try:
            status, content = self._read(method, address, **more)
        except httpx.HTTPError as error:
            self._rest_until = self._monotonic() + self._pause_seconds
            raise _silent(f"{type(error).__name__} for {address}") from error
        finally:
            self._turns.release()
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _silent(f"{status} for {address}")
        try:
            body = json.loads(content)
        except ValueError as error:
            raise _silent(f"no JSON from {address}") from error
        if not isinstance(body, dict):
            raise _silent(f"no JSON object from {address}")
        return status, body

    def _read(self, method: str, address: str, **more: Any) -> tuple[int, bytes]:
        """Status and body; httpx bounds each wait, the deadline bounds an answer that drips."""
        deadline = self._monotonic() + self._deadline_seconds
        content = b""
        with self._http.stream(method, address, **more) as response:
            for piece in response.iter_bytes():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise httpx.ReadError("answer too large")
                if self._monotonic() > deadline:
                    raise httpx.ReadTimeout("answer too slow")
            return response.status_code, content


def _silent(detail: str) -> ProviderSilent:
    log.warning("provider.silent", detail=detail)
    return ProviderSilent(detail)
