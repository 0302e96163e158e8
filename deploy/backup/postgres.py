"""PostgreSQL: a lock on the outbox holds, an exported snapshot pins, pg_dump copies.

SHARE mode lets everybody read and nobody write the outbox; it waits for the transactions that have written
to it. It is the only lock asked for, so it can wait but never be part of a deadlock.
Sources: https://www.postgresql.org/docs/current/explicit-locking.html, `pg_dump --snapshot`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL

from deploy.backup.sources import (
    FACTS,
    HOLD_SECONDS,
    MARK_UNSENT,
    BackupFailed,
    DatabaseFacts,
    flush,
    one_line,
)
from deploy.missing import NotRunnable
from deploy.postgres.server import find_programs
from shared.persistence.engine import address_of

PROGRAMS_FROM = "TANNHA_PG_BIN"
"""Environment variable with the folder of pg_dump, pg_restore and psql, for a server newer than these."""

NO_LIMITS = """SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN
('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'lock_timeout')"""
"""The limits that protect people who wait, whoever set them: copying takes as long as it takes."""

SHOWN_SECRETS = ("sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""Secrets that libpq takes from a connection string and not from the environment, as it does the password."""


class PostgresDatabase:
    """A service's database on a server."""

    def __init__(self, name: str, url: URL) -> None:
        self.name = name
        self._url = url
        self._lock: psycopg.Connection[Any] | None = None
        self._pinned: psycopg.Connection[Any] | None = None
        self._snapshot = ""

    def hold(self) -> None:
        """Locks the outbox against writing."""
        self._lock = connect(self._url)
        try:
            self._lock.execute("BEGIN")
            self._lock.execute(f"SET LOCAL lock_timeout = '{HOLD_SECONDS:.0f}s'")
            self._lock.execute("LOCK TABLE outbox IN SHARE MODE")
        except psycopg.Error as error:
            self.release()
            raise BackupFailed(f"Không dừng được việc ghi của {self.name}: {one_line(error)}") from error

    def pin(self) -> None:
        """Exports a snapshot that pg_dump can import while this connection stays."""
        self._pinned = connect(self._url)
        self._pinned.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._snapshot = str(self._ask("SELECT pg_export_snapshot()")[0][0])

    def release(self) -> None:
        """Gives the lock back."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def facts(self) -> DatabaseFacts:
        """Counted in the pinned state."""
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        tables = [str(name) for (name,) in self._ask(names)]
        return DatabaseFacts(
            revision=str(self._ask(FACTS["revision"])[0][0]),
            tables={name: self._count(name) for name in tables},
            unsent=int(self._ask(FACTS["unsent"])[0][0]),
            heads={topic: int(n) for topic, n in self._ask(FACTS["heads"])},
            gates={topic: int(n) for topic, n in self._ask(FACTS["gates"])},
        )

    def copy(self, folder: Path) -> Path:
        """`<name>.dump`, in pg_dump's custom format."""
        target = folder / f"{self.name}.dump"
        run_program(
            "pg_dump",
            self._url,
            ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={self._snapshot}", f"--file={target}"],
        )
        flush(target)
        return target

    def close(self) -> None:
        """Lets go of lock and snapshot."""
        self.release()
        if self._pinned is not None:
            self._pinned.close()
            self._pinned = None

    def _ask(self, query: str) -> list[Any]:
        if self._pinned is None:
            raise RuntimeError(f"{self.name} is not pinned")
        return self._pinned.execute(query.encode()).fetchall()

    def _count(self, table: str) -> int:
        if self._pinned is None:
            raise RuntimeError(f"{self.name} is not pinned")
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        return int(self._pinned.execute(query).fetchone()[0])  # type: ignore[index]


def is_empty(url: URL) -> bool:
    """Whether a database has no table yet. Raises BackupFailed when it cannot be asked."""
    with working_on(url) as connection:
        query = "SELECT NOT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = current_schema())"
        return bool(connection.execute(query).fetchone()[0])  # type: ignore[index]


def restore_dump(dump: Path, url: URL, *, unsent: bool) -> None:
    """Fills an empty database, all or nothing; `unsent` marks its events in the same transaction.

    Raises BackupFailed. pg_restore writes a script for psql, because by itself it commits before anything
    can be marked; the script begins by lifting every limit of time.
    """
    read = [program("pg_restore"), "--no-owner", "--no-acl", "--file=-", str(dump)]
    write = [program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", _database_option(url)]
    last = f"RESET search_path;\n{MARK_UNSENT};\nCOMMIT;\n" if unsent else "COMMIT;\n"
    with tempfile.TemporaryFile() as read_words, tempfile.TemporaryFile() as write_words:
        reader = subprocess.Popen(read, stdout=subprocess.PIPE, stderr=read_words)
        writer = subprocess.Popen(
            write, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=write_words, env=_environment(url)
        )
        with suppress(BrokenPipeError), writer, reader:  # a psql that gives up has said why
            script, commands = cast(IO[bytes], reader.stdout), cast(IO[bytes], writer.stdin)
            commands.write(b"BEGIN;\n")
            shutil.copyfileobj(script, commands)
            if reader.wait() == 0:  # without the last line psql leaves nothing behind
                commands.write(last.encode())
        if writer.returncode:
            raise BackupFailed(f"psql: {_complaint(_all_of(write_words))}")
        if reader.returncode:
            raise BackupFailed(f"pg_restore: {_complaint(_all_of(read_words))}")


def mark_unsent(url: URL) -> int:
    """Marks every event of an outbox as unsent, however long it takes; returns how many.

    Raises BackupFailed.
    """
    with working_on(url) as connection:
        return connection.execute(MARK_UNSENT.encode()).rowcount


def connect(url: URL) -> psycopg.Connection[Any]:
    """An autocommit connection without limits of time. Raises BackupFailed, without any secret."""
    parts = _parts(url)
    try:
        connection = psycopg.connect(make_conninfo(**parts), autocommit=True, connect_timeout=5)
        connection.execute(NO_LIMITS)
    except psycopg.Error as error:
        where = address_of(url)
        raise BackupFailed(f"Không kết nối được cơ sở dữ liệu {where}: {one_line(error)}") from error
    return connection


@contextmanager
def working_on(url: URL) -> Iterator[psycopg.Connection[Any]]:
    """Such a connection for the length of the block; what the database objects to becomes BackupFailed."""
    with connect(url) as connection:
        try:
            yield connection
        except psycopg.Error as error:
            raise BackupFailed(f"{url.database}: {one_line(error)}") from error


def run_program(name: str, url: URL, arguments: list[str]) -> None:
    """Runs a program of PostgreSQL against a database. Raises BackupFailed with what it complains of."""
    command = [program(name), _database_option(url), *arguments]
    done = subprocess.run(command, env=_environment(url), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupFailed(f"{name}: {_complaint(done.stderr)}")


def program(name: str) -> str:
    """The path of a program of PostgreSQL: where the variable says, in the wheel, on the PATH.

    Raises BackupFailed when there is none.
    """
    folder = os.environ.get(PROGRAMS_FROM)
    if folder:
        return str(Path(folder) / name)
    try:
        return str(find_programs() / name)
    except NotRunnable:
        found = shutil.which(name)
        if found is None:
            raise BackupFailed(f"Không tìm thấy {name}; đặt {PROGRAMS_FROM} là thư mục chứa nó.") from None
        return found


def _parts(url: URL) -> dict[str, Any]:
    """The address as libpq reads it, with all that the services' own connections take from it.

    Raises BackupFailed for a secret that could only be given to pg_dump and psql for all to see.
    """
    # Not as a URL: SQLAlchemy writes a space as "+", which libpq leaves as it is.
    _, parts = url.get_dialect()().create_connect_args(url)
    for name in SHOWN_SECRETS:
        if name in parts:
            raise BackupFailed(
                f"Địa chỉ cơ sở dữ liệu {address_of(url)} có {name}; pg_dump và psql chỉ nhận nó trên dòng"
                " lệnh, nơi ai trên máy cũng đọc được: sao lưu và khôi phục bằng địa chỉ không có nó."
            )
    return dict(parts)


def _database_option(url: URL) -> str:
    parts = _parts(url)
    parts.pop("password", None)
    return f"--dbname={make_conninfo(**parts)}"


def _environment(url: URL) -> dict[str, str]:
    """The password, wherever in the address it stands, goes by the environment of a child: the command line
    is public on the machine."""
    password = _parts(url).get("password")
    return {**os.environ, "PGPASSWORD": str(password)} if password else dict(os.environ)


def _all_of(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read().decode(errors="replace")


def _complaint(words: str) -> str:
    """The line that names the error; what follows it (context, a caret) explains it to programmers."""
    lines = words.strip().splitlines() or ["?"]
    return next((line for line in lines if "ERROR:" in line or "error:" in line), lines[-1])
