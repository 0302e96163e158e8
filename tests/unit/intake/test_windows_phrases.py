"""What citizens say about time. Base: Monday 23-11-2026, 09:00; 24-11 is a public holiday."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.reference_files import load_calendar
from services.intake.domain.time_phrases import TimeKind, understand
from shared.clock import at

CALENDAR = load_calendar()
NOW = at(date(2026, 11, 23), "09:00")
W, F, A, H = TimeKind.WINDOW, TimeKind.FLEX, TimeKind.ANY, TimeKind.OFFICE

Expected = tuple[str, TimeKind, list[str], str | None, str | None]

TABLE: list[Expected] = [
    ("chiều mai", W, ["24-11"], "13:00", "17:00"),
    ("8h sáng thứ 3 tuần sau", W, ["01-12"], "07:30", "08:30"),
    ("sáng thứ tư tuần này", W, ["25-11"], "07:00", "11:30"),
    ("9h30 sáng mai", W, ["24-11"], "09:00", "10:00"),
    ("tối nay sau 7 giờ", W, ["23-11"], "19:00", "21:00"),
    ("3 giờ chiều ngày kia", W, ["25-11"], "14:30", "15:30"),
    ("thứ bảy", W, ["28-11"], None, None),
    ("cuối tuần này", F, ["28-11", "29-11"], None, None),
    ("ngày mốt buổi sáng", W, ["25-11"], "07:00", "11:30"),
    ("25/11", W, ["25-11"], None, None),
    ("14h ngày 27/11", W, ["27-11"], "13:30", "14:30"),
    ("ngày 5 tháng 12", W, ["05-12"], None, None),
    ("trước 10h sáng mai", W, ["24-11"], "07:00", "10:00"),
    ("mai mốt gì cũng được", F, ["24-11", "25-11"], None, None),
    ("lúc nào cũng được", A, [], None, None),
    ("giờ hành chính thứ 5", H, ["26-11"], "07:30", "17:00"),
    ("chieu thu 6 luc 2 ruoi", W, ["27-11"], "14:00", "15:00"),
    ("sang mai tam 8 gio", W, ["24-11"], "07:30", "08:30"),
    ("3 ngày nữa", W, ["26-11"], None, None),
    ("mùng 5 tháng Chạp", W, ["12-01"], None, None),
]

HELD_OUT: list[Expected] = [
    ("sáng ni", W, ["23-11"], "07:00", "11:30"),
    ("hôm ni lúc 3h chiều", W, ["23-11"], "14:30", "15:30"),
    ("từ 8h đến 10h sáng thứ tư", W, ["25-11"], "08:00", "10:00"),
    ("8-10h ngày mốt", W, ["25-11"], "08:00", "10:00"),
    ("8h30-10h ngày 2/12", W, ["02-12"], "08:30", "10:00"),
    ("đầu giờ chiều thứ năm", W, ["26-11"], "13:30", "15:00"),
    ("tuần sau bữa nào cũng được", F, ["30-11", "01-12", "02-12", "03-12", "04-12"], None, None),
    ("tám giờ kém 15 sáng thứ sáu", W, ["27-11"], "07:15", "08:15"),
    ("sau 3h chiều thứ 4", W, ["25-11"], "15:00", "17:00"),
    ("15:00 26/11/2026", W, ["26-11"], "14:30", "15:30"),
    ("cn tuần sau", W, ["06-12"], None, None),
    ("rằm tháng chạp", W, ["22-01"], None, None),
    ("hai giờ rưỡi chiều mốt", W, ["25-11"], "14:00", "15:00"),
    ("sáng thứ 7 hoặc chủ nhật", F, ["28-11", "29-11"], "07:00", "11:30"),
    ("2 hôm nữa, 9g sáng", W, ["25-11"], "08:30", "09:30"),
    ("thứ tư 8h", W, ["25-11"], "07:30", "08:30"),
    ("8 gio sang", W, ["24-11"], "07:30", "08:30"),
    ("chiều t5", W, ["26-11"], "13:00", "17:00"),
    ("ngày 15", W, ["15-12"], None, None),
    ("đầu tuần sau", F, ["30-11", "01-12"], None, None),
    ("cuối giờ chiều 26/11", W, ["26-11"], "15:00", "17:00"),
    ("thu hai tuan toi buoi chieu", W, ["30-11"], "13:00", "17:00"),
]


@pytest.mark.parametrize(("text", "kind", "days", "start", "end"), TABLE + HELD_OUT)
def test_phrase(text: str, kind: TimeKind, days: list[str], start: str | None, end: str | None) -> None:
    """The bot would offer another day or hour than the one that was said."""
    heard = understand(text, NOW, CALENDAR)
    assert heard.kind is kind
    assert [f"{day:%d-%m}" for day in heard.dates] == days
    assert heard.start == (time.fromisoformat(start) if start else None)
    assert heard.end == (time.fromisoformat(end) if end else None)


def test_the_named_hour_is_kept_beside_the_window() -> None:
    """ "9h30" must be read back as said, though a window is offered."""
    assert understand("9h30 sáng mai", NOW, CALENDAR).said_at == time(9, 30)
    assert understand("sáng mai", NOW, CALENDAR).said_at is None


def test_tomorrow_is_a_holiday_and_the_next_day_is_named() -> None:
    """The citizen would wait at home on a day when nobody comes."""
    heard = understand("chiều mai", NOW, CALENDAR)
    assert heard.alternative == date(2026, 11, 25)
    assert "nghỉ Ngày Văn hóa Việt Nam" in heard.notes[0]
    assert "thứ Tư 25/11/2026" in heard.notes[1]


def test_one_open_day_of_several_needs_no_alternative() -> None:
    """ "Mai hay mốt" would be answered with a third day although mốt is fine."""
    heard = understand("mai mốt gì cũng được", NOW, CALENDAR)
    assert heard.alternative is None
    assert len(heard.notes) == 1


def test_a_bare_seven_is_asked() -> None:
    """ "7" may be Saturday or seven o'clock; guessing makes a promise nobody asked for."""
    heard = understand("7", NOW, CALENDAR)
    assert heard.kind is TimeKind.AMBIGUOUS
    assert heard.question == "Ý Ông/Bà là thứ Bảy hay 7 giờ?"


