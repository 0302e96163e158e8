"""Recalled sign-ins: what is recalled, what is not, and for how long it is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from shared.clock import system_clock
from shared.contracts.envelope import Envelope
from shared.contracts.intake import SignInsRecalled
from shared.messaging.tables import MessagingTable, OutboxRow, RecalledSignIns
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.sign_ins import LIFETIME, Recalls, TokenMark, keep_recalled, recall_all, recall_token

NOW = system_clock()
"""Recalls live by the machine's clock; a fixed instant near it is enough here."""
A_MOMENT = timedelta(milliseconds=1)


def token(name: str, account: str = "op1", ago: timedelta = timedelta(hours=1)) -> TokenMark:
    """A token issued some time ago."""
    return TokenMark(account, name, NOW - ago)


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Transactions]:
    """The database of the service that recalls."""
    yield from _database(tmp_path / "intake.db", "intake")


@pytest.fixture
def routing(tmp_path: Path) -> Iterator[Transactions]:
    """The database of a service that hears of it."""
    yield from _database(tmp_path / "routing.db", "routing")


def _database(file: Path, name: str) -> Iterator[Transactions]:
    engine = open_engine(f"sqlite:///{file}")
    MessagingTable.metadata.create_all(engine)
    yield Transactions(engine, name, system_clock)  # type: ignore[arg-type]
    engine.dispose()


def seen(transactions: Transactions, now: datetime = NOW) -> Recalls:
    """What a process of the service knows at an instant."""
    recalls = Recalls(transactions, lambda: now)
    recalls.refresh()
    return recalls


def newest_record(intake: Transactions) -> SignInsRecalled:
    """What intake published last."""
    with intake.reading() as session:
        row = session.exec(select(OutboxRow).order_by(col(OutboxRow.position).desc())).first()
    assert row is not None
    return SignInsRecalled.model_validate(Envelope.from_bytes(row.body).data)


def hear(routing: Transactions, record: SignInsRecalled) -> None:
    """The other service applies the record."""
    with routing.begin() as uow:
        keep_recalled(record, uow)


def test_signing_out_recalls_one_token_everywhere(intake: Transactions, routing: Transactions) -> None:
    """The phone would be signed out with the desk, or the desk's token would live on elsewhere."""
    with intake.begin() as uow:
        recall_token(uow, token("desk"), NOW)
    with intake.begin() as uow:
        recall_token(uow, token("tablet"), NOW)
    hear(routing, newest_record(intake))
    for service in (intake, routing):
        recalls = seen(service)
        assert [recalls.cover(token(name)) for name in ("desk", "tablet", "phone")] == [True, True, False]
        assert not recalls.cover(token("desk", account="op2"))


def test_recalling_all_leaves_only_what_was_issued_later(intake: Transactions, routing: Transactions) -> None:
    """A locked person would work on with the second browser, or could never come back once unlocked."""
    with intake.begin() as uow:
        recall_token(uow, token("desk"), NOW - timedelta(minutes=5))
        recall_all(uow, "op1", NOW)
    hear(routing, newest_record(intake))
    for service in (intake, routing):
        recalls = seen(service)
        assert recalls.cover(token("desk"))
        assert recalls.cover(token("phone", ago=timedelta(0)))
        assert not recalls.cover(token("later", ago=-A_MOMENT))


def test_a_recall_is_forgotten_once_the_token_has_expired(intake: Transactions) -> None:
    """The table and the memory of every process would grow with every sign-out for ever."""
    with intake.begin() as uow:
        recall_token(uow, token("desk"), NOW)
    assert seen(intake, NOW + LIFETIME - timedelta(hours=1)).cover(token("desk"))
    assert not seen(intake, NOW + LIFETIME).cover(token("desk"))
    with intake.begin() as uow:
        recall_token(uow, token("phone", ago=timedelta(0)), NOW + timedelta(hours=11, minutes=30))
    assert [entry.token_id for entry in newest_record(intake).tokens] == ["phone"]


def test_an_expired_token_needs_no_recall(intake: Transactions) -> None:
    """Old cookies that are still sent would fill the stream."""
    with intake.begin() as uow:
        recall_token(uow, token("old", ago=timedelta(hours=13)), NOW)
    with intake.reading() as session:
        assert session.exec(select(OutboxRow)).all() == []
        assert session.exec(select(RecalledSignIns)).all() == []


def test_records_of_expired_tokens_are_swept_when_another_comes(routing: Transactions) -> None:
    """A service that only listens would keep every account that ever signed out."""
    old = NOW - timedelta(days=2)
    hear(routing, SignInsRecalled(account="gone", issued_until=old))
    hear(routing, SignInsRecalled(account="op1", issued_until=NOW))
    with routing.reading() as session:
        assert [row.account for row in session.exec(select(RecalledSignIns))] == ["op1"]


def test_a_process_knows_before_it_serves(intake: Transactions) -> None:
    """After a restart recalled tokens would be good until somebody reads the table."""
    with intake.begin() as uow:
        recall_all(uow, "op1", NOW)
    recalls = Recalls(intake)
    with recalls.running():
        assert recalls.cover(token("desk"))


def test_what_is_known_outlives_the_database(intake: Transactions, tmp_path: Path) -> None:
    """While the database is away every recalled token would be good again."""
    with intake.begin() as uow:
        recall_all(uow, "op1", NOW)
    recalls = seen(intake)
    MessagingTable.metadata.drop_all(intake.engine)
    with pytest.raises(SQLAlchemyError):
        recalls.refresh()
    assert recalls.cover(token("desk"))
