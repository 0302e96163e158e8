"""A service: the same parts, wired the same way. `assemble` is called by each `bootstrap.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from shared.contracts.envelope import Event
from shared.contracts.topics import Service as ServiceName
from shared.errors import Problem, Unavailable
from shared.messaging.commands import Command, CommandBus, CommandHandler, bind_events
from shared.messaging.guard import Guard
from shared.messaging.observed import ObservedCommands, ObservedRelay, observed_events
from shared.messaging.reachability import broker_answers
from shared.messaging.relay import Relay
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import address_of, is_outage, open_engine
from shared.persistence.readiness import Unwritable, check_writable
from shared.persistence.revisions import Revisions, look_up
from shared.settings import ServiceSettings

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)

START_PATIENCE_SECONDS = 10.0
"""How long a start waits for the database, then the broker; then the supervisor decides when to try again."""


class WrongRevision(Problem):
    """The database is not at the revision that this program was written for."""

    status = 503
    code = "database.revision"


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
        """Brings the database to the newest revision. Raises Unavailable when it cannot be reached."""
        from shared.persistence.migrations import migrate  # noqa: PLC0415 - alembic is slow to load

        with self._reaching_the_database():
            migrate(self.engine, self.migrations)

    def prepare_database(self) -> None:
        """What has to hold before anything is served: the database answers and is what the program expects.

        In production migrating is a step of its own, done once for all processes; elsewhere it is done here.
        Raises Unavailable when the database cannot be reached for a while, WrongRevision when it is older
        (production) or newer than the program.
        """
        waiting = Retrying(
            retry=retry_if_exception_type(Unavailable),
            stop=stop_after_delay(START_PATIENCE_SECONDS),
            wait=wait_fixed(0.3),
            reraise=True,
        )
        revisions = waiting(self._revisions)
        if revisions.current:
            return
        where = f"Cơ sở dữ liệu tại {address_of(self.engine.url)} ở bản {revisions.present or 'trống'}"
        if revisions.from_the_future:
            raise WrongRevision(f"{where}, mới hơn chương trình (bản {revisions.newest}): cần bản mới hơn.")
        if self.settings.production:
            command = f"tannha {self.name.replace('_', '-')} migrate"
            raise WrongRevision(f"{where}, chương trình cần bản {revisions.newest}: chạy `{command}` trước.")
        self.migrate()

    def _revisions(self) -> Revisions:
        with self._reaching_the_database():
            return look_up(self.engine, self.migrations)

    @contextmanager
    def _reaching_the_database(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            if not is_outage(error):
                raise
            reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
            where = address_of(self.engine.url)
            raise Unavailable(f"Không kết nối được cơ sở dữ liệu tại {where}: {reason[:200]}") from error

    def ready_checks(self) -> Mapping[str, Callable[[], None]]:
        """What `/readyz` asks: each raises Unavailable when its part does not answer."""
        return {"database": self._check_database, "broker": self._check_broker, "relay": self._check_relay}

    def _check_database(self) -> None:
        try:
            check_writable(self.engine)
        except (SQLAlchemyError, sqlite3.Error, Unwritable) as error:
            raise Unavailable("Cơ sở dữ liệu không trả lời hoặc không ghi được.") from error

    def _check_broker(self) -> None:
        if not broker_answers(self.settings.broker_address()):
            raise Unavailable("Máy chủ sự kiện không trả lời.")

    def _check_relay(self) -> None:
        if not self.relay.alive:
            raise Unavailable("Bộ chuyển sự kiện đã dừng.")

    def declare_topics(self) -> None:
        """Makes sure that the topics exist. Raises Unavailable when no broker answers."""
        declare_topics(
            self.settings.broker_address(),
            replication=self.settings.topic_replication,
            patience=START_PATIENCE_SECONDS,
        )

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Runs the relay while the block lasts."""
        self.relay.start()
        try:
            yield
        finally:
            self.relay.stop()


def service_engine(name: ServiceName, settings: ServiceSettings) -> Engine:
    """The one engine of a service's process."""
    return open_engine(settings.database_url(), application=f"tannha-{name}")


def assemble(
    name: ServiceName,
    settings: SettingsT,
    *,
    commands: Mapping[type[Command], CommandHandler],
    events: Mapping[type[Event], Callable[[Any, Any, Any], None]],
    ports: Any,
    migrations: Path,
    engine: Engine | None = None,
) -> Service[SettingsT]:
    """Wires database, outbox, relay, commands and guard of one service.

    An `engine` is given where the ports work on the same database: a process has one.
    """
    engine = engine or service_engine(name, settings)
    relay = ObservedRelay(Transactions(engine, name, settings.clock()), settings.broker_address())
    transactions = Transactions(engine, name, settings.clock(), on_commit=relay.wake)
    return Service(
        name=name,
        settings=settings,
        engine=engine,
        transactions=transactions,
        bus=ObservedCommands(transactions, commands, ports),
        guard=Guard(transactions, observed_events(bind_events(events, ports))),
        relay=relay,
        migrations=migrations,
    )
