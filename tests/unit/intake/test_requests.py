"""The life of a request: every step that is allowed, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.requests import RequestStatus, RequestStep, after, allows
from shared.errors import RuleBroken

S, T = RequestStatus, RequestStep

TABLE = {
    S.DRAFT: {T.COMPLETE: S.RECEIVED, T.ASK: S.NEEDS_INFO, T.CANCEL: S.CANCELLED},
    S.RECEIVED: {T.ASK: S.NEEDS_INFO, T.CONFIRM: S.CONFIRMED, T.CANCEL: S.CANCELLED},
    S.NEEDS_INFO: {T.COMPLETE: S.RECEIVED, T.CANCEL: S.CANCELLED},
    S.CONFIRMED: {
        T.SCHEDULE: S.SCHEDULED,
        T.UNSCHEDULE: S.CONFIRMED,
        T.RESCHEDULE: S.CONFIRMED,
        T.START: S.IN_VISIT,
        T.FAIL: S.FAILED,
        T.CLOSE: S.CLOSED,
        T.CANCEL: S.CANCELLED,
    },
    S.SCHEDULED: {
        T.SCHEDULE: S.SCHEDULED,
        T.UNSCHEDULE: S.CONFIRMED,
        T.RESCHEDULE: S.CONFIRMED,
        T.START: S.IN_VISIT,
        T.FAIL: S.FAILED,
        T.CLOSE: S.CLOSED,
        T.CANCEL: S.CANCELLED,
    },
    S.IN_VISIT: {
        T.PICK_UP: S.PICKED_UP,
        T.FIND_INCOMPLETE: S.COMPLETED_NO_PICKUP,
        T.FAIL: S.FAILED,
        T.CLOSE: S.CLOSED,
    },
    S.PICKED_UP: {T.CLOSE: S.CLOSED},
    S.COMPLETED_NO_PICKUP: {T.RETRY: S.CONFIRMED, T.CANCEL: S.CANCELLED},
    S.FAILED: {T.RETRY: S.CONFIRMED, T.CANCEL: S.CANCELLED},
    S.CLOSED: {},
    S.CANCELLED: {T.START: S.IN_VISIT},
}


@pytest.mark.parametrize("status", list(S))
@pytest.mark.parametrize("step", list(T))
def test_each_step_is_allowed_exactly_where_the_process_says(
    status: RequestStatus, step: RequestStep
) -> None:
    """A request could be picked up without a visit, or be cancelled with the papers away."""
    expected = TABLE[status].get(step)
    assert allows(status, step) == (expected is not None)
    if expected is None:
        with pytest.raises(RuleBroken):
            after(status, step)
    else:
        assert after(status, step) is expected


def test_papers_that_left_the_house_cannot_be_cancelled_away() -> None:
    """A click would make a sealed dossier ownerless."""
    with pytest.raises(RuleBroken, match="Không huỷ được nữa"):
        after(S.PICKED_UP, T.CANCEL)


@given(st.lists(st.sampled_from(list(T)), max_size=40))
def test_only_a_worker_on_the_way_reopens_an_end(steps: list[RequestStep]) -> None:
    """A closed or cancelled request would come back to life."""
    status, ended = S.DRAFT, False
    for step in steps:
        if allows(status, step):
            assert not ended or (status, step) == (S.CANCELLED, T.START)
            status = after(status, step)
            ended = status.ended


def test_every_status_has_words_for_people() -> None:
    """The status page would fail on a state."""
    assert all(status.label for status in S)
