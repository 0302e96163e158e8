"""What consumer groups have committed, and the generation each group has reached; both survive."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from shared.broker.store import Store

MAX_METADATA = 4096


class Committed(NamedTuple):
    """A group's place in a partition: the next offset to read, with the client's own remark."""

    topic: str
    partition: int
    next_offset: int
    leader_epoch: int
    metadata: str


class KnownGroup(NamedTuple):
    """A group the file remembers."""

    name: str
    generation: int
    protocol_type: str


class Offsets:
    """The durable side of consumer groups. Every method may raise StorageFailure."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def commit(self, group: str, places: Sequence[Committed]) -> None:
        """Keep the group's places; answers after they are on the disk."""
        rows = [(group, *place) for place in places]
        await self._store.write(
            lambda connection: connection.executemany(
                "insert or replace into committed_offset values (?, ?, ?, ?, ?, ?)", rows
            )
        )

    async def of(self, group: str) -> dict[tuple[str, int], Committed]:
        """All places of a group by topic and partition."""
        found: list[Committed] = await self._store.read(lambda connection: _places(connection, group))
        return {(place.topic, place.partition): place for place in found}

    async def all(self) -> list[tuple[str, Committed]]:
        """Every place with the name of its group."""
        found: list[tuple[str, Committed]] = await self._store.read(_all_places)
        return found

    async def forget_places(self, group: str, places: Sequence[tuple[str, int]]) -> None:
        """Delete the group's places in these topics and partitions."""
        rows = [(group, *place) for place in places]
        await self._store.write(
            lambda connection: connection.executemany(
                "delete from committed_offset where group_name = ? and topic = ? and partition = ?", rows
            )
        )

    async def keep_generation(self, group: KnownGroup) -> None:
        """Remember the generation; never goes back, whatever the order of calls."""
        await self._store.write(
            lambda connection: connection.execute(
                "insert into consumer_group values (?, ?, ?) on conflict (name) do update set "
                "generation = max(generation, excluded.generation), protocol_type = excluded.protocol_type",
                group,
            )
        )

    async def known_groups(self) -> list[KnownGroup]:
        """Every group with a generation or a committed place."""
        groups: list[KnownGroup] = await self._store.read(_groups)
        return groups

    async def forget(self, group: str) -> bool:
        """Delete a group's places and generation; whether there was anything."""
        gone: bool = await self._store.write(lambda connection: _forget(connection, group))
        return gone


def _places(connection: sqlite3.Connection, group: str) -> list[Committed]:
    rows = connection.execute(
        "select topic, partition, next_offset, leader_epoch, metadata from committed_offset "
        "where group_name = ? order by topic, partition",
        (group,),
    )
    return [Committed(*row) for row in rows]


def _all_places(connection: sqlite3.Connection) -> list[tuple[str, Committed]]:
    rows = connection.execute(
        "select group_name, topic, partition, next_offset, leader_epoch, metadata from committed_offset"
    )
    return [(group, Committed(*place)) for group, *place in rows]


def _groups(connection: sqlite3.Connection) -> list[KnownGroup]:
    rows = connection.execute(
        "select name, generation, protocol_type from consumer_group union all "
        "select distinct group_name, 0, '' from committed_offset "
        "where group_name not in (select name from consumer_group) order by 1"
    )
    return [KnownGroup(*row) for row in rows]


def _forget(connection: sqlite3.Connection, group: str) -> bool:
    places = connection.execute("delete from committed_offset where group_name = ?", (group,)).rowcount
    known = connection.execute("delete from consumer_group where name = ?", (group,)).rowcount
    return places + known > 0
