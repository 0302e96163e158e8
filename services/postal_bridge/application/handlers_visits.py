"""The worker at the door: one step after the other, or the visit given up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import func, select

from services.postal_bridge.application.cash import collect, must_be_open
from services.postal_bridge.application.commands import FailVisit, OnDevice, TakeStep
from services.postal_bridge.application.dossiers import deliver_dossier, open_dossier_at_door
from services.postal_bridge.application.parcels import (
    by_of,
    chain_of,
    claim_seal,
    holder_of,
    keep,
    offered_of,
    publish_handover,
    seal_parcel,
)
from services.postal_bridge.application.ports import Ports
from services.postal_bridge.application.records import ParcelRow, VisitRow, VisitStepRow
from services.postal_bridge.application.visits import (
    dossier_for,
    freeze_terms,
    load_visit,
    parcel_going_home,
    read_step,
    terms_of,
    visit_row,
    write_step,
)
from services.postal_bridge.domain.custody import Holder, HolderKind
from services.postal_bridge.domain.steps import FeeTaken, PapersCounted, PaperState, SealApplied, Step
from services.postal_bridge.domain.visit import Outcome, Purpose, Visit
from shared.clock import local_date
from shared.contracts import postal
from shared.errors import Invalid, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork
from shared.vietnamese.dates import format_date

CLOCKS_MAY_DIFFER = timedelta(minutes=10)
"""A phone whose clock is further ahead than this is refused: times at the door are evidence."""


def take_step(command: TakeStep, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Takes one step of a visit; the last one changes custody, and money is booked at its own step."""
    row = _own_visit(command.visit_id, uow)
    told_at = _device_time(command, uow)
    if command.step is Step.START:
        _prepare(row, uow)
    data = read_step(command.step, command.body)
    if isinstance(data, SealApplied):
        # The order is checked before the serial is used up.
        load_visit(uow.session, row).take(command.step, data)
        data = SealApplied(claim_seal(uow, data.serial, f"visit:{row.visit_id}"))
    visit = load_visit(uow.session, row).take(command.step, data)
    uow.session.add(
        VisitStepRow(
            visit_id=row.visit_id,
            position=len(visit.taken),
            step=command.step.value,
            body=write_step(data),
            action_id=command.action_id,
            account=uow.actor.account,
            device_time=told_at,
            recorded_at=uow.now,
            lat=command.lat,
            lon=command.lon,
            accuracy_m=command.accuracy_m,
        )
    )
    row.state = visit.state.value
    if command.step is Step.START:
        _set_off(row, uow)
    elif command.step is Step.ARRIVE:
        row.arrived_at = uow.now
    answer = answer_of(visit)
    if isinstance(data, FeeTaken):
        answer["receipt_no"] = collect(uow, row, data, visit.charge)
    if visit.outcome is not None:
        answer |= _complete(row, visit, uow)
    return answer


