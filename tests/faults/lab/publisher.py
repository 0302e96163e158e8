"""The publishing side of the lab as a process: commands over a socket, outbox, relay.

`python -m tests.faults.lab.publisher BROKER FOLDER PORT`. One JSON line asks
(`{"key": idempotency key, "marks": {unique text: aggregate}}`), one JSON line answers.
"""

from __future__ import annotations

import json
import socketserver
import sys
from pathlib import Path
from typing import Any

from sqlmodel import Field

from shared.clock import system_clock
from shared.contracts.envelope import ActorRef
from shared.contracts.postal import VisitStarted
from shared.errors import Problem
from shared.messaging.commands import Command, CommandBus
from shared.messaging.connection import BrokerAddress
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.observability.logs import configure_logs
from shared.persistence.engine import open_engine

CLIENT = ActorRef(account="lab", role="operator")


class Entry(MessagingTable, table=True):
    """The state that an event tells about: one row for each mark, in the order of the commits."""

    __tablename__ = "entry"
    position: int | None = Field(default=None, primary_key=True)
    visit: str
    mark: str
    sequence: int


class NoteMarks(Command):
    """A client wants each mark to be noted for its visit, once, and told to everybody: all or none."""

    marks: dict[str, str]


def note_marks(command: NoteMarks, uow: UnitOfWork, _: Any) -> dict[str, Any]:
    """State and events in one transaction; the answer tells each event's number."""
    answer = {}
    for mark, visit in command.marks.items():
        event = VisitStarted(
            visit_id=visit, request_id="r", worker_id=mark, purpose="pickup", started_at=uow.now
        )
        answer[mark] = uow.publish(event).sequence
        uow.session.add(Entry(visit=visit, mark=mark, sequence=answer[mark]))
    return answer


class _Conversation(socketserver.StreamRequestHandler):
    """One client: a line, an answer, a line, an answer."""

    bus: CommandBus

    def handle(self) -> None:
        """Until the client leaves."""
        for line in self.rfile:
            asked = json.loads(line)
            try:
                answer = self.bus.execute(NoteMarks(marks=asked["marks"]), CLIENT, asked["key"])
            except Problem as problem:
                answer = {"refused": problem.problem_code}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main(broker: str, folder: Path, port: int) -> None:
    """Serves until it is killed."""
    configure_logs("lab", "WARNING")
    engine = open_engine(f"sqlite:///{folder / 'publisher.db'}")
    MessagingTable.metadata.create_all(engine)
    relay = Relay(Transactions(engine, "postal_bridge", system_clock), BrokerAddress(broker))
    transactions = Transactions(engine, "postal_bridge", system_clock, on_commit=relay.wake)
    _Conversation.bus = CommandBus(transactions, {NoteMarks: note_marks}, ports=None)
    relay.start()
    with _Server(("127.0.0.1", port), _Conversation) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
