"""A small consumer as a process of its own, to be killed: writes each effect it has into its database.

`python listener.py BROKER FOLDER GROUP`; while FOLDER/raise-on exists, the event whose worker id stands
in it makes the handler raise; while FOLDER/database-away exists, the database is said to be away; where
FOLDER/lose-one exists, one record is lost between the broker and the guard.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlmodel import Field

from shared.clock import system_clock
from shared.contracts.postal import VisitStarted
from shared.contracts.topics import topic_named
from shared.errors import RuleBroken
from shared.messaging import unbroken, worker
from shared.messaging.connection import BrokerAddress
from shared.messaging.guard import Guard
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.messaging.worker import build_worker, run_worker
from shared.persistence.engine import Utc, open_engine


class Effect(MessagingTable, table=True):
    """One thing that happened because of an event."""

    position: int | None = Field(default=None, primary_key=True)
    key: str
    number: int
    pid: int
    happened_at: datetime = Field(sa_type=Utc)


def main(broker: str, folder: Path, group: str) -> None:
    """Listens to visits until it is stopped."""
    engine = open_engine(f"sqlite:///{folder / 'listener.db'}")
    MessagingTable.metadata.create_all(engine)
    told_to_raise, away = folder / "raise-on", folder / "database-away"

    def hear(event: VisitStarted, uow: UnitOfWork) -> None:
        if away.exists():
            raise OperationalError("insert", {}, Exception("told to be away"))
        if told_to_raise.exists() and told_to_raise.read_text() == event.worker_id:
            raise RuleBroken("được yêu cầu báo lỗi")
        uow.session.add(
            Effect(
                key=event.visit_id,
                number=int(event.worker_id),
                pid=os.getpid(),
                happened_at=datetime.now(UTC),
            )
        )

    lose_one(folder / "lose-one")
    unbroken.OVERDUE_SECONDS = 10.0
    guard = Guard(Transactions(engine, "intake", system_clock), {VisitStarted: hear}, patience=0.1)
    app = build_worker(
        group, BrokerAddress(broker), [topic_named("postal.visit.v1")], guard, folder / "faust"
    )
    run_worker(app)


def lose_one(flag: Path) -> None:
    """Drops the next record once the flag is there, as Faust can when the group forms anew."""
    waiting = worker._waiting

    def is_told() -> bool:
        told = flag.exists()
        flag.unlink(missing_ok=True)
        return told

    async def forgetful(channel: Any) -> list[Any]:
        events = await waiting(channel)
        return events[1:] or await waiting(channel) if is_told() else events

    worker._waiting = forgetful


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
