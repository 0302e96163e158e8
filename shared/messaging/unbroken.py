"""Watches that a worker is handed every record of its partitions.

Measured on faust-streaming 0.15.3: when the group forms anew while the broker restarts, a record that was
fetched before can be dropped and its successor handed over; the offset is then committed behind both, for
Faust's computation forgives a gap. So the guarantee does not rest on it: a record that does not follow on
the one before is not decided about, and the worker ends with its offset where it was.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

OVERDUE_SECONDS = 30.0
"""No record is on its way to an idle worker for so long."""
LOOK_SECONDS = 5.0


class PassedOver(Exception):
    """A partition jumped: the records between were never handed over."""

    def __init__(self, partition: Any, expected: int, offset: int) -> None:
        super().__init__(f"{partition}: {offset} came where {expected} was to come")


class Unbroken:
    """The place in each partition of one topic. `consumer` is Faust's.

    Offsets must have no gaps of their own, as in topics that are neither compacted nor written in
    transactions; ours are declared so.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._next: defaultdict[Any, int] = defaultdict(int)
        self._behind: dict[Any, tuple[int, float]] = {}

    async def follow(self, consumer: Any, partition: Any, offset: int) -> None:
        """Takes note of a record. Raises PassedOver when one before it is missing.

        It may follow on what was taken here, on what the group has committed, or be the oldest there is;
        what comes again is no gap.
        """
        expected = self._expected(consumer, partition)
        if offset > expected:
            try:
                oldest = await _oldest(consumer, partition)
            except Exception as error:  # whoever cannot be asked has not said that nothing is missing
                raise PassedOver(partition, expected, offset) from error
            if offset > oldest:
                raise PassedOver(partition, expected, offset)
        self._next[partition] = max(expected, offset + 1)

    async def look(self, consumer: Any, now: float) -> None:
        """Raises PassedOver when the broker has had a record for `OVERDUE_SECONDS` that was not handed over:
        one that was dropped and has no successor yet. `now`: seconds of any clock."""
        late = {}
        for partition in consumer.assignment():
            expected = self._expected(consumer, partition)
            if partition.topic != self._topic or (consumer.highwater(partition) or 0) <= expected:
                continue
            known, since = self._behind.get(partition, (expected, now))
            late[partition] = (expected, since if known == expected else now)
            if now - late[partition][1] >= OVERDUE_SECONDS and await _oldest(consumer, partition) <= expected:
                raise PassedOver(partition, expected, consumer.highwater(partition))
        self._behind = late

    def rest(self) -> None:
        """Forgets since when something is late: the worker is busy, nothing can be handed over."""
        self._behind = {}

    def _expected(self, consumer: Any, partition: Any) -> int:
        committed = consumer._committed_offset[partition]  # noqa: SLF001 - it has no other name
        return max(self._next[partition], committed or 0)


async def _oldest(consumer: Any, partition: Any) -> int:
    [offset] = (await consumer.earliest_offsets(partition)).values()
    return int(offset)
