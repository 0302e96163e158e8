"""How notices reach citizens: in order, as long as they are of use, and else by a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from services.intake.application.commands import SettleNotice
from services.intake.application.notice_port import ChannelStopped, Notice, NoticeDelayed, Receipt
from services.intake.application.notice_sender import NoticeSender
from services.intake.application.records import NoticeRow
from shared.clock import FixedClock, at
from shared.contracts.intake import NoticeFailed, NoticeSent
from shared.messaging.sole_worker import SoleWorker
from tests.integration.intake.conftest import OPERATOR, TODAY, Intake, window

MACHINE = at(TODAY, "08:00")


def later(seconds: float) -> FixedClock:
    """The machine's clock some seconds on."""
    return FixedClock(MACHINE + timedelta(seconds=seconds))


def rows(intake: Intake) -> list[NoticeRow]:
    """All notices, oldest first."""
    with intake.service.transactions.reading() as session:
        return sorted(session.exec(select(NoticeRow)).all(), key=lambda row: row.notice_id)


def delayed(seconds: float = 0) -> NoticeDelayed:
    """The provider wants a pause."""
    return NoticeDelayed("later", retry_after=timedelta(seconds=seconds))


def test_a_delayed_notice_holds_back_the_later_ones_of_its_request(intake: Intake) -> None:
    """News would overtake what it follows."""
    intake.scheduled(intake.confirmed())
    intake.channel.trouble = [delayed()]
    intake.sender(later(0)).send_due()
    assert intake.channel.sent == []
    intake.sender(later(0.5)).send_due()
    assert intake.channel.sent == []
    intake.sender(later(1)).send_due()
    intake.sender(later(1)).send_due()
    assert [event["about"] for event in intake.published(NoticeSent)] == ["confirmed", "worker_assigned"]


def test_a_page_full_of_delayed_notices_blocks_nobody(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty unreachable citizens would silence the whole service."""
    monkeypatch.setattr("services.intake.application.notice_sender.PAGE", 2)
    for number in range(4):
        intake.confirmed(phone=f"090000020{number}")
    intake.channel.trouble = [delayed(3600) for _ in range(4)]
    intake.sender(later(0)).send_due()
    intake.confirmed(phone="0900000300")
    intake.sender(later(1)).send_due()
    assert [notice.recipient.address for notice in intake.channel.sent] == ["+84900000300"]


def test_the_provider_s_pause_is_kept_over_a_restart(intake: Intake) -> None:
    """Asking again too soon gets an account blocked."""
    intake.confirmed()
    intake.channel.trouble = [delayed(600)]
    intake.sender(later(0)).send_due()
    intake.sender(later(599)).send_due()
    assert intake.channel.sent == []
    intake.sender(later(600)).send_due()
    assert len(intake.channel.sent) == 1


def test_a_notice_is_tried_until_its_visit_begins_and_then_an_operator_calls(intake: Intake) -> None:
    """A short outage of the provider would end in calls, or a long one in a visit nobody knows of."""
    request = intake.confirmed()
    for minute in range(20):
        intake.channel.trouble = [delayed()]
        intake.sender(later(minute * 360)).send_due()
    assert intake.published(NoticeFailed) == []
    intake.channel.trouble = [delayed(86_400)]
    intake.sender(later(7_200)).send_due()
    intake.clock.set(at(date(2026, 11, 26), "09:30"))
    intake.channel.trouble = [delayed()]
    intake.sender(later(7_201)).send_due()
    assert [event["about"] for event in intake.published(NoticeFailed)] == ["confirmed"]
    page = intake.client.get("/tong-dai", headers={**intake.headers(OPERATOR), "accept": "text/html"})
    assert request["code"] in page.text.split("Cần gọi điện")[1]


def test_a_stopped_channel_rests_as_a_whole_and_costs_no_attempt(intake: Intake) -> None:
    """A wrong token for a minute would turn every notice into a call."""
    intake.confirmed(), intake.confirmed(phone="0900000456")
    sender = intake.sender(later(0))
    intake.channel.trouble = [ChannelStopped("token")]
    sender.send_due()
    assert intake.channel.sent == []
    for second in (1, 15, 29):
        sender = _at(sender, second)
        sender.send_due()
    assert intake.channel.sent == []
    assert [row.attempts for row in rows(intake)] == [0, 0]
    sender = _at(sender, 30)
    sender.send_due()
    assert len(intake.channel.sent) == 1
    _at(sender, 61).send_due()
    assert len(intake.channel.sent) == 2


def test_while_a_channel_rests_the_call_list_goes_on_and_useless_notices_fail(intake: Intake) -> None:
    """An operator would hear of nothing as long as the account is broken."""
    intake.confirmed(), intake.confirmed(phone="0900000456", window=window("13:30", "15:30"))
    sender = intake.sender(later(0))
    intake.channel.trouble = [ChannelStopped("token")]
    sender.send_due()
    intake.clock.set(at(date(2026, 11, 26), "09:30"))
    _at(sender, 5).send_due()
    assert len(intake.published(NoticeFailed)) == 1


def _at(sender: NoticeSender, seconds: float) -> NoticeSender:
    """The same sender, its machine's clock some seconds on."""
    sender.machine_clock = later(seconds)
    return sender


def test_a_row_that_cannot_be_read_fails_and_the_next_is_sent(intake: Intake) -> None:
    """One bad row would end every notice of the service."""
    intake.confirmed()
    with intake.service.transactions.begin() as uow:
        (row,) = uow.session.exec(select(NoticeRow)).all()
        row.about = "no such news"
        uow.session.add(row)
    intake.confirmed(phone="0900000456")
    intake.send_notices()
    assert [row.state for row in rows(intake)] == ["failed", "sent"]


@dataclass
class BrokenChannel:
    """Fails in a way nobody thought of."""

    def send(self, _notice: Notice) -> Receipt:
        """Never works."""
        raise ZeroDivisionError


def test_an_unknown_failure_of_the_channel_is_tried_again(intake: Intake) -> None:
    """A defect in an adapter would lose the notice or stop the thread."""
    intake.confirmed()
    replace(intake.sender(later(0)), channel=BrokenChannel()).send_due()
    assert [row.state for row in rows(intake)] == ["queued"]
    intake.sender(later(60)).send_due()
    assert [row.state for row in rows(intake)] == ["sent"]


def test_the_thread_survives_whatever_a_round_raises(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one failure nobody would be told anything until the next restart."""
    monkeypatch.setattr("shared.messaging.sole_worker.RETRY_SECONDS", 0.0)
    rounds = []

    def work(stopping: object) -> float:
        rounds.append(1)
        if len(rounds) < 3:
            raise MemoryError("as bad as it gets")
        worker._stopping.set()
        return 0.0

    worker = SoleWorker(intake.service.engine, "test", work)
    worker.run()
    assert len(rounds) == 3


def test_a_settled_notice_stays_as_it_is(intake: Intake) -> None:
    """Two processes at once would publish two outcomes."""
    intake.confirmed()
    intake.send_notices()
    (row,) = rows(intake)
    answer = intake.service.bus.execute(SettleNotice(notice_id=row.notice_id, outcome="failed"), OPERATOR)
    assert answer["state"] == "sent"
    assert isinstance(row.settled_at, datetime)
