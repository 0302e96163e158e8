"""PostgreSQL: a lock on the outbox holds, a snapshot pins, pg_dump copies; and back into an empty server."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from deploy.backup.photograph import take_backup
from deploy.backup.places import Places, empty_places
from deploy.backup.postgres import PostgresDatabase
from deploy.backup.restore import restore
from deploy.backup.sources import BackupFailed
from deploy.backup.sqlite import EmbeddedLog
from deploy.stack import SERVICES, Ports, Stack
from shared.clock import FixedClock
from shared.contracts.postal import VisitStarted
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from tests.unit.deploy.test_backup import a_broker_file

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PATIENCE = 15.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="tannha-backup-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture(scope="module")
def places(folder: Path) -> Iterator[Places]:
    """Three databases on a server of their own, with one event published, and a broker's file."""
    stack = Stack(folder / "data", Ports.free(), database="postgres")
    with empty_places(stack) as made:
        for url in made.databases.values():
            engine = open_engine(url)
            MessagingTable.metadata.create_all(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
            engine.dispose()
        publish(made, "visit-1")
        a_broker_file(folder / "broker")
        yield Places(made.databases, folder / "broker")


def publish(places: Places, visit_id: str) -> None:
    """One event of a visit."""
    engine = open_engine(places.databases["postal_bridge"])
    with Transactions(engine, "postal_bridge", FixedClock(NOW)).begin() as uow:
        uow.publish(
            VisitStarted(visit_id=visit_id, request_id="r", worker_id="w", purpose="pickup", started_at=NOW)
        )
    engine.dispose()


def keys(engine: Engine) -> list[str]:
    """What an outbox holds."""
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT key FROM outbox ORDER BY position")))


def test_publishing_waits_while_the_snapshot_is_taken_and_goes_on(places: Places) -> None:
    """Without the wait the databases would be copied at different moments."""
    database = PostgresDatabase("postal_bridge", places.databases["postal_bridge"])
    written = threading.Event()

    def write() -> None:
        publish(places, "visit-2")
        written.set()

    database.hold()
    writer = threading.Thread(target=write)
    writer.start()
    database.pin()
    assert not written.wait(0.5)
    database.release()
    assert written.wait(PATIENCE)
    writer.join()
    assert database.facts().heads == {"postal.visit.v1": 1}
    assert database.facts().tables["outbox"] == 1
    database.close()


def test_what_is_restored_is_the_moment_of_the_backup(folder: Path, places: Places) -> None:
    """Events published after the photograph would come back without their state, or the other way round."""

    class Slow(EmbeddedLog):
        def facts(self) -> dict[str, object]:
            publish(places, "visit-late")
            return dict(super().facts())

    _, databases = places.sources()
    log = Slow(places.broker_folder or Path())
    taken = take_backup(log, databases, folder / "backup", FixedClock(NOW))
    assert {file.name for file in taken.files} > {f"{name}.dump" for name in SERVICES}
    with empty_places(Stack(folder / "new", Ports.free(), database="postgres")) as empty:
        restore(folder / "backup", Places(empty.databases))
        engine = open_engine(empty.databases["postal_bridge"])
        assert "visit-1" in keys(engine)
        assert "visit-late" not in keys(engine)
        engine.dispose()
        with pytest.raises(BackupFailed, match="chỗ trống"):
            restore(folder / "backup", Places(empty.databases))


def test_a_server_that_is_away_is_said_without_its_password() -> None:
    """The line goes into logs."""
    url = make_url("postgresql+psycopg://tannha:bí-mật@127.0.0.1:9/intake")
    with pytest.raises(BackupFailed) as refusal:
        PostgresDatabase("intake", url).hold()
    assert "127.0.0.1:9" in str(refusal.value)
    assert "bí-mật" not in str(refusal.value)
    assert "\n" not in str(refusal.value)
