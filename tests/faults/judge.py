"""Compares what was promised (the ledger) with what is there (databases and log) and names every difference.

The judge trusts nobody's word: it counts rows itself and knows the services only by their tables.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from deploy.stack import SERVICES
from services.postal_bridge.domain.custody import Act, By, Chain, Entry, Holder, HolderKind
from shared.contracts.topics import consumed_by
from tests.faults.evidence import Evidence, Logged
from tests.faults.findings import Finding, Wrong, differences
from tests.faults.ledger import Ask
from tests.faults.money import cash_books

SUBMIT = "/api/operator/requests"


def judge(asks: Sequence[Ask], evidence: Evidence, *, shuffled: bool = False) -> list[Finding]:
    """Everything that is wrong; empty when every promise was kept once and in order.

    `shuffled`: the log may be out of order, because noise made it so; the databases may not.
    """
    return [
        *_answers(asks),
        *_requests(asks, evidence),
        *_appointments(evidence),
        *_promises(asks, evidence),
        *_visits(asks, evidence),
        *_custody(evidence),
        *cash_books(asks, evidence),
        *_notices(evidence),
        *(finding for service in SERVICES for finding in _outbox(service, evidence)),
        *(finding for service in SERVICES for finding in _inbox(service, evidence)),
        *_log(evidence, shuffled=shuffled),
    ]


# --- what the clients were told ---------------------------------------------------------------------


def _answers(asks: Sequence[Ask]) -> Iterator[Finding]:
    """Every question has an end, and one key one answer."""
    for ask in asks:
        if not ask.acknowledged and not ask.refusal:
            yield Finding(Wrong.STUCK, f"{ask.path} {ask.key} was never answered")
        if any(answer != ask.answer for answer in ask.answers[1:]):
            yield Finding(Wrong.DOUBLED, f"{ask.path} {ask.key} got two different answers")


def _requests(asks: Sequence[Ask], evidence: Evidence) -> Iterator[Finding]:
    """Each submitted request is in intake once, under the id that the client was told; no others are."""
    stored = defaultdict(list)
    for row in evidence.rows("intake", "SELECT request_id, note FROM request"):
        stored[row["note"]].append(row["request_id"])
    submitted = {ask.body["note"]: ask for ask in asks if ask.path == SUBMIT}
    for mark, ask in submitted.items():
        ids = stored.pop(mark, [])
        if len(ids) > 1:
            yield Finding(Wrong.DOUBLED, f"request {mark} is in intake {len(ids)} times")
        if ask.acknowledged and ask.answer["request_id"] not in ids:
            yield Finding(Wrong.LOST, f"request {ask.answer['request_id']} is not in intake")
        if ids and ask.refusal:
            yield Finding(Wrong.PHANTOM, f"request {mark} was refused ({ask.refusal}) and is in intake")
    for mark in stored:
        yield Finding(Wrong.PHANTOM, f"request {mark!r} in intake was never asked for")


def _appointments(evidence: Evidence) -> Iterator[Finding]:
    """Each appointment of intake is one stop in routing and one visit in postal_bridge; nothing else is."""
    agreed = evidence.rows(
        "intake",
        "SELECT appointment_id AS id, request_id, purpose, attempt, status AS state FROM appointment",
    )
    yield from _same_attempt_twice("intake", agreed)
    for service, query in (
        ("routing", "SELECT stop_id AS id, request_id, purpose, attempt, state FROM stop"),
        ("postal_bridge", "SELECT visit_id AS id, request_id, purpose, attempt, state FROM visit"),
    ):
        copies = evidence.rows(service, query)
        yield from _same_attempt_twice(service, copies)
        expected = {row["id"]: row["request_id"] for row in agreed}
        found = {row["id"]: row["request_id"] for row in copies}
        for identity in expected.keys() - found.keys():
            yield Finding(Wrong.LOST, f"appointment {identity} is not in {service}")
        for identity in found.keys() - expected.keys():
            yield Finding(Wrong.PHANTOM, f"{service} has {identity}, which nobody agreed on")
        for identity in expected.keys() & found.keys():
            if expected[identity] != found[identity]:
                yield Finding(Wrong.PHANTOM, f"{service} has {identity} under another request")


def _same_attempt_twice(service: str, rows: Iterable[Any]) -> Iterator[Finding]:
    # A visit that failed through no fault of the citizen is not counted: the next one has its number again.
    counted = [row for row in rows if row["state"] != "failed"]
    seen = Counter((row["request_id"], row["purpose"], row["attempt"]) for row in counted)
    for (request_id, purpose, attempt), count in seen.items():
        if count > 1:
            yield Finding(
                Wrong.DOUBLED, f"{service} has {purpose} {attempt} of request {request_id} {count} times"
            )


def _promises(asks: Sequence[Ask], evidence: Evidence) -> Iterator[Finding]:
    """The last window that the client was promised is what all three services hold; so is the worker."""
    promised: dict[str, str] = {}
    for ask in asks:
        if ask.acknowledged and (ask.path == SUBMIT or ask.path.endswith("/reschedule")):
            if ask.answer["appointment_id"] in promised and ask.path == SUBMIT:
                yield Finding(Wrong.DOUBLED, f"two requests share appointment {ask.answer['appointment_id']}")
            promised[ask.answer["appointment_id"]] = instant(ask.answer["window"]["start"])
    held = {
        "intake": "SELECT appointment_id AS id, window_start AS start, worker_id AS worker FROM appointment",
        "routing": "SELECT stop_id AS id, window_start AS start, worker_id AS worker FROM stop",
        "postal_bridge": "SELECT visit_id AS id, window_start AS start, worker_id AS worker FROM visit",
    }
    holds = {
        service: {row["id"]: row for row in evidence.rows(service, query)} for service, query in held.items()
    }
    for service, rows in holds.items():
        for identity, start in promised.items():
            if identity in rows and instant(rows[identity]["start"]) != start:
                yield Finding(Wrong.ORDER, f"{service} has an outdated window for {identity}")
    for identity, row in holds["routing"].items():
        workers = {row["worker"]} | {holds[s][identity]["worker"] for s in holds if identity in holds[s]}
        if len(workers) > 1:
            yield Finding(Wrong.ORDER, f"the services expect different workers for {identity}: {workers}")


def _visits(asks: Sequence[Ask], evidence: Evidence) -> Iterator[Finding]:
    """Every step that a worker was told is kept is there once, with its money, and heard by the others."""
    steps = Counter(
        (row["visit_id"], row["step"])
        for row in evidence.rows("postal_bridge", "SELECT visit_id, step FROM visit_step")
    )
    told: Counter[tuple[str, str]] = Counter()
    for ask in asks:
        if ask.acknowledged and "/steps/" in ask.path:
            _, _, _, visit_id, _, step = ask.path.split("/")
            told[visit_id, step] += 1
    yield from differences("step", told, steps)
    stops = {r["stop_id"]: r["state"] for r in evidence.rows("routing", "SELECT stop_id, state FROM stop")}
    agreed = evidence.rows("intake", "SELECT appointment_id, status FROM appointment")
    statuses = {row["appointment_id"]: row["status"] for row in agreed}
    heard = {"completed": ("done", "done"), "failed": ("failed", "failed")}
    for row in evidence.rows("postal_bridge", "SELECT visit_id, state FROM visit"):
        state, known = row["state"], (stops.get(row["visit_id"]), statuses.get(row["visit_id"]))
        if state in heard and known != heard[state]:
            yield Finding(Wrong.ORDER, f"visit {row['visit_id']} is {state}, the others think {known}")
    for what, ours, theirs in (
        (
            "receipt",
            "SELECT receipt_no, fee + fare FROM receipt",
            "SELECT receipt_no, fee + fare FROM receipt_copy",
        ),
        ("parcel", "SELECT parcel_id, holder_id FROM parcel", "SELECT parcel_id, holder_id FROM parcel_copy"),
    ):
        kept = Counter(tuple(row.values()) for row in evidence.rows("postal_bridge", ours))
        copied = Counter(tuple(row.values()) for row in evidence.rows("intake", theirs))
        yield from differences(what, kept, copied)


def _custody(evidence: Evidence) -> Iterator[Finding]:
    """Every chain verifies to its end, has one holder, and each parcel was sealed once per dossier."""
    entries = defaultdict(list)
    for row in evidence.rows("postal_bridge", "SELECT * FROM custody_entry ORDER BY parcel_id, position"):
        entries[row["parcel_id"]].append(_entry(row))
    for row in evidence.rows("postal_bridge", "SELECT * FROM parcel"):
        chain = Chain(row["parcel_id"], tuple(entries.pop(row["parcel_id"], ())))
        if not chain.entries or chain.fault() is not None:
            yield Finding(Wrong.CUSTODY, f"the chain of parcel {row['parcel_id']} is broken")
        elif (row["length"], row["head"]) != (len(chain.entries), chain.entries[-1].digest):
            yield Finding(Wrong.CUSTODY, f"the chain of parcel {row['parcel_id']} was cut or lengthened")
        elif (row["holder_kind"], row["holder_id"]) != (chain.holder.kind, chain.holder.id):
            yield Finding(Wrong.CUSTODY, f"parcel {row['parcel_id']} has another holder than its chain says")
    for parcel_id in entries:
        yield Finding(Wrong.CUSTODY, f"a chain without a parcel: {parcel_id}")


def _entry(row: Any) -> Entry:
    return Entry(
        parcel_id=row["parcel_id"],
        position=row["position"],
        act=Act(row["act"]),
        giver=Holder(HolderKind(row["giver_kind"]), row["giver_id"]),
        receiver=Holder(HolderKind(row["receiver_kind"]), row["receiver_id"]),
        seal=row["seal"],
        paper_count=row["paper_count"],
        by=By(row["account"], row["role"], moment(row["at"])),
        note=row["note"],
        previous=row["previous"],
        digest=row["digest"],
    )


def _notices(evidence: Evidence) -> Iterator[Finding]:
    """Every notice came to an end, and its end was published once."""
    told: Counter[str] = Counter()
    for row in evidence.rows("intake", "SELECT body FROM outbox WHERE topic = 'intake.notice.v1'"):
        told[json.loads(row["body"])["data"]["notice_id"]] += 1
    queued = evidence.rows("intake", "SELECT notice_id FROM notice WHERE state = 'queued'")
    yield from (Finding(Wrong.STUCK, f"notice {row['notice_id']} waits") for row in queued)
    ended = evidence.rows("intake", "SELECT notice_id FROM notice WHERE state <> 'queued'")
    yield from differences("end of notice", Counter(row["notice_id"] for row in ended), told)


# --- how events travelled ---------------------------------------------------------------------------


def _heads(service: str, evidence: Evidence) -> dict[tuple[str, str], int]:
    query = "SELECT topic, key, sequence FROM stream_head"
    return {(row["topic"], row["key"]): row["sequence"] for row in evidence.rows(service, query)}


def _outbox(service: str, evidence: Evidence) -> Iterator[Finding]:
    """Each key's events are numbered 1..n in the order of writing, and all were sent."""
    numbers = defaultdict(list)
    query = "SELECT event_id, topic, key, sequence, sent_at FROM outbox ORDER BY position"
    for row in evidence.rows(service, query):
        numbers[row["topic"], row["key"]].append(row["sequence"])
        if row["sent_at"] is None:
            yield Finding(Wrong.STUCK, f"{service} has not sent {row['event_id']}")
    heads = _heads(service, evidence)
    for stream in heads.keys() | numbers.keys():
        found, expected = numbers[stream], list(range(1, heads.get(stream, 0) + 1))
        if sorted(set(found)) != expected:
            yield Finding(
                Wrong.LOST, f"{service} {stream}: {found} in the outbox, {len(expected)} were given out"
            )
        elif found != expected:
            yield Finding(Wrong.ORDER, f"{service} {stream} was written as {found}")


