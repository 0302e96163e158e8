"""One transaction: state, outbox rows and the idempotent answer together, or nothing.

This is the only place that commits (a test holds the whole tree to it) and the only way to publish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from shared.actor import Actor
from shared.clock import Clock
from shared.contracts.envelope import ActorRef, Envelope, Event
from shared.contracts.topics import Service, topic_of
from shared.errors import Problem, Unauthenticated, Unavailable
from shared.ids import NewId, new_id
from shared.messaging.crash_points import reached
from shared.messaging.tables import OutboxRow
from shared.observability.tracing import current_traceparent

LARGEST_EVENT = 900_000
"""Bytes of an envelope: a little below what Kafka clients and brokers take by default (1 MiB)."""
_HEAD = text("SELECT sequence FROM stream_head WHERE topic = :topic AND key = :key")
_KEEP_HEAD = text(
    "INSERT INTO stream_head (topic, key, sequence) VALUES (:topic, :key, :sequence)"
    " ON CONFLICT (topic, key) DO UPDATE SET sequence = excluded.sequence"
)


@dataclass
class UnitOfWork:
    """What a handler works with: a session, who acts, what time it is, and a way to publish.

    `actor` goes into events; `signed_in` is the person with role and place, None for citizens and rules.
    """

    session: Session
    service: Service
    actor: ActorRef
    signed_in: Actor | None
    now: datetime
    new_id: NewId = new_id
    published: list[Envelope] = field(default_factory=list)
    _heads: dict[tuple[str, str], int] = field(default_factory=dict)
    _bodies: dict[str, bytes] = field(default_factory=dict)

    @property
    def person(self) -> Actor:
        """The signed-in person. Raises Unauthenticated when a citizen or a rule acts."""
        if self.signed_in is None:
            raise Unauthenticated("Cần đăng nhập để làm việc này.")
        return self.signed_in

    def publish(self, event: Event, *, occurred_at: datetime | None = None) -> Envelope:
        """Makes an event the next one of its key; with the commit it is in the outbox, then it is sent.

        Raises ValueError when the topic belongs to another service, Problem for an event that no broker
        would take: in the outbox it would hold up all others.
        """
        topic = topic_of(type(event))
        if topic.owner != self.service:
            raise ValueError(f"{self.service} may not publish to {topic.name}, which {topic.owner} owns")
        envelope = Envelope(
            id=self.new_id(),
            type=event.KIND,
            version=int(topic.name.rsplit(".v", 1)[1]),
            source=self.service,
            topic=topic.name,
            subject=f"{topic.name.split('.')[1]}/{event.key}",
            key=event.key,
            sequence=self._next_sequence(topic.name, event.key),
            occurred_at=occurred_at or self.now,
            recorded_at=self.now,
            actor=self.actor,
            traceparent=current_traceparent(),
            data=event.model_dump(mode="json"),
        )
        body = envelope.to_bytes()
        if len(body) > LARGEST_EVENT:
            raise Problem("Nội dung quá lớn, không ghi nhận được.", code="event.too_large")
        self._bodies[envelope.id] = body
        self.published.append(envelope)
        return envelope

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part that may fail alone: when it raises, what it wrote and published is undone."""
        published, heads = len(self.published), dict(self._heads)
        try:
            with self.session.begin_nested():
                yield
        except BaseException:
            del self.published[published:]
            self._heads = heads
            raise

    def write_outbox(self) -> None:
        """Puts down what was published, in that order; called once, just before the commit."""
        if not self.published:
            return
        execute = self.session.connection().execute
        execute(_KEEP_HEAD, [{"topic": t, "key": k, "sequence": n} for (t, k), n in self._heads.items()])
        rows = [
            {
                "event_id": envelope.id,
                "topic": envelope.topic,
                "key": envelope.key,
                "sequence": envelope.sequence,
                "body": self._bodies[envelope.id],
                "recorded_at": self.now,
            }
            for envelope in self.published
        ]
        execute(insert(OutboxRow), rows)

    def _next_sequence(self, topic: str, key: str) -> int:
        if (topic, key) not in self._heads:
            found = self.session.connection().execute(_HEAD, {"topic": topic, "key": key}).scalar()
            self._heads[topic, key] = int(found or 0)
        self._heads[topic, key] += 1
        return self._heads[topic, key]


class CommitUnknown(Unavailable):
    """The connection ended while the commit was under way: it may have happened or not."""

    code = "commit.unknown"

    def __init__(self) -> None:
        super().__init__(
            "Chưa rõ đã ghi nhận được hay chưa. Gửi lại yêu cầu này: hệ thống không ghi hai lần."
        )


def _commit(session: Session) -> None:
    try:
        session.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise CommitUnknown from error
        raise


@dataclass(frozen=True)
class Transactions:
    """Opens units of work on one service's database."""

    engine: Engine
    service: Service
    clock: Clock
    new_id: NewId = new_id
    on_commit: Callable[[], None] = lambda: None

    @contextmanager
    def begin(self, actor: Actor | ActorRef | None = None) -> Iterator[UnitOfWork]:
        """A unit of work that commits when the block ends and rolls back when it raises.

        Raises CommitUnknown when nobody can know whether the commit happened.

        `on_commit` is called afterwards if something was published (it wakes the relay).
        """
        with Session(self.engine, expire_on_commit=False) as session:
            uow = UnitOfWork(
                session=session,
                service=self.service,
                actor=actor.public() if isinstance(actor, Actor) else actor or ActorRef.system(self.service),
                signed_in=actor if isinstance(actor, Actor) else None,
                now=self.clock(),
                new_id=self.new_id,
            )
            yield uow
            uow.write_outbox()
            reached("commit.before")
            _commit(session)
        reached("commit.after")
        if uow.published:
            self.on_commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only looks: it takes no write lock and is rolled back at the end."""
        options: dict[str, Any] = {"reading": True}
        if self.engine.dialect.name == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self.engine.connect().execution_options(**options) as connection, Session(connection) as session:
            yield session
