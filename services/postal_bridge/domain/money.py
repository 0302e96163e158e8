"""Money in đồng: what may be charged, and a worker's cash day in two ledgers that never mix.

The agency fee belongs to the State, the fare to the post (process rules on fees): each has entries of
its own, no netting, and a day ends only when all that was collected was handed in or its absence explained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from services.postal_bridge.domain.steps import Exemption, FeeTaken
from shared.errors import Invalid, RuleBroken

SHORTEST_EXPLANATION = 10
"""Characters: fewer do not explain a difference."""


class Ledger(StrEnum):
    """Whose money it is."""

    FEE = "fee"
    FARE = "fare"

    @property
    def label(self) -> str:
        """The ledger in words of the cashier."""
        return "Phí, lệ phí" if self is Ledger.FEE else "Cước bưu chính"


@dataclass(frozen=True)
class Charge:
    """Amounts by ledger, VND. Raises ValueError for a negative or non-integer amount."""

    fee: int = 0
    fare: int = 0

    def __post_init__(self) -> None:
        for amount in (self.fee, self.fare):
            if type(amount) is not int or amount < 0:
                raise ValueError("an amount is a whole number of đồng, not negative")

    @property
    def total(self) -> int:
        """What the citizen pays."""
        return self.fee + self.fare

    def of(self, ledger: Ledger) -> int:
        """The part of one ledger."""
        return self.fee if ledger is Ledger.FEE else self.fare

    def __add__(self, other: Charge) -> Charge:
        return Charge(self.fee + other.fee, self.fare + other.fare)

    def less(self, other: Charge) -> Charge:
        """What is left after `other`. Raises ValueError when that would be negative."""
        return Charge(self.fee - other.fee, self.fare - other.fare)


@dataclass(frozen=True)
class Tariff:
    """What a visit may charge, VND: agency fee, fare, and the fare for carrying the fee to the agency."""

    fee: int = 0
    fare: int = 0
    fee_transfer: int = 0

    @property
    def total(self) -> int:
        """Without an exemption."""
        return self.charge(FeeTaken()).total

    def charge(self, taken: FeeTaken) -> Charge:
        """The amounts for the exemption chosen.

        Every group is free of the agency fee, and then nothing is carried to the agency either; Heroic
        Mothers and pre-1945 revolutionaries also travel free (published postal fares).
        """
        fee = self.fee if taken.exemption is Exemption.NONE else 0
        fare = 0 if taken.exemption is Exemption.HEROIC_MOTHER else self.fare
        transfer = self.fee_transfer if fee and taken.exemption is not Exemption.HEROIC_MOTHER else 0
        return Charge(fee, fare + transfer)


class EntryKind(StrEnum):
    """Why money moved."""

    COLLECTED = "collected"
    DEPOSITED = "deposited"
    SHORTAGE = "shortage"
    """Money that should be in the worker's hand and is not, explained in writing."""
    OVERAGE = "overage"
    """Money in the worker's hand that no receipt accounts for, explained in writing."""


@dataclass(frozen=True)
class Entry:
    """One movement of one ledger from `credit` (where it was) to `debit` (where it is now), VND > 0."""

    ledger: Ledger
    kind: EntryKind
    debit: str
    credit: str
    amount: int

    def __post_init__(self) -> None:
        if type(self.amount) is not int or self.amount <= 0:
            raise ValueError("an entry moves a positive whole number of đồng")


