"""Settings and passwords: nothing of the demonstration reaches real people."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.adapters.passwords import Argon2Passwords
from services.intake.settings import Settings
from shared.actor import Role
from shared.settings import SettingsRefused


def test_demo_secrets_are_refused_in_production() -> None:
    """Anybody who reads the source could forge messages of citizens."""
    with pytest.raises(SettingsRefused, match="zalo_app_secret"):
        Settings.load(environment="production")


REAL = {
    "zalo_app_id": "1",
    "zalo_oa_id": "2",
    "zalo_app_secret": "s1",
    "zalo_oa_secret": "s2",
    "zalo_consent_code": "",
    "zalo_oauth_url": "https://oauth.example",
    "zalo_openapi_url": "https://openapi.example",
    "zalo_business_url": "https://business.example",
}
SIGN_IN = {"oidc_issuer": "https://dinh-danh.example/realms/buu-dien", "oidc_client_id": "tannha"}


def test_a_complete_production_environment_is_taken() -> None:
    """Nobody could start the real thing."""
    assert Settings.load(environment="production", **REAL, **SIGN_IN).production


@pytest.mark.parametrize("left", sorted(REAL))
def test_each_default_of_the_fake_server_is_refused_in_production(left: str) -> None:
    """Citizens' messages would go to a server on this machine, or to nobody's account."""
    rest = {name: value for name, value in REAL.items() if name != left}
    with pytest.raises(SettingsRefused, match=left):
        Settings.load(environment="production", **rest, **SIGN_IN)


def test_production_needs_a_way_to_sign_in() -> None:
    """The office would open and nobody could work."""
    with pytest.raises(SettingsRefused, match="oidc_issuer"):
        Settings.load(environment="production", **REAL)
    assert Settings.load(environment="production", **REAL, break_glass_account="quantri").production


WRONG_SIGN_IN: list[tuple[str, dict[str, Any]]] = [
    ("https", {**SIGN_IN, "oidc_issuer": "http://dinh-danh.example"}),
    ("https", {**SIGN_IN, "oidc_issuer": "ftp://dinh-danh.example"}),
    ("https", {**SIGN_IN, "oidc_issuer": "http://127.0.0.1.evil.example"}),
    ("intake_url", {**SIGN_IN, "intake_url": "http://tannha.example"}),
    ("oidc_client_id", {"oidc_issuer": SIGN_IN["oidc_issuer"]}),
    ("oidc_issuer", {"oidc_client_id": "tannha"}),
    ("openid", {**SIGN_IN, "oidc_scopes": "profile email"}),
    ("oidc_role_claim", {**SIGN_IN, "oidc_roles": {"a": "operator"}}),
    ("oidc_roles", {**SIGN_IN, "oidc_role_claim": "groups"}),
    ("OIDC_ROLES", {**SIGN_IN, "oidc_role_claim": "groups", "oidc_roles": {"a": "king"}}),
]


@pytest.mark.parametrize(("named", "given"), WRONG_SIGN_IN)
def test_a_sign_in_that_cannot_be_safe_or_complete_is_refused(named: str, given: dict[str, Any]) -> None:
    """Codes and tokens would cross the street in the clear, or the mistake show at the first sign-in only."""
    with pytest.raises(SettingsRefused, match=named):
        Settings.load(**given)


def test_passwords_are_for_everybody_in_a_demonstration_and_for_one_in_production() -> None:
    """A guessed password would open an account that the agency believes to be protected by its provider."""
    assert Settings.load(environment="demo", **SIGN_IN).passwords_for is None
    real: dict[str, Any] = {"environment": "production", **REAL, **SIGN_IN}
    assert Settings.load(**real).passwords_for == frozenset()
    assert Settings.load(**real, break_glass_account="quantri").passwords_for == frozenset({"quantri"})


def test_roles_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator could not write the map at all."""
    monkeypatch.setenv("TANNHA_INTAKE_OIDC_ROLES", '{"nhom-tong-dai": "operator"}')
    settings = Settings.load(**SIGN_IN, oidc_role_claim="groups")
    assert settings.oidc_roles == {"nhom-tong-dai": Role.OPERATOR}


def test_an_unknown_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelled key would silently do nothing."""
    monkeypatch.setenv("TANNHA_INTAKE_HOTLIN", "1022")
    with pytest.raises(SettingsRefused, match="TANNHA_INTAKE_HOTLIN"):
        Settings.load()


def test_printed_settings_show_no_secret() -> None:
    """The command that prints settings would leak the account's secrets."""
    printed = str(Settings.load().model_dump())
    assert "demo-app-secret" not in printed
    assert "demo-oa-secret" not in printed


def test_a_password_matches_only_its_own_hash() -> None:
    """Anybody could sign in, or nobody."""
    passwords = Argon2Passwords(memory_kib=64, rounds=1)
    stored = passwords.hash("mat-khau-demo")
    assert stored.startswith("$argon2id$")
    assert passwords.matches("mat-khau-demo", stored)
    assert not passwords.matches("mat-khau-dem0", stored)
    assert not passwords.matches("nobody has this password", "")
    assert not passwords.matches("mat-khau-demo", "not a hash")
