"""Sends queued notices through the port, in order for each request, as long as they are of use.

The outcome is recorded by a command in a transaction of its own, never around the network call. A
notice that was sent while the process died is handed to the channel again, which knows it and does not
repeat it. When a notice is due again stands in its row, by the machine's clock, because a demonstration
may move business time; until when it is of use is business time. What could not be sent by then fails,
and an operator calls.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, exists, or_, select

from services.intake.application.booking import the_request
from services.intake.application.commands import SettleNotice
from services.intake.application.notice_port import (
    Channel,
    ChannelStopped,
    Notice,
    NoticeChannel,
    NoticeDelayed,
    NoticeKind,
    NoticeProblem,
)
from services.intake.application.notices import QUEUED, as_notice, recipient_of
from services.intake.application.records import NoticeRow
from shared.clock import Clock, system_clock
from shared.contracts.envelope import ActorRef
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions

log = structlog.get_logger(__name__)

PAGE = 50
POLL_SECONDS = 0.3
POLL_WHILE_STOPPED_SECONDS = 3.0
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=5)
CHANNEL_PAUSE = timedelta(seconds=30)
"""So long nothing is tried on a channel whose account is wrongly set up."""
CALL_LIST = "call_list"
"""The channel of a notice that an operator has to tell by phone."""
CRASHED = "notice.crashed"
"""The reason of a notice that could not even be read."""


@dataclass
class NoticeSender:
    """Sends one service's notices; one process at a time may do so.

    `channel` reaches citizens by machine; `call_list` keeps what only a person can tell. `machine_clock`
    counts the pauses.
    """

    transactions: Transactions
    bus: CommandBus
    channel: NoticeChannel
    call_list: NoticeChannel
    machine_clock: Clock = system_clock
    _channel_rests_until: datetime | None = field(default=None, init=False)

    def work(self, stopping: threading.Event) -> float:
        """One round for a `SoleWorker`."""
        if self.send_due(stopping):
            return 0.0
        return POLL_WHILE_STOPPED_SECONDS if self._channel_rests() else POLL_SECONDS

    def send_due(self, stopping: threading.Event | None = None) -> int:
        """Tries the first waiting notice of every request that is due; answers how many were settled.

        While an earlier notice of a request waits, its later ones wait too: news must not arrive before
        what it follows. Requests never wait for each other.
        """
        settled = 0
        for row in self._due():
            if stopping is not None and stopping.is_set():
                break
            settled += self._handle(row)
        return settled

    def _due(self) -> Iterator[NoticeRow]:
        last = ""
        while True:
            with self.transactions.reading() as session:
                page = self._page(session, last)
            if not page:
                return
            yield from page
            last = page[-1].notice_id

    def _page(self, session: Session, after: str) -> list[NoticeRow]:
        """The next notices that head the queue of their request and are due, oldest first."""
        earlier = aliased(NoticeRow)
        same_request = col(earlier.request_id) == col(NoticeRow.request_id)
        behind = exists().where(
            same_request, col(earlier.state) == QUEUED, col(earlier.notice_id) < col(NoticeRow.notice_id)
        )
        may_be_tried = or_(
            col(NoticeRow.not_before).is_(None),
            col(NoticeRow.not_before) <= self.machine_clock(),
            col(NoticeRow.useful_until) <= self.transactions.clock(),
        )
        due = select(NoticeRow).where(
            NoticeRow.state == QUEUED, col(NoticeRow.notice_id) > after, may_be_tried, ~behind
        )
        return list(session.exec(due.order_by(col(NoticeRow.notice_id)).limit(PAGE)))

    def _handle(self, row: NoticeRow) -> bool:
        """One try; True when the notice is settled. A row that cannot be read fails and blocks nobody."""
        try:
            with self.transactions.reading() as session:
                notice = as_notice(row, recipient_of(the_request(session, row.request_id), session))
        except SQLAlchemyError:
            raise  # the database is away, the row is not at fault
        except Exception as error:  # noqa: BLE001 - one bad row must not stop the others
            log.warning("notice.unreadable", notice_id=row.notice_id, error=type(error).__name__)
            return self._fail(row, CRASHED)
        by_machine = _reachable(notice)
        if by_machine and self._channel_rests():
            return self._no_longer_useful(row) and self._fail(row, ChannelStopped.code)
        return self._try(row, notice, by_machine=by_machine)

    def _try(self, row: NoticeRow, notice: Notice, *, by_machine: bool) -> bool:
        channel = self.channel if by_machine else self.call_list
        try:
            receipt = channel.send(notice)
        except NoticeProblem as problem:
            return self._after_failure(row, problem)
        except Exception as error:  # noqa: BLE001 - one notice must not stop the others
            log.warning("notice.crashed", notice_id=row.notice_id, error=type(error).__name__)
            return self._after_failure(row, NoticeDelayed("Kênh thông báo gặp lỗi ngoài ý muốn."))
        way = receipt.way if by_machine else CALL_LIST
        return self._settle(SettleNotice(notice_id=row.notice_id, outcome="sent", channel=way))

    def _after_failure(self, row: NoticeRow, problem: NoticeProblem) -> bool:
        if isinstance(problem, ChannelStopped):
            self._channel_rests_until = self.machine_clock() + CHANNEL_PAUSE
            log.error("notices.channel_stopped", notice_id=row.notice_id)
        if not problem.retryable or self._no_longer_useful(row):
            return self._fail(row, problem.problem_code)
        self._try_later(row, problem)
        return False

    def _try_later(self, row: NoticeRow, problem: NoticeProblem) -> None:
        """Waits longer each time, and never shorter than the provider asks for.

        A stopped channel is no fault of the notice: it waits one round longer than the channel, so that
        another one tries the channel next, in case only this one's template is set up wrongly.
        """
        stopped = isinstance(problem, ChannelStopped)
        pause = 2 * CHANNEL_PAUSE if stopped else min(FIRST_PAUSE * 2 ** min(row.attempts, 10), LONGEST_PAUSE)
        if isinstance(problem, NoticeDelayed):
            pause = max(pause, problem.retry_after)
        command = SettleNotice(
            notice_id=row.notice_id,
            outcome="held" if stopped else "tried",
            reason=problem.problem_code,
            not_before=self.machine_clock() + pause,
        )
        self._settle(command)

    def _fail(self, row: NoticeRow, reason: str) -> bool:
        log.warning("notice.failed", notice_id=row.notice_id, reason=reason)
        return self._settle(SettleNotice(notice_id=row.notice_id, outcome="failed", reason=reason))

    def _settle(self, command: SettleNotice) -> bool:
        self.bus.execute(command, ActorRef.system("intake"))
        return True

    def _no_longer_useful(self, row: NoticeRow) -> bool:
        return row.useful_until is not None and row.useful_until <= self.transactions.clock()

    def _channel_rests(self) -> bool:
        until = self._channel_rests_until
        return until is not None and self.machine_clock() < until


def _reachable(notice: Notice) -> bool:
    """Whether a machine can tell this person this: by phone only what has an approved template."""
    channel = notice.recipient.channel
    return channel is Channel.ZALO or (channel is Channel.PHONE and notice.kind is not NoticeKind.OTHER)
