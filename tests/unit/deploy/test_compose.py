"""docker-compose.yml says what the code says: services, commands, ports and variables."""

from __future__ import annotations

import re
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
    return value[2:-1].partition(":-")[2] if ":-" in value else "https://given.by.the.operator"


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
    # The image asks by itself what the command is for.
    assert "healthcheck" not in OURS[name]


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


@pytest.mark.parametrize("service", SERVICES)
def test_a_proxy_in_front_can_be_named(service: str) -> None:
    """Behind a proxy all people would be one client to the limits against guessing."""
    variables = OURS[f"{service}-api"]["environment"]
    assert variables[f"TANNHA_{SERVICES[service].upper()}_TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-}"


def test_the_one_broker_has_on_disk_what_it_acknowledges() -> None:
    """A power cut would take back events that the outboxes count as sent."""
    variables = COMPOSE["services"]["kafka"]["environment"]
    assert variables["KAFKA_LOG_FLUSH_INTERVAL_MESSAGES"] == "1"
    copies = {value for name, value in variables.items() if name.endswith("REPLICATION_FACTOR")}
    assert copies == {"1"}, "with more nodes the copies are the durability"


def test_every_database_is_made() -> None:
    """PostgreSQL refuses a connection to a database that nobody created."""
    made = (ROOT / "deploy/postgres/databases.sql").read_text() + COMPOSE["services"]["postgres"][
        "environment"
    ]["POSTGRES_DB"]
    for service in SERVICES:
        url = OURS[f"{service}-api"]["environment"][f"TANNHA_{SERVICES[service].upper()}_DATABASE"]
        assert url.rsplit("/", 1)[1] in made


@pytest.mark.parametrize("name", OURS)
def test_every_container_may_do_only_what_it_needs(name: str) -> None:
    """One that may do everything is the way into the machine."""
    part = OURS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert part["pids_limit"]
    assert part["mem_limit"]
    assert ("migrate" in part.get("profiles", [])) == name.startswith("migrate-")


@pytest.mark.parametrize("name", [name for name in OURS if not name.startswith("migrate-")])
def test_every_secret_file_is_handed_over(name: str) -> None:
    """A setting would name a file that is not there; only the sign-in needs the last two."""
    named = {
        str(value).rsplit("/", 1)[1]
        for value in OURS[name]["environment"].values()
        if str(value).startswith("/run/secrets/")
    }
    of_the_sign_in = {"session-private", "oidc-client-secret"}
    needed = named if name == "intake-api" else named - of_the_sign_in
    assert set(OURS[name]["secrets"]) == needed
    assert needed <= set(COMPOSE["secrets"])


def test_every_secret_is_explained() -> None:
    """Who sets up the machine would have to guess what belongs into a file."""
    page = (ROOT / "deploy" / "secrets" / "README.md").read_text(encoding="utf-8")
    for secret in COMPOSE["secrets"].values():
        assert f"`{Path(secret['file']).name}`" in page
    for variable in re.findall(r"\$\{(\w+):\?", str(COMPOSE)):
        assert f"`{variable}`" in page


def test_everything_that_env_can_say_is_explained() -> None:
    """A variable that nobody has read of stays at its default: one client for a whole city, say."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    page = (ROOT / "deploy" / "secrets" / "README.md").read_text(encoding="utf-8")
    variables = set(re.findall(r"\$\{(\w+):-", str(COMPOSE)))
    assert "TRUSTED_PROXIES" in variables
    assert {name for name in variables if not re.search(rf"\b{name}\b", comments + page)} == set()


def test_images_of_others_are_pinned() -> None:
    """`latest` is another program tomorrow."""
    others = {part["image"] for part in COMPOSE["services"].values() if "build" not in part}
    assert others
    assert all(re.search(r":v?\d", image) for image in others), others


def test_prometheus_asks_every_process_at_its_port() -> None:
    """A process that nobody measures fails in silence."""
    prometheus = yaml.safe_load((ROOT / "deploy/observability/prometheus.yml").read_text(encoding="utf-8"))
    asked = {
        target
        for job in prometheus["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    expected = set()
    for name, part in OURS.items():
        if name.startswith("migrate-"):
            continue
        prefix = f"TANNHA_{SERVICES[part['command'][1]].upper()}_"
        key = "PORT" if name.endswith("-api") else "WORKER_METRICS_PORT"
        expected.add(f"{name}:{part['environment'][prefix + key]}")
    assert expected <= asked
    tokens = {
        job["authorization"]["credentials_file"]
        for job in prometheus["scrape_configs"]
        if "authorization" in job
    }
    assert tokens == {"/run/secrets/metrics-token"}
    assert COMPOSE["services"]["prometheus"]["profiles"] == ["metrics"]
    assert "./deploy/observability:/etc/prometheus:ro" in COMPOSE["services"]["prometheus"]["volumes"]


def test_the_demonstration_is_a_target_of_the_dockerfile() -> None:
    """`docker compose up demo` would end before it began."""
    demo = COMPOSE["services"]["demo"]
    assert demo["profiles"] == ["demo"]
    dockerfile = (ROOT / demo["build"]["dockerfile"]).read_text(encoding="utf-8")
    assert f"FROM runtime AS {demo['build']['target']}\n" in dockerfile
