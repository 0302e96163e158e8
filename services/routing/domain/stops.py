"""One visit as the dispatcher sees it: its life, what it loads, and when the citizen must hear of a change.

Two kinds of steps: decisions (planning, withdrawing), which rules may refuse, and facts reported from the
road, which have already happened and are never refused; at most they come too late to matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.errors import RuleBroken

ARRIVAL_SHIFT = timedelta(minutes=10)
"""An expected arrival that moves by less is not worth another message."""


class StopState(StrEnum):
    """Where a stop stands."""

    WAITING = "waiting"
    """Known, on no plan yet."""
    PLANNED = "planned"
    """On a worker's route."""
    UNASSIGNED = "unassigned"
    """The last plan had nobody for it and says why."""
    STARTED = "started"
    """A worker is on the way or at the door."""
    DONE = "done"
    """The visit took place."""
    FAILED = "failed"
    """The worker was there and could not serve; another appointment is another stop."""
    WITHDRAWN = "withdrawn"
    """Its appointment was cancelled."""

    @property
    def label(self) -> str:
        """The state in the dispatcher's words."""
        return _LABELS[self]


_LABELS = {
    StopState.WAITING: "chưa lập lộ trình",
    StopState.PLANNED: "đã xếp",
    StopState.UNASSIGNED: "chưa xếp được",
    StopState.STARTED: "đang thực hiện",
    StopState.DONE: "đã xong",
    StopState.FAILED: "không thành công",
    StopState.WITHDRAWN: "đã huỷ",
}

OPEN = frozenset({StopState.WAITING, StopState.PLANNED, StopState.UNASSIGNED})
"""States in which a plan may still decide who comes and when."""

FIXED = frozenset({StopState.STARTED, StopState.DONE, StopState.FAILED})
"""States made by the road: the stop stays with its worker, whatever a later plan says."""


def plan(state: StopState, worker_id: str | None) -> StopState:
    """The state after a plan gave the stop to a worker, or to nobody.

    Raises RuleBroken for a stop that was started, visited or withdrawn.
    """
    if state not in OPEN:
        raise RuleBroken(f"Điểm dừng {state.label}, không xếp lại được nữa.", code="stop.not_open")
    return StopState.UNASSIGNED if worker_id is None else StopState.PLANNED


def reopen(state: StopState) -> StopState:
    """The state after the citizen chose another window: it needs planning again, unless it is too late."""
    return state if state in FIXED else StopState.WAITING


def withdraw(state: StopState) -> StopState:
    """The state after the appointment was cancelled; what the road has made stays."""
    return state if state in FIXED else StopState.WITHDRAWN


def begin(state: StopState) -> StopState:
    """The state after a worker set off; a fact that comes after the end of the visit changes nothing."""
    return state if state in {StopState.DONE, StopState.FAILED} else StopState.STARTED


def end(state: StopState, *, served: bool) -> StopState:
    """The state after the visit. The first end counts."""
    if state in {StopState.DONE, StopState.FAILED}:
        return state
    return StopState.DONE if served else StopState.FAILED


def load_of(purpose: str) -> int:
    """What a visit puts aboard: papers collected +1, a result brought home −1, guidance nothing."""
    return {"pickup": 1, "supplement": 1, "return": -1}.get(purpose, 0)


def skill_for(purpose: str, procedure_skill: str) -> str | None:
    """The skill a visit needs. Bringing a sealed result home needs none, whatever the procedure asks."""
    return None if procedure_skill == "none" or purpose == "return" else procedure_skill


@dataclass(frozen=True)
class Told:
    """What the world was last told about a stop: who comes, on which day, in which window, when about."""

    worker_id: str
    day: date
    window_start: datetime
    window_end: datetime
    arrival: datetime


def worth_telling(before: Told | None, after: Told) -> bool:
    """Whether a new schedule differs enough from the one told last."""
    if before is None:
        return True
    same_promise = (before.worker_id, before.day, before.window_start, before.window_end) == (
        after.worker_id,
        after.day,
        after.window_start,
        after.window_end,
    )
    return not same_promise or abs(after.arrival - before.arrival) >= ARRIVAL_SHIFT


def is_late(state: StopState, window_end: datetime, now: datetime) -> bool:
    """Whether the promise is broken by now: the window is over and the visit has not been made."""
    return state in OPEN | {StopState.STARTED} and now > window_end


def runs_behind(state: StopState, expected: datetime | None, now: datetime) -> bool:
    """Whether a planned visit should have been reached already, by more than the tolerated shift."""
    return state is StopState.PLANNED and expected is not None and now > expected + ARRIVAL_SHIFT