def _inbox(service: str, evidence: Evidence) -> Iterator[Finding]:
    """Everything that was published for a service took effect there once: nothing less, nothing else."""
    inbox = Counter(row["event_id"] for row in evidence.rows(service, "SELECT event_id FROM inbox"))
    gate_rows = evidence.rows(service, "SELECT topic, key, sequence FROM gate")
    gate = {(row["topic"], row["key"]): row["sequence"] for row in gate_rows}
    for row in evidence.rows(service, "SELECT event_id, topic, state, reason FROM parked_event"):
        what = f"{service} parked {row['topic']} {row['event_id']} as {row['state']}: {row['reason']}"
        yield Finding(Wrong.STUCK, what)
    published: Counter[str] = Counter()
    heads: dict[tuple[str, str], int] = {}
    for topic in consumed_by(service):  # type: ignore[arg-type]
        query = "SELECT event_id FROM outbox WHERE topic = :topic"
        rows = evidence.rows(topic.owner, query, topic=topic.name)
        published.update(row["event_id"] for row in rows)
        heads |= {s: n for s, n in _heads(topic.owner, evidence).items() if s[0] == topic.name}
    yield from differences(f"event in the inbox of {service}", published, inbox)
    for stream in heads.keys() | gate.keys():
        head, position = heads.get(stream, 0), gate.get(stream, 0)
        if position < head:
            yield Finding(Wrong.LOST, f"{service} applied {stream} up to {position} of {head}")
        elif position > head:
            yield Finding(Wrong.PHANTOM, f"{service} applied {stream} up to {position}, it ends at {head}")


