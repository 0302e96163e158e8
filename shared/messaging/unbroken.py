"""Watches that a worker is handed every record of its partitions.

Measured on faust-streaming 0.15.3: when the group forms anew while the broker restarts, a record that was
fetched before can be dropped and its successor handed over; the offset is then committed behind both, for
Faust's computation forgives a gap. So the guarantee does not rest on it: a record that does not follow on
the one before is not decided about, and the worker ends with its offset where it was.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any


class PassedOver(Exception):
    """A partition jumped: the records between were never handed over."""

    def __init__(self, partition: Any, expected: int, offset: int) -> None:
        super().__init__(f"{partition}: {offset} came where {expected} was to come")


class Unbroken:
    """The place in each partition of one worker. `consumer` is Faust's.

    Offsets must have no gaps of their own, as in topics that are neither compacted nor written in
    transactions; ours are declared so.
    """

    def __init__(self) -> None:
        self._next: defaultdict[Any, int] = defaultdict(int)

    async def follow(self, consumer: Any, partition: Any, offset: int) -> None:
        """Takes note of a record. Raises PassedOver when one before it is missing.

        It may follow on what was taken here, on what the group has committed, or be the oldest there is;
        what comes again is no gap.
        """
        committed = consumer._committed_offset[partition]  # noqa: SLF001 - it has no other name
        expected = max(self._next[partition], committed or 0)
        if offset > expected:
            [oldest] = (await consumer.earliest_offsets(partition)).values()
            if offset > oldest:
                raise PassedOver(partition, expected, offset)
        self._next[partition] = max(expected, offset + 1)
