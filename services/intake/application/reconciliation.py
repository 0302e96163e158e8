"""What intake looks after: promises without a worker, people nobody called back, pickups nobody told of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from services.intake.application.agreement import office_name
from services.intake.application.records import AppointmentRow, DossierCopy, RequestRow
from services.intake.domain.appointments import ANNOUNCE_AHEAD, AppointmentStatus
from services.intake.domain.requests import RequestStatus
from shared.reconciling import LISTED, Finding, Rule
from shared.vietnamese.dates import window_text

UNHEARD_AFTER = timedelta(minutes=15)
"""The news of a pickup and of its dossier leave together; more than a broker's outage lies between then."""

_REGISTERED = (RequestStatus.DRAFT, RequestStatus.NEEDS_INFO, RequestStatus.RECEIVED)


@dataclass(frozen=True)
class Limits:
    """How long something may stand still: before a window without a worker, and after a request came in."""

    unplanned: timedelta = timedelta(hours=2)
    silent: timedelta = timedelta(hours=24)


def rules(limits: Limits) -> list[Rule]:
    """The rules of intake.

    A visit without a worker is mended elsewhere: routing inserts it into a plan in force, and the promise
    keeper moves it in time. Here a person hears of it while there is something to be done.
    """
    return [
        Rule(
            "confirmed_unplanned",
            "Đã hẹn nhưng chưa có nhân viên, sắp đến giờ",
            lambda session, now: unplanned(session, now, limits.unplanned),
        ),
        Rule(
            "request_silent",
            "Yêu cầu chưa hẹn được, lâu chưa liên hệ lại",
            lambda session, now: silent(session, now, limits.silent),
        ),
        Rule("pickup_unheard", "Đã thu gom nhưng chưa có tin về hồ sơ", unheard),
    ]


def unplanned(session: Session, now: datetime, ahead: timedelta) -> Sequence[Finding]:
    """Agreed visits whose window is near and that routing has given no worker: refused, or never planned."""
    near = (
        select(AppointmentRow, RequestRow.code)
        .join(RequestRow, col(RequestRow.request_id) == AppointmentRow.request_id)
        .where(
            AppointmentRow.status == AppointmentStatus.CONFIRMED,
            col(AppointmentRow.window_start) < now + ahead,
        )
        .order_by(col(AppointmentRow.window_start))
        .limit(LISTED)
    )
    return [_unplanned(session, row, code, ahead) for row, code in session.exec(near)]


def _unplanned(session: Session, row: AppointmentRow, code: str, ahead: timedelta) -> Finding:
    promised = row.promised_at or row.created_at
    why = row.unassigned_reason or "điều độ chưa có tin nào về lịch hẹn này"
    minutes = round(ANNOUNCE_AHEAD.total_seconds() / 60)
    return Finding(
        subject=row.appointment_id,
        since=max(promised, row.window_start - ahead),
        advice=(
            f"Yêu cầu {code}, hẹn {window_text(row.window_start, row.window_end)}: {why}. Báo điều độ viên "
            f"{office_name(row.office_id, session)} xếp nhân viên. Nếu vẫn chưa có, hệ thống tự hẹn lại và "
            f"báo người dân {minutes} phút trước giờ hẹn. Nếu trang Đối soát của Điều độ không thấy lịch "
            "hẹn này thì sự kiện chưa đến nơi."
        ),
        ids={
            "office_id": row.office_id,
            "window_start": row.window_start.isoformat(),
            "heard": "unassigned" if row.unassigned_reason else "nothing",
        },
    )


def silent(session: Session, now: datetime, limit: timedelta) -> Sequence[Finding]:
    """Requests that came in and led to no appointment, with nothing done for too long."""
    quiet = (
        select(RequestRow)
        .where(col(RequestRow.status).in_(_REGISTERED), col(RequestRow.changed_at) < now - limit)
        .order_by(col(RequestRow.changed_at))
        .limit(LISTED)
    )
    return [
        Finding(
            subject=row.request_id,
            since=row.changed_at,
            advice=(
                f"Yêu cầu {row.code} ({RequestStatus(row.status).label.lower()}): tổng đài gọi lại cho người "
                "dân để hoàn thiện và hẹn giờ, hoặc huỷ yêu cầu nếu không còn nhu cầu."
            ),
            ids={"status": row.status},
        )
        for row in session.exec(quiet)
    ]


def unheard(session: Session, now: datetime) -> Sequence[Finding]:
    """Requests whose papers left the house, without a dossier that anybody told of."""
    known = select(DossierCopy).where(DossierCopy.request_id == RequestRow.request_id)
    missing = (
        select(RequestRow)
        .where(
            RequestRow.status == RequestStatus.PICKED_UP,
            col(RequestRow.changed_at) < now - UNHEARD_AFTER,
            ~known.exists(),
        )
        .order_by(col(RequestRow.changed_at))
        .limit(LISTED)
    )
    return [
        Finding(
            subject=row.request_id,
            since=row.changed_at,
            advice=(
                f"Yêu cầu {row.code} đã thu gom nhưng chưa có tin mở hồ sơ: xem dịch vụ Bưu chính có sự kiện "
                "chưa gửi, và sự kiện bị giữ lại ở Tiếp nhận."
            ),
        )
        for row in session.exec(missing)
    ]
