"""The provider's public keys (RFC 7517), which it may change at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.intake.application.identity_port import ProviderSilent

MAX_AGE_SECONDS = 3600.0
"""After that a key which the provider withdrew is no longer believed."""
PAUSE_SECONDS = 30.0
"""Between two fetches for unknown keys: tokens naming keys at will must not become a flood."""

log = structlog.get_logger(__name__)


class KeyRing:
    """Keys by their id: kept for an hour, asked for again once when a token names an unknown one."""

    def __init__(
        self,
        fetch: Callable[[], dict[str, Any]],
        monotonic: Callable[[], float] = time.monotonic,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._pause_seconds = pause_seconds
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._fetched_at = 0.0
        self._asked_again_at = float("-inf")

    def keys_for(self, kid: str | None) -> KeySet:
        """The present keys, renewed when they are old or lack `kid`. Raises ProviderSilent.

        `kid` may still be missing in what is returned: then nobody we know signed.
        """
        with self._lock:
            now = self._monotonic()
            if self._keys is None or now - self._fetched_at >= MAX_AGE_SECONDS:
                self._renew(now)
            elif not self._has(kid) and now - self._asked_again_at >= self._pause_seconds:
                # Counted only when it answers: else a new key would be refused for longer than the outage
                # lasts. How often a provider that fails is asked is the wire's business.
                self._renew(now)
                self._asked_again_at = now
            assert self._keys is not None  # noqa: S101 - _renew sets them or raises
            return self._keys

    def _has(self, kid: str | None) -> bool:
        return kid is None or any(key.kid == kid for key in self._keys or ())

    def _renew(self, now: float) -> None:
        self._keys = _public_keys(self._fetch())
        self._fetched_at = now


def _public_keys(document: dict[str, Any]) -> KeySet:
    """The signature keys of a set; symmetric ones are dropped, they could be anybody's."""
    rows = document.get("keys")
    wanted = [
        row
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and row.get("kty") in {"RSA", "EC"} and row.get("use", "sig") == "sig"
    ]
    try:
        return KeySet.import_key_set({"keys": wanted})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        log.error("provider.unfit", detail="no usable keys", error=type(error).__name__)  # noqa: TRY400
        raise ProviderSilent("no usable keys") from error
