"""The SQLite file under the broker: one writing thread with grouped commits, one reading thread.

Everything the broker must still know after a power cut is in this file, and every decision about it
(the next offset, a duplicate, a generation) is taken inside the transaction that writes it. So a
failed or interrupted commit needs no repair in memory: what was not committed was never decided.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from shared.broker.schema import prepare

log = logging.getLogger("shared.broker.store")

Work = Callable[[sqlite3.Connection], Any]
"""Reads or changes the file; may be run again after a rollback, so it must touch nothing else."""


def unobserved(seconds: float, works: int) -> None:
    """Where nobody measures."""


def room(connection: sqlite3.Connection) -> tuple[int, int]:
    """The size of the file in bytes, and how much of it is free for new records."""
    (page,) = connection.execute("pragma page_size").fetchone()
    (pages,) = connection.execute("pragma page_count").fetchone()
    (free,) = connection.execute("pragma freelist_count").fetchone()
    return pages * page, free * page


class StorageFailure(Exception):
    """The disk refused (full, broken, read-only): nothing of the work was kept."""


class Store:
    """Runs works against the file without holding up the event loop.

    Writes that arrive while a commit is on its way to the disk share the next one, so a busy broker
    pays one fsync for many sends. SQLite runs in WAL mode with `synchronous=FULL`: a commit that
    returned is on the disk. `observe` hears of each commit: its seconds and how many works shared it.

    The space of what is deleted is used again, so the file stays as large as it ever had to be.
    """

    def __init__(
        self, file: Path, max_bytes: int | None = None, observe: Callable[[float, int], None] = unobserved
    ) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self._observe = observe
        self._is_refused = False
        self._writer_thread = ThreadPoolExecutor(1, "broker-write")
        self._reader_thread = ThreadPoolExecutor(1, "broker-read")
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._flush: asyncio.Task[None] | None = None
        self._writer = self._connect()
        prepare(self._writer)
        self._reader = self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma secure_delete = fast")
        if self._max_bytes is not None:
            (page,) = connection.execute("pragma page_size").fetchone()
            connection.execute(f"pragma max_page_count = {max(1, self._max_bytes // page)}")
        return connection

    async def write(self, work: Work) -> Any:
        """The result of `work`, once its changes are safely on the disk.

        Works are run in the order of their calls. Raises StorageFailure when they could not be kept.
        """
        kept: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, kept))
        if self._flush is None:
            self._flush = asyncio.ensure_future(self._commit_waiting())
        return await kept

    async def read(self, work: Work) -> Any:
        """The result of `work` on what is committed. Raises StorageFailure when it cannot be read."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reader_thread, work, self._reader)
        except (sqlite3.Error, OSError) as failure:
            log.warning("cannot read: %s", failure)
            raise StorageFailure(str(failure)) from failure

    async def _commit_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting, []
            works = [work for work, _ in group]
            try:
                outcomes = await loop.run_in_executor(self._writer_thread, self._commit, works)
            except (sqlite3.Error, OSError, RuntimeError) as failure:
                log.exception("the file cannot be opened anew")
                outcomes = [StorageFailure(str(failure))] * len(group)
            for (_, kept), outcome in zip(group, outcomes, strict=True):
                if kept.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    kept.set_exception(outcome)
                else:
                    kept.set_result(outcome)
        self._flush = None

    def _commit(self, works: list[Work]) -> list[Any]:
        """Run the works in one transaction; if that fails, each alone: one cannot spoil the others."""
        try:
            self._writer.execute("begin immediate")
            outcomes = [work(self._writer) for work in works]
            began = time.perf_counter()
            self._writer.execute("commit")
            self._observe(time.perf_counter() - began, len(works))
        except Exception as failure:  # noqa: BLE001 - handed to the caller of the work
            self._roll_back()
            if len(works) > 1:
                return [self._commit([work])[0] for work in works]
            if not isinstance(failure, sqlite3.Error | OSError):
                return [failure]
            self._note_refusal(failure)
            return [StorageFailure(str(failure))]
        self._note_refusal(None)
        return outcomes

    def _note_refusal(self, failure: Exception | None) -> None:
        """One line when the disk begins to refuse and one when it ends: a log must not fill it further."""
        if failure is not None and not self._is_refused:
            log.error("the disk takes no more, writes are refused until it does: %s", failure)
        elif failure is None and self._is_refused:
            log.warning("the disk takes records again")
        self._is_refused = failure is not None

    def _roll_back(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("rollback")
        except sqlite3.Error:
            log.exception("cannot roll back; the file is opened anew")
            self._writer.close()
            self._writer = self._connect()

    async def close(self) -> None:
        """Finish what is waiting, fold the write-ahead log into the file, and let go of it."""
        if self._flush is not None:
            await self._flush
        self._reader_thread.shutdown()
        self._reader.close()
        self._writer_thread.shutdown()
        try:
            self._writer.execute("pragma wal_checkpoint(truncate)")
        except sqlite3.Error as failure:
            log.warning("the write-ahead log stays for the next start: %s", failure)
        self._writer.close()
