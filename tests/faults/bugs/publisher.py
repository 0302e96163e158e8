"""Bugs of the publishing side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, delete

from shared.contracts.envelope import Envelope, Event
from shared.messaging.tables import OutboxRow
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from tests.faults.bugs.seams import replace


def publish_after_commit() -> None:
    """Dual write: the state is committed first, its events are handed over in a second step."""
    publish, begin = UnitOfWork.publish, Transactions.begin

    def keep_for_later(uow: UnitOfWork, event: Event, *, occurred_at: datetime | None = None) -> Envelope:
        envelope = publish(uow, event, occurred_at=occurred_at)
        uow.session.flush()
        written = delete(OutboxRow).where(col(OutboxRow.event_id) == envelope.id)
        uow.session.execute(written, execution_options={"synchronize_session": False})
        return envelope

    @contextmanager
    def commit_then_publish(transactions: Transactions, actor: Any = None) -> Iterator[UnitOfWork]:
        with begin(transactions, actor) as uow:
            yield uow
        if uow.published:
            with Session(transactions.engine) as session:
                session.add_all(_outbox_row(envelope) for envelope in uow.published)
                session.commit()
            transactions.on_commit()

    replace(UnitOfWork, "publish", keep_for_later)
    replace(Transactions, "begin", commit_then_publish)


def _outbox_row(envelope: Envelope) -> OutboxRow:
    return OutboxRow(
        event_id=envelope.id,
        topic=envelope.topic,
        key=envelope.key,
        sequence=envelope.sequence,
        body=envelope.to_bytes(),
        recorded_at=envelope.recorded_at,
    )
