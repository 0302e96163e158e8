"""Appointments: steps, and the window that follows when a visit is held again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.intake.adapters.reference_files import load_calendar
from services.intake.domain.appointments import (
    AppointmentStatus,
    AppointmentStep,
    after,
    allows,
    earliest_return,
    must_be_given_up,
    same_time_next_working_day,
)
from services.intake.domain.windows import window_on
from shared.clock import at
from shared.errors import RuleBroken

CALENDAR = load_calendar()


def test_a_visit_under_way_can_only_end() -> None:
    """A citizen could move a visit while the worker is at the door."""
    steps = {step for step in AppointmentStep if allows(AppointmentStatus.IN_VISIT, step)}
    assert steps == {AppointmentStep.FINISH, AppointmentStep.FAIL}


@pytest.mark.parametrize("ended", [AppointmentStatus.DONE, AppointmentStatus.FAILED])
def test_an_ended_visit_stays_ended(ended: AppointmentStatus) -> None:
    """One appointment would be visited twice."""
    for step in AppointmentStep:
        with pytest.raises(RuleBroken):
            after(ended, step)


def test_only_a_worker_on_the_way_overtakes_a_cancellation() -> None:
    """What happened at the door would have no visit to belong to, or a dead visit be planned again."""
    steps = {step for step in AppointmentStep if allows(AppointmentStatus.CANCELLED, step)}
    assert steps == {AppointmentStep.START}


@pytest.mark.parametrize(
    ("minutes_left", "minutes_old", "lost"),
    [(46, 600, False), (44, 600, True), (44, 19, False), (44, 20, True), (31, 1, False), (29, 1, True)],
)
def test_a_promise_without_a_worker_is_given_up_in_time_and_not_too_early(
    minutes_left: int, minutes_old: int, lost: bool
) -> None:
    """A citizen would wait in vain, or an early booking be thrown out before anybody could plan it."""
    window = window_on(date(2026, 11, 25), "09:30", "11:30")
    now = window.start - timedelta(minutes=minutes_left)
    assert must_be_given_up(window, now - timedelta(minutes=minutes_old), now) is lost


def test_the_next_visit_skips_weekend_and_holiday() -> None:
    """A worker would be promised on a day the post does not drive: 24-11-2026 is a holiday."""
    friday = window_on(date(2026, 11, 20), "09:30", "11:30")
    assert same_time_next_working_day(friday, friday.start, CALENDAR).day == date(2026, 11, 23)
    monday = window_on(date(2026, 11, 23), "09:30", "11:30")
    again = same_time_next_working_day(monday, monday.start, CALENDAR)
    assert again == window_on(date(2026, 11, 25), "09:30", "11:30")


def test_the_next_visit_counts_from_today_when_news_is_late() -> None:
    """A failure reported days later would be held again in the past."""
    monday = window_on(date(2026, 11, 23), "09:30", "11:30")
    again = same_time_next_working_day(monday, at(date(2026, 11, 26), "08:00"), CALENDAR)
    assert again.day == date(2026, 11, 27)


@pytest.mark.parametrize(
    ("now", "day", "start"),
    [
        ("08:00", date(2026, 11, 25), "13:30"),
        ("10:30", date(2026, 11, 25), "13:30"),
        ("16:00", date(2026, 11, 26), "07:30"),
    ],
)
def test_a_result_comes_home_the_same_day_if_two_hours_are_left(now: str, day: date, start: str) -> None:
    """A result would be promised before anybody can carry it, or lie a day for nothing."""
    window = earliest_return(at(date(2026, 11, 25), now), CALENDAR)
    assert (window.day, window.start) == (day, at(day, start))
