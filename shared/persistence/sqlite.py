"""How a SQLite file is opened: durable commits, writers that queue, one and the same file all the time."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from shared.persistence.turns import Turns

BUSY_SECONDS = 5
"""How long a writer waits for another one before it gives up.

A transaction of ours takes milliseconds, so forty in a row are through long before. Who waits longer waits
for something that is stuck, and a person should be told so instead of looking at a page that hangs.
"""
ASK_AGAIN_SECONDS = 0.002
POOL_SIZE = 5
MAX_OVERFLOW = 45
"""With the five kept open one more than the forty threads of the web server, and some for the background:
readers must never queue behind writers for a connection, since the file lets them go on."""
POOL_SECONDS = 3
"""Wait for a connection of the pool; only a defect could exhaust it."""


@dataclass
class DatabaseFile:
    """The file that an engine works on, known by its inode once it has been opened.

    A process that keeps writing to a file that was moved away or replaced acknowledges what nobody will find
    again. So every use of a connection asks whether the path still leads to the same file.
    """

    path: Path
    inode: int | None = None

    def check(self) -> None:
        """Raises sqlite3.OperationalError when the path leads elsewhere, or nowhere, than at the start."""
        if self.inode is None:
            return
        try:
            same = self.path.stat().st_ino == self.inode
        except OSError:
            same = False
        if not same:
            raise sqlite3.OperationalError("the database file was moved away or replaced")

    def opened(self) -> None:
        """Remembers the file; called when a connection to it was made."""
        if self.inode is None and self.path.exists():
            self.inode = self.path.stat().st_ino


def open_sqlite(url: URL) -> Engine:
    """An engine on a file (its folder is made) or in memory.

    WAL mode with `synchronous=FULL`: a commit survives a power cut, readers and writers do not block each
    other. Every transaction starts with `BEGIN IMMEDIATE`, so writers never lose a race, and those of this
    process take turns; one that has the execution option `reading` takes no write lock.
    """
    connect_args = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    if url.database in (None, "", ":memory:"):
        engine = create_engine(url, connect_args=connect_args)
    else:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(
            url,
            connect_args=connect_args,
            pool_size=POOL_SIZE,
            max_overflow=MAX_OVERFLOW,
            pool_timeout=POOL_SECONDS,
        )
        _stay_with_the_file(engine, DatabaseFile(Path(str(url.database))))

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver must not open transactions on its own: we say BEGIN IMMEDIATE below.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    _begin_in_turn(engine)
    return engine


def _begin_in_turn(engine: Engine) -> None:
    """A writer's turn lasts until its connection is back in the pool."""
    turns = Turns()

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        if connection.get_execution_options().get("reading"):
            connection.exec_driver_sql("BEGIN")
            return
        deadline = time.monotonic() + BUSY_SECONDS
        if not connection.info.get("turn"):
            if not turns.take(BUSY_SECONDS):
                busy = sqlite3.OperationalError("database is locked: others of this process were first")
                raise OperationalError("BEGIN IMMEDIATE", None, busy)
            connection.info["turn"] = True
        _take_the_write_lock(connection, deadline)

    @event.listens_for(engine, "detach")
    @event.listens_for(engine, "checkin")
    def _over(_connection: object, record: Any) -> None:
        if record.info.pop("turn", False):
            turns.pass_on()


def _take_the_write_lock(connection: Any, deadline: float) -> None:
    """Begins to write as soon as no other process does. Raises OperationalError after the deadline.

    Asked every few milliseconds: SQLite's own way to wait asks ever more rarely, so that one process loses
    against another that writes again and again, and all who stand behind it lose with it (measured).
    """
    driver: sqlite3.Connection = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < deadline:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(ASK_AGAIN_SECONDS)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises, as all statements of a connection do
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")


def _stay_with_the_file(engine: Engine, file: DatabaseFile) -> None:
    @event.listens_for(engine, "do_connect")
    def _before_connecting(*_: object) -> None:
        file.check()  # else a new, empty file would be made where the old one was

    @event.listens_for(engine, "connect")
    def _connected(*_: object) -> None:
        file.opened()

    @event.listens_for(engine, "checkout")
    def _before_use(*_: object) -> None:
        file.check()
