"""Compares the lab's ledger with its databases and the broker's log, for each worker on its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tests.faults.evidence import Logged
from tests.faults.findings import Finding, Wrong
from tests.faults.lab.laboratory import Lab
from tests.faults.ledger import Ask

Marks = dict[str, list[str]]
"""For each visit its marks, in the order in which they came about."""


def judge_publisher(asks: Sequence[Ask], lab: Lab, log: Sequence[Logged], *, shuffled: bool) -> list[Finding]:
    """Ledger against state, state against outbox, outbox against log. `shuffled`: noise turns the order."""
    return [
        *_answers(asks),
        *_entries(asks, lab),
        *_outbox(lab),
        *_log(lab, log, shuffled=shuffled),
    ]


def judge_worker(lab: Lab, worker: str) -> list[Finding]:
    """Effects against the publisher's state: each once and in order; nothing parked; replies written."""
    expected = _marks(lab, "publisher", "entry")
    found = _marks(lab, worker, "effect")
    findings = [*compare(worker, expected, found)]
    for row in lab.ask(worker, "SELECT event_id, state FROM parked_event"):
        findings.append(Finding(Wrong.STUCK, f"{worker} parked {row['event_id']} as {row['state']}"))
    effects = Counter(row["visit"] for row in lab.ask(worker, "SELECT visit FROM effect"))
    replies = Counter(row["key"] for row in lab.ask(worker, "SELECT key FROM outbox"))
    for visit in effects.keys() | replies.keys():
        if replies[visit] != effects[visit]:
            wrong = Wrong.LOST if replies[visit] < effects[visit] else Wrong.PHANTOM
            findings.append(
                Finding(wrong, f"{worker}: {replies[visit]} replies to {effects[visit]} of {visit}")
            )
    return findings


def compare(worker: str, expected: Marks, found: Marks) -> Iterator[Finding]:
    """Every difference between what was to happen and what did, for each visit."""
    for visit in expected.keys() | found.keys():
        wanted, got = expected.get(visit, []), found.get(visit, [])
        counts = Counter(got)
        for mark in set(wanted) - counts.keys():
            yield Finding(Wrong.LOST, f"{worker}: {mark} of {visit} had no effect")
        for mark in counts.keys() - set(wanted):
            yield Finding(Wrong.PHANTOM, f"{worker}: {mark} of {visit} was never published")
        for mark, count in counts.items():
            if count > 1:
                yield Finding(Wrong.DOUBLED, f"{worker}: {mark} of {visit} took effect {count} times")
        first = [mark for mark in dict.fromkeys(got) if mark in set(wanted)]
        if first != [mark for mark in wanted if mark in counts]:
            yield Finding(Wrong.ORDER, f"{worker}: {visit} in another order")


def _marks(lab: Lab, database: str, table: str) -> Marks:
    marks: Marks = defaultdict(list)
    for row in lab.ask(database, f"SELECT visit, mark FROM {table} ORDER BY position"):  # noqa: S608
        marks[row["visit"]].append(row["mark"])
    return marks


def _answers(asks: Sequence[Ask]) -> Iterator[Finding]:
    for ask in asks:
        if not ask.acknowledged:
            yield Finding(Wrong.STUCK, f"{ask.key} was never answered")
        if any(answer != ask.answer for answer in ask.answers[1:]):
            yield Finding(Wrong.DOUBLED, f"{ask.key} got two different answers")


def _entries(asks: Sequence[Ask], lab: Lab) -> Iterator[Finding]:
    entries = lab.ask("publisher", "SELECT visit, mark, sequence FROM entry")
    counts = Counter(row["mark"] for row in entries)
    numbers = {row["mark"]: row["sequence"] for row in entries}
    for ask in asks:
        present = [mark for mark in ask.body if mark in counts]
        if ask.acknowledged and len(present) < len(ask.body):
            yield Finding(Wrong.LOST, f"{ask.key} was acknowledged and is not there")
        elif present and len(present) < len(ask.body):
            yield Finding(Wrong.PHANTOM, f"{ask.key} is there in part")
        elif ask.acknowledged and ask.answer != {mark: numbers[mark] for mark in ask.body}:
            yield Finding(Wrong.ORDER, f"{ask.key} was promised other numbers")
    for mark, count in counts.items():
        if count > 1:
            yield Finding(Wrong.DOUBLED, f"{mark} is there {count} times")
    for mark in counts.keys() - {mark for ask in asks for mark in ask.body}:
        yield Finding(Wrong.PHANTOM, f"{mark} was never asked for")


def _outbox(lab: Lab) -> Iterator[Finding]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for row in lab.ask("publisher", "SELECT key, sequence, sent_at FROM outbox ORDER BY position"):
        numbers[row["key"]].append(row["sequence"])
        if row["sent_at"] is None:
            yield Finding(Wrong.STUCK, f"event {row['sequence']} of {row['key']} was not sent")
    entered = Counter(row["visit"] for row in lab.ask("publisher", "SELECT visit FROM entry"))
    for visit in entered.keys() | numbers.keys():
        wanted, got = list(range(1, entered[visit] + 1)), numbers[visit]
        if missing := set(wanted) - set(got):
            yield Finding(Wrong.LOST, f"{visit}: {len(missing)} events are not in the outbox")
        elif got != wanted:
            yield Finding(Wrong.ORDER, f"{visit} was written as {got}")


def _log(lab: Lab, log: Sequence[Logged], *, shuffled: bool) -> Iterator[Finding]:
    published = {row["event_id"] for row in lab.ask("publisher", "SELECT event_id FROM outbox")}
    logged = {record.event_id for record in log}
    for event in published - logged:
        yield Finding(Wrong.LOST, f"event {event} is not in the log")
    for event in logged - published:
        yield Finding(Wrong.PHANTOM, f"event {event} was sent but never committed")
    streams: dict[str, list[int]] = defaultdict(list)
    for record in sorted(log, key=lambda record: (record.partition, record.offset)):
        streams[record.key].append(record.sequence)
    for key, numbers in streams.items():
        first = list(dict.fromkeys(numbers))
        if first != sorted(first) and not shuffled:
            yield Finding(Wrong.ORDER, f"the log has {key} in the order {first}")
