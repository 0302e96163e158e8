"""Where a product keeps its data: in a folder of `make run`, or where the services' settings say."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url

from deploy.backup.kafka import KafkaEnds
from deploy.backup.postgres import PostgresDatabase
from deploy.backup.sources import BackupFailed, Database, EventLog
from deploy.backup.sqlite import BROKER_FILE, EmbeddedLog, SqliteDatabase
from deploy.postgres.server import address, ensure_databases, ensure_password
from deploy.stack import SERVICES, Stack
from services.intake.settings import Settings as IntakeSettings
from services.postal_bridge.settings import Settings as PostalBridgeSettings
from services.routing.settings import Settings as RoutingSettings
from shared.messaging.connection import BrokerAddress
from shared.settings import ServiceSettings, SettingsRefused

SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "intake": IntakeSettings,
    "routing": RoutingSettings,
    "postal_bridge": PostalBridgeSettings,
}
SERVER_SECONDS = 30.0
STOP_SECONDS = 120.0
"""A server that was just filled writes everything to the disk before it ends."""


@dataclass(frozen=True)
class Places:
    """The three databases and the broker: a folder of the embedded one, or Apache Kafka by address.

    Neither of them: a broker that has not begun yet, only to restore to.
    """

    databases: Mapping[str, URL]
    broker_folder: Path | None = None
    kafka: BrokerAddress | None = None

    @classmethod
    def of_stack(cls, stack: Stack) -> Places:
        """What `make run` keeps in its folder."""
        databases = {name: make_url(stack.database_url(name)) for name in SERVICES}
        if stack.broker == "kafka":
            return cls(databases, kafka=BrokerAddress(stack.bootstrap))
        return cls(databases, broker_folder=stack.data / "broker")

    @classmethod
    def kept_by(cls, stack: Stack) -> Places:
        """The same for a folder that has to be there. Raises BackupFailed."""
        if not stack.data.is_dir():
            raise BackupFailed(f"Không có thư mục {stack.data}.")
        return cls.of_stack(stack)

    @classmethod
    def of_settings(cls) -> Places:
        """What the environment says, as the services read it; the broker counts as Apache Kafka.

        Raises BackupFailed when the environment does not describe runnable services.
        """
        try:
            loaded = {name: settings.load() for name, settings in SETTINGS.items()}
            databases = {name: settings.database_url() for name, settings in loaded.items()}
        except (SettingsRefused, OSError) as error:
            raise BackupFailed(str(error)) from error
        return cls(databases, kafka=loaded["intake"].broker_address())

    def sources(self) -> tuple[EventLog, Sequence[Database]]:
        """What a backup takes its photograph of. Raises BackupFailed without a broker."""
        databases: list[Database] = [
            SqliteDatabase(name, file_of(url)) if is_sqlite(url) else PostgresDatabase(name, url)
            for name, url in self.databases.items()
        ]
        if self.kafka is not None:
            return KafkaEnds(self.kafka), databases
        if self.broker_folder is None:
            raise BackupFailed("Không biết máy chủ sự kiện ở đâu.")
        return EmbeddedLog(self.broker_folder), databases

    @property
    def broker_file(self) -> Path | None:
        """The file of the embedded broker; None without one."""
        return None if self.broker_folder is None else self.broker_folder / BROKER_FILE


@contextmanager
def empty_places(stack: Stack) -> Iterator[Places]:
    """A new folder of `make run` to restore to; a PostgreSQL server of its own runs meanwhile.

    Raises BackupFailed when the folder is in use, or the server does not start.
    """
    if stack.data.exists() and any(stack.data.iterdir()):
        raise BackupFailed(f"{stack.data} không trống; chỉ khôi phục vào chỗ trống.")
    with _server_running(stack):
        places = Places.of_stack(stack)
        yield Places(places.databases, places.broker_folder)


@contextmanager
def _server_running(stack: Stack) -> Iterator[None]:
    server = stack.parts.get("database")
    if server is None:
        yield
        return
    server.log.parent.mkdir(parents=True)
    server.start()
    try:
        where = address(stack.ports.database, "postgres", ensure_password(stack.password_file))
        deadline = time.monotonic() + SERVER_SECONDS
        while not ensure_databases(where, SERVICES):
            if not server.running or time.monotonic() > deadline:
                raise BackupFailed(f"PostgreSQL không khởi động được: {server.last_words()}")
            time.sleep(0.1)
        yield
    finally:
        server.ask_to_stop()
        if server.process is not None:
            try:
                server.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:  # what was committed is in its log, and found at the next start
                server.kill()


def is_sqlite(url: URL) -> bool:
    """Whether a database is a file."""
    return url.get_backend_name() == "sqlite"


def file_of(url: URL) -> Path:
    """The file of a SQLite address."""
    return Path(url.database or "")
