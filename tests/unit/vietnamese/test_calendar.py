"""Working days and due dates, with the worked examples that the law's readers agree on."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.reference_files import load_calendar
from shared.clock import at
from shared.vietnamese.calendar import (
    CalendarDay,
    DayKind,
    Limit,
    LimitUnit,
    Scope,
    WorkingCalendar,
    due_date,
)

CALENDAR = load_calendar()
PLAIN = WorkingCalendar.of([])
WORKING_DAYS = LimitUnit.WORKING_DAYS


@pytest.mark.parametrize(
    ("accepted", "count", "due"),
    [
        (date(2026, 2, 13), 3, date(2026, 2, 25)),
        (date(2026, 8, 20), 5, date(2026, 8, 26)),
        (date(2026, 11, 23), 2, date(2026, 11, 26)),
        (date(2025, 12, 31), 1, date(2026, 1, 5)),
        (date(2026, 1, 8), 2, date(2026, 1, 10)),
    ],
)
def test_working_days_over_tet_swaps_and_new_holidays(accepted: date, count: int, due: date) -> None:
    """A due date printed on the receipt would be one the agency does not owe."""
    assert due_date(at(accepted, "09:00"), Limit(WORKING_DAYS, count), CALENDAR) == due


def test_day_zero_is_the_day_of_acceptance() -> None:
    """Three working days from Monday would end on Wednesday instead of Thursday."""
    assert PLAIN.add_working_days(date(2026, 11, 23), 3) == date(2026, 11, 26)
    assert PLAIN.add_working_days(date(2026, 11, 23), 0) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("hour", "due"),
    [("14:59", date(2026, 11, 25)), ("15:00", date(2026, 11, 25)), ("15:01", date(2026, 11, 26))],
)
def test_same_day_until_three(hour: str, due: date) -> None:
    """A dossier accepted late in the afternoon would be overdue an hour later."""
    assert due_date(at(date(2026, 11, 25), hour), Limit(LimitUnit.SAME_DAY), CALENDAR) == due


def test_same_day_on_a_reception_saturday_moves_to_monday() -> None:
    """A desk that only receives on Saturday would owe results that nobody can sign."""
    saturday = CalendarDay(
        date(2026, 11, 28), DayKind.RECEPTION_ONLY, frozenset({Scope.AGENCIES}), "Tiếp nhận"
    )
    calendar = CALENDAR.with_days([saturday])
    assert due_date(at(date(2026, 11, 28), "09:00"), Limit(LimitUnit.SAME_DAY), calendar) == date(
        2026, 11, 30
    )


def test_calendar_days_ending_on_a_day_off_move_on() -> None:
    """Thirty days that end on a Sunday would be due when the desk is closed."""
    due = due_date(at(date(2026, 10, 30), "09:00"), Limit(LimitUnit.CALENDAR_DAYS, 30), CALENDAR)
    assert due == date(2026, 11, 30)


def test_a_swap_binds_the_state_and_not_the_post() -> None:
    """The post would stay at home on 31-8-2026, or drive on the Saturday before."""
    assert not CALENDAR.is_working(date(2026, 8, 31), Scope.AGENCIES)
    assert CALENDAR.is_working(date(2026, 8, 31), Scope.POST)
    assert CALENDAR.is_working(date(2026, 8, 22), Scope.UNIT)
    assert not CALENDAR.is_working(date(2026, 8, 22), Scope.POST)


def test_a_flood_closes_one_unit_only() -> None:
    """A local closure would move the due dates of the whole city."""
    flood = CalendarDay(date(2026, 11, 25), DayKind.LOCAL_CLOSURE, frozenset({Scope.UNIT}), "Nghỉ do lũ")
    calendar = CALENDAR.with_days([flood])
    assert not calendar.is_working(date(2026, 11, 25), Scope.UNIT)
    assert calendar.is_working(date(2026, 11, 25), Scope.AGENCIES)


def test_people_are_told_why_a_day_is_off() -> None:
    """ "Not possible" without a reason sends people to the phone."""
    assert CALENDAR.why_closed(date(2026, 11, 24)) == "nghỉ Ngày Văn hóa Việt Nam"
    assert CALENDAR.why_closed(date(2026, 11, 28)) == "nghỉ cuối tuần"
    assert CALENDAR.why_closed(date(2026, 11, 25)) is None


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (Limit(LimitUnit.SAME_DAY), "trong ngày"),
        (Limit(WORKING_DAYS, 3), "3 ngày làm việc"),
        (Limit(LimitUnit.CALENDAR_DAYS, 30), "30 ngày"),
    ],
)
def test_limits_have_a_text(limit: Limit, text: str) -> None:
    """The receipt prints this text."""
    assert limit.text == text


@pytest.mark.parametrize(("unit", "value"), [(WORKING_DAYS, 0), (WORKING_DAYS, -1), (LimitUnit.SAME_DAY, 1)])
def test_nonsense_limits_are_refused(unit: LimitUnit, value: int) -> None:
    """A typing error in the catalogue would give due dates in the past."""
    with pytest.raises(ValueError, match="limit"):
        Limit(unit, value)


def test_counting_backwards_is_refused() -> None:
    """A negative count would silently answer the start day."""
    with pytest.raises(ValueError, match="forward"):
        PLAIN.add_working_days(date(2026, 11, 23), -1)


@given(st.dates(date(2025, 1, 1), date(2027, 11, 1)), st.integers(0, 20))
def test_exactly_that_many_working_days_lie_between(start: date, count: int) -> None:
    """The count would drift around holidays and swapped Saturdays."""
    due = CALENDAR.add_working_days(start, count)
    passed = [start + timedelta(days=n) for n in range(1, (due - start).days + 1)]
    assert sum(CALENDAR.is_working(day) for day in passed) == count
    assert count == 0 or CALENDAR.is_working(due)
