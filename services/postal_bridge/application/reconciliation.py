"""What postal_bridge looks after: offers nobody took, dossiers gone silent, results and cash left lying."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_
from sqlmodel import Session, col, func, select

from services.postal_bridge.application.cash import cash_day
from services.postal_bridge.application.names import NameBook
from services.postal_bridge.application.pages import OFFER_IS_OLD_AFTER, PARCEL_KINDS
from services.postal_bridge.application.parcels import holder_of, offered_of
from services.postal_bridge.application.records import CashbookRow, DossierActRow, DossierRow, ParcelRow
from services.postal_bridge.domain.custody import HolderKind
from services.postal_bridge.domain.dossier import DossierState
from shared.clock import at, local_date
from shared.reconciling import LISTED, Finding, Rule
from shared.vietnamese.dates import format_date, format_instant
from shared.vietnamese.money import format_vnd


@dataclass(frozen=True)
class Limits:
    """How long something may stand still.

    `offer`: a hand-over nobody took; `silent`: a dossier on its way or unread at the desk; `supplement`:
    papers a citizen was asked for; `uncollected`: what lies ready at the desk for the post.
    """

    offer: timedelta = OFFER_IS_OLD_AFTER
    silent: timedelta = timedelta(days=3)
    supplement: timedelta = timedelta(days=14)
    uncollected: timedelta = timedelta(hours=24)


def rules(limits: Limits) -> list[Rule]:
    """The rules of postal_bridge. Nothing here mends itself: papers and money move by hand only."""
    return [
        Rule(
            "offer_unaccepted",
            "Đã giao nhưng bên nhận chưa xác nhận",
            lambda session, now: unaccepted(session, now, limits.offer),
        ),
        Rule(
            "registered_silent",
            "Hồ sơ quá hạn hoặc lâu chưa có tin",
            lambda session, now: silent(session, now, limits),
        ),
        Rule(
            "result_uncollected",
            "Đã có kết quả, bưu điện chưa lấy",
            lambda session, now: uncollected(session, now, limits.uncollected),
        ),
        Rule("cash_undeposited", "Sổ quỹ ngày trước chưa nộp đủ hoặc chưa khoá", undeposited),
    ]


def unaccepted(session: Session, now: datetime, limit: timedelta) -> Sequence[Finding]:
    """Parcels on offer for too long. Until somebody takes them their giver holds and answers for them."""
    names = NameBook(session)
    old = (
        select(ParcelRow)
        .where(ParcelRow.offered_kind != "", col(ParcelRow.since) < now - limit)
        .order_by(col(ParcelRow.since))
        .limit(LISTED)
    )
    return [_unaccepted(names, row) for row in session.exec(old)]


def _unaccepted(names: NameBook, row: ParcelRow) -> Finding:
    offered = offered_of(row)
    receiver = names.holder(offered) if offered else ""
    giver = names.holder(holder_of(row))
    return Finding(
        subject=row.parcel_id,
        since=row.since,
        advice=(
            f"{PARCEL_KINDS[row.kind]}, túi {row.seal}: {giver} đang giữ, đã giao cho {receiver} nhưng chưa "
            f"được xác nhận. Gọi {receiver} kiểm túi rồi nhận, hoặc ghi lý do không nhận."
        ),
        ids={
            "dossier_id": row.dossier_id,
            "holder": f"{row.holder_kind}:{row.holder_id}",
            "offered_to": f"{row.offered_kind}:{row.offered_id}",
        },
    )


def silent(session: Session, now: datetime, limits: Limits) -> Sequence[Finding]:
    """Dossiers past their due date, and those nobody did anything with for too long."""
    last = func.max(DossierActRow.at)
    early = col(DossierRow.state).in_((DossierState.ON_THE_WAY, DossierState.OPENED))
    waits = col(DossierRow.state) == DossierState.SUPPLEMENT
    quiet = (
        select(DossierRow, last)
        .join(DossierActRow, col(DossierActRow.dossier_id) == DossierRow.dossier_id)
        .where(or_(early, waits, col(DossierRow.state) == DossierState.ACCEPTED))
        .group_by(col(DossierRow.dossier_id))
        .having(
            or_(
                and_(early, last < now - limits.silent),
                and_(waits, last < now - limits.supplement),
                and_(col(DossierRow.state) == DossierState.ACCEPTED, col(DossierRow.due_at) < now),
            )
        )
        .order_by(last)
        .limit(LISTED)
    )
    names = NameBook(session)
    return [_silent(names, row, since) for row, since in session.exec(quiet)]


def _silent(names: NameBook, row: DossierRow, last_act: datetime) -> Finding:
    desk, state = names.desk(row.unit_id), DossierState(row.state)
    code = row.dossier_code or f"yêu cầu {row.request_code}"
    since = last_act
    if state is DossierState.ACCEPTED and row.due_at is not None:
        since = row.due_at
        advice = (
            f"Hồ sơ {code} quá hạn trả {format_date(row.due_at)}: {desk} hỏi cơ quan giải quyết; nếu chưa có "
            "kết quả thì xin lỗi và hẹn lại ngày trả."
        )
    elif state is DossierState.SUPPLEMENT:
        advice = f"Hồ sơ {code}: chờ người dân bổ sung từ {format_instant(last_act)}. {desk} liên hệ lại."
    else:
        advice = (
            f"Hồ sơ {code} ({state.label.lower()}): chưa có tin từ {format_instant(last_act)}. Xem sổ bàn "
            f"giao ai đang giữ túi; {desk} mở, kiểm tra và tiếp nhận hoặc trả lời."
        )
    return Finding(row.dossier_id, since, advice, {"state": row.state, "unit_id": row.unit_id})


def uncollected(session: Session, now: datetime, limit: timedelta) -> Sequence[Finding]:
    """Results, and dossiers that were refused, which lie at the desk instead of going home."""
    refused_at_desk = exists().where(
        col(ParcelRow.dossier_id) == DossierRow.dossier_id,
        col(ParcelRow.kind) == "dossier",
        col(ParcelRow.holder_kind) == HolderKind.DESK,
    )
    lying = (
        select(DossierRow, DossierActRow.at)
        .join(DossierActRow, col(DossierActRow.dossier_id) == DossierRow.dossier_id)
        .where(
            or_(
                and_(
                    col(DossierRow.state) == DossierState.RESULT_READY,
                    col(DossierActRow.act) == "result_ready",
                ),
                and_(
                    col(DossierRow.state) == DossierState.REFUSED,
                    col(DossierActRow.act) == "refused",
                    refused_at_desk,
                ),
            ),
            col(DossierActRow.at) < now - limit,
        )
        .order_by(col(DossierActRow.at))
        .limit(LISTED)
    )
    names = NameBook(session)
    return [_uncollected(names, row, since) for row, since in session.exec(lying)]


def _uncollected(names: NameBook, row: DossierRow, since: datetime) -> Finding:
    what = "hồ sơ bị từ chối" if row.state == DossierState.REFUSED else "kết quả"
    desk = names.desk(row.unit_id)
    code = row.dossier_code or f"yêu cầu {row.request_code}"
    return Finding(
        subject=row.dossier_id,
        since=since,
        advice=(
            f"{code}: {what} nằm ở {desk} từ {format_instant(since)}. {desk} lập bàn giao, bưu cục đến "
            "nhận để trả tận nhà."
        ),
        ids={"state": row.state, "unit_id": row.unit_id},
    )


def undeposited(session: Session, now: datetime) -> Sequence[Finding]:
    """Cash days that are over and not closed, with the money still in hand."""
    over = (
        select(CashbookRow)
        .where(col(CashbookRow.day) < local_date(now), col(CashbookRow.closed_at).is_(None))
        .order_by(col(CashbookRow.day))
        .limit(LISTED)
    )
    names = NameBook(session)
    return [_undeposited(session, names, row) for row in session.exec(over)]


def _undeposited(session: Session, names: NameBook, row: CashbookRow) -> Finding:
    held = cash_day(session, row).in_hand.total
    what = f"{names.worker(row.worker_id)} còn giữ {format_vnd(held)}" if held else "chưa khoá sổ"
    return Finding(
        subject=row.cashbook_id,
        since=at(row.day, "23:59"),
        advice=(
            f"Sổ quỹ {format_date(row.day)}, {names.office(row.office_id)}: {what}. Thủ quỹ nhận tiền, ghi "
            "giải trình nếu chênh lệch, rồi khoá sổ."
        ),
        ids={"worker_id": row.worker_id, "office_id": row.office_id, "in_hand": str(held)},
    )
