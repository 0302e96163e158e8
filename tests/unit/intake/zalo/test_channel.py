"""The Zalo channel: which way a notice takes, and what happens when the answer gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from deploy.fake_zalo.approved import APPROVED
from services.intake.adapters.zalo.channel import ZaloChannel
from services.intake.adapters.zalo.client import ZaloClient
from services.intake.adapters.zalo.journal import MemoryJournal, SendJournal, Step, Way
from services.intake.adapters.zalo.sql_stores import SqlJournal
from services.intake.adapters.zalo.tables import ZaloTable
from services.intake.adapters.zalo.templates import DEFAULT_TEMPLATES, with_template_ids
from services.intake.application.notice_port import (
    Channel,
    ChannelStopped,
    Notice,
    NoticeDelayed,
    NoticeKind,
    NoticeRejected,
    NoticeUncertain,
    NoticeUndeliverable,
    Recipient,
)
from shared.persistence.engine import open_engine
from tests.unit.intake.zalo.support import MovableClock, WebhookTrap, inbox

FREE_TEXT = "Nhân viên bưu điện đến ngày 25/11/2026, khung giờ 08:00–10:00 (mã BCGH234K)."
FACTS = {
    "code": "BCGH234K",
    "day": "25/11/2026",
    "window": "08:00–10:00",
    "worker": "Trần Văn Mẫu",
    "reason": "thiếu bản sao giấy chứng sinh",
    "papers": "3",
    "amount": "35.000 đ",
    "dossier_code": "H47-261125-0001",
    "due_date": "02/12/2026",
}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database with the adapter's tables."""
    opened = open_engine(f"sqlite:///{tmp_path}/intake.db")
    ZaloTable.metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture(params=["memory", "sql"])
def journal(request: pytest.FixtureRequest, engine: Engine) -> SendJournal:
    """Both journals keep the same promises."""
    return MemoryJournal() if request.param == "memory" else SqlJournal(engine)


@pytest.fixture
def channel(zalo: ZaloClient, journal: SendJournal, clock: MovableClock) -> ZaloChannel:
    """The channel on the fake server."""
    return ZaloChannel(zalo, journal, clock)


@pytest.fixture
def notice(citizen: str, clock: MovableClock) -> Notice:
    """Something to tell a citizen who has just written."""
    recipient = Recipient(Channel.ZALO, citizen, last_interaction_at=clock())
    return Notice("N1", NoticeKind.REQUEST_CONFIRMED, recipient, FREE_TEXT, FACTS)


def test_within_seven_days_free_text_goes_out(channel: ZaloChannel, notice: Notice, fake: TestClient) -> None:
    """If this failed, citizens who write to us would get billed templates instead of an answer."""
    receipt = channel.send(notice)
    assert receipt.way == "zalo.message"
    assert receipt.provider_id
    assert inbox(fake, notice.recipient.address) == [FREE_TEXT]


def test_after_seven_days_the_template_goes_out(
    channel: ZaloChannel, notice: Notice, fake: TestClient, clock: MovableClock
) -> None:
    """If this failed, every notice a week after the request would be refused with -230."""
    clock.move(days=7, seconds=1)
    assert channel.send(notice).way == "zalo.template.user"
    assert inbox(fake)[0].startswith(
        "Yêu cầu BCGH234K đã được xác nhận. Nhân viên bưu điện đến ngày 25/11/2026"
    )


def test_a_window_that_only_zalo_knows_closed_leads_to_the_template(
    channel: ZaloChannel, notice: Notice, clock: MovableClock
) -> None:
    """If this failed, a wrong memory of the last interaction would lose the notice."""
    clock.move(days=8)
    recipient = replace(notice.recipient, last_interaction_at=clock())
    assert channel.send(replace(notice, recipient=recipient)).way == "zalo.template.user"


def test_a_phone_gets_the_template_with_the_notice_id_as_tracking_id(
    channel: ZaloChannel, fake: TestClient
) -> None:
    """If this failed, citizens who called would hear nothing, or receipts could not be matched."""
    recipient = Recipient(Channel.PHONE, "0900 000 456")
    receipt = channel.send(Notice("N2", NoticeKind.DOSSIER_ACCEPTED, recipient, "…", FACTS))
    message = fake.get("/inbox.json", params={"user": "84900000456"}).json()["messages"][0]
    assert receipt.way == "zalo.template.phone"
    assert (message["tracking_id"], message["id"]) == ("N2", receipt.provider_id)


def test_a_user_who_refuses_is_reached_by_phone(
    channel: ZaloChannel, notice: Notice, fake: TestClient
) -> None:
    """If this failed, one closed way would lose the notice though another was open."""
    unwilling = {"uid": notice.recipient.address, "name": "Nguyễn Thị Mẫu", "refusal": -227}
    fake.post("/citizens.json", json=unwilling)
    recipient = replace(notice.recipient, phone="0900000789")
    assert channel.send(replace(notice, recipient=recipient)).way == "zalo.template.phone"


@pytest.mark.parametrize(
    "recipient",
    [
        Recipient(Channel.NONE),
        Recipient(Channel.PHONE, "12345"),
        Recipient(Channel.PHONE, "0900000999"),
        Recipient(Channel.ZALO, "404"),
    ],
    ids=["nobody", "no number", "no Zalo account", "unknown user"],
)
def test_who_cannot_be_reached_is_said_so(
    channel: ZaloChannel, fake: TestClient, recipient: Recipient
) -> None:
    """If this failed, nobody would phone a citizen who never got the message."""
    without = {"name": "Lê Văn Mẫu", "phone": "0900000999", "refusal": -118}
    fake.post("/citizens.json", json=without)
    with pytest.raises(NoticeUndeliverable):
        channel.send(Notice("N3", NoticeKind.REQUEST_CANCELLED, recipient, "…", FACTS))
    assert inbox(fake) == []


def test_a_long_notice_arrives_in_order_and_resumes_where_it_stopped(
    channel: ZaloChannel, notice: Notice, fake: TestClient
) -> None:
    """If this failed, the end of a long list of papers would be lost, or its beginning sent twice."""
    long = replace(notice, text="\n\n".join(letter * 1500 for letter in "abc"))
    fake.post("/faults", json={"kind": "error", "code": -32, "skip": 1})
    with pytest.raises(NoticeDelayed):
        channel.send(long)
    assert [text[0] for text in inbox(fake, notice.recipient.address)] == ["a"]
    assert not channel.send(long).duplicate
    assert channel.send(long).duplicate
    assert [text[0] for text in inbox(fake, notice.recipient.address)] == ["c", "b", "a"]


@pytest.mark.parametrize("kind", ["http_500", "lost_answer"])
def test_a_lost_answer_to_free_text_is_looked_up_not_repeated(
    channel: ZaloChannel, notice: Notice, fake: TestClient, clock: MovableClock, kind: str
) -> None:
    """If this failed, a broken connection would double the message or lose it."""
    fake.post("/faults", json={"kind": kind, "path": "/message/cs"})
    with pytest.raises(NoticeDelayed):
        channel.send(notice)
    with pytest.raises(NoticeDelayed):
        channel.send(notice)  # too early to ask: the request may still be under way
    clock.move(seconds=20)
    receipt = channel.send(notice)
    assert inbox(fake, notice.recipient.address) == [FREE_TEXT]
    assert receipt.provider_id
    assert channel.send(notice) == replace(receipt, duplicate=True)


def test_a_lost_answer_to_a_template_waits_for_its_receipt(
    channel: ZaloChannel, fake: TestClient, trap: WebhookTrap, clock: MovableClock
) -> None:
    """If this failed, a billed template would be sent blindly a second time."""
    by_phone = Notice("N4", NoticeKind.RESULT_READY, Recipient(Channel.PHONE, "0900000456"), "…", FACTS)
    fake.post("/faults", json={"kind": "lost_answer", "path": "/message/template"})
    for _ in range(2):
        with pytest.raises(NoticeUncertain):
            channel.send(by_phone)
        clock.move(hours=1)
    assert len(inbox(fake)) == 1
    channel.confirm_delivery("N4", "z1")
    receipt = channel.send(by_phone)
    assert (receipt.duplicate, receipt.provider_id) == (True, "z1")
    assert len(inbox(fake)) == 1


def test_an_attempt_cut_off_by_a_crash_is_not_repeated_blindly(
    channel: ZaloChannel, journal: SendJournal, notice: Notice, fake: TestClient, clock: MovableClock
) -> None:
    """If this failed, kill -9 between sending and noting would tell the citizen twice."""
    journal.begin(Step("N1", 0, Way.MESSAGE, notice.digest(), clock()))
    channel._client.send_message(notice.recipient.address, FREE_TEXT)
    clock.move(minutes=5)
    assert channel.send(notice).duplicate
    assert inbox(fake, notice.recipient.address) == [FREE_TEXT]


def test_a_crowded_conversation_is_left_to_a_person(
    channel: ZaloChannel, journal: SendJournal, notice: Notice, clock: MovableClock
) -> None:
    """If this failed, a message pushed out of the last ten lines would be sent again."""
    journal.begin(Step("N1", 0, Way.MESSAGE, notice.digest(), clock()))
    clock.move(minutes=5)
    for count in range(10):
        channel._client.send_message(notice.recipient.address, f"Tin khác {count}")
    with pytest.raises(NoticeUncertain):
        channel.send(notice)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(-32, NoticeDelayed), (-144, NoticeDelayed), (-209, ChannelStopped), (-201, NoticeRejected)],
)
def test_refusals_tell_the_caller_what_to_do_and_leave_the_notice_sendable(
    channel: ZaloChannel, notice: Notice, fake: TestClient, code: int, expected: type[Exception]
) -> None:
    """If this failed, a passing fault would be final, or a defect retried for ever."""
    fake.post("/faults", json={"kind": "error", "code": code})
    with pytest.raises(expected):
        channel.send(notice)
    assert not channel.send(notice).duplicate
    assert inbox(fake, notice.recipient.address) == [FREE_TEXT]


@pytest.mark.parametrize("facts", [{}, {**FACTS, "window": "x" * 31}], ids=["missing", "too long"])
def test_facts_that_do_not_fit_the_template_are_our_defect(
    channel: ZaloChannel, facts: dict[str, str]
) -> None:
    """If this failed, Zalo would refuse what we could have seen ourselves."""
    recipient = Recipient(Channel.PHONE, "0900000456")
    with pytest.raises(NoticeRejected, match="hợp mẫu"):
        channel.send(Notice("N5", NoticeKind.REQUEST_CONFIRMED, recipient, "…", facts))


def test_every_kind_of_notice_has_a_template_the_fake_server_approved(
    channel: ZaloChannel, fake: TestClient
) -> None:
    """If this failed, one kind of notice would never reach a citizen by phone."""
    kinds = [kind for kind in NoticeKind if kind is not NoticeKind.OTHER]
    for number, kind in enumerate(kinds):
        recipient = Recipient(Channel.PHONE, "0900000456")
        assert channel.send(Notice(f"K{number}", kind, recipient, "…", FACTS)).way == "zalo.template.phone"
    assert len(inbox(fake)) == len(kinds) == len(APPROVED)
    assert not any("<" in text for text in inbox(fake))


def test_a_notice_without_template_goes_as_free_text_or_not_at_all(
    channel: ZaloChannel, notice: Notice, clock: MovableClock
) -> None:
    """If this failed, a citizen would read an approved text about something else."""
    other = replace(notice, kind=NoticeKind.OTHER)
    assert channel.send(other).way == "zalo.message"
    clock.move(days=8)
    with pytest.raises(NoticeUndeliverable):
        channel.send(replace(other, id="N6"))


def test_a_citizen_who_changed_the_channel_is_not_told_twice(
    channel: ZaloChannel, journal: SendJournal, notice: Notice, fake: TestClient, clock: MovableClock
) -> None:
    """If this failed, unfollowing between two attempts would make a repeat a second message or a defect."""
    receipt = channel.send(notice)
    by_phone = Recipient(Channel.PHONE, "0900000123")
    assert channel.send(replace(notice, recipient=by_phone)) == replace(receipt, duplicate=True)
    journal.begin(Step("N7", 0, Way.MESSAGE, notice.digest(), clock() - timedelta(hours=1)))
    with pytest.raises(NoticeUncertain):
        channel.send(replace(notice, id="N7", recipient=by_phone))
    assert inbox(fake) == [FREE_TEXT]


def test_a_real_account_brings_its_own_template_numbers() -> None:
    """If this failed, a province could not use the templates approved for it."""
    mine = with_template_ids({NoticeKind.RESULT_READY: "77"})
    assert list(mine) == [NoticeKind.RESULT_READY]
    assert mine[NoticeKind.RESULT_READY].template_id == "77"
    assert mine[NoticeKind.RESULT_READY].parameters == DEFAULT_TEMPLATES[NoticeKind.RESULT_READY].parameters


def test_two_senders_at_once_make_one_message(
    channel: ZaloChannel, journal: SendJournal, notice: Notice, fake: TestClient, clock: MovableClock
) -> None:
    """If this failed, two workers with the same notice would tell the citizen twice."""
    journal.begin(Step("N1", 0, Way.MESSAGE, notice.digest(), clock() - timedelta(seconds=1)))
    with pytest.raises(NoticeDelayed):
        channel.send(notice)
    assert not journal.begin(Step("N1", 0, Way.MESSAGE, notice.digest(), clock()))
    assert inbox(fake) == []


def test_a_completed_step_keeps_its_first_receipt(journal: SendJournal, clock: MovableClock) -> None:
    """If this failed, a late receipt would change what was recorded, or erase it."""
    journal.begin(Step("N9", 0, Way.MESSAGE, "d", clock()))
    journal.complete("N9", 0, "first", clock())
    journal.complete("N9", 0, "second", clock() + timedelta(hours=1))
    journal.withdraw("N9", 0)
    journal.complete("unknown", 0, "x", clock())
    assert journal.steps("N9") == [Step("N9", 0, Way.MESSAGE, "d", clock(), clock(), "first")]
    assert journal.steps("unknown") == []
