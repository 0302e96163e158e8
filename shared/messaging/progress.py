"""What a service remembers of foreign events: inbox, gate and parked rows, for one batch in one transaction.

Read with one statement for the whole batch and written with two, whatever its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, text
from sqlmodel import col, select

from shared.contracts.envelope import Envelope
from shared.contracts.topics import topic_named
from shared.messaging.tables import InboxRow, ParkedEvent
from shared.messaging.unit_of_work import UnitOfWork

Stream = tuple[str, str]
"""Topic and key: the unit of ordering."""

# Not `(topic, key) IN …`: for pairs SQLite reads the whole table (measured).
_LOOK_UP = text(
    "SELECT 'inbox', event_id, '', '', 0, '' FROM inbox WHERE event_id IN :ids"
    " UNION ALL SELECT 'gate', '', topic, key, sequence, '' FROM gate WHERE topic IN :topics AND key IN :keys"
    " UNION ALL SELECT 'parked', event_id, '', '', 0, '' FROM parked_event WHERE event_id IN :ids"
    " UNION ALL SELECT DISTINCT 'awaited', '', topic, key, 0, waits_for FROM parked_event"
    " WHERE key IN :keys OR waits_for IN :awaited"
    " UNION ALL SELECT 'failures', '', topic, '', length, '' FROM failure_run WHERE length > 0"
).bindparams(*(bindparam(name, expanding=True) for name in ("ids", "topics", "keys", "awaited")))
_COUNT = text(
    "INSERT INTO failure_run (topic, length) VALUES (:topic, :length)"
    " ON CONFLICT (topic) DO UPDATE SET length = excluded.length"
)
_REMEMBER = text("INSERT INTO inbox (event_id, received_at) VALUES (:event_id, :now)").bindparams(
    bindparam("now", type_=InboxRow.__table__.c.received_at.type)  # type: ignore[attr-defined]
)
_ADVANCE = text(
    "INSERT INTO gate (topic, key, sequence) VALUES (:topic, :key, :sequence)"
    " ON CONFLICT (topic, key) DO UPDATE SET sequence = excluded.sequence"
)


class Outcome(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    EARLY = "early"
    WAITING = "waiting"
    FAILED = "failed"


class Progress:
    """Inbox, gate and parked events around one batch; `write` puts down what changed."""

    def __init__(self, uow: UnitOfWork, batch: Sequence[Envelope]) -> None:
        self._uow = uow
        self._applied: dict[Stream, int] = {}
        self._advanced: set[Stream] = set()
        self._remembered: list[str] = []
        self._seen: set[str] = set()
        self._parked: set[str] = set()
        self._awaited: set[Stream] = set()
        self._failures: dict[str, int] = {}
        self._counted: set[str] = set()
        self._look_up(batch)

    def _look_up(self, batch: Sequence[Envelope]) -> None:
        streams = {(e.topic, e.key) for e in batch}
        # An empty list is no SQL: nothing has an empty name.
        asked = {
            "ids": [e.id for e in batch] or [""],
            "topics": sorted({topic for topic, _ in streams}) or [""],
            "keys": sorted({key for _, key in streams}) or [""],
            "awaited": [_waits_for(*stream) for stream in streams] or [":"],
        }
        self._applied |= {stream: 0 for stream in streams if stream not in self._applied}
        for kind, event_id, topic, key, number, waits_for in self._uow.session.connection().execute(
            _LOOK_UP, asked
        ):
            if kind == "inbox":
                self._seen.add(event_id)
            elif kind == "gate":
                if (topic, key) in streams:
                    self._applied[topic, key] = number
            elif kind == "failures":
                self._failures.setdefault(topic, number)
            elif kind == "parked":
                self._parked.add(event_id)
            else:
                self._awaited.add((topic, key))
                if waits_for:
                    awaited_topic, _, awaited_key = waits_for.partition(":")
                    self._awaited.add((awaited_topic, awaited_key))

    def admit(self, envelope: Envelope) -> Outcome:
        """The inbox and the gate: APPLIED means that it is this event's turn."""
        if (envelope.topic, envelope.key) not in self._applied:
            self._look_up([envelope])
        if envelope.id in self._seen:
            self._forget_parked(envelope.id)
            return Outcome.DUPLICATE
        applied = self._applied[envelope.topic, envelope.key]
        if envelope.sequence <= applied:
            self._remember(envelope.id)
            return Outcome.STALE
        if topic_named(envelope.topic).gate == "every" and envelope.sequence > applied + 1:
            return Outcome.EARLY
        return Outcome.APPLIED

    def settle(self, envelope: Envelope) -> None:
        """The event took effect: inbox, gate, and no longer parked."""
        self._remember(envelope.id)
        self._applied[envelope.topic, envelope.key] = envelope.sequence
        self._advanced.add((envelope.topic, envelope.key))
        if self._failures.get(envelope.topic):
            self._failures[envelope.topic] = 0
            self._counted.add(envelope.topic)

    def failures_in_a_row(self, topic: str) -> int:
        """How many events of a topic failed for good since one was applied, over restarts too."""
        return self._failures.get(topic, 0)

    def count_failure(self, topic: str) -> None:
        """One more failed for good."""
        self._failures[topic] = self._failures.get(topic, 0) + 1
        self._counted.add(topic)

    def is_parked(self, event_id: str) -> bool:
        """Whether an event was parked before."""
        return self._uow.session.get(ParkedEvent, event_id) is not None

    def unblocked_by(self, applied: Envelope) -> list[ParkedEvent]:
        """What may have been waiting for the last event of this stream, in the order to try it."""
        stream = (applied.topic, applied.key)
        if stream not in self._awaited:
            return []
        self.write()
        early = select(ParkedEvent).where(
            ParkedEvent.state == Outcome.EARLY,
            ParkedEvent.topic == applied.topic,
            ParkedEvent.key == applied.key,
            ParkedEvent.sequence == self._applied[stream] + 1,
        )
        waiting = select(ParkedEvent).where(
            ParkedEvent.state == Outcome.WAITING, ParkedEvent.waits_for == _waits_for(*stream)
        )
        session = self._uow.session
        found = [*session.exec(early), *session.exec(waiting.order_by(col(ParkedEvent.sequence)))]
        if found:
            self._look_up([Envelope.from_bytes(row.body) for row in found])
        return found

    def park(
        self, envelope: Envelope, raw: bytes, state: Outcome, reason: str, waits_for: Stream | None = None
    ) -> Outcome:
        """Keeps an event that cannot be applied now, or says anew why."""
        row = self._uow.session.get(ParkedEvent, envelope.id) or ParkedEvent(
            event_id=envelope.id,
            topic=envelope.topic,
            key=envelope.key,
            sequence=envelope.sequence,
            state=state,
            body=raw,
            parked_at=self._uow.now,
        )
        row.state, row.reason, row.waits_for = state, reason, _waits_for(*waits_for) if waits_for else ""
        row.attempts += 1
        self._add_parked(row)
        self._awaited.add(waits_for or (envelope.topic, envelope.key))
        return state

    def park_unreadable(self, topic: str, raw: bytes, reason: str) -> Outcome:
        """Keeps bytes that are no event at all, under their hash."""
        event_id = unreadable_id(raw)
        if self._uow.session.get(ParkedEvent, event_id) is None:
            state, now = Outcome.FAILED, self._uow.now
            self._add_parked(
                ParkedEvent(
                    event_id=event_id,
                    topic=topic,
                    key="",
                    sequence=0,
                    state=state,
                    reason=reason,
                    body=raw,
                    parked_at=now,
                )
            )
        return Outcome.FAILED

    def write(self) -> None:
        """Puts down which events were taken and how far each stream has come."""
        execute = self._uow.session.connection().execute
        if self._remembered:
            execute(_REMEMBER, [{"event_id": i, "now": self._uow.now} for i in self._remembered])
        if self._advanced:
            execute(_ADVANCE, [self._gate_row(stream) for stream in self._advanced])
        if self._counted:
            execute(_COUNT, [{"topic": topic, "length": self._failures[topic]} for topic in self._counted])
        self._remembered, self._advanced, self._counted = [], set(), set()

    def _gate_row(self, stream: Stream) -> dict[str, Any]:
        return {"topic": stream[0], "key": stream[1], "sequence": self._applied[stream]}

    def _remember(self, event_id: str) -> None:
        self._seen.add(event_id)
        self._remembered.append(event_id)
        self._forget_parked(event_id)

    def _add_parked(self, row: ParkedEvent) -> None:
        self._parked.add(row.event_id)
        self._uow.session.add(row)
        self._uow.session.flush()

    def _forget_parked(self, event_id: str) -> None:
        if event_id not in self._parked:
            return
        self._parked.discard(event_id)
        row = self._uow.session.get(ParkedEvent, event_id)
        if row is not None:
            self._uow.session.delete(row)


def unreadable_id(raw: bytes) -> str:
    """The name of a record that carries no id of its own."""
    return "raw-" + hashlib.sha256(raw).hexdigest()[:40]


def _waits_for(topic: str, key: str) -> str:
    return f"{topic}:{key}"
