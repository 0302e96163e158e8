"""One broker: the parts put together, started, kept tidy and stopped."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import sqlite3
import time
import uuid
from contextlib import suppress
from typing import TextIO

from shared.broker.apis.cluster import ClusterApi
from shared.broker.apis.groups import GroupsApi
from shared.broker.apis.records import RecordsApi
from shared.broker.apis.topics import TopicsApi
from shared.broker.log import Log
from shared.broker.offsets import Offsets
from shared.broker.server import Server
from shared.broker.settings import BrokerSettings
from shared.broker.store import StorageFailure, Store
from shared.broker.topics import Topics
from shared.broker.wire import Protocol

log = logging.getLogger("shared.broker")

_TICK = 0.05
"""How often groups look for what is overdue, in seconds."""


class FolderTaken(Exception):
    """Another broker works in this folder."""


class Broker:
    """A single-node Kafka broker over one SQLite file.

    `start` raises FolderTaken, OSError (address taken, folder not writable) or sqlite3.Error.
    """

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = _lock(settings)
        self._store = Store(settings.data / "broker.sqlite3", settings.max_file)
        self._protocol = Protocol()
        self._topics = Topics(self._store, settings)
        self._log = Log(self._store, self._topics)
        self._groups = GroupsApi(Offsets(self._store), settings)
        self._records = RecordsApi(self._topics, self._log, settings)
        self._server = Server(self._protocol, settings)
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Take up what the file knows and listen; answers the port."""
        cluster_id = await self._store.write(_cluster_id)
        await self._topics.load()
        await self._groups.load()
        cluster = ClusterApi(self._topics, self._settings, self._protocol, cluster_id)
        cluster.register()
        self._groups.register(self._protocol)
        self._records.register(self._protocol)
        TopicsApi(self._topics).register(self._protocol)
        cluster.port = await self._server.listen()
        self._chores = [asyncio.create_task(self._watch_groups()), asyncio.create_task(self._tidy())]
        return cluster.port

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self._server.connections

    async def stop(self) -> None:
        """Answer what is in hand, then close; all that was acknowledged is on the disk already."""
        for chore in self._chores:
            chore.cancel()
        self._records.is_stopping = True
        self._log.wake_readers()
        self._groups.stop()
        await self._server.stop()
        await self._store.close()
        self._lock.close()

    async def _watch_groups(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            try:
                self._groups.tick(time.monotonic())
            except Exception:
                log.exception("a group's overdue step failed; the others go on")

    async def _tidy(self) -> None:
        while True:
            with suppress(StorageFailure):
                gone = await self._log.forget_old()
                silent = await self._log.forget_producers(self._settings.producer_memory)
                if gone or silent:
                    log.info("forgot %d batches past retention, %d silent producers", gone, silent)
            await asyncio.sleep(self._settings.retention_sweep)


def _lock(settings: BrokerSettings) -> TextIO:
    """Hold the folder for this process; the system lets go of it even after kill -9."""
    lock = (settings.data / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as taken:
        lock.close()
        raise FolderTaken(f"another broker works in {settings.data}") from taken
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _cluster_id(connection: sqlite3.Connection) -> str:
    """The name this data goes by, given once."""
    row = connection.execute("select value from meta where name = 'cluster_id'").fetchone()
    if row is not None:
        return str(row[0])
    cluster_id = f"tannha-{uuid.uuid4().hex[:12]}"
    connection.execute("insert into meta values ('cluster_id', ?)", (cluster_id,))
    return cluster_id
