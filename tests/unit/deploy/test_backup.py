"""A backup is of one instant, whole or not at all, and is only ever restored into an empty place."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from deploy.backup import __main__ as backup_command
from deploy.backup import resend as resend_command
from deploy.backup import restore as restore_command
from deploy.backup.kafka import KafkaEnds
from deploy.backup.manifest import Manifest, describe, events_to_come
from deploy.backup.photograph import pin_together, take_backup
from deploy.backup.places import Places
from deploy.backup.restore import restore
from deploy.backup.sources import BackupFailed, DatabaseFacts
from deploy.backup.sqlite import BROKER_FILE, EmbeddedLog, SqliteDatabase
from deploy.part import ROOT
from deploy.stack import SERVICES, Stack
from shared.clock import FixedClock
from shared.contracts.postal import VisitStarted
from shared.messaging.connection import BrokerAddress
from shared.messaging.guard import Guard, Outcome
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.testing.broker_process import free_port
from shared.web.keys import PRIVATE_NAME, PUBLIC_NAME, load_private_key, load_public_key

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
PATIENCE = 10.0


def a_broker_file(folder: Path) -> None:
    """What the embedded broker keeps, without any record."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / BROKER_FILE)) as log:
        log.execute("PRAGMA journal_mode=WAL")
        log.execute("CREATE TABLE partition (topic TEXT, number INTEGER, next_offset INTEGER)")


@dataclass
class Product:
    """Three small databases and a broker file; postal_bridge publishes, intake and routing apply."""

    folder: Path
    services: dict[str, Transactions] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("intake", "routing", "postal_bridge"):
            engine = open_engine(f"sqlite:///{self.folder / name}.db")
            MessagingTable.metadata.create_all(engine)
            with engine.begin() as connection:
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('0001')")
            self.services[name] = Transactions(engine, name, FixedClock(NOW))
        a_broker_file(self.folder / "broker")

    def publish(self, visit_id: str) -> bytes:
        """One event of a visit; its bytes on the wire."""
        with self.services["postal_bridge"].begin() as uow:
            body = VisitStarted(
                visit_id=visit_id, request_id="r", worker_id="w", purpose="pickup", started_at=NOW
            )
            return uow.publish(body).to_bytes()

    def apply(self, raw: bytes) -> None:
        """The event takes effect in intake."""
        Guard(self.services["intake"], {}).receive("postal.visit.v1", raw)

    def places(self) -> Places:
        """Where it lies."""
        return in_folder(self.folder)

    def close(self) -> None:
        """No connection stays."""
        for transactions in self.services.values():
            transactions.engine.dispose()


@pytest.fixture
def product(tmp_path: Path) -> Any:
    """A product in a folder of its own, with one event published and applied."""
    (tmp_path / "data").mkdir()
    made = Product(tmp_path / "data")
    made.apply(made.publish("visit-1"))
    yield made
    made.close()


def in_folder(folder: Path) -> Places:
    """The layout of `make run`."""
    return Places.of_stack(Stack(folder))


