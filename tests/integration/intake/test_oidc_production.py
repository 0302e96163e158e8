"""Signing in as in production: at the provider, over https, passwords off but for one administrator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.intake.bootstrap import bootstrap
from services.intake.entrypoints.app import build_app
from services.intake.settings import Settings
from shared.clock import DemoClock
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner
from tests.integration.intake.conftest import Intake, ListChannel, PlainPasswords
from tests.integration.intake.oidc_support import (
    DISPATCHER,
    PAGE,
    SECURE,
    Browser,
    ProviderProcess,
    provider_process,
    register,
)
from tests.unit.intake.test_settings import REAL

ADMINISTRATOR = {
    "account": "quantri1",
    "password": "mot-mat-khau-dai",
    "name": "Lê Quản Trị",
    "role": "administrator",
}


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """One provider for the tests of this file."""
    with provider_process(tmp_path_factory.mktemp("provider")) as running:
        yield running


def production(folder: Path, provider: ProviderProcess, **other: Any) -> Intake:
    """Intake as in production, with a dispatcher and an administrator who both have passwords."""
    private, public = ensure_key_pair(folder / "keys")
    settings = Settings(
        environment="production",
        database=f"sqlite:///{folder}/intake.db",
        data_dir=folder,
        session_private_key=private,
        session_public_key=public,
        intake_url=SECURE,
        **provider.settings(**REAL, **other),
    )
    channel = ListChannel()
    service = bootstrap(settings, passwords=PlainPasswords(), zalo=channel)
    service.migrate()
    app = build_app(service)
    client = TestClient(app, base_url=SECURE, follow_redirects=False)
    signer = SessionSigner(load_private_key(private))
    intake = Intake(service, app, client, DemoClock(folder / "none"), signer, channel)
    register(intake, {**DISPATCHER, "password": "mot-mat-khau-dai"}, ADMINISTRATOR)
    return intake


def by_password(intake: Intake, account: str) -> int:
    """What the API answers to an account with its right password."""
    body = {"account": account, "password": "mot-mat-khau-dai"}
    return int(intake.post("/api/session", body).status_code)


def test_people_sign_in_at_the_provider_only(tmp_path: Path, provider: ProviderProcess) -> None:
    """A password that leaked from a demonstration or an old list would open the real office."""
    intake = production(tmp_path, provider)
    page = intake.client.get("/dang-nhap", headers=PAGE).text
    assert "Đăng nhập bằng tài khoản cơ quan" in page
    assert 'type="password"' not in page
    assert [by_password(intake, account) for account in ("dieudo1", "quantri1", "nobody")] == [403] * 3
    browser = Browser(intake, SECURE)
    answer = browser.sign_in("s-dieu")
    assert answer.status_code == 303
    cookies = answer.headers.get_list("set-cookie")
    kept = [cookie for cookie in cookies if "Max-Age=0" not in cookie]
    assert {cookie.partition("=")[0] for cookie in kept} == {"tannha_session", "tannha_proof"}
    for cookie in kept:
        assert "HttpOnly" in cookie
        assert "Secure" in cookie
        assert "SameSite=lax" in cookie
    assert browser.sign_out().status_code == 200


def test_one_administrator_may_break_the_glass(tmp_path: Path, provider: ProviderProcess) -> None:
    """While the provider is away nobody could look after the house; or any old password would do."""
    intake = production(tmp_path, provider, break_glass_account="quantri1")
    assert 'type="password"' in intake.client.get("/dang-nhap", headers=PAGE).text
    assert [by_password(intake, account) for account in ("dieudo1", "quantri1", "nobody")] == [401, 200, 401]


def test_the_glass_breaks_for_administrators_only(tmp_path: Path, provider: ProviderProcess) -> None:
    """A slip in the settings would give a dispatcher a way around the provider."""
    intake = production(tmp_path, provider, break_glass_account="dieudo1")
    assert by_password(intake, "dieudo1") == 401
