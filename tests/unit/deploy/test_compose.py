"""docker-compose.yml says what the code says: services, commands, ports and variables."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = {name: part for name, part in COMPOSE["services"].items() if part.get("image") == "tannha:latest"}
SERVICES = {"intake": "intake", "routing": "routing", "postal-bridge": "postal_bridge"}


def settings_of(service: str) -> Any:
    """The settings class of a service."""
    return import_module(f"services.{SERVICES[service]}.settings").Settings


def commands_of(service: str) -> set[str]:
    """The subcommands that the command line of a service has."""
    group = typer.main.get_command(import_module(f"services.{SERVICES[service]}.entrypoints.cli").app)
    return set(group.commands)  # type: ignore[attr-defined]


def interpolated(value: str) -> str:
    """What compose makes of a value: the default of `${X:-default}`, something for a required `${X:?…}`."""
    if not value.startswith("${"):
        return value
    return value[2:-1].partition(":-")[2] if ":-" in value else "given-by-the-operator"


def test_every_service_runs_as_api_worker_and_migration() -> None:
    """A forgotten worker hears no events; a forgotten migration leaves no tables."""
    assert set(OURS) == {f"{s}-{role}" for s in SERVICES for role in ("api", "worker")} | {
        f"migrate-{s}" for s in SERVICES
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    """A renamed command would be found only when the container ends."""
    tannha, service, command = OURS[name]["command"]
    assert tannha == "tannha"
    assert service in name
    assert command in commands_of(service)
    check = OURS[name].get("healthcheck", {}).get("test", [])
    if "alive" in check:
        assert check == ["CMD", "tannha", service, "alive"]
        assert "alive" in commands_of(service)


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An unknown variable is refused at start, a missing one leaves a default of the desk machine."""
    service = OURS[name]["command"][1]
    for key, value in OURS[name]["environment"].items():
        monkeypatch.setenv(key, interpolated(value))
    settings = settings_of(service).load()
    assert settings.production
    assert settings.host == "0.0.0.0"  # noqa: S104 - inside the container
    assert settings.broker == "kafka:9092"
    assert settings.database.startswith("postgresql+psycopg://")
    assert COMPOSE["services"]["kafka"]


@pytest.mark.parametrize("service", SERVICES)
def test_published_ports_are_loopback_and_the_ones_listened_on(service: str) -> None:
    """A port published on all interfaces opens the office to the street."""
    port = OURS[f"{service}-api"]["environment"][f"TANNHA_{SERVICES[service].upper()}_PORT"]
    assert OURS[f"{service}-api"]["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert int(port) == settings_of(service).model_fields["port"].default


def test_every_database_is_made() -> None:
    """PostgreSQL refuses a connection to a database that nobody created."""
    made = (ROOT / "deploy/postgres/databases.sql").read_text() + COMPOSE["services"]["postgres"][
        "environment"
    ]["POSTGRES_DB"]
    for service in SERVICES:
        url = OURS[f"{service}-api"]["environment"][f"TANNHA_{SERVICES[service].upper()}_DATABASE"]
        assert url.rsplit("/", 1)[1] in made
