"""The topics there are: names, partitions, settings; created and deleted for good."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.broker.codes import Code
from shared.broker.configs import Cleanup, ConfigRefused, check_configs, cleanup_of
from shared.broker.retention import LAST_OFFSET, forget_below
from shared.broker.settings import BrokerSettings
from shared.broker.store import Store

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


class TopicRefused(Exception):
    """A topic cannot be made, grown or deleted as asked; `code` and `reason` go to the client."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True)
class Partition:
    """One partition as clients see it: offsets from `log_start` up to, not including, `high_watermark`.

    `size` is what its batches take, in bytes; below `clean_to` its log is compacted.
    """

    id: int
    number: int
    log_start: int = 0
    high_watermark: int = 0
    size: int = 0
    clean_to: int = 0


@dataclass(slots=True)
class Topic:
    """A topic with its partitions in order of their numbers and the settings it was made with."""

    name: str
    partitions: list[Partition]
    configs: dict[str, str] = field(default_factory=dict)

    @property
    def cleanup(self) -> Cleanup:
        """What may go from its partitions."""
        return cleanup_of(self.configs)


class Topics:
    """All topics, in memory as in the file. Changes are on the disk before they are visible."""

    def __init__(self, store: Store, settings: BrokerSettings) -> None:
        self._store = store
        self._settings = settings
        self._topics: dict[str, Topic] = {}

    async def load(self) -> None:
        """Read what the file knows; to be called once before serving."""
        self._topics = await self._store.read(_load)

    def get(self, name: str) -> Topic | None:
        """The topic of that name, if there is one."""
        return self._topics.get(name)

    def all(self) -> list[Topic]:
        """Every topic, by name."""
        return [self._topics[name] for name in sorted(self._topics)]

    def partition(self, topic: str, number: int) -> Partition | None:
        """A partition, if there is one."""
        found = self._topics.get(topic)
        if found is None or not 0 <= number < len(found.partitions):
            return None
        return found.partitions[number]

    def check_new(self, name: str, partitions: int, configs: Mapping[str, str]) -> int:
        """The number of partitions a new topic would get (-1 asks for the default).

        Raises TopicRefused when it cannot be made.
        """
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise TopicRefused(Code.INVALID_TOPIC_EXCEPTION, "1–249 of a–z A–Z 0–9 . _ -")
        if name in self._topics:
            raise TopicRefused(Code.TOPIC_ALREADY_EXISTS, f"topic {name} exists")
        if len(self._topics) >= self._settings.max_topics:
            raise TopicRefused(Code.POLICY_VIOLATION, f"no more than {self._settings.max_topics} topics")
        count = self._settings.default_partitions if partitions == -1 else partitions
        self._check_count(count)
        _check(configs)
        return count

    async def create(self, name: str, partitions: int, configs: Mapping[str, str]) -> Topic:
        """Make a topic. Raises TopicRefused, StorageFailure."""
        count = self.check_new(name, partitions, configs)
        topic = await self._store.write(lambda connection: _create(connection, name, count, dict(configs)))
        if topic is None:
            raise TopicRefused(Code.TOPIC_ALREADY_EXISTS, f"topic {name} exists")
        self._topics[name] = topic
        return self._topics[name]

    async def grow(self, name: str, count: int, *, only_check: bool = False) -> None:
        """Add empty partitions up to `count`. Raises TopicRefused, StorageFailure."""
        topic = self._topics.get(name)
        if topic is None:
            raise TopicRefused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name}")
        if count <= len(topic.partitions):
            raise TopicRefused(Code.INVALID_PARTITIONS, f"{name} has {len(topic.partitions)} already")
        self._check_count(count)
        if not only_check:
            partitions = await self._store.write(lambda connection: _add_partitions(connection, name, count))
            topic.partitions.extend(partitions[len(topic.partitions) :])

    async def delete(self, name: str) -> None:
        """Remove a topic, its records and what groups had committed in it. Raises TopicRefused."""
        if name not in self._topics:
            raise TopicRefused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name}")
        orphans = await self._store.write(lambda connection: _delete(connection, name))
        self._topics.pop(name, None)
        for partition_id in orphans:
            await forget_below(self._store, partition_id, LAST_OFFSET)

    async def configure(self, name: str, configs: Mapping[str, str], *, only_check: bool = False) -> None:
        """Give a topic these settings in place of all it had. Raises TopicRefused, StorageFailure."""
        topic = self._topics.get(name)
        if topic is None:
            raise TopicRefused(Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {name}")
        _check(configs)
        if only_check:
            return
        await self._store.write(
            lambda connection: connection.execute(
                "update topic set configs = ? where name = ?", (json.dumps(dict(configs)), name)
            )
        )
        topic.configs = dict(configs)

    def _check_count(self, count: int) -> None:
        if not 1 <= count <= self._settings.max_partitions_per_topic:
            limit = self._settings.max_partitions_per_topic
            raise TopicRefused(Code.INVALID_PARTITIONS, f"1 to {limit} partitions, not {count}")


def _check(configs: Mapping[str, str]) -> None:
    try:
        check_configs(configs)
    except ConfigRefused as refused:
        raise TopicRefused(Code.INVALID_CONFIG, str(refused)) from refused


def _load(connection: sqlite3.Connection) -> dict[str, Topic]:
    return {
        name: Topic(name, _partitions(connection, name), json.loads(configs))
        for name, configs in connection.execute("select name, configs from topic").fetchall()
    }


def _partitions(connection: sqlite3.Connection, topic: str) -> list[Partition]:
    rows = connection.execute(
        "select id, number, log_start, next_offset, size, clean_to from partition "
        "where topic = ? order by number",
        (topic,),
    )
    return [Partition(*row) for row in rows]


def _create(connection: sqlite3.Connection, name: str, count: int, configs: dict[str, str]) -> Topic | None:
    taken = connection.execute("select 1 from topic where name = ?", (name,)).fetchone()
    if taken:
        return None
    connection.execute("insert into topic values (?, ?)", (name, json.dumps(configs)))
    return Topic(name, _add_partitions(connection, name, count), configs)


def _add_partitions(connection: sqlite3.Connection, topic: str, count: int) -> list[Partition]:
    (have,) = connection.execute("select count(*) from partition where topic = ?", (topic,)).fetchone()
    connection.executemany(
        "insert into partition (topic, number) values (?, ?)",
        [(topic, number) for number in range(have, count)],
    )
    return _partitions(connection, topic)


def _delete(connection: sqlite3.Connection, name: str) -> list[int]:
    """Everything but the batches: those belong to nobody now, and go piece by piece."""
    rows = connection.execute("select id from partition where topic = ?", (name,)).fetchall()
    for statement in (
        "delete from producer where partition_id in (select id from partition where topic = ?)",
        "delete from partition where topic = ?",
        "delete from committed_offset where topic = ?",
        "delete from topic where name = ?",
    ):
        connection.execute(statement, (name,))
    return [partition_id for (partition_id,) in rows]
