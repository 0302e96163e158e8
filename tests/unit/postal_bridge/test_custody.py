"""The custody ledger: one holder at any instant, and a chain that betrays tampering."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.postal_bridge.domain.custody import (
    Act,
    By,
    Chain,
    Entry,
    Holder,
    HolderKind,
    read_seal,
)
from shared.errors import Invalid, RuleBroken

CITIZEN = Holder(HolderKind.CITIZEN, "request-1")
WORKER = Holder(HolderKind.WORKER, "w-001")
OFFICE = Holder(HolderKind.POST_OFFICE, "office-a")
DESK = Holder(HolderKind.DESK, "new-1")
HOLDERS = [CITIZEN, WORKER, OFFICE, DESK, Holder(HolderKind.WORKER, "w-002")]
MORNING = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)


def by(minute: int = 0) -> By:
    """Somebody, some minutes into the morning."""
    return By("somebody", "worker", MORNING + timedelta(minutes=minute))


def picked_up() -> Chain:
    """A parcel sealed at the door, in the worker's hand."""
    return Chain("parcel-1").sealed(CITIZEN, "seal-1", 3, by()).offer(WORKER, by()).accept(by())


def test_an_offer_leaves_the_parcel_where_it_is() -> None:
    """If this fails a parcel has two holders, or none, while it is on offer."""
    offered = picked_up().offer(OFFICE, by(1))
    assert (offered.holder, offered.offered_to) == (WORKER, OFFICE)
    assert offered.accept(by(2)).holder == OFFICE
    disputed = offered.dispute("tem rách", by(2))
    assert (disputed.holder, disputed.offered_to) == (WORKER, None)


def test_what_is_refused() -> None:
    """If this fails a parcel can be offered twice, skip a hand, or be taken without an offer."""
    held = picked_up()
    with pytest.raises(RuleBroken, match="đang chờ"):
        held.offer(OFFICE, by()).offer(OFFICE, by())
    with pytest.raises(RuleBroken, match="Không thể giao"):
        held.offer(DESK, by())
    with pytest.raises(RuleBroken, match="không chờ ai"):
        held.accept(by())
    with pytest.raises(RuleBroken, match="không chờ ai"):
        held.offer(OFFICE, by()).accept(by()).accept(by())
    with pytest.raises(Invalid, match="lý do"):
        held.offer(OFFICE, by()).dispute(" ", by())
    with pytest.raises(RuleBroken, match="Một cửa"):
        held.open(by())
    with pytest.raises(RuleBroken, match="niêm phong"):
        held.sealed(WORKER, "seal-2", 1, by())
    with pytest.raises(Invalid, match="ít nhất một"):
        Chain("parcel-2").sealed(CITIZEN, "seal-1", 0, by())


def test_an_open_parcel_leaves_the_desk_only_resealed() -> None:
    """If this fails papers travel in an open envelope."""
    at_desk = picked_up().offer(OFFICE, by()).accept(by()).offer(DESK, by()).accept(by())
    opened = at_desk.open(by())
    with pytest.raises(RuleBroken, match="niêm phong lại"):
        opened.offer(OFFICE, by())
    with pytest.raises(RuleBroken, match="chưa mở"):
        at_desk.reseal("seal-2", by())
    back = opened.reseal("seal-2", by()).offer(OFFICE, by()).accept(by())
    assert (back.seal, back.holder, back.fault()) == ("SEAL-2", OFFICE, None)


def test_papers_move_from_one_open_parcel_into_another() -> None:
    """If this fails a supplement's papers are in two parcels at once, in none, or the chain looks forged."""
    at_desk = picked_up().offer(OFFICE, by()).accept(by()).offer(DESK, by()).accept(by())
    emptied = at_desk.open(by(), "giấy tờ chuyển vào túi SEAL-9", emptied=True)
    filled = at_desk.open(by()).reseal("seal-9", by(), added=at_desk.paper_count)
    assert (emptied.paper_count, filled.paper_count) == (0, 6)
    assert (emptied.fault(), filled.fault()) == (None, None)
    with pytest.raises(RuleBroken, match="thiếu giấy tờ"):
        emptied.reseal("seal-8", by())
    with pytest.raises(RuleBroken, match="thiếu giấy tờ"):
        at_desk.open(by()).reseal("seal-8", by(), added=-1)


