"""All processes of the product on one machine: what runs, with which settings, whether it is ready.

Used by `make run`, by the demonstration and by the tests that need the whole product. The broker is ours or
Apache Kafka, the databases are SQLite or PostgreSQL: the services see other addresses, nothing else.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import httpx

from deploy.kafka.libraries import fetch_jars, find_java
from deploy.missing import NotRunnable
from deploy.part import ROOT, Part
from deploy.postgres.server import address, ensure_databases, ensure_password, find_programs
from shared.clock import DemoClock
from shared.messaging.connection import BrokerAddress
from shared.messaging.reachability import broker_answers
from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.web.keys import ensure_key_pair

SERVICES = ("intake", "routing", "postal_bridge")
STOP_SECONDS = 8.0
READY_SECONDS = 90.0

Broker = Literal["embedded", "kafka"]
Database = Literal["sqlite", "postgres"]


@dataclass(frozen=True)
class Ports:
    """Where everything listens, on loopback."""

    broker: int = 19092
    intake: int = 8101
    routing: int = 8102
    postal_bridge: int = 8103
    fake_zalo: int = 8109
    database: int = 19432

    @classmethod
    def free(cls) -> Ports:
        """Ports that were free a moment ago, for tests."""
        probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
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
class Stack:
    """The product in a folder: broker, three services with API and worker, the fake Zalo server.

    With PostgreSQL its server is one part more, `database`.
    """

    data: Path
    ports: Ports = field(default_factory=Ports)
    environment: str = "demo"
    extra: Mapping[str, str] = field(default_factory=dict)
    broker: Broker = "embedded"
    database: Database = "sqlite"
    parts: dict[str, Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data = self.data.resolve()
        self.clock = DemoClock(self.data / "demo-clock")
        module, folder = ("deploy.kafka", "kafka") if self.broker == "kafka" else ("shared.broker", "broker")
        self._add("broker", module, port=self.ports.broker, data=self.data / folder)
        if self.database == "postgres":
            place = {"port": self.ports.database, "data": self.data / "postgres"}
            self._add("database", "deploy.postgres", **place, password_file=self.password_file)
            # SIGTERM would wait until the last client has gone.
            self.parts["database"].stop_signal = signal.SIGINT
        self._add(
            "fake_zalo",
            "deploy.fake_zalo",
            port=self.ports.fake_zalo,
            data=self.data / "fake-zalo.db",
            intake_url=self.ports.url("intake"),
            clock_file=self.clock.file,
        )
        for service in SERVICES:
            for role in ("api", "worker"):
                self._add(f"{service}-{role}", f"services.{service}.entrypoints.cli", role)

    def _add(self, name: str, module: str, *words: str, **options: object) -> None:
        command = [sys.executable, "-m", module, *words]
        for option, value in options.items():
            command += [f"--{option.replace('_', '-')}", str(value)]
        self.parts[name] = Part(name, command, self._settings(), self.data / "logs" / f"{name}.log")

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker."""
        return f"127.0.0.1:{self.ports.broker}"

    @property
    def password_file(self) -> Path:
        """The password of PostgreSQL."""
        return self.data / "keys" / "database-password"

    def database_url(self, service: str) -> str:
        """The address of a service's database, for whoever looks in from outside. With the password."""
        if self.database == "sqlite":
            return f"sqlite:///{self.data / service}.db"
        return address(
            self.ports.database, service, ensure_password(self.password_file), "postgresql+psycopg"
        )

    def _settings(self) -> dict[str, str]:
        """The environment variables of all parts; each service reads those with its own prefix."""
        common = {
            "ENVIRONMENT": self.environment,
            "BROKER": self.bootstrap,
            "DATA_DIR": str(self.data),
            "SESSION_PUBLIC_KEY": str(self.data / "keys" / "session-public.pem"),
            "DEMO_CLOCK": str(self.clock.file),
            "INTAKE_URL": self.ports.url("intake"),
            "ROUTING_URL": self.ports.url("routing"),
            "POSTAL_BRIDGE_URL": self.ports.url("postal_bridge"),
        }
        if self.database == "postgres":
            common["DATABASE_PASSWORD_FILE"] = str(self.password_file)
        settings: dict[str, str] = {}
        for service in SERVICES:
            own = {"PORT": str(getattr(self.ports, service)), "DATABASE": self._database_setting(service)}
            settings |= {f"TANNHA_{service.upper()}_{k}": v for k, v in {**common, **own}.items()}
        # The demo clock runs through a day in minutes, and promises are watched at that pace.
        settings["TANNHA_INTAKE_PROMISE_SWEEP_SECONDS"] = "1"
        settings["TANNHA_INTAKE_SESSION_PRIVATE_KEY"] = str(self.data / "keys" / "session-private.pem")
        settings["TANNHA_INTAKE_ZALO_OPENAPI_URL"] = self.ports.url("fake_zalo")
        settings["TANNHA_INTAKE_ZALO_BUSINESS_URL"] = self.ports.url("fake_zalo")
        settings["TANNHA_INTAKE_ZALO_OAUTH_URL"] = self.ports.url("fake_zalo")
        return settings | dict(self.extra)

    def _database_setting(self, service: str) -> str:
        if self.database == "sqlite":
            return self.database_url(service)
        return address(self.ports.database, service, None, "postgresql+psycopg")

    def start(self, cancelled: Callable[[], bool] = lambda: False) -> None:
        """Starts everything and returns when it is ready.

        Raises StartFailed with one line, and when `cancelled()` becomes true on the way; nothing is left.
        """
        self._claim_folder()
        self._bring_programs()
        self._check_ports()
        (self.data / "logs").mkdir(parents=True, exist_ok=True)
        ensure_key_pair(self.data / "keys")
        self.parts["broker"].start()
        if "database" in self.parts:
            self.parts["database"].start()
            self._wait_for({"database": self._databases_exist}, cancelled)
        self._migrate()
        if self.broker == "kafka":
            broker = BrokerAddress(self.bootstrap)
            self._wait_for({"broker": lambda: broker_answers(broker)}, cancelled)
        workers = [part for name, part in self.parts.items() if name.endswith("-worker")]
        for part in self.parts.values():
            if part not in workers and not part.running:
                part.start()
        pages = {f"{service}-api": f"{self.ports.url(service)}/readyz" for service in SERVICES}
        pages["fake_zalo"] = self.ports.url("fake_zalo")
        self._wait_for({name: partial(answers, url) for name, url in pages.items()}, cancelled)
        # People come first: workers start when the pages answer, and catch up on what was asked meanwhile.
        for part in workers:
            part.start()

    def _claim_folder(self) -> None:
        """A folder stays with its broker and database: what one holds, another would never deliver."""
        mark, ours = self.data / "runs-on", f"{self.broker} {self.database}"
        before = "embedded sqlite" if (self.data / "intake.db").exists() else ours
        found = mark.read_text(encoding="utf-8").strip() if mark.exists() else before
        if found != ours:
            raise StartFailed(f"Thư mục {self.data} chứa dữ liệu của {found}, không dùng được cho {ours}.")
        self.data.mkdir(parents=True, exist_ok=True)
        mark.write_text(f"{ours}\n", encoding="utf-8")

    def _bring_programs(self) -> None:
        try:
            if self.broker == "kafka":
                find_java()
                fetch_jars()
            if self.database == "postgres":
                find_programs()
        except NotRunnable as missing:
            raise StartFailed(str(missing)) from missing

    def _check_ports(self) -> None:
        used = {
            name: port for name, port in vars(self.ports).items() if name != "database" or name in self.parts
        }
        for name, port in used.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError as error:
                    raise StartFailed(f"Cổng {port} ({name}) đang được chương trình khác dùng.") from error

    def _databases_exist(self) -> bool:
        server = address(self.ports.database, "postgres", ensure_password(self.password_file))
        return ensure_databases(server, SERVICES)

    def _migrate(self) -> None:
        for service in SERVICES:
            engine = open_engine(self.database_url(service))
            migrate(engine, ROOT / "services" / service / "migrations")
            engine.dispose()

    def _wait_for(self, waiting: dict[str, Callable[[], bool]], cancelled: Callable[[], bool]) -> None:
        """Returns when each of these is ready. Raises StartFailed; then nothing runs any more."""
        deadline = time.monotonic() + READY_SECONDS
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
            waiting = {name: ready for name, ready in waiting.items() if not ready()}
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
        """Ends the services first, then broker and database; who has not gone in time is killed."""
        deadline = time.monotonic() + STOP_SECONDS
        bases = [part for name, part in self.parts.items() if name in {"broker", "database"}]
        others = [part for part in self.parts.values() if part not in bases]
        for group in (others, bases):
            for part in group:
                part.ask_to_stop()
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