def rows(file: Path, query: str) -> list[Any]:
    """What a file says."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


# --- the moment -------------------------------------------------------------------------------------


@dataclass
class Diary:
    """A database or log that writes down what is done to it, and can refuse to be held."""

    name: str
    entries: list[str]
    trouble: str = ""
    kind: str = "embedded"

    def _note(self, what: str) -> None:
        self.entries.append(f"{what} {self.name}")
        if what == self.trouble:
            raise BackupFailed(f"{what} failed")

    def hold(self) -> None:
        """Written down."""
        self._note("hold")

    def pin(self) -> None:
        """Written down."""
        self._note("pin")

    def release(self) -> None:
        """Written down."""
        self._note("release")

    def facts(self) -> Any:
        """Nothing is known."""
        return DatabaseFacts("1", {}, 0)

    def copy(self, folder: Path) -> Path:
        """A file with a letter in it."""
        self._note("copy")
        (folder / self.name).write_text("x")
        return folder / self.name

    def close(self) -> None:
        """Written down."""
        self._note("close")


def test_everything_is_held_then_the_log_pinned_then_the_databases() -> None:
    """In any other order an event could be known to its consumer alone, or an offset outrun its effect."""
    entries: list[str] = []
    log, databases = Diary("log", entries), [Diary("a", entries), Diary("b", entries)]
    moment, held = pin_together(log, databases, FixedClock(NOW))
    assert entries == ["hold a", "hold b", "pin log", "pin a", "pin b", "release a", "release b"]
    assert moment == NOW
    assert held < PATIENCE


@pytest.mark.parametrize(("part", "trouble"), [("a", "hold"), ("b", "hold"), ("log", "pin"), ("b", "pin")])
def test_trouble_at_the_moment_lets_everybody_go_on(tmp_path: Path, part: str, trouble: str) -> None:
    """A backup that fails half way would leave the office unable to write."""
    entries: list[str] = []
    parts = {name: Diary(name, entries, trouble if name == part else "") for name in ("log", "a", "b")}
    with pytest.raises(BackupFailed):
        take_backup(parts["log"], [parts["a"], parts["b"]], tmp_path / "backup", FixedClock(NOW))
    assert {"release a", "release b", "close log", "close a", "close b"} <= set(entries)
    assert list(tmp_path.iterdir()) == []


def test_a_moment_that_did_not_come_is_tried_again() -> None:
    """One long transaction in one service would cost the night's backup."""
    entries: list[str] = []

    class BusyOnce(Diary):
        def hold(self) -> None:
            self.trouble = "" if f"hold {self.name}" in self.entries else "hold"
            super().hold()

    databases = [Diary("a", entries), BusyOnce("b", entries)]
    pin_together(Diary("log", entries), databases, FixedClock(NOW))
    assert entries[:4] == ["hold a", "hold b", "release a", "release b"]
    assert entries[4:] == ["hold a", "hold b", "pin log", "pin a", "pin b", "release a", "release b"]


def test_a_copy_that_fails_leaves_no_backup(tmp_path: Path) -> None:
    """Half a backup that looks like one is found out on the day it is needed."""
    entries: list[str] = []
    services = [Diary(name, entries) for name in ("intake", "routing")] + [
        Diary("postal_bridge", entries, "copy")
    ]
    with pytest.raises(BackupFailed):
        take_backup(Diary("log", entries), services, tmp_path / "backup", FixedClock(NOW))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, product: Product) -> None:
    """A traceback in the nightly mail is read by nobody."""

    class Full(EmbeddedLog):
        def copy(self, folder: Path) -> Path:
            raise sqlite3.OperationalError("database or disk is full")

    _, databases = product.places().sources()
    with pytest.raises(BackupFailed, match="disk is full"):
        take_backup(Full(product.folder / "broker"), databases, tmp_path / "backup", FixedClock(NOW))
    assert not list(tmp_path.glob("backup*"))


def test_a_broker_that_is_away_does_not_prevent_a_backup(tmp_path: Path, product: Product) -> None:
    """Of all days it would be missing on the one with trouble."""
    away = KafkaEnds(BrokerAddress(f"127.0.0.1:{free_port()}"))
    taken = take_backup(away, product.places().sources()[1], tmp_path / "backup", FixedClock(NOW))
    assert taken.log_kind == "kafka"
    assert "unknown" in taken.log
    assert {file.name for file in taken.files} == {"intake.db", "routing.db", "postal_bridge.db"}


