"""`tannha events` finds the installed services by itself and opens them by their own settings."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from shared import events_cli
from shared.web.keys import ensure_key_pair

SERVICES = ("intake", "routing", "postal_bridge")
WHY = "Bản ghi hỏng, đã báo nơi gửi"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with all three services on migrated databases; each has heard rubbish once."""
    private, public = ensure_key_pair(tmp_path / "keys")
    monkeypatch.setenv("TANNHA_INTAKE_SESSION_PRIVATE_KEY", str(private))
    for name in SERVICES:
        prefix = f"TANNHA_{name.upper()}"
        monkeypatch.setenv(f"{prefix}_DATABASE", f"sqlite:///{tmp_path / name}.db")
        monkeypatch.setenv(f"{prefix}_DATA_DIR", str(tmp_path))
        monkeypatch.setenv(f"{prefix}_SESSION_PUBLIC_KEY", str(public))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for opener in events_cli.installed().values():
        with opener() as service:
            service.migrate()
            service.guard.receive("intake.request.v1", f"rubbish for {service.name}".encode())
            service.engine.dispose()
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def run(*words: str) -> Result:
    """Types `tannha events parked …`."""
    return CliRunner().invoke(events_cli.app, ["parked", *words])


def test_all_installed_services_are_asked_and_one_can_be_chosen(machine: None) -> None:
    """A service could be forgotten because nobody wrote its name into a list."""
    rows = json.loads(run("list", "--json").stdout)
    assert sorted(row["service"] for row in rows) == sorted(SERVICES)
    only = json.loads(run("list", "--json", "--service", "postal-bridge").stdout)
    assert [row["service"] for row in only] == ["postal_bridge"]
    assert run("list", "--service", "ministry").exit_code == events_cli.USAGE


def test_a_decision_reaches_the_right_database(machine: None) -> None:
    """The wrong service would forget an event that nobody decided about."""
    rows = json.loads(run("list", "--json").stdout)
    chosen = next(row["event_id"] for row in rows if row["service"] == "routing")
    assert run("discard", chosen, "--reason", WHY).exit_code == 0
    left = json.loads(run("list", "--json").stdout)
    assert sorted(row["service"] for row in left) == ["intake", "postal_bridge"]
    (settled,) = json.loads(run("list", "--json", "--state", "discarded").stdout)
    assert (settled["service"], settled["discard"]["why"]) == ("routing", WHY)
