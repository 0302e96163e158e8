"""A Zalo account, a movable clock and the fake server inside the process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient

from deploy.fake_zalo.app import create_app
from deploy.fake_zalo.settings import FakeZaloSettings
from deploy.fake_zalo.webhooks import Webhooks
from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.client import ZaloClient
from services.intake.adapters.zalo.tokens import MemoryTokenStore, TokenKeeper
from shared.clock import system_clock
from tests.unit.intake.zalo.support import MovableClock, WebhookTrap, demo_account


@pytest.fixture
def clock() -> MovableClock:
    """Noon in the middle of a working week."""
    return MovableClock(datetime(2026, 11, 25, 5, 0, tzinfo=UTC))


@pytest.fixture
def trap() -> WebhookTrap:
    """Where the fake server's webhooks end."""
    return WebhookTrap()


@pytest.fixture
def fake(tmp_path: Path, clock: MovableClock, trap: WebhookTrap) -> Iterator[TestClient]:
    """The fake server, empty, on the movable clock; its webhooks are posted at once."""
    settings = FakeZaloSettings.model_construct(data=tmp_path / "fake_zalo.db")
    app = create_app(settings, clock, lambda world: Webhooks(world, trap, aside=lambda job: job()))
    with TestClient(app, base_url="http://testserver") as client:
        yield client


@pytest.fixture
def account() -> ZaloAccount:
    """The demonstration account, talking to the fake server."""
    return demo_account()


@pytest.fixture
def tokens(fake: TestClient, account: ZaloAccount) -> TokenKeeper:
    """Tokens that begin with the administrator's consent."""
    return TokenKeeper(account, MemoryTokenStore(), fake, system_clock, first_code="demo-consent-code")


@pytest.fixture
def zalo(fake: TestClient, account: ZaloAccount, tokens: TokenKeeper) -> ZaloClient:
    """A client of the fake server."""
    return ZaloClient(account, tokens, fake)


@pytest.fixture
def citizen(fake: httpx.Client) -> str:
    """The user id of somebody who has just written."""
    answer = fake.post(
        "/write.json", json={"name": "Nguyễn Thị Mẫu", "phone": "0900000123", "text": "Xin chào"}
    )
    return str(answer.json()["uid"])