def _log(evidence: Evidence, *, shuffled: bool) -> Iterator[Finding]:
    """The broker has every event and no other; a key lives in one partition, first occurrences in order."""
    published = {
        row["event_id"]
        for service in SERVICES
        for row in evidence.rows(service, "SELECT event_id FROM outbox")
    }
    logged = {record.event_id for record in evidence.log}
    yield from (Finding(Wrong.LOST, f"event {e} is not in the log") for e in published - logged)
    yield from (Finding(Wrong.PHANTOM, f"event {e} was sent but never committed") for e in logged - published)
    streams: dict[tuple[str, str], list[Logged]] = defaultdict(list)
    for record in evidence.log:
        streams[record.topic, record.key].append(record)
    for stream, records in streams.items():
        if len({record.partition for record in records}) > 1:
            yield Finding(Wrong.ORDER, f"{stream} is in several partitions")
        first = list(dict.fromkeys(record.sequence for record in sorted(records, key=lambda r: r.offset)))
        if first != sorted(first) and not shuffled:
            yield Finding(Wrong.ORDER, f"the log has {stream} in the order {first}")


def repeated_in_log(log: Iterable[Logged]) -> int:
    """How many records are second deliveries: allowed, the inbox drops them."""
    counts = Counter(record.event_id for record in log)
    return sum(counts.values()) - len(counts)


def instant(value: str | datetime) -> str:
    """Instants from JSON and from either database made comparable."""
    return moment(value).isoformat()


def moment(value: str | datetime) -> datetime:
    """An instant in UTC from JSON (with offset), PostgreSQL (aware) or SQLite (UTC that does not say so)."""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