def fail_visit(command: FailVisit, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Gives a visit up, with the reason and whose side it lies on. The worker's note stays here."""
    row = _own_visit(command.visit_id, uow)
    _device_time(command, uow)
    visit = load_visit(uow.session, row).fail(command.reason, command.call_attempts)
    row.state, row.finished_at = visit.state.value, uow.now
    row.failure_reason, row.failure_note = command.reason.value, command.note
    row.call_attempts = command.call_attempts
    uow.publish(
        postal.VisitFailed(
            visit_id=row.visit_id,
            request_id=row.request_id,
            worker_id=uow.person.worker or "",
            purpose=row.purpose,
            attempt=row.attempt,
            reason=command.reason.value,
            cause=command.reason.cause.value,
            arrived_at=row.arrived_at,
            failed_at=uow.now,
        )
    )
    return answer_of(visit) | {"cause": command.reason.cause.value}


def answer_of(visit: Visit) -> dict[str, Any]:
    """Where a visit stands and what the next step needs, for programs and for the phone."""
    return {
        "visit_id": visit.visit_id,
        "state": visit.state.value,
        "steps": [step.value for step in visit.steps],
        "next_step": visit.next_step.value if visit.next_step else None,
        "outcome": visit.outcome.value if visit.outcome else None,
        "papers": list(visit.terms.papers),
        "withdraw": list(visit.terms.withdraw),
        "missing": list(visit.missing),
        "charge": {"fee": visit.charge.fee, "fare": visit.charge.fare, "total": visit.charge.total},
    }


def _own_visit(visit_id: str, uow: UnitOfWork) -> VisitRow:
    row = visit_row(uow.session, visit_id, for_update=True)
    if row.worker_id is None:
        raise RuleBroken("Lượt này chưa được phân cho ai.", code="visit.unassigned")
    uow.person.must_be_worker(row.worker_id)
    return row


def _device_time(command: OnDevice, uow: UnitOfWork) -> datetime:
    told_at = command.device_time or uow.now
    if told_at > uow.now + CLOCKS_MAY_DIFFER:
        message = "Giờ trên máy chạy nhanh hơn giờ hệ thống, chỉnh lại giờ rồi gửi lại."
        raise Invalid(message, code="step.clock", fields={"device_time": message})
    return told_at


def _prepare(row: VisitRow, uow: UnitOfWork) -> None:
    """Freezes the terms, and refuses to set off without what the visit needs."""
    if load_visit(uow.session, row).next_step is not Step.START:
        return  # out of order: the visit itself says so
    if row.day is not None and row.day != local_date(uow.now):
        raise RuleBroken(f"Lượt này hẹn ngày {format_date(row.day)}.", code="visit.other_day")
    row.terms = freeze_terms(uow.session, row)
    if terms_of(row).tariff.total:
        must_be_open(uow, row)
    if row.purpose == Purpose.RETURN:
        _parcel_in_hand(row, uow)
    busy = select(func.count()).where(
        VisitRow.worker_id == row.worker_id, VisitRow.state == "at_door", VisitRow.visit_id != row.visit_id
    )
    if uow.session.exec(busy).one():
        raise RuleBroken(
            "Đang có một lượt dở dang tại nhà khác, làm xong lượt đó trước.", code="visit.other_open"
        )


def _set_off(row: VisitRow, uow: UnitOfWork) -> None:
    row.started_at = uow.now
    uow.publish(
        postal.VisitStarted(
            visit_id=row.visit_id,
            request_id=row.request_id,
            worker_id=uow.person.worker or "",
            purpose=row.purpose,
            started_at=uow.now,
        )
    )


def _complete(row: VisitRow, visit: Visit, uow: UnitOfWork) -> dict[str, Any]:
    """The visit is done: papers pass, the dossier moves on, the world hears it."""
    assert visit.outcome is not None  # noqa: S101 - asked by the caller
    assert row.arrived_at is not None  # noqa: S101 - arriving comes before every ending
    row.outcome, row.finished_at = visit.outcome.value, uow.now
    parcel: ParcelRow | None = None
    if visit.outcome is Outcome.PICKED_UP:
        dossier_id = open_dossier_at_door(uow, row, visit)
        parcel = _seal_at_door(row, visit, dossier_id, "dossier", uow)
    elif visit.outcome is Outcome.SUPPLEMENT_COLLECTED:
        parcel = _seal_at_door(row, visit, dossier_for(uow.session, row).dossier_id, "supplement", uow)
    elif visit.outcome is Outcome.DELIVERED:
        parcel = _give_home(row, uow)
    uow.publish(
        postal.VisitCompleted(
            visit_id=row.visit_id,
            request_id=row.request_id,
            worker_id=uow.person.worker or "",
            purpose=row.purpose,
            outcome=visit.outcome.value,
            arrived_at=row.arrived_at,
            finished_at=uow.now,
            dossier_id=parcel.dossier_id if parcel else None,
            parcel_id=parcel.parcel_id if parcel else None,
            paper_count=visit.paper_count,
            missing=visit.missing,
        )
    )
    if parcel is None:
        return {}
    return {"dossier_id": parcel.dossier_id, "parcel_id": parcel.parcel_id, "day": str(local_date(uow.now))}


def _seal_at_door(
    row: VisitRow, visit: Visit, dossier_id: str, kind: postal.ParcelKind, uow: UnitOfWork
) -> ParcelRow:
    """Citizen seals and gives, worker takes: one instant, both signatures are under the slip."""
    counted = next(data for _, data in visit.taken if isinstance(data, PapersCounted))
    assert visit.seal is not None  # noqa: S101 - sealing is a step of both kinds of visit
    return seal_parcel(
        uow,
        dossier_id=dossier_id,
        request_id=row.request_id,
        kind=kind,
        seal=visit.seal,
        papers=counted.names(PaperState.PRESENT),
        paper_count=visit.paper_count,
        giver=Holder(HolderKind.CITIZEN, row.request_id),
        taker=Holder(HolderKind.WORKER, uow.person.worker or ""),
    )


def _parcel_in_hand(row: VisitRow, uow: UnitOfWork) -> ParcelRow:
    """What the worker brings home. Raises RuleBroken when it is not in the own hand."""
    parcel = parcel_going_home(uow.session, dossier_for(uow.session, row))
    mine = Holder(HolderKind.WORKER, uow.person.worker or "")
    if parcel is None or holder_of(parcel) != mine or offered_of(parcel) is not None:
        raise RuleBroken(
            "Nhân viên chưa nhận túi kết quả này từ bưu cục.",
            code="visit.nothing_to_deliver",
            hints=("Nhận túi kết quả trong mục Bàn giao trước khi lên đường.",),
        )
    return parcel


def _give_home(row: VisitRow, uow: UnitOfWork) -> ParcelRow:
    parcel = _parcel_in_hand(row, uow)
    by = by_of(uow)
    offered = chain_of(uow.session, parcel.parcel_id).offer(Holder(HolderKind.CITIZEN, row.request_id), by)
    taken = offered.accept(by)
    keep(uow, parcel, taken)
    for entry in taken.entries[-2:]:
        publish_handover(uow, parcel, entry)
    deliver_dossier(uow, parcel.dossier_id)
    return parcel
