"""Recalls are the same on both databases: instants to the microsecond, lists of tokens."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from shared.clock import system_clock
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.sign_ins import Recalls, TokenMark, recall_all, recall_token


def test_recalls_are_kept(engine: Engine) -> None:
    """A recalled token would be good again wherever the other database runs."""
    MessagingTable.metadata.create_all(engine)
    transactions, now = Transactions(engine, "intake", system_clock), system_clock()
    with transactions.begin() as uow:
        recall_token(uow, TokenMark("op1", "desk", now), now)
    with transactions.begin() as uow:
        recall_all(uow, "op2", now)
    recalls = Recalls(transactions)
    recalls.refresh()
    assert recalls.cover(TokenMark("op1", "desk", now))
    assert not recalls.cover(TokenMark("op1", "phone", now))
    assert recalls.cover(TokenMark("op2", "phone", now))
    assert not recalls.cover(TokenMark("op2", "phone", now + timedelta(microseconds=1)))
