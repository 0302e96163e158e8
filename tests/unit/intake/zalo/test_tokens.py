"""Tokens: renewed in time, written before use, never spent twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.errors import Misconfigured, TryLater
from services.intake.adapters.zalo.sql_stores import SqlTokenStore
from services.intake.adapters.zalo.tables import ZaloTable
from services.intake.adapters.zalo.tokens import MemoryTokenStore, TokenKeeper, TokenPair, TokenStore
from shared.persistence.engine import open_engine

ACCOUNT = ZaloAccount("app", "oa", "app-secret", "oa-secret", "http://oauth.test")
START = datetime(2026, 11, 25, 5, 0, tzinfo=UTC)


class TokenEndpoint:
    """Zalo's token endpoint in ten lines: every refresh token works once."""

    def __init__(self) -> None:
        self.valid = "refresh-0"
        self.grants = 0
        self.answer: Callable[[httpx.Request], httpx.Response] | None = None
        self.http = httpx.Client(transport=httpx.MockTransport(self._handle))

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if self.answer is not None:
            return self.answer(request)
        form = dict(httpx.QueryParams(request.content.decode()))
        assert request.headers["secret_key"] == "app-secret"
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != self.valid:
            return httpx.Response(200, json={"error": -14014, "error_name": "Invalid refresh token"})
        self.grants += 1
        self.valid = f"refresh-{self.grants}"
        pair = {"access_token": f"access-{self.grants}", "refresh_token": self.valid, "expires_in": "90000"}
        return httpx.Response(200, json=pair)


class Clock:
    """Moved by hand."""

    now = START

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self.now


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database with the adapter's tables."""
    opened = open_engine(f"sqlite:///{tmp_path}/intake.db")
    ZaloTable.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture(params=["memory", "sql"])
def store(request: pytest.FixtureRequest, engine: Engine) -> TokenStore:
    """Both stores keep the same promises."""
    return MemoryTokenStore() if request.param == "memory" else SqlTokenStore(engine, "oa")


def test_the_first_token_comes_from_the_consent_code(store: TokenStore) -> None:
    """If this failed, a new account could never begin."""
    endpoint = TokenEndpoint()
    keeper = TokenKeeper(ACCOUNT, store, endpoint.http, Clock(), first_code="code")
    assert keeper.access_token() == "access-1"
    assert keeper.access_token() == "access-1"
    assert store.load() == TokenPair("access-1", "refresh-1", START, START + timedelta(hours=25))


def test_without_consent_the_channel_says_what_is_missing(store: TokenStore) -> None:
    """If this failed, an account without tokens would be a crash instead of an alarm."""
    with pytest.raises(Misconfigured, match="consent"):
        TokenKeeper(ACCOUNT, store, TokenEndpoint().http, Clock()).access_token()


def test_a_token_is_refreshed_after_twenty_hours(store: TokenStore) -> None:
    """If this failed, tokens would end in the middle of a working day."""
    endpoint, clock = TokenEndpoint(), Clock()
    keeper = TokenKeeper(ACCOUNT, store, endpoint.http, clock, first_code="code")
    keeper.access_token()
    clock.now = START + timedelta(hours=19, minutes=59)
    assert keeper.access_token() == "access-1"
    clock.now = START + timedelta(hours=20)
    assert keeper.access_token() == "access-2"
    assert endpoint.grants == 2


def test_an_early_refresh_that_fails_leaves_the_old_token_in_use(store: TokenStore) -> None:
    """If this failed, five hours of reserve would be worth nothing when Zalo's token endpoint is away."""
    endpoint, clock = TokenEndpoint(), Clock()
    keeper = TokenKeeper(ACCOUNT, store, endpoint.http, clock, first_code="code")
    keeper.access_token()
    endpoint.answer = lambda _request: httpx.Response(503)
    clock.now = START + timedelta(hours=21)
    assert keeper.access_token() == "access-1"
    clock.now = START + timedelta(hours=25)
    with pytest.raises(TryLater):
        keeper.access_token()


def test_a_spent_refresh_token_needs_a_person(store: TokenStore) -> None:
    """If this failed, a lost token pair would be retried for ever without an alarm."""
    keeper = TokenKeeper(ACCOUNT, store, TokenEndpoint().http, Clock())
    store.save(TokenPair("old", "refresh-lost", START - timedelta(days=2), START - timedelta(days=1)))
    with pytest.raises(Misconfigured) as caught:
        keeper.access_token()
    assert caught.value.code == -14014


def test_the_new_pair_is_kept_before_anybody_uses_it() -> None:
    """If this failed, a crash after a refresh would lock the account out until an administrator consents."""

    class FullDisk(MemoryTokenStore):
        def save(self, pair: TokenPair) -> None:
            raise OSError("disk full")

    keeper = TokenKeeper(ACCOUNT, FullDisk(), TokenEndpoint().http, Clock(), first_code="code")
    with pytest.raises(OSError, match="disk full"):
        keeper.access_token()


def test_a_rejected_token_already_replaced_by_another_process_is_not_refreshed_again(
    store: TokenStore,
) -> None:
    """If this failed, two processes would chase each other's refresh tokens."""
    endpoint = TokenEndpoint()
    keeper = TokenKeeper(ACCOUNT, store, endpoint.http, Clock(), first_code="code")
    first = keeper.access_token()
    second = keeper.replace(first)
    assert keeper.replace(first) == second == "access-2"
    assert endpoint.grants == 2


def test_eight_at_once_spend_one_refresh_token(store: TokenStore) -> None:
    """If this failed, a busy minute would spend the single-use refresh token twice and lose the account."""
    endpoint = TokenEndpoint()
    keepers = [TokenKeeper(ACCOUNT, store, endpoint.http, Clock(), first_code="code") for _ in range(8)]
    rejected = keepers[0].access_token()
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda one=keeper: answers.append(one.replace(rejected)))
        for keeper in keepers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert answers == ["access-2"] * 8
    assert endpoint.grants == 2


def test_a_pasted_pair_is_refreshed_at_its_first_use(store: TokenStore) -> None:
    """If this failed, a pasted token of unknown age would be trusted for 20 hours."""
    keeper = TokenKeeper(ACCOUNT, store, TokenEndpoint().http, Clock())
    keeper.adopt("pasted", "refresh-0")
    assert keeper.access_token() == "access-1"


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, text="<html>"), httpx.Response(429), httpx.Response(502)],
    ids=["no json", "429", "502"],
)
def test_a_broken_token_endpoint_is_tried_later(answer: httpx.Response) -> None:
    """If this failed, a gateway error would be taken for a lost account."""
    endpoint = TokenEndpoint()
    endpoint.answer = lambda _request: answer
    with pytest.raises(TryLater):
        TokenKeeper(ACCOUNT, MemoryTokenStore(), endpoint.http, Clock(), first_code="code").access_token()


def test_tokens_do_not_show_in_a_printed_pair() -> None:
    """If this failed, a log line or traceback could hold the keys of the account."""
    shown = repr(TokenPair("secret-a", "secret-b", START, START)) + repr(ACCOUNT)
    assert "secret" not in shown
