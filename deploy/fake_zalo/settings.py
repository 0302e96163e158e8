"""Settings of the fake server, by environment (`TANNHA_FAKE_ZALO_…`) or command line."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class FakeZaloSettings(BaseSettings):
    """Who the fake account is and where it listens.

    The secrets are demonstration values that intake must be given too; they open nothing real.
    `clock_file` is the shared demonstration clock, so that "seven days ago" means the same on both
    sides; without it the machine's clock is used. `receipts` posts a delivery receipt for each
    template by phone, as Zalo does.
    """

    model_config = SettingsConfigDict(env_prefix="TANNHA_FAKE_ZALO_", extra="forbid")

    host: str = "127.0.0.1"
    port: int = 8109
    data: Path = Path("var/fake_zalo.db")
    """`:memory:` keeps nothing."""
    intake_url: str = "http://127.0.0.1:8101"
    webhook_path: str = "/webhooks/zalo"
    app_id: str = "4000000000000000001"
    oa_id: str = "388613280878808645"
    app_secret: str = "demo-app-secret"  # noqa: S105 - opens the fake server only
    oa_secret: str = "demo-oa-secret"  # noqa: S105 - likewise
    consent_code: str = "demo-consent-code"
    token_seconds: int = 90_000
    clock_file: Path | None = None
    receipts: bool = True
