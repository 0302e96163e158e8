"""PostgreSQL: a lock on the outbox holds, a snapshot pins, pg_dump copies; and back into an empty server."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text

from deploy.backup import resend as resend_command
from deploy.backup.photograph import take_backup
from deploy.backup.places import Places, empty_places
from deploy.backup.postgres import PostgresDatabase, connect, is_empty, restore_dump
from deploy.backup.restore import restore, send_everything_again
from deploy.backup.sources import BackupFailed
from deploy.backup.sqlite import EmbeddedLog
from deploy.postgres.server import ensure_databases
from deploy.stack import SERVICES, Ports, Stack
from shared.clock import FixedClock
from shared.contracts.postal import VisitStarted
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from tests.unit.deploy.test_backup import a_broker_file

pytestmark = pytest.mark.long

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PATIENCE = 15.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="tannha-backup-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def stack_on_postgres(data: Path) -> Stack:
    """A product on a server that spares the disk: none of these tests is about a power cut."""
    stack = Stack(data, Ports.free(), database="postgres")
    stack.parts["database"].command += ["--set", "fsync=off"]
    return stack


@pytest.fixture(scope="module")
def places(folder: Path) -> Iterator[Places]:
    """Three databases on a server of their own, with one event published, and a broker's file."""
    with empty_places(stack_on_postgres(folder / "data")) as made:
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
    with empty_places(stack_on_postgres(folder / "new")) as empty:
        restore(folder / "backup", Places(empty.databases))
        engine = open_engine(empty.databases["postal_bridge"])
        assert "visit-1" in keys(engine)
        assert "visit-late" not in keys(engine)
        engine.dispose()
        with pytest.raises(BackupFailed, match="chỗ trống"):
            restore(folder / "backup", Places(empty.databases))


BEFORE_MARKING = """
CREATE FUNCTION before_marking() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {}; RETURN NEW; END $$;
CREATE TRIGGER before_marking BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION before_marking();
"""
"""A trigger stands for an outbox of which every event costs time, or one that cannot be marked at all."""


def backup_with(places: Places, folder: Path, before_marking: str) -> None:
    """A backup whose outbox of postal_bridge does this before an event is marked as unsent."""
    with connect(places.databases["postal_bridge"]) as connection:
        connection.execute("UPDATE outbox SET sent_at = now()")
        connection.execute(BEFORE_MARKING.format(before_marking).encode())
    try:
        log, databases = places.sources()
        take_backup(log, databases, folder, FixedClock(NOW))
    finally:
        with connect(places.databases["postal_bridge"]) as connection:
            connection.execute("DROP FUNCTION before_marking CASCADE")


def empty_databases(places: Places, prefix: str) -> Places:
    """Three new databases on the same server."""
    made = {name: url.set(database=f"{prefix}_{name}") for name, url in places.databases.items()}
    server = places.databases["intake"].set(drivername="postgresql", database="postgres")
    ensure_databases(
        server.render_as_string(hide_password=False), [str(url.database) for url in made.values()]
    )
    return Places(made)


def hurried(places: Places) -> Places:
    """The same databases for somebody whom the server allows 250 ms for each statement."""
    options = {"options": "-c statement_timeout=250 -c idle_in_transaction_session_timeout=250"}
    return Places({name: url.update_query_dict(options) for name, url in places.databases.items()})


def test_no_limit_of_time_ends_a_restore_or_a_sending_again(folder: Path, places: Places) -> None:
    """Years of events take longer to mark than a person waits; cut off there, they would never be sent."""
    backup_with(places, folder / "slow", "PERFORM pg_sleep(0.5)")
    empty = hurried(empty_databases(places, "slow"))
    restore(folder / "slow", empty)
    url = empty.databases["postal_bridge"]
    with connect(url) as connection:
        counted = connection.execute("SELECT count(*), count(sent_at) FROM outbox").fetchone()
    assert counted is not None
    events, sent = counted
    assert events > 0
    assert sent == 0
    assert send_everything_again(url) == events


def test_a_database_whose_events_cannot_be_marked_stays_empty(folder: Path, places: Places) -> None:
    """It would pass for restored, and what was under way at the instant be lost in silence."""
    backup_with(places, folder / "bad", "RAISE EXCEPTION 'no\nroom'")
    empty = empty_databases(places, "bad")
    with pytest.raises(BackupFailed, match="Đã có dữ liệu: intake, routing;") as refusal:
        restore(folder / "bad", empty)
    assert "\n" not in str(refusal.value)
    assert "ERROR:  no" in str(refusal.value)
    assert is_empty(empty.databases["postal_bridge"])


def test_what_a_server_objects_to_is_one_line(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback at night tells nobody what to do."""
    nowhere = {name: url.set(database="postgres") for name, url in places.databases.items()}
    monkeypatch.setattr(Places, "of_settings", classmethod(lambda _cls: Places(nowhere)))
    assert resend_command.main(["--settings"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("Không làm được: postgres: ")
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_password_in_the_query_of_the_address_opens_the_server(tmp_path: Path, places: Places) -> None:
    """Where the services connect, a backup would be refused for want of the password."""

    def moved(url: URL) -> URL:
        return url.set(password=None).update_query_dict({"password": str(url.password)})

    url = places.databases["intake"]
    database = PostgresDatabase("intake", moved(url))
    database.hold()
    database.pin()
    database.release()
    assert database.copy(tmp_path).stat().st_size > 0
    database.close()
    empty = empty_databases(Places({"intake": url}), "query").databases["intake"]
    restore_dump(tmp_path / "intake.dump", moved(empty), unsent=True)
    assert not is_empty(empty)
