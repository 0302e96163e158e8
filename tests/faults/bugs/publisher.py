"""Bugs of the publishing side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlmodel import Session

from shared.messaging.unit_of_work import Transactions, UnitOfWork
from tests.faults.bugs.seams import replace


def publish_after_commit() -> None:
    """Dual write: the state is committed first, its events are handed over in a second step."""
    write_outbox, begin = UnitOfWork.write_outbox, Transactions.begin

    @contextmanager
    def commit_then_publish(transactions: Transactions, actor: Any = None) -> Iterator[UnitOfWork]:
        with begin(transactions, actor) as uow:
            yield uow
        if uow.published:
            with Session(transactions.engine) as session:
                uow.session = session
                write_outbox(uow)
                session.commit()
            transactions.on_commit()

    replace(UnitOfWork, "write_outbox", lambda _uow: None)
    replace(Transactions, "begin", commit_then_publish)
