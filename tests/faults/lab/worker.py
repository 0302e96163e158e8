"""The consuming side of the lab as a process: the real Faust worker and guard, one effect per event.

`python -m tests.faults.lab.worker BROKER FOLDER NAME`: consumer group and database are named NAME.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sqlmodel import Field

from shared.clock import system_clock
from shared.contracts.intake import NoticeSent
from shared.contracts.postal import VisitStarted
from shared.contracts.topics import topic_named
from shared.messaging import worker
from shared.messaging.connection import BrokerAddress
from shared.messaging.guard import Guard
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.observability.logs import configure_logs
from shared.persistence.engine import open_engine

TOPIC = "postal.visit.v1"
SESSION_SECONDS = 1.5
"""Shorter than in the product, so that the partitions of a dead process are soon free again."""


class Effect(MessagingTable, table=True):
    """What happened because of an event. Nothing here forbids it to happen twice: the guard must."""

    __tablename__ = "effect"
    position: int | None = Field(default=None, primary_key=True)
    visit: str
    mark: str


def hear(event: VisitStarted, uow: UnitOfWork) -> None:
    """One effect and one event of our own, in the guard's transaction."""
    uow.session.add(Effect(visit=event.visit_id, mark=event.worker_id))
    uow.publish(
        NoticeSent(
            notice_id=event.visit_id, request_id="r", about=event.worker_id, channel="sms", sent_at=uow.now
        )
    )


def main(broker: str, folder: Path, name: str) -> None:
    """Listens until it is killed."""
    configure_logs("lab", "WARNING")
    engine = open_engine(f"sqlite:///{folder / name}.db")
    MessagingTable.metadata.create_all(engine)
    guard = Guard(Transactions(engine, "intake", system_clock), {VisitStarted: hear}, patience=0.1)
    app = worker.build_worker(name, BrokerAddress(broker), [topic_named(TOPIC)], guard, folder / "faust")
    app.conf.broker_session_timeout = SESSION_SECONDS
    app.conf.broker_heartbeat_interval = SESSION_SECONDS / 4
    worker.run_worker(app)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
