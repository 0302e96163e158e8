"""Runbooks are read at night: every file, command, metric and setting in them exists."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
import yaml

from services.intake.settings import Settings as IntakeSettings
from services.postal_bridge.settings import Settings as PostalBridgeSettings
from services.routing.settings import Settings as RoutingSettings
from shared.broker.cli import app as broker_cli
from shared.contracts.topics import PARTITIONS
from shared.events_cli import app as events_cli
from shared.messaging.worker import EXIT_AWAY, EXIT_DEFECT, EXIT_TOO_MANY_FAILURES
from shared.observability.metrics import DECLARED
from tests.unit.observability.broker_meters import broker_metrics

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
RUNBOOKS = {file.stem: file.read_text(encoding="utf-8") for file in (DOCS / "runbooks").glob("*.md")}
FOR_OPERATORS = [
    *(DOCS / name for name in ("README.md", "growing.md", "guarantees.md", "broker.md", "metrics.md")),
    *(DOCS / "runbooks").glob("*.md"),
    ROOT / "README.md",
    ROOT / "deploy" / "kubernetes" / "README.md",
    ROOT / "deploy" / "secrets" / "README.md",
]
PAGES = {
    os.path.relpath(file, DOCS).replace(os.sep, "/"): file.read_text(encoding="utf-8")
    for file in FOR_OPERATORS
}
CODE = "\n".join(
    file.read_text(encoding="utf-8")
    for folder in ("shared", "services", "deploy")
    for file in (ROOT / folder).rglob("*.py")
)
SETTINGS = (IntakeSettings, RoutingSettings, PostalBridgeSettings)
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/observability/alerts.yml").read_text(encoding="utf-8"))[
        "groups"
    ]
    for rule in group["rules"]
]
OF_TESTS = {"TANNHA_FUZZ_EXAMPLES", "TANNHA_TEST_KAFKA"}
USERS = {"tannha_intake"}
"""Of a database; they look like metrics."""
ASKED_FOR = {
    "broker-down",
    "outbox-not-sent",
    "database-down",
    "parked-events",
    "disk-full",
    "restore",
    "forged-webhooks",
}


def test_every_case_has_its_runbook_and_the_index_leads_there() -> None:
    """Who is woken has no time to search."""
    assert set(RUNBOOKS) >= ASKED_FOR
    assert all(f"(runbooks/{name}.md)" in PAGES["README.md"] for name in RUNBOOKS)


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_a_runbook_tells_what_to_do_and_when_it_is_over(name: str) -> None:
    """Half a runbook leaves a person alone at the point where it hurts."""
    text = RUNBOOKS[name]
    assert "**Over when" in text
    if name != "restore":
        assert re.search(r"\*\*Alerts?:\*\*", text)
        assert all(part in text for part in ("**What people notice.**", "**Look.**", "**Do"))


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: str(alert["alert"]))
def test_every_alert_opens_a_runbook_that_knows_it(alert: dict[str, dict[str, str]]) -> None:
    """An alert that leads to the wrong page costs the first quarter of an hour."""
    page = alert["annotations"]["runbook"].removeprefix("docs/")
    assert str(alert["alert"]) in PAGES[page]


def test_every_alert_that_is_named_exists() -> None:
    """The page would wait for an alert that is never raised."""
    known = {str(alert["alert"]) for alert in ALERTS}
    for name, text in RUNBOOKS.items():
        for line in re.findall(r"\*\*Alerts?:\*\*(.*?)(?:\n\n|\Z)", text, flags=re.DOTALL):
            named = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", line))
            assert named <= known, name


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_link_leads_somewhere(page: str) -> None:
    """A dead link at night is worse than none."""
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGES[page]):
        assert ((DOCS / page).parent / target).exists(), target


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_file_and_module_that_is_named_exists(page: str) -> None:
    """The command would end with an error of its own."""
    for path in re.findall(r"`((?:deploy|docs|shared|tests)/[\w./-]+)`", PAGES[page]):
        assert (ROOT / path).exists() or path == "deploy/secrets", path
    for module in re.findall(r"python -m ([\w.]+)", PAGES[page]):
        assert find_spec(module) is not None, module


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_metric_and_setting_that_is_named_exists(page: str) -> None:
    """Somebody would look at a number that nobody measures, or change a setting that nobody reads."""
    metrics = {declared.name for declared in DECLARED} | set(broker_metrics())
    for metric in set(re.findall(r"`(tannha_[a-z_]+)[`{]", PAGES[page])) - USERS:
        assert metric in metrics or any(known.startswith(metric) for known in metrics), metric
    keys = {f"{settings.PREFIX}{name}".upper() for settings in SETTINGS for name in settings.model_fields}
    for key in set(re.findall(r"`(TANNHA_[A-Z_]+)[`=]", PAGES[page])) - OF_TESTS:
        assert key in keys, key


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_tannha_command_that_is_named_exists(page: str) -> None:
    """The one command that is needed would be unknown."""
    parked = typer.main.get_command(events_cli).commands["parked"].commands  # type: ignore[attr-defined]
    for command, rest in re.findall(r"tannha events parked (\w+)([^\n`]*)", PAGES[page]):
        options = {option for parameter in parked[command].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", rest)) <= options, (command, rest)
    for service, command in re.findall(r"tannha (intake|routing|postal-bridge) (\w+)", PAGES[page]):
        assert command in {"api", "worker", "migrate", "settings", "alive"}, (service, command)


@pytest.mark.parametrize("name", sorted(RUNBOOKS))
def test_every_line_of_a_log_that_is_named_is_written(name: str) -> None:
    """Somebody would wait for words that no program ever says."""
    for line in re.findall(r"`([a-z]+\.[a-z_]+)`", RUNBOOKS[name]):
        assert f'"{line}"' in CODE, line
    for words in re.findall(r"`([a-z]+(?: [a-z]+)+)(?: …)?`", RUNBOOKS[name]):
        if words.split()[0] not in {"make", "tannha", "docker"}:
            assert words in CODE, words


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_make_target_that_is_named_exists(page: str) -> None:
    """`No rule to make target` is no help."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target, variables in re.findall(r"(?:`|^)make ([a-z-]+)([^`#\n]*)", PAGES[page], flags=re.MULTILINE):
        assert re.search(rf"^{target}:.*##", makefile, flags=re.MULTILINE), target
        for variable in re.findall(r"([A-Z]+)=", variables):
            assert f"$({variable})" in makefile, variable


def test_every_option_of_the_broker_that_is_named_exists() -> None:
    """It would end with a line about an unknown option."""
    options = {o for parameter in typer.main.get_command(broker_cli).params for o in parameter.opts}
    for page in ("broker.md", "runbooks/broker-down.md", "runbooks/disk-full.md"):
        text = re.sub(r"`(?:python -m deploy|kafka-|tests)[^`]*`", "", PAGES[page])
        named = set(re.findall(r"`(--[a-z-]+)[^`]*`", text)) - {"--settings"}
        assert named <= options, page


def test_every_way_in_which_a_worker_ends_is_explained() -> None:
    """A number in the supervisor's log would say nothing to who reads it at night."""
    for code in (EXIT_AWAY, EXIT_TOO_MANY_FAILURES, EXIT_DEFECT):
        assert f"\n  - {code}: " in RUNBOOKS["process-down"]


def test_growing_knows_the_number_of_partitions() -> None:
    """Somebody would start workers that get nothing to do."""
    assert f"{PARTITIONS} now, so at most {PARTITIONS} workers" in PAGES["growing.md"]
