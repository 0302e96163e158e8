"""What every notice channel promises, run on the Zalo channel (real sockets) and the log channel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import structlog
import uvicorn

from deploy.fake_zalo.app import create_app
from deploy.fake_zalo.settings import FakeZaloSettings
from services.intake.adapters.log_channel import LogChannel
from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.channel import ZaloChannel
from services.intake.adapters.zalo.client import ZaloClient
from services.intake.adapters.zalo.sql_stores import SqlJournal, SqlTokenStore
from services.intake.adapters.zalo.tables import ZaloTable
from services.intake.adapters.zalo.tokens import TokenKeeper
from services.intake.application.notice_port import (
    Channel,
    Notice,
    NoticeChannel,
    NoticeDelayed,
    NoticeKind,
    NoticeRejected,
    Recipient,
)
from shared.clock import system_clock
from shared.ids import new_id
from shared.persistence.engine import open_engine

TEXT = "Nhân viên bưu điện đến ngày 25/11/2026, khung giờ 08:00–10:00."
PHONE = "0900000123"


class Harness(Protocol):
    """A channel with somebody to tell, and an outside view of what was told."""

    channel: NoticeChannel
    recipient: Recipient

    def told(self) -> int:
        """How often something was told to anybody."""
        ...


@dataclass
class LogHarness:
    """The log channel; what it told is in the captured log."""

    log: list[Any]
    recipient: Recipient
    channel: NoticeChannel

    def told(self) -> int:
        """Lines about notices."""
        return sum(line["event"] == "notice.logged" for line in self.log)


@dataclass
class ZaloHarness:
    """The Zalo channel on a fake server behind a real socket."""

    http: httpx.Client
    recipient: Recipient
    channel: NoticeChannel

    def told(self) -> int:
        """Messages in everybody's inbox."""
        return len(self.http.get("/inbox.json").json()["messages"])


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """Every log line of the test."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The fake server on a free port, posting webhooks to nobody."""
    settings = FakeZaloSettings.model_construct(
        data=tmp_path / "fake.db", intake_url="http://127.0.0.1:9", receipts=False
    )
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="error"))
    socket = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=10)
    socket.close()


@pytest.fixture
def zalo(tmp_path: Path, address: str) -> Iterator[ZaloHarness]:
    """A citizen who has just written by Zalo."""
    engine = open_engine(f"sqlite:///{tmp_path}/intake.db")
    ZaloTable.metadata.create_all(engine)
    settings = FakeZaloSettings.model_construct()
    account = ZaloAccount(
        settings.app_id, settings.oa_id, settings.app_secret, settings.oa_secret, address, address, address
    )
    with httpx.Client(base_url=address, timeout=5) as http:
        said = {"name": "Nguyễn Thị Mẫu", "phone": PHONE, "text": "Xin chào"}
        uid = http.post("/write.json", json=said).json()["uid"]
        store = SqlTokenStore(engine, account.oa_id)
        tokens = TokenKeeper(account, store, http, system_clock, first_code=settings.consent_code)
        channel = ZaloChannel(
            ZaloClient(account, tokens, http), SqlJournal(engine), system_clock, settling=timedelta()
        )
        yield ZaloHarness(http, Recipient(Channel.ZALO, uid, PHONE, system_clock()), channel)
    engine.dispose()


@pytest.fixture(params=["log", "zalo"])
def harness(request: pytest.FixtureRequest, log: list[Any]) -> Harness:
    """Each channel in turn."""
    if request.param == "zalo":
        found: ZaloHarness = request.getfixturevalue("zalo")
        return found
    return LogHarness(log, Recipient(Channel.PHONE, PHONE), LogChannel(system_clock))


def notice_for(harness: Harness) -> Notice:
    """Something to tell the harness's citizen."""
    return Notice(new_id(), NoticeKind.REQUEST_CONFIRMED, harness.recipient, TEXT, {"code": "BCGH234K"})


def test_a_notice_is_told_once_and_receipted(harness: Harness) -> None:
    """If this failed, a sent notice could not be told from an unsent one."""
    notice = notice_for(harness)
    before = system_clock()
    receipt = harness.channel.send(notice)
    assert receipt.notice_id == notice.id
    assert receipt.way
    assert not receipt.duplicate
    assert before <= receipt.sent_at <= system_clock()
    assert harness.told() == 1


def test_a_repeat_is_a_success_without_a_second_message(harness: Harness) -> None:
    """If this failed, a retry after a crash would tell the citizen twice, or fail for ever."""
    notice = notice_for(harness)
    first = harness.channel.send(notice)
    assert harness.channel.send(notice) == replace(first, duplicate=True)
    assert harness.told() == 1


def test_an_id_used_for_another_text_is_refused(harness: Harness) -> None:
    """If this failed, a second notice under a used id would be dropped as if it had been sent."""
    notice = notice_for(harness)
    harness.channel.send(notice)
    with pytest.raises(NoticeRejected) as caught:
        harness.channel.send(replace(notice, text="Lịch hẹn đã đổi."))
    assert caught.value.problem_code == "notice.id_reused"
    assert harness.told() == 1


def test_two_notices_are_two_messages(harness: Harness) -> None:
    """If this failed, the same words on another day would be taken for a repeat."""
    harness.channel.send(notice_for(harness))
    harness.channel.send(notice_for(harness))
    assert harness.told() == 2


def test_the_log_holds_ids_but_nothing_about_the_person(harness: Harness, log: list[Any]) -> None:
    """If this failed, phones and messages of citizens would lie in log files."""
    notice = notice_for(harness)
    harness.channel.send(notice)
    written = repr(log)
    assert all(secret not in written for secret in (TEXT, PHONE, PHONE[1:]))
    assert harness.recipient.address not in written


def test_an_answer_that_comes_too_late_makes_no_second_message(zalo: ZaloHarness) -> None:
    """If this failed, a slow evening at Zalo would double every message of it."""
    notice = notice_for(zalo)
    zalo.http.post("/faults", json={"kind": "slow", "seconds": 1.5, "path": "/message/cs"})
    zalo.http.timeout = 0.5
    with pytest.raises(NoticeDelayed):
        zalo.channel.send(notice)
    zalo.http.timeout = 5
    assert zalo.channel.send(notice).duplicate
    assert zalo.told() == 1


@pytest.mark.parametrize(
    ("identifier", "text"), [("", TEXT), ("x" * 45, TEXT), ("n1", " \n")], ids=["no id", "long id", "empty"]
)
def test_a_notice_that_no_channel_could_send_cannot_be_made(identifier: str, text: str) -> None:
    """If this failed, each channel would have to find out by itself."""
    with pytest.raises(ValueError, match="notice"):
        Notice(identifier, NoticeKind.RESULT_READY, Recipient(Channel.NONE), text)
    with pytest.raises(ValueError, match="address"):
        Recipient(Channel.ZALO)
