"""Charges and the cash day: two ledgers, whole đồng, zero at the end."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.postal_bridge.domain.money import (
    CashDay,
    Charge,
    Entry,
    EntryKind,
    Ledger,
    Tariff,
    collection,
    deposition,
    difference,
)
from services.postal_bridge.domain.steps import Exemption, FeeTaken
from shared.errors import Invalid, RuleBroken

TARIFF = Tariff(fee=8_000, fare=28_000, fee_transfer=8_000)


@pytest.mark.parametrize(
    ("exemption", "fee", "fare"),
    [(Exemption.NONE, 8_000, 36_000), (Exemption.ELDERLY, 0, 28_000), (Exemption.HEROIC_MOTHER, 0, 0)],
)
def test_the_exemption_decides_the_amount(exemption: Exemption, fee: int, fare: int) -> None:
    """If this fails somebody pays a fee they are free of, or for carrying a fee that is not there."""
    assert TARIFF.charge(FeeTaken(exemption, "thẻ")) == Charge(fee, fare)


def test_no_fee_no_transfer() -> None:
    """If this fails a free procedure costs the fare for carrying nothing."""
    assert Tariff(fee=0, fare=28_000, fee_transfer=8_000).total == 28_000


def test_amounts_are_whole_and_not_negative() -> None:
    """If this fails fractions or negative sums enter the ledgers."""
    for fee in (-1, 1.5, True):
        with pytest.raises(ValueError, match="whole number"):
            Charge(fee=fee)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="positive"):
        Entry(Ledger.FEE, EntryKind.COLLECTED, "a", "b", 0)


def test_the_day_closes_at_zero_only() -> None:
    """If this fails a day is closed although money is still out."""
    day = CashDay().collect(Charge(8_000, 36_000))
    with pytest.raises(RuleBroken) as refused:
        day.close()
    assert len(refused.value.hints) == 2
    with pytest.raises(Invalid, match="lý do chênh lệch"):
        day.deposit(Charge(8_000, 30_000))
    partly = day.deposit(Charge(8_000, 30_000), "còn chờ đổi tiền lẻ")
    with pytest.raises(RuleBroken):
        partly.close()
    closed = partly.deposit(Charge(0, 6_000)).close()
    assert closed.closed
    with pytest.raises(RuleBroken, match="đã khoá"):
        closed.collect(Charge(1, 0))
    with pytest.raises(RuleBroken, match="đã khoá"):
        closed.close()


def test_a_difference_needs_a_reason_and_never_netting() -> None:
    """If this fails money is written off without a reason, or from the wrong ledger."""
    day = CashDay().collect(Charge(8_000, 36_000))
    with pytest.raises(Invalid, match="ít nhất 10"):
        day.explain(EntryKind.SHORTAGE, Charge(0, 6_000), "mất tiền ")
    with pytest.raises(Invalid, match="chênh lệch"):
        day.explain(EntryKind.SHORTAGE, Charge(), "rơi khi trả lại tiền")
    with pytest.raises(RuleBroken, match="Phí, lệ phí"):
        day.explain(EntryKind.SHORTAGE, Charge(8_001, 0), "rơi khi trả lại tiền")
    settled = day.explain(EntryKind.SHORTAGE, Charge(0, 6_000), "rơi khi trả lại tiền")
    settled = settled.explain(EntryKind.OVERAGE, Charge(500, 0), "người dân cho thêm")
    assert settled.in_hand == Charge(8_500, 30_000)
    assert [settled.difference(ledger) for ledger in Ledger] == [-500, 6_000]
    assert settled.deposit(settled.in_hand).close().closed


def test_ledgers_do_not_net() -> None:
    """If this fails a surplus of fares hides a shortage of fees."""
    day = CashDay().collect(Charge(8_000, 36_000))
    with pytest.raises(RuleBroken, match="Cước bưu chính"):
        day.deposit(Charge(4_000, 40_000), "nhầm sổ")
    with pytest.raises(Invalid, match="Chưa có tiền"):
        day.deposit(Charge())


AMOUNTS = st.integers(0, 200_000)


class CashMachine(RuleBasedStateMachine):
    """Collecting, depositing and closing in any order; the entries are the truth, the day is their fold."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.closed = False

    @property
    def day(self) -> CashDay:
        """The day as it is folded."""
        return CashDay.of(self.entries, closed=self.closed)

    @rule(fee=AMOUNTS, fare=AMOUNTS)
    def collect(self, fee: int, fare: int) -> None:
        """Money is taken at a door."""
        try:
            expected = self.day.collect(Charge(fee, fare))
        except RuleBroken:
            assert self.closed
            return
        self.entries += collection("w-001", "request-1", Charge(fee, fare))
        assert self.day == expected

    @rule(fee=AMOUNTS, fare=AMOUNTS, why=st.sampled_from(["", "thiếu tiền lẻ"]))
    def deposit(self, fee: int, fare: int, why: str) -> None:
        """Some money is counted by the cashier."""
        before = self.day
        try:
            expected = before.deposit(Charge(fee, fare), why)
        except (RuleBroken, Invalid):
            return
        assert why or before.in_hand == Charge(fee, fare)
        self.entries += deposition("w-001", "office-a", Charge(fee, fare))
        assert self.day == expected

    @rule(kind=st.sampled_from([EntryKind.SHORTAGE, EntryKind.OVERAGE]), fee=AMOUNTS, fare=AMOUNTS)
    def explain(self, kind: Literal[EntryKind.SHORTAGE, EntryKind.OVERAGE], fee: int, fare: int) -> None:
        """Book and hand disagree, and somebody writes down why."""
        before, amount = self.day, Charge(fee, fare)
        try:
            expected = before.explain(kind, amount, "rơi khi trả lại tiền")
        except (RuleBroken, Invalid):
            return
        self.entries += difference("w-001", "office-a", kind, amount)
        assert self.day == expected

    @rule()
    def deposit_all(self) -> None:
        """Everything in hand is counted."""
        if self.closed or not self.day.in_hand.total:
            return
        self.day.deposit(self.day.in_hand)
        self.entries += deposition("w-001", "office-a", self.day.in_hand)
        assert self.day.in_hand == Charge()

    @rule()
    def close(self) -> None:
        """The day is closed if it may be."""
        try:
            self.day.close()
        except RuleBroken:
            assert self.closed or self.day.in_hand.total
            return
        self.closed = True

    @invariant()
    def nothing_is_lost(self) -> None:
        """Σ collected = Σ deposited + in hand + differences in each ledger; double entry shows it too."""
        day = self.day
        for ledger in Ledger:
            settled = day.deposited.of(ledger) + day.in_hand.of(ledger) + day.difference(ledger)
            assert day.collected.of(ledger) == settled
        for ledger in Ledger:
            into = sum(e.amount for e in self.entries if e.ledger is ledger and e.debit == "worker:w-001")
            out = sum(e.amount for e in self.entries if e.ledger is ledger and e.credit == "worker:w-001")
            assert into - out == day.in_hand.of(ledger) >= 0
        if self.closed:
            assert day.in_hand == Charge()


def test_any_order_of_cash_days() -> None:
    """If this fails some order of collecting and depositing loses money or closes a day too early."""
    run_state_machine_as_test(
        CashMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )
