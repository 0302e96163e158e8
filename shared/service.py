"""A running service: the same parts, wired the same way, for all three.

`assemble` is called by each `bootstrap.py`; `service_cli` gives each the same commands
(`api`, `worker`, `migrate`, `settings`, `alive`).
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import typer
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.envelope import Event
from shared.contracts.topics import Service as ServiceName
from shared.contracts.topics import consumed_by
from shared.errors import Problem, Unavailable
from shared.messaging.commands import Command, CommandBus, CommandHandler, bind_events
from shared.messaging.guard import Guard
from shared.messaging.relay import Relay
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.messaging.worker import build_worker, run_worker
from shared.observability.logs import configure_logs
from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.settings import ServiceSettings, SettingsRefused
from shared.web.app import server_options

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
ALIVE_SECONDS = 15


@dataclass(frozen=True)
class Service(Generic[SettingsT]):
    """One service, ready to execute commands, hear events and send what it published."""

    name: ServiceName
    settings: SettingsT
    engine: Engine
    transactions: Transactions
    bus: CommandBus
    guard: Guard
    relay: Relay
    migrations: Path

    def migrate(self) -> None:
        """Brings the database to the newest revision."""
        migrate(self.engine, self.migrations)

    def ready_checks(self) -> Mapping[str, Callable[[], None]]:
        """What `/readyz` asks: each raises Unavailable when its part does not answer."""
        return {"database": self._check_database, "broker": self._check_broker, "relay": self._check_relay}

    def _check_database(self) -> None:
        try:
            with self.transactions.reading() as session:
                session.connection().execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise Unavailable("Cơ sở dữ liệu không trả lời.") from error

    def _check_broker(self) -> None:
        host, _, port = self.settings.broker.split(",")[0].rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError as error:
            raise Unavailable("Máy chủ sự kiện không trả lời.") from error

    def _check_relay(self) -> None:
        if not self.relay.alive:
            raise Unavailable("Bộ chuyển sự kiện đã dừng.")

    def declare_topics(self) -> None:
        """Makes sure that the topics exist. Raises Unavailable when no broker answers."""
        declare_topics(self.settings.broker_address(), replication=self.settings.topic_replication)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Runs the relay while the block lasts."""
        self.relay.start()
        try:
            yield
        finally:
            self.relay.stop()


def assemble(
    name: ServiceName,
    settings: SettingsT,
    *,
    commands: Mapping[type[Command], CommandHandler],
    events: Mapping[type[Event], Callable[[Any, Any, Any], None]],
    ports: Any,
    migrations: Path,
) -> Service[SettingsT]:
    """Wires database, outbox, relay, commands and guard of one service."""
    engine = open_engine(settings.database_url())
    relay = Relay(Transactions(engine, name, settings.clock()), settings.broker_address())
    transactions = Transactions(engine, name, settings.clock(), on_commit=relay.wake)
    return Service(
        name=name,
        settings=settings,
        engine=engine,
        transactions=transactions,
        bus=CommandBus(transactions, commands, ports),
        guard=Guard(transactions, bind_events(events, ports)),
        relay=relay,
        migrations=migrations,
    )


def run_api(service: Service[Any], app: FastAPI) -> None:
    """Serves the HTTP side until SIGTERM; requests under way get a few seconds to finish."""
    uvicorn.run(app, host=service.settings.host, port=service.settings.port, log_config=None, **server_options())


def service_worker(service: Service[Any]) -> Any:
    """The Faust app of a service, with a heartbeat file that `alive` reads."""
    app = build_worker(
        f"tannha-{service.name}",
        service.settings.broker_address(),
        consumed_by(service.name),
        service.guard,
        service.settings.data_dir / f"{service.name}-faust",
    )
    beat = heartbeat_file(service.settings, service.name)
    beat.parent.mkdir(parents=True, exist_ok=True)

    async def heartbeat() -> None:
        beat.touch()

    app.timer(interval=3.0)(heartbeat)
    return app


def heartbeat_file(settings: ServiceSettings, name: str) -> Path:
    """Touched every few seconds by a worker whose loop turns."""
    return settings.data_dir / f"{name}-worker.alive"


def service_cli(
    name: ServiceName,
    load: Callable[[], SettingsT],
    bootstrap: Callable[[SettingsT], Service[SettingsT]],
    build_app: Callable[[Service[SettingsT]], FastAPI],
) -> typer.Typer:
    """The command line of a service, the same for all three."""
    cli = typer.Typer(no_args_is_help=True, help=f"Service {name}.")

    @contextmanager
    def started() -> Iterator[Service[SettingsT]]:
        try:
            settings = load()
            configure_logs(name, settings.log_level)
            yield bootstrap(settings)
        except (SettingsRefused, Problem, SQLAlchemyError) as error:
            typer.echo(f"{name}: {getattr(error, 'message', None) or error}", err=True)
            sys.exit(1)

    @cli.command()
    def api() -> None:
        """Serves pages and API, and sends what was published."""
        with started() as service:
            service.declare_topics()
            run_api(service, build_app(service))

    @cli.command()
    def worker() -> None:
        """Listens to the other services' events."""
        with started() as service:
            service.declare_topics()
            run_worker(service_worker(service))

    @cli.command("migrate")
    def migrate_command() -> None:
        """Brings the database to the newest revision."""
        with started() as service:
            service.migrate()

    @cli.command("settings")
    def settings_command() -> None:
        """Prints the settings in force, secrets masked."""
        with started() as service:
            for key, value in service.settings.model_dump().items():
                typer.echo(f"{key} = {value}")

    @cli.command()
    def alive() -> None:
        """Exit 0 when this machine's worker turned its loop lately, else 1."""
        with started() as service:
            beat = heartbeat_file(service.settings, name)
            fresh = beat.exists() and time.time() - beat.stat().st_mtime < ALIVE_SECONDS
            sys.exit(0 if fresh else 1)

    return cli
