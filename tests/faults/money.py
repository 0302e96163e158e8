"""Whether the money adds up: for each worker collected = deposited + in hand, whoever is asked.

Every figure is folded here from plain rows, and from several sources that must agree: receipts, their copies
in intake and the published events for what was collected; the cashiers' counts, the published events and the
cashiers' own answers for what was deposited; the movements of the book for all of it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.faults.evidence import Evidence, Row
from tests.faults.findings import Finding, Wrong, differences
from tests.faults.ledger import Ask

LEDGERS = ("fee", "fare")
Purse = tuple[str, str]
"""A worker and the ledger whose money it is: `fee` is the State's, `fare` the post's."""


def cash_books(asks: Sequence[Ask], evidence: Evidence) -> Iterator[Finding]:
    """Every difference between the sources, and every purse whose sums do not add up."""
    owners = {
        row["cashbook_id"]: row["worker_id"]
        for row in evidence.rows("postal_bridge", "SELECT cashbook_id, worker_id FROM cashbook")
    }
    receipts = evidence.rows("postal_bridge", "SELECT * FROM receipt")
    deposits = evidence.rows("postal_bridge", "SELECT * FROM deposit")
    explained = evidence.rows("postal_bridge", "SELECT * FROM difference")
    moved = evidence.rows("postal_bridge", "SELECT * FROM money_entry")
    yield from _told(asks, receipts, deposits)
    collected, deposited = _sums(owners, receipts), _sums(owners, deposits)
    published = _published(evidence)
    copies = evidence.rows("intake", "SELECT receipt_no, fee, fare FROM receipt_copy")
    giver = {row["receipt_no"]: row["worker_id"] for row in published["collected"]}
    of_copies = [{**row, "worker_id": giver.get(row["receipt_no"], "nobody")} for row in copies]
    for what, expected, found in (
        ("collected as intake knows it", collected, _sums({}, of_copies)),
        ("collected as it was published", collected, _sums({}, published["collected"])),
        ("collected by the book", collected, _booked(owners, moved, "collected")),
        ("deposited as it was published", deposited, _sums({}, published["deposited"])),
        ("deposited by the book", deposited, _booked(owners, moved, "deposited")),
        ("missing by the book", _booked(owners, explained, "shortage"), _booked(owners, moved, "shortage")),
        ("too much by the book", _booked(owners, explained, "overage"), _booked(owners, moved, "overage")),
    ):
        yield from _unequal(what, expected, found)
    yield from _purses(collected, deposited, _in_hand(moved), owners, explained)
    yield from _receipts_counted(evidence, receipts)


def _told(asks: Sequence[Ask], receipts: Sequence[Row], deposits: Sequence[Row]) -> Iterator[Finding]:
    """The receipts that workers were told to hand out, and the counts that cashiers were told are booked."""
    given = {row["receipt_no"]: row["visit_id"] for row in receipts}
    counted: Counter[Any] = Counter()
    for ask in asks:
        if not ask.acknowledged:
            continue
        if ask.path.endswith("/steps/collect_fee") and (number := ask.answer.get("receipt_no")):
            _, _, _, visit_id, *_ = ask.path.split("/")
            if given.get(number) != visit_id:
                yield Finding(Wrong.LOST, f"receipt {number} of visit {visit_id} is not in the books")
        if ask.path.endswith("/deposit"):
            counted[ask.answer["cashbook_id"], ask.body["fee"], ask.body["fare"]] += 1
    stored = Counter((row["cashbook_id"], row["fee"], row["fare"]) for row in deposits)
    yield from differences("deposit", counted, stored)


def _published(evidence: Evidence) -> Mapping[str, list[dict[str, Any]]]:
    """The data of the money events, by kind."""
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in evidence.rows("postal_bridge", "SELECT body FROM outbox WHERE topic = 'postal.money.v1'"):
        envelope = json.loads(row["body"])
        events[envelope["type"]].append(envelope["data"])
    return events


def _sums(owners: Mapping[str, str], rows: Iterable[Row]) -> Counter[Purse]:
    """What rows with `fee` and `fare` come to, VND, for each purse."""
    sums: Counter[Purse] = Counter()
    for row in rows:
        worker = row.get("worker_id") or owners.get(row["cashbook_id"], "nobody")
        for ledger in LEDGERS:
            sums[worker, ledger] += row[ledger]
    return sums


def _booked(owners: Mapping[str, str], rows: Iterable[Row], kind: str) -> Counter[Purse]:
    """What movements or explained differences of one kind come to, VND, for each purse."""
    sums: Counter[Purse] = Counter()
    for row in rows:
        if row["kind"] == kind:
            sums[owners.get(row["cashbook_id"], "nobody"), row["ledger"]] += row["amount"]
    return sums


def _in_hand(moved: Iterable[Row]) -> Counter[Purse]:
    """What came into each worker's hand less what left it, VND: by the accounts alone, not by the kinds."""
    hands: Counter[Purse] = Counter()
    for row in moved:
        for account, sign in ((row["debit"], 1), (row["credit"], -1)):
            kind, _, worker = account.partition(":")
            if kind == "worker":
                hands[worker, row["ledger"]] += sign * row["amount"]
    return hands


def _unequal(what: str, expected: Counter[Purse], found: Counter[Purse]) -> Iterator[Finding]:
    for purse in expected.keys() | found.keys():
        if expected[purse] != found[purse]:
            text = f"{' '.join(purse)}: {what} {found[purse]} đ, it should be {expected[purse]} đ"
            yield Finding(Wrong.MONEY, text)


def _purses(
    collected: Counter[Purse],
    deposited: Counter[Purse],
    in_hand: Counter[Purse],
    owners: Mapping[str, str],
    explained: Sequence[Row],
) -> Iterator[Finding]:
    """Collected = deposited + in hand, but for what a cashier explained; a hand never holds less than 0."""
    short, over = (_booked(owners, explained, kind) for kind in ("shortage", "overage"))
    for purse in collected.keys() | deposited.keys() | in_hand.keys():
        accounted = deposited[purse] + in_hand[purse] + short[purse] - over[purse]
        if collected[purse] != accounted:
            text = f"{' '.join(purse)}: collected {collected[purse]} đ, {accounted} đ accounted for"
            yield Finding(Wrong.MONEY, text)
        if in_hand[purse] < 0:
            yield Finding(Wrong.MONEY, f"{' '.join(purse)}: {in_hand[purse]} đ in hand")


def _receipts_counted(evidence: Evidence, receipts: Sequence[Row]) -> Iterator[Finding]:
    """A book's receipts are numbered without a gap, and each belongs to a book."""
    given = Counter(row["cashbook_id"] for row in receipts)
    books = evidence.rows("postal_bridge", "SELECT cashbook_id, receipts FROM cashbook")
    counted = Counter({row["cashbook_id"]: row["receipts"] for row in books})
    for book in given.keys() | counted.keys():
        if given[book] != counted[book]:
            text = f"book {book} gave out {counted[book]} numbers, {given[book]} receipts are there"
            yield Finding(Wrong.MONEY, text)
