"""A thread that sends queued notices through the port, in order for each request, a bounded number of times.

The outcome is recorded by a command in a transaction of its own, never around the network call. A
notice that was sent while the process died is handed to the channel again, which knows it and does not
repeat it. Waiting is counted on the machine's clock, because a demonstration may move business time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from services.intake.application.booking import the_request
from services.intake.application.commands import SettleNotice
from services.intake.application.notice_port import (
    Channel,
    Notice,
    NoticeChannel,
    NoticeDelayed,
    NoticeKind,
    NoticeProblem,
)
from services.intake.application.notices import QUEUED, as_notice, recipient_of
from services.intake.application.records import NoticeRow
from shared.contracts.envelope import ActorRef
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions
from shared.persistence.locks import sole_holder

log = structlog.get_logger(__name__)

BATCH = 50
POLL_SECONDS = 0.3
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
CALL_LIST = "call_list"
"""The channel of a notice that an operator has to tell by phone."""


@dataclass
class NoticeSender:
    """Sends one service's notices. Of several, the lock lets only one work.

    `channel` reaches citizens by machine; `call_list` keeps what only a person can tell. After
    `most_attempts` vain tries a notice fails for good and an operator has to call.
    """

    transactions: Transactions
    bus: CommandBus
    channel: NoticeChannel
    call_list: NoticeChannel
    most_attempts: int = 8
    monotonic: Callable[[], float] = time.monotonic
    _not_before: dict[str, float] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to send in the background."""
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 6.0) -> None:
        """Ends after the notice at hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with sole_holder(self.transactions.engine, "notices") as held:
                    while held and not self._stop.is_set():
                        if not self.send_due():
                            self._stop.wait(POLL_SECONDS)
            except (SQLAlchemyError, OSError) as error:
                log.warning("notices.interrupted", error=type(error).__name__)
            self._stop.wait(1.0)

    def send_due(self) -> int:
        """Tries every notice that is due once, oldest first; answers how many were settled.

        While an earlier notice of a request waits, its later ones wait too: news must not arrive
        before what it follows.
        """
        with self.transactions.reading() as session:
            queue = select(NoticeRow).where(NoticeRow.state == QUEUED)
            rows = session.exec(queue.order_by(col(NoticeRow.notice_id)).limit(BATCH)).all()
            due = [
                (row, as_notice(row, recipient_of(the_request(session, row.request_id), session)))
                for row in rows
            ]
        settled = 0
        waiting: set[str] = set()
        for row, notice in due:
            if self._stop.is_set():
                break
            if row.request_id in waiting:
                continue
            if self._not_before.get(row.notice_id, 0.0) > self.monotonic():
                waiting.add(row.request_id)
                continue
            if self._try(row, notice):
                settled += 1
            else:
                waiting.add(row.request_id)
        return settled

    def _try(self, row: NoticeRow, notice: Notice) -> bool:
        """One attempt; True when the notice is settled."""
        by_machine = _reachable(notice)
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
        reason = problem.problem_code
        if not problem.retryable or row.attempts + 1 >= self.most_attempts:
            log.warning("notice.failed", notice_id=row.notice_id, reason=reason)
            return self._settle(SettleNotice(notice_id=row.notice_id, outcome="failed", reason=reason))
        pause = min(FIRST_PAUSE_SECONDS * 2**row.attempts, LONGEST_PAUSE_SECONDS)
        if isinstance(problem, NoticeDelayed):
            pause = max(pause, min(problem.retry_after.total_seconds(), LONGEST_PAUSE_SECONDS))
        self._not_before[row.notice_id] = self.monotonic() + pause
        self._settle(SettleNotice(notice_id=row.notice_id, outcome="tried", reason=reason))
        return False

    def _settle(self, command: SettleNotice) -> bool:
        self.bus.execute(command, ActorRef.system("intake"))
        if command.outcome != "tried":
            self._not_before.pop(command.notice_id, None)
        return True


def _reachable(notice: Notice) -> bool:
    """Whether a machine can tell this person this: by phone only what has an approved template."""
    channel = notice.recipient.channel
    return channel is Channel.ZALO or (channel is Channel.PHONE and notice.kind is not NoticeKind.OTHER)