@pytest.mark.parametrize("text", ["", "abc", "số một", "x" * 41, "seal 1"])
def test_a_seal_has_a_serial(text: str) -> None:
    """If this fails nonsense is taken for the serial of a seal."""
    with pytest.raises(Invalid, match="niêm phong"):
        read_seal(text)


@pytest.mark.parametrize(
    "change",
    [
        {"receiver": DESK},
        {"giver": OFFICE},
        {"seal": "OTHER"},
        {"paper_count": 2},
        {"note": "x"},
        {"act": Act.DISPUTED},
        {"by": By("other", "worker", MORNING)},
        {"by": By("somebody", "worker", MORNING + timedelta(microseconds=1))},
        {"previous": "f" * 64},
        {"digest": "f" * 64},
        {"position": 9},
    ],
)
def test_each_changed_field_is_noticed(change: dict[str, object]) -> None:
    """If this fails an entry can be rewritten without the chain showing it."""
    entries = picked_up().entries
    forged = replace(entries[1], **change)  # type: ignore[arg-type]
    assert Chain("parcel-1", (entries[0], forged, entries[2])).fault() == 2


def test_a_forger_who_recomputes_hashes_still_breaks_the_rules() -> None:
    """If this fails an impossible hand-over passes because its hashes were recomputed."""
    entries = picked_up().entries
    forged = replace(entries[1], receiver=DESK)
    forged = replace(forged, digest=forged.computed_digest())
    assert Chain("parcel-1", (entries[0], forged)).fault() == 2


class CustodyMachine(RuleBasedStateMachine):
    """Offers, acceptances and disputes in any order, against a model of one hand and one offer."""

    chain: Chain
    hand: Holder
    offer: Holder | None

    @initialize()
    def seal(self) -> None:
        """Every parcel begins at the door."""
        self.chain = Chain("parcel-1").sealed(CITIZEN, "seal-1", 2, by())
        self.hand, self.offer = CITIZEN, None

    @rule(receiver=st.sampled_from(HOLDERS))
    def offer_to(self, receiver: Holder) -> None:
        """Somebody is offered the parcel; a wrong way or a second offer changes nothing."""
        try:
            self.chain = self.chain.offer(receiver, by())
        except RuleBroken:
            return
        assert self.offer is None
        assert receiver.kind is not self.hand.kind
        self.offer = receiver

    @rule()
    def take(self) -> None:
        """The receiver takes it."""
        if self.offer is None:
            with pytest.raises(RuleBroken):
                self.chain.accept(by())
            return
        self.chain, self.hand, self.offer = self.chain.accept(by()), self.offer, None

    @precondition(lambda self: self.offer is not None)
    @rule()
    def refuse(self) -> None:
        """The receiver does not take it."""
        self.chain, self.offer = self.chain.dispute("tem rách", by()), None

    @precondition(lambda self: self.hand == DESK and self.offer is None and not self.chain.opened)
    @rule()
    def open_and_reseal(self) -> None:
        """The desk looks inside and closes it again."""
        self.chain = self.chain.open(by()).reseal(f"seal-{len(self.chain.entries)}", by())

    @rule(data=st.data())
    def tamper(self, data: st.DataObject) -> None:
        """Any one entry removed, doubled or rewritten is found, at its place or before its follower."""
        entries = self.chain.entries
        place = data.draw(st.integers(0, len(entries) - 1))
        forged: tuple[Entry, ...] = (
            *entries[:place],
            replace(entries[place], note="khác"),
            *entries[place + 1 :],
        )
        assert Chain("parcel-1", forged).fault() == place + 1
        doubled = (*entries[: place + 1], entries[place], *entries[place + 1 :])
        assert Chain("parcel-1", doubled).fault() == place + 2
        if place < len(entries) - 1:
            assert Chain("parcel-1", (*entries[:place], *entries[place + 1 :])).fault() == place + 1

    @invariant()
    def one_hand(self) -> None:
        """The fold agrees with the model, and the chain verifies."""
        assert self.chain.holder == self.hand
        assert self.chain.offered_to == self.offer
        assert self.chain.fault() is None


def test_any_order_of_custody() -> None:
    """If this fails some order of hand-overs leaves two holders, none, or a silent forgery."""
    run_state_machine_as_test(
        CustodyMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )
