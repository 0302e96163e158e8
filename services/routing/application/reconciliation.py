"""What routing looks after: stops that no plan has shortly before their window, and visits gone silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from services.routing.application.records import Office, StopRow
from services.routing.domain.stops import StopState
from shared.reconciling import LISTED, Finding, Rule
from shared.vietnamese.dates import window_text


@dataclass(frozen=True)
class Limits:
    """How long before a window a stop may be without a plan, and how long after it nothing may be heard."""

    unplanned: timedelta = timedelta(hours=2)
    silent: timedelta = timedelta(hours=1)


def rules(limits: Limits) -> list[Rule]:
    """The rules of routing. Stops that fit into a plan in force are inserted by the urgent planner."""
    return [
        Rule(
            "confirmed_unplanned",
            "Điểm dừng chưa có trong lộ trình, sắp đến giờ",
            lambda session, now: unplanned(session, now, limits.unplanned),
        ),
        Rule(
            "visit_silent",
            "Đã hết giờ hẹn mà chưa có tin của nhân viên",
            lambda session, now: silent(session, now, limits.silent),
        ),
    ]


def unplanned(session: Session, now: datetime, ahead: timedelta) -> Sequence[Finding]:
    """Stops whose window is near and that are on no route: never planned, or planned without a worker."""
    near = (
        select(StopRow)
        .where(
            col(StopRow.state).in_((StopState.WAITING, StopState.UNASSIGNED)),
            col(StopRow.window_start) < now + ahead,
        )
        .order_by(col(StopRow.window_start))
        .limit(LISTED)
    )
    return [_unplanned(session, row, ahead) for row in session.exec(near)]


def _unplanned(session: Session, row: StopRow, ahead: timedelta) -> Finding:
    why = row.reason or "chưa lập lộ trình cho điểm này"
    return Finding(
        subject=row.stop_id,
        since=row.window_start - ahead,
        advice=(
            f"Điểm {row.code}, hẹn {window_text(row.window_start, row.window_end)}, "
            f"{_office(session, row.office_id)}: {why}. Điều độ viên lập lộ trình của ngày hoặc chuyển điểm "
            "này cho một nhân viên."
        ),
        ids={"state": row.state, "office_id": row.office_id, "window_start": row.window_start.isoformat()},
    )


def silent(session: Session, now: datetime, limit: timedelta) -> Sequence[Finding]:
    """Planned or started visits whose window is over for long, with neither an end nor a failure reported."""
    quiet = (
        select(StopRow)
        .where(
            col(StopRow.state).in_((StopState.PLANNED, StopState.STARTED)),
            col(StopRow.window_end) < now - limit,
        )
        .order_by(col(StopRow.window_end))
        .limit(LISTED)
    )
    return [
        Finding(
            subject=row.stop_id,
            since=row.window_end,
            advice=(
                f"Điểm {row.code}, hẹn {window_text(row.window_start, row.window_end)}, "
                f"{_office(session, row.office_id)}: {row.status.label}, chưa có tin. Gọi nhân viên "
                f"{row.worker_id or ''}: ghi kết quả trên điện thoại, hoặc báo không thành để hẹn lại."
            ),
            ids={"state": row.state, "office_id": row.office_id, "worker_id": row.worker_id or ""},
        )
        for row in session.exec(quiet)
    ]


def _office(session: Session, office_id: str) -> str:
    office = session.get(Office, office_id)
    return office.name if office else office_id
