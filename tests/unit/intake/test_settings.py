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
