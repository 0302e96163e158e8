"""A service: the same parts, wired the same way. `assemble` is called by each `bootstrap.py`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from shared.contracts.envelope import Event
from shared.contracts.topics import Service as ServiceName
from shared.errors import Unavailable
from shared.messaging.commands import Command, CommandBus, CommandHandler, bind_events
from shared.messaging.guard import Guard
from shared.messaging.relay import Relay
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.settings import ServiceSettings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)


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
        from shared.persistence.migrations import migrate  # noqa: PLC0415 - alembic is slow to load

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
