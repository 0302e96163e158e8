"""What the fake server remembers: tokens, citizens and messages, in one SQLite file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS token (
  access TEXT PRIMARY KEY, refresh TEXT UNIQUE NOT NULL, expires_at REAL NOT NULL,
  refresh_used INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS citizen (
  uid TEXT PRIMARY KEY, name TEXT NOT NULL, phone TEXT UNIQUE, refusal INTEGER NOT NULL DEFAULT 0,
  last_interaction INTEGER
);
CREATE TABLE IF NOT EXISTS message (
  position INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, uid TEXT NOT NULL REFERENCES citizen(uid),
  from_citizen INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, at INTEGER NOT NULL,
  template_id TEXT NOT NULL DEFAULT '', tracking_id TEXT NOT NULL DEFAULT '',
  webhook_body BLOB, webhook_status INTEGER
);
CREATE INDEX IF NOT EXISTS message_by_citizen ON message (uid, position);
"""

_MESSAGE = "id, uid, from_citizen, kind, text, at, template_id, tracking_id, webhook_body, webhook_status"


@dataclass(frozen=True)
class Citizen:
    """A Zalo user. `refusal` is the error code Zalo answers for them, 0 when they can be reached;
    `last_interaction` is in milliseconds."""

    uid: str
    name: str
    phone: str | None
    refusal: int
    last_interaction: int | None


@dataclass(frozen=True)
class Message:
    """A line between the account and a citizen; `at` in milliseconds."""

    id: str
    uid: str
    from_citizen: bool
    kind: str
    text: str
    at: int
    template_id: str = ""
    tracking_id: str = ""
    webhook_body: bytes | None = None
    webhook_status: int | None = None


class Store:
    """One connection behind a lock: a fake server needs no more."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def add_token(self, access: str, refresh: str, expires_at: float) -> None:
        """Keep a fresh pair."""
        with self._transaction() as connection:
            connection.execute("INSERT INTO token VALUES (?, ?, ?, 0)", (access, refresh, expires_at))

    def spend_refresh(self, refresh: str) -> bool:
        """Use a refresh token; False when it is unknown or was used before."""
        with self._transaction() as connection:
            done = connection.execute(
                "UPDATE token SET refresh_used = 1 WHERE refresh = ? AND refresh_used = 0", (refresh,)
            )
            return done.rowcount == 1

    def token_expiry(self, access: str) -> float | None:
        """When an access token ends (seconds since 1970), or None for an unknown one."""
        with self._lock:
            row = self._connection.execute(
                "SELECT expires_at FROM token WHERE access = ?", (access,)
            ).fetchone()
        return None if row is None else float(row[0])

    def expire_tokens(self) -> None:
        """Make every access token stale, as if 25 hours had passed."""
        with self._transaction() as connection:
            connection.execute("UPDATE token SET expires_at = 0")

    def put_citizen(self, citizen: Citizen) -> None:
        """Add or change a citizen."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO citizen VALUES (?, ?, ?, ?, ?) ON CONFLICT (uid) DO UPDATE SET"
                " name = excluded.name, phone = excluded.phone, refusal = excluded.refusal,"
                " last_interaction = excluded.last_interaction",
                (citizen.uid, citizen.name, citizen.phone, citizen.refusal, citizen.last_interaction),
            )

    def meet(self, citizen: Citizen) -> Citizen:
        """Add a citizen unless the user id or phone is known; answers the one that is kept."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO citizen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (citizen.uid, citizen.name, citizen.phone, citizen.refusal, citizen.last_interaction),
            )
        return self.citizen(citizen.uid) or self.citizen(citizen.phone or "") or citizen

    def citizen(self, uid_or_phone: str) -> Citizen | None:
        """The citizen with this user id or phone (`84…`)."""
        with self._lock:
            row = self._connection.execute(
                "SELECT uid, name, phone, refusal, last_interaction FROM citizen WHERE uid = ? OR phone = ?",
                (uid_or_phone, uid_or_phone),
            ).fetchone()
        return None if row is None else Citizen(*row)

    def citizens(self) -> list[Citizen]:
        """Everybody, whoever has the newest message first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT uid, name, phone, refusal, last_interaction FROM citizen c"
                " ORDER BY (SELECT max(position) FROM message m WHERE m.uid = c.uid) DESC NULLS LAST, name"
            ).fetchall()
        return [Citizen(*row) for row in rows]

    def add_message(self, message: Message) -> None:
        """Keep a line."""
        with self._transaction() as connection:
            connection.execute(
                f"INSERT INTO message ({_MESSAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
                (
                    message.id,
                    message.uid,
                    message.from_citizen,
                    message.kind,
                    message.text,
                    message.at,
                    message.template_id,
                    message.tracking_id,
                    message.webhook_body,
                    message.webhook_status,
                ),
            )

    def set_webhook_status(self, message_id: str, status: int) -> None:
        """Remember what intake answered (0: not reachable)."""
        with self._transaction() as connection:
            connection.execute("UPDATE message SET webhook_status = ? WHERE id = ?", (status, message_id))

    def message(self, message_id: str) -> Message | None:
        """One line by its id."""
        found = self._messages("WHERE id = ?", (message_id,))
        return found[0] if found else None

    def messages(self, uid: str | None = None, limit: int = 500) -> list[Message]:
        """Lines newest first, of one citizen or of all."""
        if uid is None:
            return self._messages("ORDER BY position DESC LIMIT ?", (limit,))
        return self._messages("WHERE uid = ? ORDER BY position DESC LIMIT ?", (uid, limit))

    def _messages(self, tail: str, values: tuple[object, ...]) -> list[Message]:
        with self._lock:
            rows = self._connection.execute(f"SELECT {_MESSAGE} FROM message {tail}", values).fetchall()  # noqa: S608
        return [Message(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]
