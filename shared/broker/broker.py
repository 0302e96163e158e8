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
from shared.broker.apis.configs import ConfigsApi
from shared.broker.apis.group_admin import GroupAdminApi
from shared.broker.apis.groups import GroupsApi
from shared.broker.apis.records import RecordsApi
from shared.broker.apis.topics import TopicsApi
from shared.broker.compaction import Compactor
from shared.broker.log import Log
from shared.broker.metrics import Holdings, Metrics, exposition
from shared.broker.metrics_page import MetricsPage
from shared.broker.offsets import Offsets
from shared.broker.retention import forget_orphans
from shared.broker.server import Server
from shared.broker.settings import BrokerSettings
from shared.broker.store import StorageFailure, Store, room
from shared.broker.topics import Topics
from shared.broker.wire import Protocol

log = logging.getLogger("shared.broker")

_TICK = 0.05
"""How often groups look for what is overdue, in seconds."""

_LEAST_REST = 1.0
"""Between two sweeps, also when the disk is full and each refused batch calls for one; in seconds."""


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
        self.metrics = Metrics()
        self.store = Store(settings.data / "broker.sqlite3", settings.max_file, self.metrics.committed)
        self.protocol = Protocol(self.metrics)
        self.topics = Topics(self.store, settings)
        """What there is, in memory; for looking, not for changing."""
        self._log = Log(self.store, self.topics, self.metrics, settings.max_records)
        self._offsets = Offsets(self.store)
        self._compactor = Compactor(self.store, self.topics)
        self._groups = GroupsApi(self._offsets, self.topics, settings)
        self._records = RecordsApi(self.topics, self._log, settings)
        self._server = Server(self.protocol, settings, self.metrics)
        self._page = MetricsPage(self._tell)
        self.metrics_port: int | None = None
        """Where the metrics are told, if they are."""
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        """Take up what the file knows and listen; answers the port."""
        cluster_id = await self.store.write(_cluster_id)
        await self.topics.load()
        await self._groups.load()
        cluster = ClusterApi(self.topics, self._settings, self.protocol, cluster_id)
        cluster.register()
        self._groups.register(self.protocol)
        GroupAdminApi(self._offsets, self._groups.groups).register(self.protocol)
        self._records.register(self.protocol)
        TopicsApi(self.topics, self._log, self._settings.data).register(self.protocol)
        ConfigsApi(self.topics, self._settings).register(self.protocol)
        cluster.port = await self._server.listen()
        if self._settings.metrics_port is not None:
            self.metrics_port = await self._page.listen(self._settings.metrics_port)
        self._chores = [asyncio.create_task(self._watch_groups()), asyncio.create_task(self._tidy_for_ever())]
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
        await self._page.stop()
        await self._server.stop()
        await self.store.close()
        self._lock.close()

    async def _tell(self) -> bytes:
        """All metrics as of now. Raises StorageFailure."""
        self.metrics.connections.set(self.connections)
        holdings = Holdings(
            self.topics, self._groups.groups, await self._offsets.all(), *await self.store.read(room)
        )
        return exposition(self.metrics, holdings)

    async def _watch_groups(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            try:
                self._groups.tick(time.monotonic())
            except Exception:
                log.exception("a group's overdue step failed; the others go on")

    async def tidy(self) -> None:
        """One sweep: what is past retention, overtaken or forgotten goes. Raises StorageFailure."""
        gone = await self._log.forget_old() + await forget_orphans(self.store)
        freed = await self._compactor.run()
        silent = await self._log.forget_producers(self._settings.producer_memory)
        if gone or freed or silent:
            log.info(
                "forgot %d batches past retention, %d bytes by compaction, %d silent producers",
                *(gone, freed, silent),
            )

    async def _tidy_for_ever(self) -> None:
        while True:
            try:
                await self.tidy()
            except StorageFailure:
                pass  # said where it happened; tried again at the next sweep
            except Exception:
                log.exception("a sweep failed; the next one tries again")
            await asyncio.sleep(min(_LEAST_REST, self._settings.retention_sweep))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._log.lacks_room.wait(), self._settings.retention_sweep)
            self._log.lacks_room.clear()


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
