"""Commands: one effect for each key, the same answer again, a refusal for anything else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select

from shared.clock import FixedClock
from shared.contracts.envelope import ActorRef
from shared.contracts.intake import RequestClosed
from shared.contracts.postal import VisitStarted
from shared.errors import Problem, RuleBroken, Unavailable
from shared.messaging.commands import Command, CommandBus
from shared.messaging.tables import MessagingTable, OutboxRow
from shared.messaging.unit_of_work import Transactions, UnitOfWork
from shared.persistence.engine import open_engine

NOW = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)
SOMEBODY, OTHER = ActorRef(account="a", role="operator"), ActorRef(account="b", role="operator")


class Close(Command):
    """Closes a request; `trouble` names what goes wrong after the writing."""

    request_id: str
    trouble: str = ""


def close(command: Close, uow: UnitOfWork, _ports: Any) -> dict[str, Any]:
    """Publishes, then fails when told to."""
    uow.publish(RequestClosed(request_id=command.request_id, outcome="done"))
    if command.trouble == "rule":
        raise RuleBroken("không được")
    if command.trouble == "database":
        raise OperationalError("insert", {}, Exception("disk I/O error"))
    return {"answer": uow.new_id()}


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[CommandBus]:
    """A bus on a database of its own."""
    engine = open_engine(f"sqlite:///{tmp_path / 'bus.db'}")
    MessagingTable.metadata.create_all(engine)
    yield CommandBus(Transactions(engine, "intake", FixedClock(NOW)), {Close: close}, None)
    engine.dispose()


def published(bus: CommandBus) -> list[tuple[str, int]]:
    """Key and sequence of what stands in the outbox."""
    with Session(bus.transactions.engine) as session:
        rows = session.exec(select(OutboxRow).order_by(col(OutboxRow.position)))
        return [(row.key, row.sequence) for row in rows]


def test_the_same_key_has_one_effect_and_the_same_answer(bus: CommandBus) -> None:
    """A double click would book two visits."""
    first = bus.execute(Close(request_id="r"), SOMEBODY, "key-1")
    assert bus.execute(Close(request_id="r"), SOMEBODY, "key-1") == first
    assert published(bus) == [("r", 1)]


def test_the_same_key_for_something_else_is_refused(bus: CommandBus) -> None:
    """The second wish would be answered as if it had been done."""
    bus.execute(Close(request_id="r"), SOMEBODY, "key-1")
    with pytest.raises(RuleBroken, match="chống gửi trùng"):
        bus.execute(Close(request_id="s"), SOMEBODY, "key-1")
    assert published(bus) == [("r", 1)]


def test_keys_of_two_people_do_not_meet(bus: CommandBus) -> None:
    """One person's answer would be shown to another."""
    bus.execute(Close(request_id="r"), SOMEBODY, "key-1")
    bus.execute(Close(request_id="s"), OTHER, "key-1")
    assert published(bus) == [("r", 1), ("s", 1)]


def test_fifty_at_once_have_one_effect(bus: CommandBus) -> None:
    """A phone without signal sends again and again."""
    answers: list[dict[str, Any]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(bus.execute(Close(request_id="r"), SOMEBODY, "key-1")))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    assert len({answer["answer"] for answer in answers}) == 1
    assert published(bus) == [("r", 1)]


def test_a_refusal_leaves_nothing_and_is_not_remembered(bus: CommandBus) -> None:
    """What was refused today may be right tomorrow, and must not have left half an effect."""
    with pytest.raises(RuleBroken):
        bus.execute(Close(request_id="r", trouble="rule"), SOMEBODY, "key-1")
    assert published(bus) == []


def test_a_database_in_trouble_is_said_so(bus: CommandBus) -> None:
    """A person would see a stack trace, or believe that it was done."""
    with pytest.raises(Unavailable):
        bus.execute(Close(request_id="r", trouble="database"), SOMEBODY, "key-1")
    assert published(bus) == []


def test_nobody_publishes_for_another_service(bus: CommandBus) -> None:
    """Two owners of one topic would number its events twice."""
    event = VisitStarted(visit_id="v", request_id="r", worker_id="w", purpose="pickup", started_at=NOW)
    with pytest.raises(ValueError, match="postal_bridge owns"), bus.transactions.begin() as uow:
        uow.publish(event)


def test_an_event_that_no_broker_takes_is_refused(bus: CommandBus) -> None:
    """In the outbox it would be tried for ever, and everything behind it would wait."""
    with pytest.raises(Problem) as refused, bus.transactions.begin() as uow:
        uow.publish(RequestClosed(request_id="r", outcome="x" * 1_000_000))
    assert refused.value.problem_code == "event.too_large"
    assert published(bus) == []


def test_numbers_of_a_key_follow_each_other_without_gaps(bus: CommandBus) -> None:
    """The consumers' gate waits for every number."""
    for key in ("r", "s", "r"):
        bus.execute(Close(request_id=key), SOMEBODY)
    with pytest.raises(RuleBroken):
        bus.execute(Close(request_id="r", trouble="rule"), SOMEBODY)
    bus.execute(Close(request_id="r"), SOMEBODY)
    assert published(bus) == [("r", 1), ("s", 1), ("r", 2), ("r", 3)]
