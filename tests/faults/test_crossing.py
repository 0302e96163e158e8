"""Events of different topics that cross on their way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.actor import Actor
from shared.clock import FixedClock, at
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import Window
from shared.contracts.postal import HandoverAccepted, Holder
from shared.contracts.routing import StopScheduled
from shared.messaging.guard import Waiting
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine
from tests.faults.clients import local_people
from tests.faults.evidence import Evidence, files_in
from tests.faults.judge import instant
from tests.faults.ledger import Ledger
from tests.faults.test_judge import DAY, MORNING, Product, move, submit
from tests.unit.messaging.test_guard import NOW, Listener, visit, wrap


@dataclass(frozen=True)
class Interrupted(Transactions):
    """Transactions beside which something else happens as soon as one was rolled back for waiting."""

    meanwhile: Callable[[], None] = lambda: None

    @contextmanager
    def begin(self, actor: Actor | ActorRef | None = None) -> Iterator[UnitOfWork]:
        """As ever; the agent of another topic gets the database right after a rollback."""
        try:
            with super().begin(actor) as uow:
                yield uow
        except Waiting:
            self.meanwhile()
            raise


def test_what_was_waited_for_may_arrive_while_the_waiting_event_is_put_aside(tmp_path: Path) -> None:
    """An event parked a moment after what it waits for was applied would wait for ever."""
    engine = open_engine(f"sqlite:///{tmp_path / 'listener.db'}")
    MessagingTable.metadata.create_all(engine)
    other_agent = Listener(Transactions(engine, "intake", FixedClock(NOW)))
    arrived: list[object] = []

    def visit_arrives() -> None:
        if not arrived:
            arrived.append(other_agent.guard.receive("postal.visit.v1", wrap(visit(1, "v1"), 1)))

    hand = Holder(kind="worker", id="w1")
    handover = HandoverAccepted(parcel_id="p1", dossier_id="d1", request_id="r1", giver=hand, receiver=hand)
    agent = Listener(Interrupted(engine, "intake", FixedClock(NOW), meanwhile=visit_arrives))
    agent.guard.receive("postal.custody.v1", wrap(handover, 1))
    visit_arrives()
    assert agent.parked() == []
    engine.dispose()


def test_a_plan_that_crossed_a_change_does_not_bring_the_former_window_back(tmp_path: Path) -> None:
    """A worker would be shown, for good, the window that the citizen has given up."""
    product, ledger = Product(tmp_path), Ledger(tmp_path / "ledger.jsonl")
    agreed = submit(product, ledger, next(local_people(DAY, 970_000)))
    product.carry()
    moved = move(product, ledger, agreed)
    product.carry()
    with product.services["routing"].transactions.begin() as uow:
        uow.publish(
            StopScheduled(
                stop_id=agreed["appointment_id"],
                request_id=agreed["request_id"],
                plan_id="plan-of-before",
                office_id=agreed["office_id"],
                worker_id="w-030",
                day=DAY,
                window=Window.model_validate(MORNING),
                expected_arrival=at(DAY, "08:00"),
            )
        )
    product.carry()
    product.close()
    (visit_row,) = Evidence(files_in(tmp_path)).rows("postal_bridge", "SELECT window_start FROM visit")
    assert instant(visit_row["window_start"]) == instant(moved["window"]["start"])
