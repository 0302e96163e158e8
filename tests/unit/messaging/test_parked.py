"""Parked events in the hands of people: looked at, tried again, or never to be applied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, select
from structlog.testing import capture_logs

from shared.contracts.envelope import ActorRef
from shared.errors import Invalid, NotFound, RuleBroken
from shared.messaging.guard import Outcome
from shared.messaging.parked import DISCARDED, ParkedEvents, Wanted
from shared.messaging.tables import InboxRow, ParkedEvent
from tests.unit.messaging.listening import (
    NOW,
    PRIVATE,
    WHO,
    WHY,
    Listener,
    confirmed,
    handover,
    poisoned,
    unit,
    visit,
    wrap,
)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    """A listener on a fresh database."""
    made = Listener(tmp_path)
    yield made
    made.engine.dispose()


def test_the_list_tells_state_reason_and_how_many_stand_behind(listener: Listener) -> None:
    """An operator could not tell the one cause from its followers."""
    event_id = poisoned(listener)
    rows = {row.event_id: row for row in listener.parked.list()}
    assert [row.state for row in rows.values()].count("early") == 2
    cause = rows[event_id]
    assert (cause.key, cause.sequence, cause.behind, cause.attempts) == ("v1", 2, 2, 1)
    assert "rule.broken" in cause.reason


def test_the_list_can_be_narrowed(listener: Listener) -> None:
    """Among hundreds of parked events the wanted ones would not be found."""
    poisoned(listener)
    listener.guard.receive("postal.visit.v1", b"\x00not json")
    assert len(listener.parked.list(Wanted(state="early"))) == 2
    assert len(listener.parked.list(Wanted(reason="rule.broken"))) == 1
    assert listener.parked.list(Wanted(topic="postal.money.v1")) == []
    assert listener.parked.list(Wanted(reason="100%")) == []


def test_a_replay_after_the_repair_applies_it_and_its_followers(listener: Listener) -> None:
    """A repaired cause would leave the key standing still."""
    event_id = poisoned(listener)
    listener.poison.clear()
    assert listener.parked.replay(event_id, WHO) is Outcome.APPLIED
    assert listener.heard == ["w1", "w2", "w3", "w4"]
    assert listener.parked.list() == []


def test_replaying_all_takes_each_failed_one_once_and_counts(listener: Listener) -> None:
    """After a repair somebody would have to replay hundreds by hand, or some would be left."""
    listener.poison = {"w1", "w7"}
    for key in ("v1", "v2"):
        listener.receive(visit(1, key), 1)
        listener.receive(visit(2, key), 2)
    listener.receive(visit(7, "v3"), 1)
    listener.poison = {"w7"}
    assert listener.parked.replay_all(WHO, Wanted(topic="postal.visit.v1")) == {
        Outcome.APPLIED: 2,
        Outcome.FAILED: 1,
    }
    assert [row.key for row in listener.parked.list()] == ["v3"]


def test_a_discarded_event_lets_its_followers_go_on_and_stays_on_record(listener: Listener) -> None:
    """One poisoned event would hold its key for ever, or be gone without anybody having decided it."""
    event_id = poisoned(listener)
    settled = listener.parked.discard(event_id, WHY, WHO)
    assert listener.heard == ["w1", "w3", "w4"]
    assert listener.gate("postal.visit.v1", "v1") == 4
    assert listener.parked.list() == []
    assert settled.discard is not None
    assert (settled.discard.by, settled.discard.why, settled.discard.passed) == (WHO.account, WHY, True)
    assert listener.parked.list(Wanted(state=DISCARDED)) == [settled]


def test_a_discarded_event_that_comes_again_has_no_effect_and_keeps_its_record(listener: Listener) -> None:
    """A redelivery would apply what a person had refused, or wipe out the trace of the decision."""
    listener.poison.add("w1")
    raw = wrap(visit(1), 1)
    listener.guard.receive("postal.visit.v1", raw)
    listener.parked.discard(listener.only(), WHY, WHO)
    listener.poison.clear()
    assert listener.guard.receive("postal.visit.v1", raw) is Outcome.DUPLICATE
    assert listener.heard == []
    assert len(listener.parked.list(Wanted(state=DISCARDED))) == 1


def test_discarding_twice_changes_nothing(listener: Listener) -> None:
    """A second click on the button would overwrite who decided and why."""
    event_id = poisoned(listener)
    first = listener.parked.discard(event_id, WHY, WHO)
    again = listener.parked.discard(event_id, "một lý do khác", ActorRef(account="b", role="administrator"))
    assert again == first


@pytest.mark.parametrize("why", ["", "    ", "ok"])
def test_a_discard_without_a_reason_is_refused(listener: Listener, why: str) -> None:
    """Nobody would know later why a citizen's event was thrown away."""
    event_id = poisoned(listener)
    with pytest.raises(Invalid):
        listener.parked.discard(event_id, why, WHO)
    assert listener.only(state="failed") == event_id


