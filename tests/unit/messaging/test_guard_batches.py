"""Records that arrive together share a transaction; that must make no difference but in speed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.envelope import Event
from shared.contracts.intake import NoticeFailed, OrgUnitPublished
from shared.contracts.postal import HandoverAccepted, Holder, VisitStarted
from shared.contracts.topics import topic_of
from shared.errors import RuleBroken
from shared.ids import new_id
from shared.messaging.guard import FAILURES_IN_A_ROW, Guard, Outcome, TooManyFailures
from shared.messaging.unit_of_work import UnitOfWork
from tests.unit.messaging.test_guard import Listener, listener, listener_in, visit, wrap

__all__ = ["listener"]

POISON = "w13"


def told_to_fail_at_poison(listener: Listener) -> Guard:
    """A guard whose handler raises, after it has written, at one worker's visits."""

    def hear(event: Event, uow: UnitOfWork) -> None:
        listener.hear(event, uow)
        if getattr(event, "worker_id", "") == POISON:
            raise RuleBroken("không được")

    return Guard(
        listener.transactions,
        {VisitStarted: hear, OrgUnitPublished: hear, HandoverAccepted: listener.hear_after_visit},
    )


def record(event: Event, sequence: int, event_id: str | None = None) -> tuple[str, bytes]:
    """An event as the worker hands it over."""
    return topic_of(type(event)).name, wrap(event, sequence, event_id)


def handover() -> HandoverAccepted:
    """Makes sense only once visit v1 is known."""
    return HandoverAccepted(
        parcel_id="p1",
        dossier_id="d",
        request_id="r1",
        giver=Holder(kind="citizen", id="r1"),
        receiver=Holder(kind="worker", id="w1"),
    )


def test_a_poisoned_event_takes_nothing_from_its_batch(listener: Listener) -> None:
    """One bad event would undo the good ones that came with it, or slip through between them."""
    guard = told_to_fail_at_poison(listener)
    batch = [
        record(visit(1, "a"), 1),
        record(visit(13, "b"), 1),
        record(visit(2, "b"), 2),
        record(visit(2, "a"), 2),
    ]
    assert guard.receive_many(batch) == [Outcome.APPLIED, Outcome.FAILED, Outcome.EARLY, Outcome.APPLIED]
    assert (listener.effects("a"), listener.effects("b")) == (["w1", "w2"], [])
    assert sorted(row.state for row in listener.parked()) == ["early", "failed"]


def test_a_batch_in_the_wrong_order_is_applied_in_the_right_one(listener: Listener) -> None:
    """What was parked a moment ago, in the same transaction, must wake up in it."""
    batch = [record(visit(n), n) for n in (3, 2, 1)]
    assert listener.guard.receive_many(batch) == [Outcome.EARLY, Outcome.EARLY, Outcome.APPLIED]
    assert listener.effects() == ["w1", "w2", "w3"]
    assert listener.parked() == []


def test_a_second_delivery_in_one_batch_has_no_effect(listener: Listener) -> None:
    """A retrying producer puts both copies next to each other."""
    twice = record(visit(1), 1, new_id())
    assert listener.guard.receive_many([twice, twice]) == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert listener.effects() == ["w1"]


