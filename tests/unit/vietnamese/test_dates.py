"""Money, dates, windows and lunar days as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from shared.clock import at
from shared.vietnamese.dates import (
    format_date,
    format_day,
    format_instant,
    format_time,
    weekday_name,
    window_text,
)
from shared.vietnamese.lunar import lunar_new_year, next_solar_date, solar_date
from shared.vietnamese.matching import likeness, misspelling_of
from shared.vietnamese.money import format_vnd


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0 đ"), (8_000, "8.000 đ"), (1_250_000, "1.250.000 đ"), (-500, "-500 đ")]
)
def test_amounts_have_dots(amount: int, text: str) -> None:
    """8000 and 80000 are easily misread on a phone in the sun."""
    assert format_vnd(amount) == text


def test_dates_are_local_and_day_first() -> None:
    """18:30 UTC is already the next morning in Vietnam; a worker would come a day late."""
    late = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
    assert format_date(late) == "25/11/2026"
    assert format_time(late) == "01:30"
    assert format_instant(late) == "01:30 25/11/2026"
    assert weekday_name(late) == "thứ Tư"
    assert format_day(date(2026, 11, 29)) == "Chủ nhật 29/11/2026"


def test_window_text() -> None:
    """The citizen is told this sentence; it must carry hours, weekday and date."""
    day = date(2026, 11, 25)
    assert window_text(at(day, "08:00"), at(day, "10:00")) == "08:00–10:00 thứ Tư 25/11/2026"


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (2020, date(2020, 1, 25)),
        (2023, date(2023, 1, 22)),
        (2025, date(2025, 1, 29)),
        (2026, date(2026, 2, 17)),
        (2027, date(2027, 2, 6)),
        (2030, date(2030, 2, 2)),
    ],
)
def test_lunar_new_year(year: int, day: date) -> None:
    """Tết would fall on the Chinese day in years when the two calendars differ (2030)."""
    assert lunar_new_year(year) == day


def test_lunar_days_around_leap_months() -> None:
    """After the leap sixth month of 2025 every lunar date would be a month early."""
    assert solar_date(2025, 6, 1, leap=True) == date(2025, 7, 25)
    assert solar_date(2025, 7, 1) == date(2025, 8, 23)
    assert solar_date(2026, 3, 10) == date(2026, 4, 26)
    assert next_solar_date(12, 5, date(2026, 11, 23)) == date(2027, 1, 12)


@pytest.mark.parametrize(("month", "day"), [(13, 1), (0, 1), (1, 31)])
def test_impossible_lunar_days_are_refused(month: int, day: int) -> None:
    """A slip of the finger would become some other real day."""
    with pytest.raises(ValueError, match="lunar"):
        next_solar_date(month, day, date(2026, 11, 23))


def test_leap_month_that_the_year_lacks_is_refused() -> None:
    """An invented leap month would be answered with a neighbour's date."""
    with pytest.raises(ValueError, match="leap"):
        solar_date(2026, 6, 1, leap=True)


def test_likeness_ignores_accents_and_order() -> None:
    """People type without accents; the right name must still score above a wrong one."""
    assert likeness("khai sinh cho be", "đăng ký khai sinh") > likeness(
        "khai sinh cho be", "giấy phép xây dựng"
    )
    assert misspelling_of("Duy Vin", ["Duy Vinh", "Bình Triều"]) == ["Duy Vinh"]
