"""Every rule of every service is told of where an operator looks it up, and its limits can be set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.intake.application import reconciliation as intake
from services.intake.settings import Settings as IntakeSettings
from services.postal_bridge.application import reconciliation as postal_bridge
from services.postal_bridge.settings import Settings as PostalSettings
from services.routing.application import reconciliation as routing
from services.routing.settings import Settings as RoutingSettings
from shared.settings import ServiceSettings

RUNBOOK = Path(__file__).resolve().parents[3] / "docs/runbooks/standing-still.md"
RULES = {
    "intake": [rule.name for rule in intake.rules(intake.Limits())],
    "routing": [rule.name for rule in routing.rules(routing.Limits())],
    "postal_bridge": [rule.name for rule in postal_bridge.rules(postal_bridge.Limits())],
    "all": ["outbox_stuck", "inbox_stuck"],
}
SETTINGS: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "postal_bridge": PostalSettings,
}


def rows() -> list[tuple[str, list[str], str]]:
    """The rules of the runbook: name, services, settings."""
    lines = re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| .* \| (.*)\|$", RUNBOOK.read_text(), re.MULTILINE)
    return [(name, services.split(", "), settings) for name, services, settings in lines]


def test_the_runbook_knows_every_rule() -> None:
    """An alarm would name a rule that no page explains."""
    told = {(service, name) for name, services, _settings in rows() for service in services}
    assert told == {(service, name) for service, names in RULES.items() for name in names}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_limits_of_the_runbook_are_the_defaults(row: tuple[str, list[str], str]) -> None:
    """Operators would wait for a limit that is not in force, or set a name that does not exist."""
    _name, services, settings = row
    for name, value in re.findall(r"`(\w+)` (\d+)", settings):
        for service in services:
            assert SETTINGS[service].model_fields[name].default == float(value)