@pytest.mark.parametrize("visit_first", [True, False])
def test_an_event_and_what_it_waits_for_may_share_a_batch(listener: Listener, visit_first: bool) -> None:
    """It would be parked for something that has happened already, and sleep for ever."""
    batch = [record(visit(1), 1), record(handover(), 1)]
    listener.guard.receive_many(batch if visit_first else batch[::-1])
    assert (listener.effects(), listener.effects("p1")) == (["w1"], [""])
    assert listener.parked() == []


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_batches_end_like_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A shared transaction would lose, double or reorder something that single ones do not."""
    events = [
        record(visit(number, key), number - start + 1, new_id())
        for key, start, end in (("a", 1, 6), ("b", 11, 16))
        for number in range(start, end)
    ]
    deliveries = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=5))))
    alone, together = (listener_in(tmp_path_factory.mktemp("batches")) for _ in range(2))
    guard = told_to_fail_at_poison(alone)
    for topic, raw in deliveries:
        guard.receive(topic, raw)
    guard = told_to_fail_at_poison(together)
    while deliveries:
        size = data.draw(st.integers(1, 6))
        guard.receive_many(deliveries[:size])
        deliveries = deliveries[size:]
    for key in ("a", "b"):
        assert alone.effects(key) == together.effects(key)
    assert together.effects("a") == [f"w{n}" for n in range(1, 6)]
    assert together.effects("b") == ["w11", "w12"]
    assert {(r.key, r.sequence, r.state) for r in alone.parked()} == {
        (r.key, r.sequence, r.state) for r in together.parked()
    }
    for each in (alone, together):
        each.transactions.engine.dispose()


# --- more failures than can be chance ---------------------------------------------------------------


def poisoned(count: int) -> list[tuple[str, bytes]]:
    """Visits that fail, each of another key."""
    return [record(visit(13, f"k{number}"), 1) for number in range(count)]


def test_a_topic_that_only_fails_stops_the_consumer(listener: Listener) -> None:
    """A fault of ours would park a whole topic, thousands of requests, and call that handled."""
    guard = told_to_fail_at_poison(listener)
    good = record(visit(1, "good"), 1)
    with pytest.raises(TooManyFailures):
        guard.receive_many([good, *poisoned(FAILURES_IN_A_ROW + 5)])
    assert listener.effects("good") == ["w1"]
    assert len(listener.parked()) == FAILURES_IN_A_ROW
    with pytest.raises(TooManyFailures):
        guard.receive_many(poisoned(1))
    assert len(listener.parked()) == FAILURES_IN_A_ROW


def test_a_restart_does_not_begin_to_count_anew(listener: Listener) -> None:
    """A supervisor that starts it again and again would park the topic after all, twenty at a time."""
    told_to_fail_at_poison(listener).receive_many(poisoned(FAILURES_IN_A_ROW))
    with pytest.raises(TooManyFailures):
        told_to_fail_at_poison(listener).receive(*record(visit(13, "one more"), 1))
    assert len(listener.parked()) == FAILURES_IN_A_ROW


def test_events_that_wait_behind_a_failed_one_do_not_end_the_row(listener: Listener) -> None:
    """When every first event of a key fails, each is followed by its successors: no sign of health."""
    guard = told_to_fail_at_poison(listener)
    for number in range(FAILURES_IN_A_ROW):
        assert guard.receive(*record(visit(13, f"k{number}"), 1)) is Outcome.FAILED
        assert guard.receive(*record(visit(2, f"k{number}"), 2)) is Outcome.EARLY
    with pytest.raises(TooManyFailures):
        guard.receive(*record(visit(13, "one more"), 1))
    assert [row.state for row in listener.parked()].count("failed") == FAILURES_IN_A_ROW


def test_scattered_failures_do_not_stop_a_consumer_that_restarts(listener: Listener) -> None:
    """A healthy consumer would stop, again and again, for faults of the whole hour before."""
    for number, bad in enumerate(poisoned(2 * FAILURES_IN_A_ROW)):
        guard = told_to_fail_at_poison(listener)
        assert guard.receive(*bad) is Outcome.FAILED
        assert guard.receive(*record(visit(1, f"good{number}"), 1)) is Outcome.APPLIED


def test_an_event_whose_handler_publishes_too_much_is_parked(listener: Listener) -> None:
    """It would end the worker each time it comes, and with it all topics."""

    def hear(event: VisitStarted, uow: UnitOfWork) -> None:
        if event.worker_id == POISON:
            uow.publish(NoticeFailed(notice_id="n", request_id="r", about="a", reason="x" * 1_000_000))

    guard = Guard(listener.transactions, {VisitStarted: hear})
    batch = [record(visit(13, "a"), 1), record(visit(1, "b"), 1)]
    assert guard.receive_many(batch) == [Outcome.FAILED, Outcome.APPLIED]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_envelope_whatever_it_says_leaves_the_guard_undecided(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A single record with an odd key or number would end the worker each time it comes."""
    envelope = json.loads(wrap(visit(1), 1))
    extremes = st.sampled_from(["\x00", "a\x00b", 2**31, 2**63])
    odd = st.one_of(st.text(max_size=8), st.integers(), st.none(), extremes)
    fields = ["id", "type", "topic", "key", "sequence", "subject", "source", "actor", "data"]
    field = data.draw(st.sampled_from(fields))
    envelope[field] = {"account": data.draw(odd), "role": "r"} if field == "actor" else data.draw(odd)
    listener = listener_in(tmp_path_factory.mktemp("odd"))
    good = record(visit(1, "good"), 1)
    outcomes = listener.guard.receive_many([("postal.visit.v1", json.dumps(envelope).encode()), good])
    assert len(outcomes) == 2
    assert outcomes[1] is Outcome.APPLIED
    listener.transactions.engine.dispose()


def test_the_same_failures_again_are_no_new_ones(listener: Listener) -> None:
    """A second delivery after a crash would stop a consumer that has met ten bad events."""
    guard = told_to_fail_at_poison(listener)
    batch = poisoned(FAILURES_IN_A_ROW)
    guard.receive_many(batch)
    assert guard.receive_many(batch) == [Outcome.FAILED] * FAILURES_IN_A_ROW


def test_a_success_ends_the_row_and_other_topics_are_not_counted(listener: Listener) -> None:
    """Twenty-one bad events in a year would stop a healthy consumer."""
    guard = told_to_fail_at_poison(listener)
    bad = poisoned(2 * FAILURES_IN_A_ROW)
    guard.receive_many([*bad[:FAILURES_IN_A_ROW], record(visit(1, "good"), 1), *bad[FAILURES_IN_A_ROW:]])
    assert guard.receive("postal.dossier.v1", b"rubbish") is Outcome.FAILED
    assert len(listener.parked()) == 2 * FAILURES_IN_A_ROW + 1


def test_rubbish_stops_the_consumer_too(tmp_path: Path) -> None:
    """A producer that writes another format would fill the parking place without an alarm."""
    listener = listener_in(tmp_path)
    with pytest.raises(TooManyFailures):
        listener.guard.receive_many([("postal.visit.v1", b"%d" % n) for n in range(30)])
    assert len(listener.parked()) == FAILURES_IN_A_ROW
    listener.transactions.engine.dispose()
