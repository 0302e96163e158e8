"""All processes of the product on one machine: what runs, with which settings, whether it is ready.

Used by `make run`, by the demonstration and by the tests that need the whole product.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shared.clock import DemoClock
from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.web.keys import ensure_key_pair

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("intake", "routing", "postal_bridge")
STOP_SECONDS = 8.0
READY_SECONDS = 90.0


@dataclass(frozen=True)
class Ports:
    """Where everything listens, on loopback."""

    broker: int = 19092
    intake: int = 8101
    routing: int = 8102
    postal_bridge: int = 8103
    fake_zalo: int = 8109

    @classmethod
    def free(cls) -> Ports:
        """Ports that were free a moment ago, for tests."""
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
        numbers = [probe.getsockname()[1] for probe in probes]
        for probe in probes:
            probe.close()
        return cls(*numbers)

    def url(self, name: str) -> str:
        """The address of a part with pages."""
        return f"http://127.0.0.1:{getattr(self, name)}"


class StartFailed(Exception):
    """The product cannot start; the text is one line for a person."""


@dataclass
class Part:
    """One process: how to start it, and the present one."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    restarts: int = 0
    started_at: float = 0.0

    def start(self) -> None:
        """Starts the process in a session of its own; it ends when its parent dies."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks involved
            )
        self.started_at = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """kill -9 and wait for the end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def last_words(self) -> str:
        """The last line it wrote, for a one-line error."""
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return lines[-1][:300] if lines else "no output"


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG (Linux)


@dataclass
class Stack:
    """The product in a folder: broker, three services with API and worker, the fake Zalo server."""

    data: Path
    ports: Ports = field(default_factory=Ports)
    environment: str = "demo"
    extra: Mapping[str, str] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data = self.data.resolve()
        self.clock = DemoClock(self.data / "demo-clock")
        python = sys.executable
        logs = self.data / "logs"
        broker = [
            "-m",
            "shared.broker",
            "--port",
            str(self.ports.broker),
            "--data",
            str(self.data / "broker"),
        ]
        self._add("broker", [python, *broker], logs)
        zalo = ["-m", "deploy.fake_zalo", "--port", str(self.ports.fake_zalo)]
        zalo += ["--data", str(self.data / "fake-zalo.db"), "--intake-url", self.ports.url("intake")]
        zalo += ["--clock-file", str(self.clock.file)]
        self._add("fake_zalo", [python, *zalo], logs)
        for service in SERVICES:
            for role in ("api", "worker"):
                module = f"services.{service}.entrypoints.cli"
                self._add(f"{service}-{role}", [python, "-m", module, role], logs)

    def _add(self, name: str, command: list[str], logs: Path) -> None:
        self.parts[name] = Part(name, command, self._settings(), logs / f"{name}.log")

    def _settings(self) -> dict[str, str]:
        """The environment variables of all parts; each service reads those with its own prefix."""
        common = {
            "ENVIRONMENT": self.environment,
            "BROKER": f"127.0.0.1:{self.ports.broker}",
            "DATA_DIR": str(self.data),
            "SESSION_PUBLIC_KEY": str(self.data / "keys" / "session-public.pem"),
            "DEMO_CLOCK": str(self.clock.file),
            "INTAKE_URL": self.ports.url("intake"),
            "ROUTING_URL": self.ports.url("routing"),
            "POSTAL_BRIDGE_URL": self.ports.url("postal_bridge"),
        }
        settings: dict[str, str] = {}
        for service in SERVICES:
            own = {
                "PORT": str(getattr(self.ports, service)),
                "DATABASE": f"sqlite:///{self.data / service}.db",
            }
            settings |= {f"TANNHA_{service.upper()}_{k}": v for k, v in {**common, **own}.items()}
        # The demo clock runs through a day in minutes, and promises are watched at that pace.
        settings["TANNHA_INTAKE_PROMISE_SWEEP_SECONDS"] = "1"
        settings["TANNHA_INTAKE_SESSION_PRIVATE_KEY"] = str(self.data / "keys" / "session-private.pem")
        settings["TANNHA_INTAKE_ZALO_OPENAPI_URL"] = self.ports.url("fake_zalo")
        settings["TANNHA_INTAKE_ZALO_BUSINESS_URL"] = self.ports.url("fake_zalo")
        settings["TANNHA_INTAKE_ZALO_OAUTH_URL"] = self.ports.url("fake_zalo")
        return settings | dict(self.extra)

    def start(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Starts everything and returns when it is ready.

        Raises StartFailed with one line, and when `cancelled()` becomes true on the way; nothing is left.
        """
        self._check_ports()
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        ensure_key_pair(self.data / "keys")
        self.parts["broker"].start()
        self._migrate()
        workers = [part for name, part in self.parts.items() if name.endswith("-worker")]
        for part in self.parts.values():
            if part not in workers and not part.running:
                part.start()
        self._wait_until_ready(cancelled)
        # People come first: workers start when the pages answer, and catch up on what was asked meanwhile.
        for part in workers:
            part.start()

    def _check_ports(self) -> None:
        for name, port in vars(self.ports).items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise StartFailed(f"Cổng {port} ({name}) đang được chương trình khác dùng.") from error

    def _migrate(self) -> None:
        for service in SERVICES:
            engine = open_engine(f"sqlite:///{self.data / service}.db")
            migrate(engine, ROOT / "services" / service / "migrations")
            engine.dispose()

    def _wait_until_ready(self, cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = {f"{service}-api": f"{self.ports.url(service)}/readyz" for service in SERVICES}
        waiting["fake_zalo"] = self.ports.url("fake_zalo")
        while waiting:
            fallen = [part for part in self.parts.values() if part.process and not part.running]
            trouble = [f"{part.name} không khởi động được: {part.last_words()}" for part in fallen]
            if time.monotonic() > deadline:
                trouble.append(f"chưa sẵn sàng sau {READY_SECONDS:.0f} giây: {', '.join(waiting)}")
            if cancelled():
                trouble.append("đã dừng theo yêu cầu")
            if trouble:
                self.stop()
                raise StartFailed(trouble[0])
            waiting = {name: url for name, url in waiting.items() if not answers(url)}
            time.sleep(0.1)

    def revive(self) -> list[str]:
        """Starts again what has ended; returns the names. A part that keeps ending is started ever later."""
        revived = []
        for part in self.parts.values():
            lived = time.monotonic() - part.started_at
            if part.running or lived < min(2.0**part.restarts, 30.0):
                continue
            part.restarts = 0 if lived > 60 else part.restarts + 1
            part.start()
            revived.append(part.name)
        return revived

    def stop(self) -> None:
        """SIGTERM to all but the broker, then the broker; who has not gone in time is killed."""
        deadline = time.monotonic() + STOP_SECONDS
        broker = self.parts["broker"]
        others = [part for part in self.parts.values() if part is not broker]
        for group in (others, [broker]):
            for part in group:
                if part.running and part.process is not None:
                    part.process.terminate()
            for part in group:
                if part.process is None:
                    continue
                try:
                    part.process.wait(max(deadline - time.monotonic(), 0.5))
                except subprocess.TimeoutExpired:
                    part.kill()
                part.process = None

    @contextmanager
    def running(self) -> Iterator[Stack]:
        """Started, and stopped at the end of the block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return httpx.get(url, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
