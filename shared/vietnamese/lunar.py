"""The Vietnamese lunisolar calendar: from a lunar day to a solar date.

Months begin on the day of the new moon in Vietnam (UTC+7); month 11 holds the winter solstice; in a
year of thirteen months the first one without a major solar term is the leap month. Positions of sun
and moon follow the series of Jean Meeus, "Astronomical Algorithms" (1991), cut to the terms that
decide a day.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import floor, pi, sin

_EPOCH = date(2000, 1, 1).toordinal() - 2451545
"""Ordinal of Julian day number 0: JDN 2451545 is 1-1-2000."""
_UTC_OFFSET_DAYS = 7 / 24
_MONTH = 29.530588853
_FIRST_NEW_MOON = 2415021.076998695
_RAD = pi / 180


def solar_date(year: int, month: int, day: int, *, leap: bool = False) -> date:
    """The solar date of a lunar day: solar_date(2026, 12, 5) is 12-1-2027.

    `year` is the lunar year (2026 runs from 17-2-2026 to 5-2-2027), `month` 1 … 12, `day` 1 … 30.
    Raises ValueError when the month has no such day or the year no such leap month.
    """
    if not (1 <= month <= 12 and 1 <= day <= 30):
        raise ValueError("no such lunar day")
    from_eleventh = _eleventh_month(year - 1) if month < 11 else _eleventh_month(year)
    next_eleventh = _eleventh_month(year) if month < 11 else _eleventh_month(year + 1)
    number = round((from_eleventh - _FIRST_NEW_MOON) / _MONTH)
    place = (month - 11) % 12
    if next_eleventh - from_eleventh > 365:
        leap_place = _leap_place(number)
        if leap and (leap_place - 1 + 11 - 1) % 12 + 1 != month:
            raise ValueError("not a leap month of this year")
        if leap or place >= leap_place:
            place += 1
    elif leap:
        raise ValueError("not a leap month of this year")
    start, following = _new_moon(number + place), _new_moon(number + place + 1)
    if start + day > following:
        raise ValueError("this lunar month has 29 days")
    return date.fromordinal(_EPOCH + start + day - 1)


def next_solar_date(month: int, day: int, today: date) -> date:
    """The first date on or after `today` that is lunar `day`/`month`. ValueError for an impossible day."""
    if not (1 <= month <= 12 and 1 <= day <= 30):
        raise ValueError("no such lunar day")
    for year in range(today.year - 1, today.year + 9):
        try:
            found = solar_date(year, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise ValueError("no such lunar day")


def lunar_new_year(year: int) -> date:
    """The first day of Tết of a lunar year, the same number as the solar year it falls into."""
    return solar_date(year, 1, 1)


def _new_moon(number: int) -> int:
    """Julian day number in Vietnam of the `number`-th new moon since 1-1-1900."""
    t = number / 1236.85
    mean = 2415020.75933 + 29.53058868 * number + 0.0001178 * t**2 - 0.000000155 * t**3
    mean += 0.00033 * sin((166.56 + 132.87 * t - 0.009173 * t**2) * _RAD)
    sun = (359.2242 + 29.10535608 * number - 0.0000333 * t**2) * _RAD
    moon = (306.0253 + 385.81691806 * number + 0.0107306 * t**2) * _RAD
    node = (21.2964 + 390.67050646 * number - 0.0016528 * t**2) * _RAD
    shift = (0.1734 - 0.000393 * t) * sin(sun) + 0.0021 * sin(2 * sun)
    shift += -0.4068 * sin(moon) + 0.0161 * sin(2 * moon) - 0.0004 * sin(3 * moon)
    shift += 0.0104 * sin(2 * node) - 0.0051 * sin(sun + moon) - 0.0074 * sin(sun - moon)
    shift += 0.0004 * sin(2 * node + sun) - 0.0004 * sin(2 * node - sun)
    shift += -0.0006 * sin(2 * node + moon) + 0.0010 * sin(2 * node - moon) + 0.0005 * sin(sun + 2 * moon)
    dynamical = -0.000278 + 0.000265 * t + 0.000262 * t**2
    return floor(mean + shift - dynamical + 0.5 + _UTC_OFFSET_DAYS)


def _solar_term(julian_day: int) -> int:
    """Which twelfth of the ecliptic (0 from the spring equinox) the sun is in at midnight in Vietnam."""
    t = (julian_day - 2451545.5 - _UTC_OFFSET_DAYS) / 36525
    anomaly = (357.52910 + 35999.05030 * t - 0.0001559 * t**2) * _RAD
    mean = 280.46645 + 36000.76983 * t + 0.0003032 * t**2
    centre = (
        (1.914600 - 0.004817 * t) * sin(anomaly) + 0.019993 * sin(2 * anomaly) + 0.000290 * sin(3 * anomaly)
    )
    return floor(((mean + centre) % 360) / 30)


def _eleventh_month(year: int) -> int:
    """Julian day number of the first day of the month that holds the winter solstice of `year`."""
    last_day = (date(year, 12, 31) - timedelta(days=_EPOCH)).toordinal()
    number = floor((last_day - 2415021) / 29.530588853)
    start = _new_moon(number)
    return _new_moon(number - 1) if _solar_term(start) >= 9 else start


def _leap_place(number: int) -> int:
    """How many months after month 11 the leap month stands, in a year that has one."""
    for place in range(1, 14):
        if _solar_term(_new_moon(number + place)) == _solar_term(_new_moon(number + place + 1)):
            return place
    raise ValueError("this year has no leap month")
