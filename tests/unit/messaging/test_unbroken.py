"""A record that the consumer's library dropped is not passed over."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from faust.types import TP

from shared.messaging.unbroken import OVERDUE_SECONDS, PassedOver, Unbroken

HERE = TP("visits", 0)


class Place:
    """Faust's consumer as far as it is asked: what is committed, and where the log begins and ends."""

    def __init__(self, committed: int | None = None, oldest: int = 0, end: int | None = 0) -> None:
        self._committed_offset: defaultdict[TP, int | None] = defaultdict(lambda: committed)
        self._oldest, self.end = oldest, end

    async def earliest_offsets(self, partition: TP) -> dict[TP, int]:
        """The oldest record there is."""
        return {partition: self._oldest}

    def assignment(self) -> set[TP]:
        """One partition of this topic, one of another."""
        return {HERE, TP("stops", 0)}

    def highwater(self, _partition: TP) -> int | None:
        """Where the next record will be; None before the first answer."""
        return self.end


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs it in a thread of its own: a browser test before this one may have left its loop running here."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


def follow(consumer: Place, *offsets: int, unbroken: Unbroken | None = None) -> None:
    """Hands over records of one partition."""

    async def all_of_them(watch: Unbroken) -> None:
        for offset in offsets:
            await watch.follow(consumer, HERE, offset)

    run(all_of_them(unbroken or Unbroken("visits")))


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


def test_a_jump_is_refused_when_nobody_can_tell_where_the_log_begins() -> None:
    """The worker would end as if the release had a defect, and somebody would take it back."""

    class Mute(Place):
        """A broker that is away."""

        async def earliest_offsets(self, partition: TP) -> dict[TP, int]:
            """No answer."""
            raise ConnectionError

    with pytest.raises(PassedOver):
        follow(Mute(committed=7), 9)


def test_what_another_worker_did_meanwhile_is_no_jump() -> None:
    """Each partition that comes back after a rebalance would end the worker."""
    unbroken, consumer = Unbroken("visits"), Place()
    follow(consumer, 0, 1, unbroken=unbroken)
    consumer._committed_offset[HERE] = 20
    follow(consumer, 20, 21, unbroken=unbroken)
    with pytest.raises(PassedOver):
        follow(consumer, 23, unbroken=unbroken)


def look(consumer: Place, *moments: float, unbroken: Unbroken | None = None) -> None:
    """Looks at each of these moments."""

    async def all_of_them(watch: Unbroken) -> None:
        for moment in moments:
            await watch.look(consumer, moment)

    run(all_of_them(unbroken or Unbroken("visits")))


@pytest.mark.parametrize(
    "place",
    [Place(), Place(end=None), Place(committed=8, end=8), Place(oldest=100, end=100)],
    ids=["nothing", "not yet asked", "all taken", "all expired"],
)
def test_an_idle_worker_that_has_everything_goes_on(place: Place) -> None:
    """Each quiet night would be full of restarts."""
    look(place, 0, OVERDUE_SECONDS + 1, 2 * OVERDUE_SECONDS)


def test_a_record_that_does_not_come_ends_the_worker() -> None:
    """A citizen's request would lie at the broker until somebody else's happens to follow it."""
    with pytest.raises(PassedOver):
        look(Place(committed=7, end=8), 0, OVERDUE_SECONDS)


def test_a_record_that_is_on_its_way_is_waited_for() -> None:
    """A worker that reads what came in its absence would be ended in the middle."""
    consumer, unbroken = Place(committed=7, end=9), Unbroken("visits")
    look(consumer, 0, OVERDUE_SECONDS - 1, unbroken=unbroken)
    follow(consumer, 7, unbroken=unbroken)
    look(consumer, OVERDUE_SECONDS, 2 * OVERDUE_SECONDS - 1, unbroken=unbroken)
    unbroken.rest()
    look(consumer, 2 * OVERDUE_SECONDS, unbroken=unbroken)
    with pytest.raises(PassedOver):
        look(consumer, 3 * OVERDUE_SECONDS, unbroken=unbroken)
