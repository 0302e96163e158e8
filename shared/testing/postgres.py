"""Where tests find PostgreSQL: at a given address, in a container, or the server that a wheel brings.

The wheel is one of the development packages, so that there always is a server. Its data lies in the system's
folder for temporary files: pytest takes away the right to enter its own, which the server's user needs.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy import URL, make_url

from shared.ids import new_id
from shared.testing.broker_process import ROOT, free_port
from shared.testing.docker import docker_answers, until

IMAGE = "postgres:18"
"""The one of docker-compose.yml; a test holds them together."""
START_SECONDS = 60.0


@dataclass(frozen=True)
class Postgres:
    """A server whose user may create databases; `url` is SQLAlchemy's for any database on it."""

    url: URL

    def address(self, database: str) -> str:
        """The SQLAlchemy address of a database, with the password."""
        return self.url.set(database=database).render_as_string(hide_password=False)

    def new_database(self) -> str:
        """The SQLAlchemy address of an empty database of its own."""
        name = f"test_{new_id().lower()}"
        with psycopg.connect(self._plain(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.address(name)

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            psycopg.connect(self._plain(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _plain(self) -> str:
        return self.url.set(drivername="postgresql").render_as_string(hide_password=False)


class PostgresProcess:
    """The wheel's server as a process that can be killed, stopped and started again on its data and port."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.settings = settings
        self.output = folder / "postgres.log"
        password = secrets.token_urlsafe(12)
        self.password_file = folder / "password"
        self.password_file.write_text(password, encoding="utf-8")
        self.server = Postgres(
            URL.create("postgresql+psycopg", "tannha", password, "127.0.0.1", self.port, "postgres")
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Starts it; returns when it answers. Raises RuntimeError with its output when it ends at once."""
        command = [sys.executable, "-m", "deploy.postgres", "--port", str(self.port)]
        command += ["--data", str(self.folder / "data"), "--password-file", str(self.password_file)]
        for setting in self.settings:
            command += ["--set", setting]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)  # noqa: S603
        until(self._answers_or_is_gone, START_SECONDS, "PostgreSQL")
        if self.process.poll() is not None:
            raise RuntimeError(
                f"PostgreSQL did not start:\n{self.output.read_text(errors='replace')[-2000:]}"
            )
        return self

    def _answers_or_is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None or self.server.answers()

    @property
    def pid(self) -> int:
        """Of the server's first process. Raises RuntimeError when it does not run."""
        if self.process is None:
            raise RuntimeError("PostgreSQL does not run")
        return self.process.pid

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, timeout: float = 30.0) -> None:
        """Ends every connection and the server. Raises subprocess.TimeoutExpired."""
        if self.process is not None:
            self.process.send_signal(2)
            self.process.wait(timeout)
            self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


@contextmanager
def postgresql() -> Iterator[Postgres]:
    """A PostgreSQL while the block lasts: TANNHA_TEST_POSTGRES (a URL), else a container, else the wheel.

    The wheel's does not wait for the disk: tests ask it about concurrency, not about power cuts.
    """
    given = os.environ.get("TANNHA_TEST_POSTGRES")
    if given:
        yield Postgres(make_url(given).set(drivername="postgresql+psycopg"))
    elif docker_answers():
        from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - only with an engine

        with PostgresContainer(IMAGE, driver="psycopg") as container:
            yield Postgres(make_url(container.get_connection_url()))
    else:
        with (
            tempfile.TemporaryDirectory(prefix="tannha-postgres-", ignore_cleanup_errors=True) as folder,
            PostgresProcess(Path(folder), "fsync=off") as running,
        ):
            yield running.server
