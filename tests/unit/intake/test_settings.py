"""Settings and passwords: nothing of the demonstration reaches real people."""

from __future__ import annotations

import pytest

from services.intake.adapters.passwords import Argon2Passwords
from services.intake.settings import Settings
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


def test_a_complete_production_environment_is_taken() -> None:
    """Nobody could start the real thing."""
    assert Settings.load(environment="production", **REAL).production


@pytest.mark.parametrize("left", sorted(REAL))
def test_each_default_of_the_fake_server_is_refused_in_production(left: str) -> None:
    """Citizens' messages would go to a server on this machine, or to nobody's account."""
    rest = {name: value for name, value in REAL.items() if name != left}
    with pytest.raises(SettingsRefused, match=left):
        Settings.load(environment="production", **rest)


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
