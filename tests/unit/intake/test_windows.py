"""Windows that are offered, and windows that are refused with a reason and something better."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.reference_files import load_calendar
from services.intake.domain.windows import LEAD, Window, check_window, offered_windows, window_on
from shared.clock import at
from shared.errors import Invalid
from shared.vietnamese.calendar import Scope

CALENDAR = load_calendar()
MONDAY = at(date(2026, 11, 23), "09:00")
WEDNESDAY = date(2026, 11, 25)


def test_offers_skip_the_past_the_lead_time_and_the_holiday() -> None:
    """A window would be promised that has passed, or on 24-11-2026 when nobody works."""
    texts = [window.text for window in offered_windows(MONDAY, CALENDAR, days=2)]
    assert texts == [
        "13:30–15:30 thứ Hai 23/11/2026",
        "15:00–17:00 thứ Hai 23/11/2026",
        "07:30–09:30 thứ Tư 25/11/2026",
        "09:30–11:30 thứ Tư 25/11/2026",
        "13:30–15:30 thứ Tư 25/11/2026",
        "15:00–17:00 thứ Tư 25/11/2026",
    ]


def test_a_window_exactly_one_lead_away_is_still_offered() -> None:
    """The last possible window of a morning would be hidden."""
    now = at(WEDNESDAY, "08:30")
    assert offered_windows(now, CALENDAR, days=1)[0].text == "09:30–11:30 thứ Tư 25/11/2026"


def test_an_evening_offers_the_next_working_day() -> None:
    """On Friday evening the first window would be on Saturday."""
    now = at(date(2026, 11, 27), "20:00")
    assert offered_windows(now, CALENDAR, days=1)[0].text == "07:30–09:30 thứ Hai 30/11/2026"


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1)), st.integers(1, 4))  # noqa: DTZ001
def test_every_offer_passes_the_check(moment: datetime, days: int) -> None:
    """A citizen would choose an offered window and be refused."""
    now = moment.replace(tzinfo=UTC)
    offers = offered_windows(now, CALENDAR, days)
    assert len({window.day for window in offers}) == days
    for window in offers:
        assert check_window(window, now, CALENDAR) is window
        assert window.start >= now + LEAD
        assert CALENDAR.is_working(window.day, Scope.POST)


@pytest.mark.parametrize(
    ("day", "start", "end", "code"),
    [
        (date(2026, 11, 23), "07:30", "09:30", "window.past"),
        (date(2026, 11, 23), "09:30", "11:30", "window.too_soon"),
        (date(2026, 11, 24), "13:30", "15:30", "window.day_off"),
        (date(2026, 11, 28), "07:30", "09:30", "window.day_off"),
        (date(2027, 11, 25), "07:30", "09:30", "window.too_far"),
        (WEDNESDAY, "18:00", "20:00", "window.outside_hours"),
        (WEDNESDAY, "06:00", "08:00", "window.outside_hours"),
        (WEDNESDAY, "11:30", "13:00", "window.lunch"),
        (WEDNESDAY, "08:00", "08:30", "window.too_short"),
        (WEDNESDAY, "07:30", "17:00", "window.too_long"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_alternatives(day: date, start: str, end: str, code: str) -> None:
    """A refusal without a way on loses the citizen."""
    with pytest.raises(Invalid) as refusal:
        check_window(window_on(day, start, end), MONDAY, CALENDAR)
    assert refusal.value.problem_code == code
    assert len(refusal.value.hints) == 3
    assert refusal.value.fields["window"] == refusal.value.message


def test_the_holiday_is_named_and_the_next_day_offered() -> None:
    """ "Chiều mai" said on 23-11-2026 must lead to 25-11, with the reason."""
    with pytest.raises(Invalid, match="Ngày Văn hóa Việt Nam") as refusal:
        check_window(window_on(date(2026, 11, 24), "13:30", "15:30"), MONDAY, CALENDAR)
    assert "07:30–09:30 thứ Tư 25/11/2026" in refusal.value.hints


def test_a_window_of_the_citizen_s_own_within_hours_is_kept() -> None:
    """Only the four printed windows would be possible, though the planner can keep others."""
    wanted = window_on(WEDNESDAY, "09:00", "10:30")
    assert check_window(wanted, MONDAY, CALENDAR).text == "09:00–10:30 thứ Tư 25/11/2026"


@pytest.mark.parametrize(
    ("start", "end"), [("10:00", "09:00"), ("10:00", "10:00"), ("25:00", "26:00"), ("x", "y")]
)
def test_unreadable_or_reversed_windows_name_the_field(start: str, end: str) -> None:
    """A turned-round window would end in a stack trace."""
    with pytest.raises(Invalid) as refusal:
        window_on(WEDNESDAY, start, end)
    assert "window" in refusal.value.fields


def test_naive_and_overnight_windows_cannot_exist() -> None:
    """A window without a zone would be seven hours off; one over midnight has no day."""
    with pytest.raises(ValueError, match="aware"):
        Window(datetime(2026, 11, 25, 8), datetime(2026, 11, 25, 10))  # noqa: DTZ001
    with pytest.raises(ValueError, match="one day"):
        Window(at(WEDNESDAY, "08:00"), at(date(2026, 11, 26), "08:00"))
