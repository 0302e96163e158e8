"""A record that the consumer's library dropped is not passed over."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from shared.messaging.unbroken import PassedOver, Unbroken


class Place:
    """Faust's consumer as far as it is asked: what is committed, and where the log begins."""

    def __init__(self, committed: int | None = None, oldest: int = 0) -> None:
        self._committed_offset: defaultdict[str, int | None] = defaultdict(lambda: committed)
        self._oldest = oldest

    async def earliest_offsets(self, partition: str) -> dict[str, int]:
        """The oldest record there is."""
        return {partition: self._oldest}


def follow(consumer: Place, *offsets: int, unbroken: Unbroken | None = None) -> None:
    """Hands over records of one partition."""

    async def all_of_them(watch: Unbroken) -> None:
        for offset in offsets:
            await watch.follow(consumer, "visits-0", offset)

    asyncio.run(all_of_them(unbroken or Unbroken()))


@pytest.mark.parametrize(
    ("committed", "oldest", "offsets"),
    [
        (None, 0, (0, 1, 2)),
        (7, 0, (7, 8)),
        (7, 0, (5, 6, 7, 8)),
        (None, 100, (100, 101)),
        (7, 100, (100, 101)),
        (None, 0, (0, 1, 2, 1, 2, 3)),
    ],
    ids=["first", "after a restart", "again", "old ones expired", "unread ones expired", "read twice"],
)
def test_what_follows_on_is_taken(committed: int | None, oldest: int, offsets: tuple[int, ...]) -> None:
    """A worker would end without need, again and again."""
    follow(Place(committed, oldest), *offsets)


@pytest.mark.parametrize(
    ("committed", "offsets"),
    [(None, (0, 2)), (None, (1,)), (1, (2,)), (7, (7, 8, 10)), (None, (0, 1, 0, 3))],
)
def test_a_jump_is_refused(committed: int | None, offsets: tuple[int, ...]) -> None:
    """The offset would be committed behind a record that nobody has seen."""
    with pytest.raises(PassedOver):
        follow(Place(committed), *offsets)


def test_what_another_worker_did_meanwhile_is_no_jump() -> None:
    """Each partition that comes back after a rebalance would end the worker."""
    unbroken, consumer = Unbroken(), Place()
    follow(consumer, 0, 1, unbroken=unbroken)
    consumer._committed_offset["visits-0"] = 20
    follow(consumer, 20, 21, unbroken=unbroken)
    with pytest.raises(PassedOver):
        follow(consumer, 23, unbroken=unbroken)