@dataclass(frozen=True)
class CashDay:
    """A worker's cash of one day, folded from its entries."""

    collected: Charge = Charge()
    deposited: Charge = Charge()
    short: Charge = Charge()
    over: Charge = Charge()
    closed: bool = False

    @classmethod
    def of(cls, entries: Iterable[Entry], *, closed: bool = False) -> CashDay:
        """The day behind its entries."""
        sums = {(kind, ledger): 0 for kind in EntryKind for ledger in Ledger}
        for entry in entries:
            sums[entry.kind, entry.ledger] += entry.amount
        folded = {kind: Charge(sums[kind, Ledger.FEE], sums[kind, Ledger.FARE]) for kind in EntryKind}
        return cls(
            collected=folded[EntryKind.COLLECTED],
            deposited=folded[EntryKind.DEPOSITED],
            short=folded[EntryKind.SHORTAGE],
            over=folded[EntryKind.OVERAGE],
            closed=closed,
        )

    @property
    def in_hand(self) -> Charge:
        """What the worker still carries: collected + over - deposited - short."""
        return (self.collected + self.over).less(self.deposited + self.short)

    def difference(self, ledger: Ledger) -> int:
        """The explained difference of a ledger, VND: positive when money is missing."""
        return self.short.of(ledger) - self.over.of(ledger)

    def collect(self, charge: Charge) -> CashDay:
        """The day after money was taken at a door. Raises RuleBroken once it is closed."""
        self._must_be_open()
        return replace(self, collected=self.collected + charge)

    def deposit(self, counted: Charge, explanation: str = "") -> CashDay:
        """The day after the cashier counted what was handed in.

        Raises RuleBroken for more than is in hand, Invalid when less is handed in without an explanation.
        """
        self._must_be_open()
        if counted.total == 0:
            raise Invalid("Chưa có tiền nào được nộp.", code="cash.nothing")
        for ledger in Ledger:
            over = counted.of(ledger) - self.in_hand.of(ledger)
            if over > 0:
                raise RuleBroken(
                    f"{ledger.label}: nộp nhiều hơn số đang giữ {over} đ. Đếm lại theo từng sổ.",
                    code="cash.over",
                    hints=("Nếu thực sự thừa tiền, ghi chênh lệch thừa kèm giải trình rồi mới nhận.",),
                )
        if counted != self.in_hand and not explanation.strip():
            message = "Số tiền nộp khác số đang giữ: phải ghi lý do chênh lệch."
            raise Invalid(message, code="cash.unexplained", fields={"explanation": message})
        return replace(self, deposited=self.deposited + counted)

    def explain(
        self, kind: Literal[EntryKind.SHORTAGE, EntryKind.OVERAGE], amount: Charge, explanation: str
    ) -> CashDay:
        """The day after a difference was written down with its reason.

        Raises Invalid for nothing or for a reason too short to be one, RuleBroken when more is called
        missing than the worker has in hand.
        """
        self._must_be_open()
        if amount.total == 0:
            raise Invalid("Chưa ghi số tiền chênh lệch.", code="cash.nothing")
        if len(explanation.strip()) < SHORTEST_EXPLANATION:
            message = f"Giải trình chênh lệch cần ít nhất {SHORTEST_EXPLANATION} ký tự."
            raise Invalid(message, code="cash.unexplained", fields={"explanation": message})
        if kind is EntryKind.OVERAGE:
            return replace(self, over=self.over + amount)
        for ledger in Ledger:
            if amount.of(ledger) > self.in_hand.of(ledger):
                raise RuleBroken(
                    f"{ledger.label}: số thiếu lớn hơn số đang giữ {self.in_hand.of(ledger)} đ.",
                    code="cash.over",
                )
        return replace(self, short=self.short + amount)

    def close(self) -> CashDay:
        """The day closed. Raises RuleBroken while money is in hand that was neither given nor explained."""
        self._must_be_open()
        if self.in_hand.total:
            raise RuleBroken(
                "Chưa khoá sổ được: số đã thu chưa được nộp đủ.",
                code="cash.not_zero",
                hints=tuple(
                    f"{ledger.label}: còn {self.in_hand.of(ledger)} đ chưa nộp."
                    for ledger in Ledger
                    if self.in_hand.of(ledger)
                ),
            )
        return replace(self, closed=True)

    def _must_be_open(self) -> None:
        if self.closed:
            raise RuleBroken("Sổ quỹ ngày này đã khoá.", code="cash.closed")


def collection(worker_id: str, request_id: str, charge: Charge) -> list[Entry]:
    """The entries of money taken at a door: one for each ledger that is touched."""
    return _entries(EntryKind.COLLECTED, f"worker:{worker_id}", f"citizen:{request_id}", charge)


def deposition(worker_id: str, office_id: str, charge: Charge) -> list[Entry]:
    """The entries of cash handed to the cashier of a post office."""
    return _entries(EntryKind.DEPOSITED, f"office:{office_id}", f"worker:{worker_id}", charge)


def difference(
    worker_id: str,
    office_id: str,
    kind: Literal[EntryKind.SHORTAGE, EntryKind.OVERAGE],
    charge: Charge,
) -> list[Entry]:
    """The entries of a difference between book and hand: missing money leaves the hand, surplus enters it."""
    worker, account = f"worker:{worker_id}", f"difference:{office_id}"
    debit, credit = (account, worker) if kind is EntryKind.SHORTAGE else (worker, account)
    return _entries(kind, debit, credit, charge)


def _entries(kind: EntryKind, debit: str, credit: str, charge: Charge) -> list[Entry]:
    return [
        Entry(ledger, kind, debit, credit, charge.of(ledger)) for ledger in Ledger if charge.of(ledger) > 0
    ]