def test_passed_hours_roll_forward() -> None:
    """At nine in the morning "8 giờ" would be an hour ago."""
    assert understand("8h", NOW, CALENDAR).dates == (date(2026, 11, 24),)
    assert understand("10h", NOW, CALENDAR).dates == (date(2026, 11, 23),)
    late = at(date(2026, 11, 25), "16:00")
    assert understand("sáng thứ tư", late, CALENDAR).dates == (date(2026, 12, 2),)


def test_a_passed_date_is_said_to_have_passed() -> None:
    """A date of last week would be accepted or silently moved by a year."""
    heard = understand("20/11", NOW, CALENDAR)
    assert "đã qua" in heard.notes[0]
    assert heard.alternative == date(2026, 11, 25)


def test_a_date_of_next_january_is_next_year() -> None:
    """ "5/1" said in November would be ten months ago."""
    assert understand("5/1", NOW, CALENDAR).dates == (date(2027, 1, 5),)


@pytest.mark.parametrize("text", ["", "em ơi cho hỏi", "ngày 30/2", "32/13", "làm giấy khai sinh", "99h"])
def test_no_time_is_no_time(text: str) -> None:
    """A question about papers would be taken for an appointment."""
    assert understand(text, NOW, CALENDAR).kind is TimeKind.NONE


def test_an_hour_without_part_of_day_is_less_sure() -> None:
    """ "4 giờ" is taken for the afternoon, but the bot must know that it guessed."""
    guessed, said = understand("lúc 4 giờ thứ 5", NOW, CALENDAR), understand("4 giờ chiều mai", NOW, CALENDAR)
    assert guessed.start == time(15, 30)
    assert guessed.confidence < said.confidence


@given(st.text(alphabet="0123456789hgiờsángchiềumaitthứuầnày/-: ", max_size=40))
def test_no_text_breaks_the_grammar(text: str) -> None:
    """One strange message would stop the channel."""
    heard = understand(text, NOW, CALENDAR)
    assert heard.start is None or heard.end is None or heard.start <= heard.end
    assert heard.kind not in (TimeKind.WINDOW, TimeKind.FLEX, TimeKind.OFFICE) or heard.dates
