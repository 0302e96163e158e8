"""Access to Zalo's API: a pair of tokens that renews itself and is never lost.

The refresh token works once. Whoever uses it must have written the new pair to disk before anybody
uses it, or a crash locks the account out until an administrator consents again. So one process at a
time refreshes, and `save` is a committed transaction.

Token life is the outside world's time: wire the system clock here, never the demonstration clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol

import httpx
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.errors import Misconfigured, TryLater
from shared.clock import Clock

_log = structlog.get_logger(__name__)

REFRESH_AFTER = timedelta(hours=20)
"""Zalo's access tokens live 25 hours; five hours are left to notice that refreshing fails."""


@dataclass(frozen=True)
class TokenPair:
    """What one grant gave."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    obtained_at: datetime
    expires_at: datetime


class TokenStore(Protocol):
    """Keeps the pair of one Official Account."""

    def load(self) -> TokenPair | None:
        """The newest pair, or None before the first grant."""
        ...

    def save(self, pair: TokenPair) -> None:
        """Keep the new pair; durable when this returns."""
        ...

    def refreshing(self) -> AbstractContextManager[None]:
        """Be the only one, over all processes, who refreshes; waits for its turn."""
        ...


class MemoryTokenStore:
    """A store for tests: forgets everything with the process."""

    def __init__(self, pair: TokenPair | None = None) -> None:
        self.pair = pair
        self._turn = Lock()

    def load(self) -> TokenPair | None:
        """See `TokenStore.load`."""
        return self.pair

    def save(self, pair: TokenPair) -> None:
        """See `TokenStore.save`."""
        self.pair = pair

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """See `TokenStore.refreshing`."""
        with self._turn:
            yield


class _Grant(BaseModel):
    """The token endpoint's success; `expires_in` comes as a string of seconds."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    access_token: str
    refresh_token: str
    expires_in: int


class TokenKeeper:
    """Hands out a valid access token and renews it in time or on demand.

    `first_code` is the consent code of Zalo's console for the very first grant (with its PKCE
    `code_verifier`); a pair pasted from Zalo's API explorer can be given to `adopt` instead.
    """

    def __init__(
        self,
        account: ZaloAccount,
        store: TokenStore,
        http: httpx.Client,
        clock: Clock,
        *,
        first_code: str | None = None,
        code_verifier: str = "",
    ) -> None:
        self._account = account
        self._store = store
        self._http = http
        self._clock = clock
        self._first_code = first_code
        self._code_verifier = code_verifier

    def access_token(self) -> str:
        """A token good for a call now.

        A failing early refresh (between 20 and 25 hours) is logged and the old token used. Raises
        `Misconfigured` when there is no pair and no way to get one, `TryLater` when Zalo is away.
        """
        pair = self._store.load()
        if pair is None:
            return self._renew(None)
        now = self._clock()
        if now < pair.obtained_at + REFRESH_AFTER:
            return pair.access_token
        try:
            return self._renew(pair)
        except (Misconfigured, TryLater) as error:
            if now >= pair.expires_at:
                raise
            _log.warning("zalo.refresh_failed", code=error.code, app_id=self._account.app_id)
            return pair.access_token

    def replace(self, rejected: str) -> str:
        """Another token than `rejected`, which Zalo just refused: the newest, fetched if need be."""
        pair = self._store.load()
        if pair is not None and pair.access_token != rejected:
            return pair.access_token
        return self._renew(pair)

    def adopt(self, access_token: str, refresh_token: str) -> None:
        """Take over a pair pasted by an administrator; it is refreshed at its first use."""
        now = self._clock()
        self._store.save(TokenPair(access_token, refresh_token, now - REFRESH_AFTER, now))

    def _renew(self, seen: TokenPair | None) -> str:
        with self._store.refreshing():
            pair = self._store.load()
            if pair is not None and (seen is None or pair.access_token != seen.access_token):
                return pair.access_token  # somebody finished between our look and our turn
            fresh = self._grant(pair)
            self._store.save(fresh)  # before use: the old refresh token is worthless from here on
        _log.info("zalo.token_renewed", app_id=self._account.app_id)
        return fresh.access_token

    def _grant(self, pair: TokenPair | None) -> TokenPair:
        form = {"app_id": self._account.app_id}
        if pair is not None:
            form |= {"grant_type": "refresh_token", "refresh_token": pair.refresh_token}
        elif self._first_code:
            form |= {
                "grant_type": "authorization_code",
                "code": self._first_code,
                "code_verifier": self._code_verifier,
            }
        else:
            raise Misconfigured(0, "no Zalo token yet: consent as OA administrator or paste a token pair")
        now = self._clock()
        grant = _read_grant(self._post(form))
        return TokenPair(
            grant.access_token, grant.refresh_token, now, now + timedelta(seconds=grant.expires_in)
        )

    def _post(self, form: dict[str, str]) -> Any:
        try:
            answer = self._http.post(
                f"{self._account.oauth_url}/v4/oa/access_token",
                data=form,
                headers={"secret_key": self._account.app_secret},
            )
            if answer.status_code >= 500 or answer.status_code == 429:
                raise TryLater(0, f"the token endpoint answered HTTP {answer.status_code}")
            return answer.json()
        except httpx.RequestError as error:
            raise TryLater(0, f"the token endpoint is not reachable: {type(error).__name__}") from error
        except ValueError as error:
            raise TryLater(0, "the token endpoint answered no JSON") from error


def _read_grant(answer: Any) -> _Grant:
    """Raises `Misconfigured` for a refusal: a spent or expired refresh token needs a person."""
    try:
        return _Grant.model_validate(answer)
    except ValidationError as error:
        code = answer.get("error", 0) if isinstance(answer, dict) else 0
        said = answer.get("error_name") or answer.get("message") if isinstance(answer, dict) else None
        raise Misconfigured(
            code if isinstance(code, int) else 0, str(said or "the token endpoint gave no tokens")
        ) from error