def test_a_writer_waits_while_held_and_goes_on_afterwards(product: Product) -> None:
    """Without the wait nothing holds the moment together; without the going on a backup stops the office."""
    database = SqliteDatabase("postal_bridge", product.folder / "postal_bridge.db")
    written = threading.Event()

    def write() -> None:
        product.publish("visit-2")
        written.set()

    database.hold()
    writer = threading.Thread(target=write)
    writer.start()
    database.pin()
    assert not written.wait(0.2)
    database.release()
    assert written.wait(PATIENCE)
    writer.join()
    assert database.facts().heads == {"postal.visit.v1": 1}
    database.close()


@dataclass
class Busy:
    """A database that looks away when it is pinned: somebody publishes and the consumer applies."""

    database: SqliteDatabase
    meanwhile: Callable[[], None]
    held: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)

    def hold(self) -> None:
        """Only when it is told to: the seeded bug is a backup that copies one database after the other."""
        if self.held:
            self.database.hold()

    def pin(self) -> None:
        """Pins, and then the others work."""
        self.database.pin()
        self.meanwhile()


@pytest.mark.parametrize("held", [True, False])
def test_a_consumer_never_knows_more_than_its_producer(tmp_path: Path, product: Product, held: bool) -> None:
    """A restored producer would give the same numbers out again, and the new events be dropped as old."""
    busy: list[threading.Thread] = []

    def work() -> None:
        busy.append(threading.Thread(target=lambda: product.apply(product.publish("visit-2"))))
        busy[-1].start()
        if not held:
            busy[-1].join(PATIENCE)

    log, databases = product.places().sources()
    by_name: dict[str, Any] = {database.name: database for database in databases}
    producer = Busy(by_name.pop("postal_bridge"), work, held)
    others: list[Any] = [Busy(database, lambda: None, held) for database in by_name.values()]
    folder = tmp_path / "backup"
    if held:
        take_backup(log, [producer, *others], folder, FixedClock(NOW))
        assert rows(folder / "intake.db", "SELECT key FROM gate") == [("visit-1",)]
    else:
        with pytest.raises(BackupFailed, match=r"postal\.visit\.v1"):
            take_backup(log, [producer, *others], folder, FixedClock(NOW))
    busy[0].join(PATIENCE)


# --- what is in a backup ----------------------------------------------------------------------------


def test_a_backup_holds_the_moment_and_not_what_came_later(tmp_path: Path, product: Product) -> None:
    """Copies that go on filling up while they are made are of no moment at all."""

    class Slow(EmbeddedLog):
        def facts(self) -> Mapping[str, Any]:
            product.publish("visit-2")
            return super().facts()

    _, databases = product.places().sources()
    take_backup(Slow(product.folder / "broker"), databases, tmp_path / "backup", FixedClock(NOW))
    assert rows(tmp_path / "backup" / "postal_bridge.db", "SELECT key FROM outbox") == [("visit-1",)]
    assert rows(product.folder / "postal_bridge.db", "SELECT count(*) FROM outbox") == [(2,)]


def test_the_manifest_tells_moment_revision_counts_and_what_is_under_way(
    tmp_path: Path, product: Product
) -> None:
    """Who restores has to know what he gets, and what was still travelling."""
    product.publish("visit-2")
    taken = take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    read = Manifest.read(tmp_path / "backup")
    assert read == taken
    assert read.taken_at == NOW
    assert read.databases["postal_bridge"].revision == "0001"
    assert read.databases["postal_bridge"].tables["outbox"] == 2
    assert read.databases["postal_bridge"].unsent == 2
    assert read.to_come["intake"] == {"postal.visit.v1": 1}
    assert {file.name for file in read.files} == {
        "intake.db",
        "routing.db",
        "postal_bridge.db",
        BROKER_FILE,
    }


def test_nobody_else_may_read_a_backup(tmp_path: Path, product: Product) -> None:
    """Names, phones, addresses and the tokens of the channels are in it."""
    folder = tmp_path / "backup"
    take_backup(*product.places().sources(), folder, FixedClock(NOW))
    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.db"))


