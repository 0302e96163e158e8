"""Two rules that every service is swept by: events that do not leave, and events that are not applied."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from shared.messaging.guard import Guard, Outcome
from shared.messaging.tables import GatePosition, OutboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions
from shared.reconciling import LISTED, Finding, Rule
from shared.vietnamese.dates import format_instant

UNSENT_AFTER = timedelta(minutes=1)
"""A relay that runs sends within a second."""

UNAPPLIED_AFTER = timedelta(minutes=5)
"""What comes early or waits for another key's event is normally applied within seconds."""

_ADVICE = {
    Outcome.FAILED: "Mở trang Sự kiện gác lại: xem lý do, sửa nguyên nhân rồi cho chạy lại, hoặc bỏ.",
    Outcome.EARLY: "Sự kiện trước của cùng đối tượng chưa đến: xem dịch vụ nguồn có sự kiện chưa gửi không.",
    Outcome.WAITING: "Dữ liệu mà sự kiện này cần chưa đến: xem dịch vụ nguồn có sự kiện chưa gửi không.",
}


def messaging_rules(transactions: Transactions, guard: Guard) -> list[Rule]:
    """The two rules for one service. An event whose turn has come is tried again."""

    def try_again(finding: Finding) -> bool:
        with transactions.reading() as session:
            parked = session.get(ParkedEvent, finding.subject)
            if parked is None or not _turn_has_come(session, parked):
                return False
        return guard.replay(finding.subject) not in {Outcome.EARLY, Outcome.WAITING, Outcome.FAILED}

    return [
        Rule("outbox_stuck", "Sự kiện chưa gửi đi", unsent),
        Rule("inbox_stuck", "Sự kiện chưa áp dụng được", unapplied, try_again),
    ]


def unsent(session: Session, now: datetime) -> Sequence[Finding]:
    """One finding for all events that the broker should have had for a minute."""
    late = select(func.count(), func.min(OutboxRow.recorded_at)).where(
        col(OutboxRow.sent_at).is_(None), col(OutboxRow.recorded_at) < now - UNSENT_AFTER
    )
    number, oldest = session.exec(late).one()
    if oldest is None:
        return []
    advice = (
        f"{number} sự kiện chưa gửi, cũ nhất từ {format_instant(oldest)}: kiểm tra máy chủ sự kiện (Kafka) "
        "và nhật ký của bộ chuyển. Không mất dữ liệu, đừng xoá bảng outbox."
    )
    return [Finding("outbox", oldest, advice)]


def unapplied(session: Session, now: datetime) -> Sequence[Finding]:
    """Events that are parked for minutes, oldest first."""
    late = (
        select(ParkedEvent)
        .where(col(ParkedEvent.state).in_(list(_ADVICE)), col(ParkedEvent.parked_at) < now - UNAPPLIED_AFTER)
        .order_by(col(ParkedEvent.parked_at))
        .limit(LISTED)
    )
    return [
        Finding(
            row.event_id,
            row.parked_at,
            _ADVICE[Outcome(row.state)],
            {"state": row.state, "topic": row.topic, "key": row.key},
        )
        for row in session.exec(late)
    ]


def _turn_has_come(session: Session, parked: ParkedEvent) -> bool:
    """Whether what the event stood behind has been applied meanwhile. A failed one is a person's decision."""
    if parked.state == Outcome.EARLY:
        position = session.get(GatePosition, (parked.topic, parked.key))
        return position is not None and position.sequence >= parked.sequence - 1
    if parked.state == Outcome.WAITING:
        topic, _, key = parked.waits_for.partition(":")
        return session.get(GatePosition, (topic, key)) is not None
    return False
