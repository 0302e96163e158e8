"""When the product has come to rest after the faults, and how long that took.

"Outbox empty" cannot be read off at one instant: notices leave at the pace of their channels, and each end of
one is a new event that is unsent for some milliseconds. So what is asked is whether anything *older than a
second* is on its way: a mark is set at what was written up to now, and it has to be passed within a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from deploy.stack import SERVICES
from shared.contracts.topics import TOPICS
from tests.faults.clients import Crowd
from tests.faults.evidence import Evidence
from tests.faults.nemesis import Nemesis
from tests.faults.up import not_up

DRAIN_LIMIT_SECONDS = 10.0
"""Counted from the moment every part is up: so soon nothing is parked or unsent any more."""
QUIET_LIMIT_SECONDS = 20.0
"""Counted from the last fault: so soon every part is up *and* nothing is parked or unsent any more. Ten
seconds more, for whoever was killed last takes three to six seconds of a processor to start, and several
processes share two."""
FRESH_SECONDS = 1.0
"""What is on its way for less is not a backlog."""
UP_SECONDS = 90.0
DRAIN_SECONDS = 60.0
NOTICE_SECONDS = 240.0
NOTE_SECONDS = 4.0
"""Patience, for machines that do other things too; on two quiet cores it takes less than half of it."""

Stream = tuple[str, str, str]
"""A consuming service, a topic and a key."""


@dataclass(frozen=True)
class Backlog:
    """What was on its way at one moment: unsent up to a row, parked, not applied up to a number."""

    last: dict[str, int]
    heads: dict[Stream, int]
    parked: dict[str, frozenset[str]]

    @classmethod
    def of(cls, evidence: Evidence) -> Backlog:
        """The backlog of this moment."""
        last, parked = {}, {}
        heads: dict[Stream, int] = {}
        for service in SERVICES:
            (row,) = evidence.rows(service, "SELECT coalesce(max(position), 0) AS n FROM outbox")
            last[service] = int(row["n"])
            rows = evidence.rows(service, "SELECT event_id FROM parked_event")
            parked[service] = frozenset(row["event_id"] for row in rows)
        for topic in TOPICS:
            query = "SELECT key, sequence FROM stream_head WHERE topic = :topic"
            rows = evidence.rows(topic.owner, query, topic=topic.name)
            for service in topic.consumers:
                heads |= {(service, topic.name, row["key"]): row["sequence"] for row in rows}
        return cls(last, heads, parked)

    def left(self, evidence: Evidence) -> str:
        """What of it is still on its way, in a few words; empty when all has arrived."""
        for service in SERVICES:
            unsent = "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL AND position <= :last"
            (row,) = evidence.rows(service, unsent, last=self.last[service])
            if row["n"]:
                return f"{service}: {row['n']} unsent"
            if self.parked[service]:
                rows = evidence.rows(service, "SELECT event_id FROM parked_event")
                still = self.parked[service] & {row["event_id"] for row in rows}
                if still:
                    return f"{service}: {len(still)} parked"
            gate = {
                (service, row["topic"], row["key"]): row["sequence"]
                for row in evidence.rows(service, "SELECT topic, key, sequence FROM gate")
            }
            behind = [s for s, head in self.heads.items() if s[0] == service and gate.get(s, 0) < head]
            if behind:
                return f"{service}: {len(behind)} keys to come, {behind[0][1]} among them"
        return ""


@dataclass(frozen=True)
class Drained:
    """Seconds from the end of the faults until every part was up, and from then until nothing was left."""

    up: float
    left: float

    @property
    def both(self) -> float:
        """Seconds from the end of the faults until nothing was left of them."""
        return self.up + self.left

    def within(self, left: float, both: float) -> bool:
        """Whether it was short enough, counted from where every part was up and from the last fault."""
        return self.left <= left and self.both <= both


def drain(nemesis: Nemesis, crowd: Crowd) -> Drained:
    """Waits until all is quiet; returns how long it took until nothing was left of the faults.

    Two clocks: one starts with the last fault, the other when every part is up again, for nobody can drain
    what a process holds that is still starting. Each has its limit. The clients get their last answers, then
    outboxes and parked events are empty and the gates are as far as the streams. The notices are waited for
    as well, at the pace of their channels. What is stuck is left to the judge, who names it.
    """
    evidence = Evidence(nemesis.stack.database_url)
    crowd.stop()
    ended = time.monotonic()
    _wait(nemesis, lambda: not_up(nemesis.stack), UP_SECONDS)
    began = time.monotonic()
    nemesis.note("every part is up" if began - ended < UP_SECONDS else "not every part has come up")
    _wait(nemesis, lambda: "" if crowd.at_rest else "the clients")
    while time.monotonic() - began < DRAIN_SECONDS:
        backlog, marked = Backlog.of(evidence), time.monotonic()
        # On a busy machine one look takes longer than a second: one that finds nothing is enough.
        if not backlog.left(evidence):
            break
        _wait(nemesis, lambda backlog=backlog: backlog.left(evidence))  # type: ignore[misc]
        if time.monotonic() - marked < FRESH_SECONDS:
            break
    drained = Drained(began - ended, time.monotonic() - began)
    nemesis.note("nothing is left of the faults")
    _wait(nemesis, lambda: still_moving(evidence), NOTICE_SECONDS)
    return drained


def still_moving(evidence: Evidence) -> str:
    """What has not come to rest yet, notices among it, in a few words; empty when all is quiet."""
    (row,) = evidence.rows("intake", "SELECT count(*) AS n FROM notice WHERE state = 'queued'")
    return events_on_the_way(evidence) or (f"intake: {row['n']} notices queued" if row["n"] else "")


def events_on_the_way(evidence: Evidence) -> str:
    """What is unsent, parked or not applied at this moment; empty when every event has arrived."""
    for service in SERVICES:
        for what, query in (
            ("unsent", "SELECT count(*) AS n FROM outbox WHERE sent_at IS NULL"),
            ("parked", "SELECT count(*) AS n FROM parked_event"),
        ):
            (row,) = evidence.rows(service, query)
            if row["n"]:
                return f"{service}: {row['n']} {what}"
    return Backlog.of(evidence).left(evidence)


def _wait(nemesis: Nemesis, moving: Callable[[], str], seconds: float = DRAIN_SECONDS) -> None:
    """Keeps everything alive until nothing moves, and notes now and then what still does."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(TimeoutError):
            nemesis.watch(lambda: not moving(), NOTE_SECONDS)
            return
        nemesis.note(f"still moving: {moving()}")
