"""A dossier at the desk: its order, its code, its due date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from services.postal_bridge.domain.dossier import (
    DeskDossier,
    DossierState,
    after_pause,
    make_dossier_code,
    read_dossier_code,
)
from shared.clock import at
from shared.errors import Invalid, RuleBroken
from shared.vietnamese.calendar import CalendarDay, DayKind, Limit, LimitUnit, Scope, WorkingCalendar

NOW = at(date(2026, 11, 23), "09:00")  # a Monday
HOLIDAY = CalendarDay(date(2026, 11, 24), DayKind.HOLIDAY, frozenset({Scope.AGENCIES}), "Ngày Văn hóa")
CALENDAR = WorkingCalendar.of([HOLIDAY])
LIMIT = Limit(LimitUnit.WORKING_DAYS, 2)

ACTS: dict[str, Callable[[DeskDossier], DeskDossier]] = {
    "open": lambda d: d.open(),
    "accept": lambda d: d.accept(NOW, LIMIT, CALENDAR),
    "ask": lambda d: d.ask_supplement(("Giấy khai sinh",), NOW),
    "receive": lambda d: d.receive_supplement(NOW, CALENDAR),
    "refuse": lambda d: d.refuse("không thuộc thẩm quyền"),
    "ready": lambda d: d.mark_result_ready(),
    "collect": lambda d: d.collect(),
    "deliver": lambda d: d.deliver(),
}
ALLOWED = {
    DossierState.ON_THE_WAY: {"open"},
    DossierState.OPENED: {"accept", "ask", "refuse"},
    DossierState.SUPPLEMENT: {"receive", "refuse"},
    DossierState.ACCEPTED: {"ask", "ready"},
    DossierState.REFUSED: {"collect", "deliver"},
    DossierState.RESULT_READY: {"collect"},
    DossierState.RESULT_COLLECTED: {"deliver"},
    DossierState.DELIVERED: set(),
    DossierState.RETURNED: set(),
}


@pytest.mark.parametrize("state", list(DossierState))
@pytest.mark.parametrize("act", list(ACTS))
def test_only_what_the_table_allows(state: DossierState, act: str) -> None:
    """If this fails a desk act happens in a state where it makes no sense, or is refused where it does."""
    accepted = NOW if state is DossierState.ACCEPTED else None
    dossier = DeskDossier(state, accepted_at=accepted, due_at=accepted)
    if act in ALLOWED[state]:
        assert ACTS[act](dossier)
    else:
        with pytest.raises(RuleBroken):
            ACTS[act](dossier)


def test_acceptance_starts_the_clock() -> None:
    """If this fails the due date does not skip the holiday, or does not end with the office day."""
    accepted = DeskDossier().open().accept(NOW, LIMIT, CALENDAR)
    assert accepted.accepted_at == NOW
    assert accepted.due_at == at(date(2026, 11, 26), "17:00")


def test_a_supplement_stops_the_clock() -> None:
    """If this fails the days spent waiting for papers are counted against the agency."""
    waiting = DeskDossier().open().accept(NOW, LIMIT, CALENDAR).ask_supplement(("Ảnh",), NOW)
    later = NOW + timedelta(days=3)  # Thursday: Wednesday and Thursday were working days
    resumed = waiting.receive_supplement(later, CALENDAR)
    assert resumed.state is DossierState.ACCEPTED
    assert resumed.due_at == at(date(2026, 11, 30), "17:00")
    assert (resumed.paused_at, resumed.items) == (None, ())


def test_resuming_on_the_same_day_moves_nothing() -> None:
    """If this fails a short question moves the due date."""
    due = at(date(2026, 11, 26), "17:00")
    assert after_pause(due, NOW, NOW + timedelta(hours=2), CALENDAR) == due


def test_a_supplement_before_acceptance_has_no_clock() -> None:
    """If this fails a dossier gets a due date before it was accepted."""
    resumed = DeskDossier().open().ask_supplement(("Ảnh",), NOW).receive_supplement(NOW, CALENDAR)
    assert (resumed.state, resumed.due_at) == (DossierState.OPENED, None)


def test_after_acceptance_there_is_no_refusal_of_acceptance() -> None:
    """If this fails form 03 is written for a dossier that has form 01."""
    waiting = DeskDossier().open().accept(NOW, LIMIT, CALENDAR).ask_supplement(("Ảnh",), NOW)
    with pytest.raises(RuleBroken, match="đã tiếp nhận"):
        waiting.refuse("thiếu ảnh")


def test_a_refused_dossier_goes_back() -> None:
    """If this fails a refused dossier is shown as a delivered result."""
    refused = DeskDossier().open().refuse("không thuộc thẩm quyền")
    assert refused.collect().deliver().state is DossierState.RETURNED


def test_reasons_and_lists_are_written_out() -> None:
    """If this fails a citizen is sent back without being told why or for what."""
    with pytest.raises(Invalid, match="lý do"):
        DeskDossier().open().refuse(" ")
    for items in ((), (" ",)):
        with pytest.raises(Invalid, match="từng giấy tờ"):
            DeskDossier().open().ask_supplement(items, NOW)


def test_the_code_of_the_day() -> None:
    """If this fails dossier codes do not follow the pattern that desks and portals read."""
    assert make_dossier_code("H17.101", date(2026, 11, 25), 7) == "H17.101-261125-0007"
    assert read_dossier_code(" h15.50.05.13-261008-0975 ") == "H15.50.05.13-261008-0975"
    assert read_dossier_code("000.00.12.H47-250630-0001")


@pytest.mark.parametrize("text", ["", "H17.101-261399-0001", "H17.101-261125-01", "17.101-261125-0001"])
def test_other_codes_are_refused(text: str) -> None:
    """If this fails a typing error becomes a dossier code."""
    with pytest.raises(Invalid, match="Mã hồ sơ có dạng"):
        read_dossier_code(text)
