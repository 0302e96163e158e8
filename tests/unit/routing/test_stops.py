"""The life of a stop, and when a changed schedule is worth telling."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.routing.domain import stops
from services.routing.domain.stops import FIXED, StopState, Told, is_late, runs_behind, worth_telling
from shared.clock import at
from shared.errors import RuleBroken

DAY = date(2026, 11, 26)
TOLD = Told("w-1", DAY, at(DAY, "07:30"), at(DAY, "09:30"), at(DAY, "08:00"))


def test_a_waiting_stop_is_planned_or_left_out() -> None:
    """Broken when a plan cannot give the two answers it has."""
    assert stops.plan(StopState.WAITING, "w-1") is StopState.PLANNED
    assert stops.plan(StopState.PLANNED, None) is StopState.UNASSIGNED


@pytest.mark.parametrize("state", sorted(FIXED | {StopState.WITHDRAWN}))
def test_what_the_road_or_the_citizen_ended_is_not_planned(state: StopState) -> None:
    """Broken when a plan may touch a visit that began, ended or was cancelled."""
    with pytest.raises(RuleBroken) as refusal:
        stops.plan(state, "w-1")
    assert refusal.value.problem_code == "stop.not_open"


def test_a_cancellation_after_the_start_comes_too_late() -> None:
    """Broken when a visit under way vanishes from its worker's list."""
    assert stops.withdraw(StopState.STARTED) is StopState.STARTED
    assert stops.reopen(StopState.DONE) is StopState.DONE


def test_a_visit_that_began_after_its_cancellation_counts() -> None:
    """Broken when a fact from the road is refused because the office thought otherwise."""
    assert stops.begin(StopState.WITHDRAWN) is StopState.STARTED


@pytest.mark.parametrize(
    ("purpose", "load"), [("pickup", 1), ("supplement", 1), ("return", -1), ("guidance", 0)]
)
def test_what_a_visit_puts_aboard(purpose: str, load: int) -> None:
    """Broken when the capacity of a bag is counted with the wrong sign."""
    assert stops.load_of(purpose) == load


def test_bringing_a_result_needs_no_skill() -> None:
    """Broken when a result waits for the one certified worker although anybody may bring it."""
    assert stops.skill_for("return", "certified") is None
    assert stops.skill_for("pickup", "none") is None
    assert stops.skill_for("pickup", "certified") == "certified"


def test_the_first_schedule_is_always_told() -> None:
    """Broken when the citizen never learns who comes."""
    assert worth_telling(None, TOLD)


def test_a_few_minutes_are_not_worth_a_message() -> None:
    """Broken when every planning sends everybody a message."""
    assert not worth_telling(TOLD, replace(TOLD, arrival=TOLD.arrival + timedelta(minutes=9)))
    assert worth_telling(TOLD, replace(TOLD, arrival=TOLD.arrival - timedelta(minutes=10)))


@pytest.mark.parametrize(
    "change",
    [
        {"worker_id": "w-2"},
        {"day": DAY + timedelta(days=1)},
        {"window_start": at(DAY, "08:00")},
        {"window_end": at(DAY, "10:00")},
    ],
)
def test_another_worker_day_or_window_is_told(change: dict[str, object]) -> None:
    """Broken when somebody else comes, or at another time, without a word."""
    assert worth_telling(TOLD, replace(TOLD, **change))  # type: ignore[arg-type]


def test_a_broken_promise_is_late_and_a_slow_worker_behind() -> None:
    """Broken when the dispatcher's badges light up too early or not at all."""
    end = at(DAY, "09:30")
    assert not is_late(StopState.PLANNED, end, end)
    assert is_late(StopState.PLANNED, end, end + timedelta(seconds=1))
    assert not is_late(StopState.DONE, end, end + timedelta(hours=1))
    assert runs_behind(StopState.PLANNED, at(DAY, "08:00"), at(DAY, "08:11"))
    assert not runs_behind(StopState.STARTED, at(DAY, "08:00"), at(DAY, "08:11"))


class StopLife(RuleBasedStateMachine):
    """Any order of plans, changes and facts."""

    def __init__(self) -> None:
        super().__init__()
        self.state = StopState.WAITING
        self.ended: StopState | None = None
        self.began = False

    @rule(worker=st.sampled_from(["w-1", None]))
    def plan(self, worker: str | None) -> None:
        """A plan decides, or is refused and nothing changes."""
        try:
            self.state = stops.plan(self.state, worker)
        except RuleBroken:
            assert self.state in FIXED | {StopState.WITHDRAWN}

    @rule()
    def reschedule(self) -> None:
        """The citizen chooses another window."""
        self.state = stops.reopen(self.state)

    @rule()
    def cancel(self) -> None:
        """The citizen cancels."""
        self.state = stops.withdraw(self.state)

    @rule()
    def begin(self) -> None:
        """A worker sets off."""
        self.state, self.began = stops.begin(self.state), True

    @rule(served=st.booleans())
    def end(self, served: bool) -> None:
        """The visit ends."""
        self.state, self.began = stops.end(self.state, served=served), True
        self.ended = self.ended or self.state

    @invariant()
    def what_happened_stays(self) -> None:
        """Broken when a later decision undoes a fact, or the end of a visit changes."""
        if self.began:
            assert self.state in FIXED
        if self.ended:
            assert self.state is self.ended


TestStopLife = StopLife.TestCase
