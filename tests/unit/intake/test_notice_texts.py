"""What citizens are told fits the channel and says what they need."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args

import pytest

from services.intake.adapters.zalo.templates import DEFAULT_TEMPLATES
from services.intake.application.notice_port import Channel, Notice, NoticeKind, Recipient
from services.intake.application.notices import KINDS
from services.intake.domain.appointments import VisitPurpose
from services.intake.domain.notice_texts import FAILURE_REASONS, About, Speaker, Telling, useful_until
from services.intake.domain.windows import window_on
from shared.clock import at
from shared.contracts.postal import FailureReason

SPEAKER = Speaker("BCGHKLMN", "1022")
WHEN = window_on(date(2026, 11, 25), "09:30", "11:30")
LATER = window_on(date(2026, 11, 26), "09:30", "11:30")
LONG = "một giấy tờ có tên rất dài " * 40
TELLINGS = [
    SPEAKER.message_received(),
    SPEAKER.question("Ông/Bà ở xã nào?"),
    SPEAKER.confirmed(VisitPurpose.PICKUP.label, WHEN, "Đăng ký khai sinh"),
    SPEAKER.worker_assigned(VisitPurpose.PICKUP.label, "Nguyễn Hoàng Thị Phương Thảo Nguyên", "BC-001", WHEN),
    SPEAKER.worker_coming("Phạm Văn Bưu", "BC-001", WHEN),
    SPEAKER.rescheduled(VisitPurpose.RETURN.label, WHEN),
    SPEAKER.visit_failed("worker_breakdown", "post", WHEN),
    SPEAKER.held_at_counter("not_home", "Bưu cục Duy Vinh"),
    SPEAKER.papers_incomplete([LONG]),
    SPEAKER.cancelled(),
    SPEAKER.picked_up(4, "theo biên lai"),
    SPEAKER.dossier_accepted("H17.151-261125-0001", at(date(2026, 11, 26), "17:00")),
    SPEAKER.supplement_needed([LONG], WHEN),
    SPEAKER.dossier_refused(LONG),
    SPEAKER.result_ready(),
    SPEAKER.return_scheduled(WHEN),
    SPEAKER.result_delivered(),
    SPEAKER.window_lost(VisitPurpose.PICKUP.label, WHEN, LATER),
    SPEAKER.coming_despite_cancel("Phạm Văn Bưu", "BC-001", WHEN),
    SPEAKER.papers_return_scheduled(WHEN),
    SPEAKER.papers_returned(),
]


@pytest.mark.parametrize("telling", TELLINGS, ids=lambda telling: telling.about.value)
def test_each_notice_fills_its_approved_template(telling: Telling) -> None:
    """Zalo would refuse the message for a missing or overlong fact, and the citizen hear nothing."""
    kind = KINDS.get(telling.about, NoticeKind.OTHER)
    recipient = Recipient(Channel.PHONE, "+84900000123")
    notice = Notice("n-1", kind, recipient, telling.text, telling.facts)
    if kind is not NoticeKind.OTHER:
        assert DEFAULT_TEMPLATES[kind].fill(notice)
    assert "BCGHKLMN" in telling.text


def test_every_kind_of_notice_is_tried_above() -> None:
    """A new kind could be added without anybody looking at its text."""
    assert {telling.about for telling in TELLINGS} == set(About)


def test_every_failure_has_a_reason_in_words() -> None:
    """A citizen would read a code."""
    assert set(FAILURE_REASONS) == set(get_args(FailureReason))


def test_a_promise_is_told_with_day_and_hours() -> None:
    """A citizen would not know when to be at home."""
    assert "09:30–11:30 thứ Tư 25/11/2026" in SPEAKER.rescheduled(VisitPurpose.PICKUP.label, WHEN).text


def test_the_post_apologises_for_its_own_fault_only() -> None:
    """A citizen who was out would get an apology, one who waited in vain none."""
    assert "xin lỗi" in SPEAKER.visit_failed("worker_breakdown", "post", WHEN).text
    assert "xin lỗi" not in SPEAKER.visit_failed("not_home", "citizen", WHEN).text


@pytest.mark.parametrize(
    ("about", "promise", "until"),
    [
        (About.CONFIRMED, WHEN, WHEN.start),
        (About.WINDOW_LOST, WHEN, WHEN.start),
        (About.WORKER_COMING, WHEN, WHEN.end),
        (About.PICKED_UP, WHEN, WHEN.start + timedelta(hours=23)),
        (About.RESULT_READY, None, WHEN.start + timedelta(hours=23)),
    ],
)
def test_news_of_a_visit_is_of_use_before_it_and_other_news_for_a_day(
    about: About, promise: object, until: object
) -> None:
    """An operator would hear too late that a citizen does not know of the visit."""
    now = WHEN.start - timedelta(hours=1)
    assert useful_until(about, now, WHEN if promise else None) == until
