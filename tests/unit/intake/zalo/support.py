"""Stand-ins shared by the Zalo tests."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx

from deploy.fake_zalo.settings import FakeZaloSettings
from services.intake.adapters.zalo.account import ZaloAccount


class MovableClock:
    """Stands still until a test moves it."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def __call__(self) -> datetime:
        """The instant it shows."""
        return self.instant

    def move(self, **by: float) -> None:
        """Go on by `days=…`, `hours=…`, `seconds=…`."""
        self.instant += timedelta(**by)


class WebhookTrap:
    """Stands in for intake: keeps what the fake server posts and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.posts: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """See `deploy.fake_zalo.webhooks.Post`."""
        self.posts.append((url, body, headers))
        return self.status


def demo_account(address: str = "http://testserver") -> ZaloAccount:
    """The fake server's account, with all three hosts at one address."""
    settings = FakeZaloSettings.model_construct()
    return ZaloAccount(
        settings.app_id,
        settings.oa_id,
        settings.app_secret,
        settings.oa_secret,
        address,
        address,
        address,
    )


def inbox(fake: httpx.Client, user: str = "") -> list[str]:
    """Texts that reached a user (all users without one), newest first."""
    answer = fake.get("/inbox.json", params={"user": user})
    return [message["text"] for message in answer.json()["messages"]]