def test_more_applied_than_published_is_no_backup() -> None:
    """The last look before a backup is believed: copies of different moments are refused."""
    databases = {
        "postal_bridge": DatabaseFacts("1", {}, 0, heads={"postal.visit.v1": 4}),
        "intake": DatabaseFacts("1", {}, 0, gates={"postal.visit.v1": 5}),
    }
    with pytest.raises(BackupFailed):
        events_to_come(databases, [("postal.visit.v1", "postal_bridge", "intake")])


# --- restoring --------------------------------------------------------------------------------------


def test_what_is_restored_is_what_was_there(tmp_path: Path, product: Product) -> None:
    """A backup that cannot be restored is none."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    restore(tmp_path / "backup", in_folder(tmp_path / "new"))
    for name in ("intake.db", "routing.db", "postal_bridge.db", f"broker/{BROKER_FILE}"):
        assert (tmp_path / "new" / name).exists()
    assert rows(tmp_path / "new" / "intake.db", "SELECT key, sequence FROM gate") == [("visit-1", 1)]


@pytest.mark.parametrize("taken", ["intake.db", "postal_bridge.db", f"broker/{BROKER_FILE}"])
def test_nothing_is_ever_overwritten(tmp_path: Path, product: Product, taken: str) -> None:
    """The wrong folder name on the worst day would destroy what is still there."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    there = tmp_path / "new" / taken
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    with pytest.raises(BackupFailed, match="chỗ trống"):
        restore(tmp_path / "backup", in_folder(tmp_path / "new"))
    assert there.read_text() == "mine"
    assert [file for file in (tmp_path / "new").rglob("*") if file.is_file()] == [there]
    with pytest.raises(BackupFailed, match="đã có"):
        take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))


@pytest.mark.parametrize(
    "name", ["intake.db-wal", "routing.db-shm", "postal_bridge.db-journal", f"broker/{BROKER_FILE}-wal"]
)
def test_what_is_left_of_an_old_database_is_never_mixed_into_the_new_one(
    tmp_path: Path, product: Product, name: str
) -> None:
    """SQLite replays the old write-ahead log into the restored file at its first opening."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    left = tmp_path / "new" / name
    left.parent.mkdir(parents=True)
    left.write_text("old")
    with pytest.raises(BackupFailed, match=f"^{re.escape(str(left))} .*chỗ trống") as refusal:
        restore(tmp_path / "backup", in_folder(tmp_path / "new"))
    assert "\n" not in str(refusal.value)
    assert [file for file in (tmp_path / "new").rglob("*") if file.is_file()] == [left]


def test_what_a_killed_restore_left_is_not_mixed_into_the_next_one(
    tmp_path: Path, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite rolls the journal of the killed one back into the copy of another backup."""
    first, second, killed = tmp_path / "first", tmp_path / "second", tmp_path / "killed"
    take_backup(*product.places().sources(), first, FixedClock(NOW))
    published = [f"visit-{number}" for number in range(2, 40)]
    for visit_id in published:
        product.publish(visit_id)
    take_backup(*product.places().sources(), second, FixedClock(NOW))

    def killed_while_marking(file: Path) -> int:
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("PRAGMA cache_size = 1")  # pages go to the disk before the commit
            connection.execute("BEGIN")
            connection.execute("UPDATE outbox SET body = zeroblob(100000)")
            shutil.copytree(tmp_path / "new", killed)
        raise BackupFailed("killed")

    def one_of(folder: Path) -> Places:
        return Places({"postal_bridge": in_folder(folder).databases["postal_bridge"]})

    with monkeypatch.context() as during:
        during.setattr("deploy.backup.sqlite.mark_unsent", killed_while_marking)
        with pytest.raises(BackupFailed, match="killed"):
            restore(first, one_of(tmp_path / "new"))
    assert any(file.stat().st_size for file in killed.rglob("*-journal"))
    restore(second, one_of(killed))
    restored = rows(killed / "postal_bridge.db", "SELECT key FROM outbox ORDER BY position")
    assert [key for (key,) in restored] == ["visit-1", *published]