def test_an_event_behind_another_cannot_be_discarded(listener: Listener) -> None:
    """The gate would have to jump over an event that may still be applied."""
    cause = poisoned(listener)
    early = listener.parked.list(Wanted(state="early"))[0]
    with pytest.raises(RuleBroken) as refused:
        listener.parked.discard(early.event_id, WHY, WHO)
    assert cause in refused.value.hints[0]
    assert len(listener.parked.list()) == 3
    assert listener.gate("postal.visit.v1", "v1") == 1


def test_a_waiting_event_can_be_discarded(listener: Listener) -> None:
    """What waits for something that will never come would hold its key for ever."""
    listener.receive(handover(), 1)
    listener.receive(handover(), 2)
    listener.parked.discard(listener.only(state="waiting"), WHY, WHO)
    assert listener.gate("postal.custody.v1", "p1") == 1
    assert listener.only(state="waiting"), "the second one waits now, its turn has come"


def test_what_waited_for_a_discarded_event_goes_on(listener: Listener) -> None:
    """Events of other keys would wait for ever for something that a person has settled."""
    listener.poison.add("w1")
    listener.receive(visit(1), 1)
    listener.receive(handover(), 1)
    listener.parked.discard(listener.only(state="failed"), WHY, WHO)
    assert listener.heard == ["p1"]
    assert listener.parked.list() == []


def test_a_follower_that_fails_too_is_parked_anew(listener: Listener) -> None:
    """One bad follower would undo the decision about its predecessor."""
    listener.poison |= {"w2", "w3"}
    for number in (1, 2, 3, 4):
        listener.receive(visit(number), number)
    listener.parked.discard(listener.only(state="failed"), WHY, WHO)
    (failed,) = listener.parked.list(Wanted(state="failed"))
    assert (failed.sequence, failed.behind) == (3, 1)


def test_a_discarded_reference_record_is_passed_and_a_newer_one_comes_into_force(listener: Listener) -> None:
    """A bad version would come into force after it was refused, or keep the next one out."""
    listener.poison.add("bad")
    listener.receive(unit("bad"), 3)
    listener.parked.discard(listener.only(), WHY, WHO)
    assert listener.receive(unit("older"), 2) is Outcome.STALE
    assert listener.receive(unit("newer"), 4) is Outcome.APPLIED
    assert listener.heard == ["newer"]


def test_an_overtaken_reference_record_can_be_discarded(listener: Listener) -> None:
    """A failed version that a newer one has overtaken would stay on the list for ever."""
    listener.poison.add("bad")
    listener.receive(unit("bad"), 3)
    listener.receive(unit("newer"), 4)
    assert listener.parked.discard(listener.only(), WHY, WHO).discard is not None
    assert listener.gate("intake.unit.v1", "u1") == 4


def test_a_record_from_a_newer_schema_is_passed_by_the_number_it_tells(listener: Listener) -> None:
    """An unreadable event of a known key would leave its followers early for ever."""
    listener.receive(visit(1), 1)
    listener.receive(visit(2), 2, version=0)
    listener.receive(visit(3), 3)
    settled = listener.parked.discard(listener.only(state="failed"), WHY, WHO)
    assert (settled.key, settled.sequence) == ("v1", 2)
    assert listener.heard == ["w1", "w3"]


def test_a_broken_reference_record_with_a_wild_number_keeps_no_good_one_out(listener: Listener) -> None:
    """From that number on every good version of the record would be taken for an old one, without a trace."""
    listener.guard.receive("intake.unit.v1", b'{"key": "u1", "sequence": 2000000000}')
    settled = listener.parked.discard(listener.only(), WHY, WHO)
    assert settled.discard is not None
    assert not settled.discard.passed
    assert listener.receive(unit("good"), 1) is Outcome.APPLIED


@pytest.mark.parametrize(
    "raw", [b"\x00not json", b"[1]", b'{"key": "v1"}', b'{"key": "v1", "sequence": 99}', b'{"key": 1}']
)
def test_rubbish_settles_nothing_but_itself(listener: Listener, raw: bytes) -> None:
    """Rubbish could not be put aside, or would move the gate of a key that it does not belong to."""
    listener.receive(visit(1), 1)
    listener.guard.receive("postal.visit.v1", raw)
    settled = listener.parked.discard(listener.only(), WHY, WHO)
    assert settled.discard is not None
    assert not settled.discard.passed
    assert listener.gate("postal.visit.v1", "v1") == 1


def test_a_record_that_a_newer_program_can_read_leaves_the_list_when_replayed(listener: Listener) -> None:
    """After an upgrade the same event would be listed twice, once as rubbish."""
    raw = wrap(visit(1), 1)
    with Session(listener.engine) as session:
        session.add(
            ParkedEvent(
                event_id="raw-1", topic="postal.visit.v1", key="", sequence=0, state="failed",
                reason="version: from the future", body=raw, parked_at=NOW,
            )
        )  # fmt: skip
        session.commit()
    assert listener.parked.replay("raw-1", WHO) is Outcome.APPLIED
    assert listener.parked.list() == []


def test_a_gap_that_will_never_be_filled_can_be_settled(listener: Listener) -> None:
    """A key whose predecessor is lost for good would stand still for ever, without any way out."""
    listener.receive(visit(1), 1)
    listener.receive(visit(4), 4)
    listener.receive(visit(5), 5)
    early = listener.parked.list()[0].event_id
    settled = listener.parked.discard_gap(early, WHY, WHO)
    assert listener.heard == ["w1", "w4", "w5"]
    assert (settled.sequence, settled.reason) == (3, "never came: 2-3")
    assert listener.receive(visit(2), 2) is Outcome.STALE


def test_a_gap_is_not_settled_while_the_predecessor_is_parked(listener: Listener) -> None:
    """A failed event would be jumped over without anybody having decided about it."""
    poisoned(listener)
    for early in listener.parked.list(Wanted(state="early")):
        with pytest.raises(RuleBroken):
            listener.parked.discard_gap(early.event_id, WHY, WHO)
    with pytest.raises(RuleBroken):
        listener.parked.discard_gap(listener.only(state="failed"), WHY, WHO)


@pytest.mark.parametrize(
    "act",
    [
        lambda parked: parked.replay("01ARZ3NDEKTSV4RRFFQ69G5FAV", WHO),
        lambda parked: parked.open("01ARZ3NDEKTSV4RRFFQ69G5FAV", WHO),
        lambda parked: parked.discard("01ARZ3NDEKTSV4RRFFQ69G5FAV", WHY, WHO),
        lambda parked: parked.discard_gap("01ARZ3NDEKTSV4RRFFQ69G5FAV", WHY, WHO),
    ],
)
def test_an_unknown_id_is_said_plainly(listener: Listener, act: Callable[[ParkedEvents], object]) -> None:
    """An operator would see a crash for a mistyped id, or for one that was applied a moment ago."""
    with pytest.raises(NotFound):
        act(listener.parked)


def test_personal_data_is_masked_unless_asked_for_and_every_look_is_logged(listener: Listener) -> None:
    """Whoever runs the servers would read citizens' data in passing, and nobody would know."""
    listener.poison.add("r1")
    listener.receive(confirmed(), 1)
    event_id = listener.only()
    with capture_logs() as lines:
        shown = listener.parked.open(event_id, WHO)
        open_ = listener.parked.open(event_id, WHO, unmasked=True)
    assert not [word for word in PRIVATE if word in json.dumps(shown.data, ensure_ascii=False)]
    assert shown.data is not None
    assert (shown.data["request_id"], shown.data["procedure_code"]) == ("r1", "1.001193")
    assert not [word for word in PRIVATE if word not in json.dumps(open_.data, ensure_ascii=False)]
    read = [(line["event"], line["by"], line["unmasked"]) for line in lines]
    assert read == [("parked.read", WHO.account, False), ("parked.read", WHO.account, True)]


def test_rubbish_is_shown_without_its_content(listener: Listener) -> None:
    """An unreadable record may carry personal data as well as a readable one."""
    listener.guard.receive("intake.request.v1", b'{"phone": "0900000123", "version": 9}')
    event_id = listener.only()
    assert "0900000123" not in listener.parked.open(event_id, WHO).raw
    assert "phone" in listener.parked.open(event_id, WHO).raw
    assert "0900000123" in listener.parked.open(event_id, WHO, unmasked=True).raw


def test_a_decision_leaves_the_inbox_and_the_gate_consistent(listener: Listener) -> None:
    """A later replay or redelivery would be decided on half a truth."""
    event_id = poisoned(listener)
    listener.parked.discard(event_id, WHY, WHO)
    with Session(listener.engine) as session:
        taken = {row.event_id for row in session.exec(select(InboxRow))}
    assert event_id in taken
    assert len(taken) == 4