def test_a_database_that_came_into_being_meanwhile_stays(
    tmp_path: Path, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that somebody started too early would lose what it has already acknowledged."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    begun = tmp_path / "new" / "intake.db"
    monkeypatch.setattr("deploy.backup.sqlite.mark_unsent", lambda _file: begun.write_text("mine"))
    with pytest.raises(BackupFailed, match="đã có"):
        restore(tmp_path / "backup", Places(in_folder(tmp_path / "new").databases))
    assert begun.read_text() == "mine"
    assert list((tmp_path / "new").iterdir()) == [begun]


def test_a_damaged_backup_is_refused_before_anything_is_written(tmp_path: Path, product: Product) -> None:
    """A bit that fell over in the archive would become the office's truth."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    copy = tmp_path / "backup" / "routing.db"
    damaged = bytearray(copy.read_bytes())
    damaged[-1] ^= 1
    copy.write_bytes(damaged)
    with pytest.raises(BackupFailed, match="mã băm"):
        restore(tmp_path / "backup", in_folder(tmp_path / "new"))
    copy.unlink()
    with pytest.raises(BackupFailed, match=r"thiếu routing\.db"):
        restore(tmp_path / "backup", in_folder(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("content", [None, "", "[]", json.dumps({"format": 99}), json.dumps({"format": 1})])
def test_a_folder_without_a_whole_manifest_is_no_backup(tmp_path: Path, content: str | None) -> None:
    """Any folder could be taken for a backup, and one of another version be misread."""
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(BackupFailed):
        Manifest.read(tmp_path)


def test_without_the_log_every_event_is_sent_again_and_has_no_second_effect(
    tmp_path: Path, product: Product
) -> None:
    """With empty topics, what was sent before the backup and not yet applied would never arrive."""
    product.publish("visit-2")
    with product.services["postal_bridge"].engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET sent_at = '2026-11-23 02:00:00'")
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    empty = in_folder(tmp_path / "new")
    restore(tmp_path / "backup", Places(empty.databases))
    file = tmp_path / "new" / "postal_bridge.db"
    assert rows(file, "SELECT count(*) FROM outbox WHERE sent_at IS NULL") == [(2,)]
    engine = open_engine(empty.databases["intake"])
    guard = Guard(Transactions(engine, "intake", FixedClock(NOW)), {})
    bodies = rows(file, "SELECT body FROM outbox ORDER BY position")
    assert [guard.receive("postal.visit.v1", body) for (body,) in bodies] == [
        Outcome.DUPLICATE,
        Outcome.APPLIED,
    ]
    engine.dispose()


def test_a_file_has_its_name_only_when_its_events_are_marked(
    tmp_path: Path, product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    """A database that passes for restored keeps for ever what was under way at the instant."""
    made = tmp_path / "backup"
    taken = take_backup(*product.places().sources(), made, FixedClock(NOW))
    with closing(sqlite3.connect(made / "routing.db")) as copy:
        copy.execute("DROP TABLE outbox")
    replace(taken, files=tuple(describe(made / file.name) for file in taken.files)).write(made)
    empty = in_folder(tmp_path / "new").databases
    with pytest.raises(BackupFailed, match="Đã có dữ liệu: intake;") as refusal:
        restore(made, Places(empty))
    assert "no such table: outbox" in str(refusal.value)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["intake.db"]
    assert restore_command.main([str(made), "--data", str(tmp_path / "newer"), "--broker", "kafka"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_backup_of_the_other_kind_of_database_says_so(tmp_path: Path, product: Product) -> None:
    """One forgotten word on the command line would look like a broken backup."""
    take_backup(*product.places().sources(), tmp_path / "backup", FixedClock(NOW))
    on_a_server = {name: make_url(f"postgresql+psycopg://tannha@127.0.0.1:9/{name}") for name in SERVICES}
    with pytest.raises(BackupFailed, match="sqlite"):
        restore(tmp_path / "backup", Places(on_a_server))


def test_the_runbooks_command_makes_a_new_pair_of_keys(tmp_path: Path) -> None:
    """Sign-ins recalled after the instant would stay good, because the step that ends them does not work."""
    runbook = (ROOT / "docs" / "runbooks" / "restore.md").read_text(encoding="utf-8")
    (command,) = re.findall(r'\.venv/bin/python -c "(.+)"', runbook)
    (tmp_path / "deploy" / "secrets").mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, env=environment, check=True)
    secrets = tmp_path / "deploy" / "secrets"
    private = load_private_key(secrets / PRIVATE_NAME)
    assert load_public_key(secrets / PUBLIC_NAME).thumbprint() == private.thumbprint()
    assert {file.name for file in secrets.iterdir()} == set(re.findall(r"session-\w+\.pem", runbook))


# --- the commands -----------------------------------------------------------------------------------


def test_the_commands_say_in_one_line_what_they_did(
    tmp_path: Path, product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    """Operators would not know where the backup is, nor until when it reaches."""
    assert backup_command.main(["--data", str(product.folder), "--to", str(tmp_path / "backups")]) == 0
    (made,) = (tmp_path / "backups").iterdir()
    told = capsys.readouterr().out
    assert str(made) in told
    assert "việc ghi phải chờ" in told
    assert restore_command.main([str(made), "--data", str(tmp_path / "new")]) == 0
    told = capsys.readouterr().out
    assert "Đã khôi phục" in told
    assert told.count("cặp khoá đăng nhập") == 1
    assert restore_command.main([str(made), "--data", str(tmp_path / "new")]) == 1
    assert "chỗ trống" in capsys.readouterr().err


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_folder_without_a_product_is_said_in_one_line(
    tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped folder would make an empty backup every night."""
    place = ["--data", str(tmp_path / "none"), "--database", database]
    assert backup_command.main([*place, "--to", str(tmp_path / "backups")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(tmp_path.glob("backups/*"))
    assert not (tmp_path / "none").exists()


def test_production_is_found_by_the_services_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup with addresses of its own would one day copy a database that nobody uses any more."""
    secret = tmp_path / "password"
    secret.write_text("bí-mật\n", encoding="utf-8")
    for service in SERVICES:
        prefix = f"TANNHA_{service.upper()}"
        monkeypatch.setenv(f"{prefix}_DATABASE", f"postgresql+psycopg://tannha@db/{service}")
        monkeypatch.setenv(f"{prefix}_DATABASE_PASSWORD_FILE", str(secret))
        monkeypatch.setenv(f"{prefix}_BROKER", "kafka:9092")
    places = Places.of_settings()
    assert {name: url.database for name, url in places.databases.items()} == {s: s for s in SERVICES}
    assert {url.password for url in places.databases.values()} == {"bí-mật"}
    assert places.kafka is not None
    assert places.kafka.bootstrap == "kafka:9092"
    monkeypatch.setenv("TANNHA_ROUTING_DATABSE", "sqlite:///typing-error.db")
    with pytest.raises(BackupFailed, match="DATABSE"):
        Places.of_settings()


def test_a_lost_log_is_written_again_by_one_command(
    product: Product, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broker that lost its folder would keep events from everybody for ever."""
    with product.services["postal_bridge"].engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET sent_at = '2026-11-23 02:00:00'")
    assert resend_command.main(["--data", str(product.folder)]) == 0
    assert "postal_bridge: 1 sự kiện" in capsys.readouterr().out
    assert rows(product.folder / "postal_bridge.db", "SELECT sent_at FROM outbox") == [(None,)]


def test_a_folder_without_databases_gets_none_by_asking_to_send_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped folder would look like a success."""
    assert resend_command.main(["--data", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "none").exists()
