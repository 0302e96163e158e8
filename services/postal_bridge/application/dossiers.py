"""Dossiers between their rows and the domain, and what custody and visits do to them."""

from __future__ import annotations

from sqlmodel import Session, func, select

from services.postal_bridge.application.calendars import calendar_of
from services.postal_bridge.application.records import DossierActRow, DossierRow, ParcelRow, VisitRow
from services.postal_bridge.application.visits import procedure_of
from services.postal_bridge.domain.dossier import DeskDossier, DossierState
from services.postal_bridge.domain.steps import FeeTaken
from services.postal_bridge.domain.visit import Visit
from shared.contracts import postal
from shared.errors import NotFound, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork
from shared.vietnamese.calendar import Limit, LimitUnit


def dossier_row(session: Session, dossier_id: str, *, for_update: bool = False) -> DossierRow:
    """The row of a dossier. Raises NotFound."""
    row = session.get(DossierRow, dossier_id, with_for_update=for_update)
    if row is None:
        raise NotFound("Không có hồ sơ này.", code="dossier.missing")
    return row


def desk_dossier(row: DossierRow) -> DeskDossier:
    """The domain's view of a row."""
    return DeskDossier(DossierState(row.state), row.accepted_at, row.due_at, row.paused_at, tuple(row.items))


def limit_of(row: DossierRow) -> Limit:
    """The time limit the dossier is held to."""
    return Limit(LimitUnit(row.limit_unit), row.limit_value)


def keep_dossier(uow: UnitOfWork, row: DossierRow, dossier: DeskDossier, act: str, note: str = "") -> None:
    """Writes a dossier's new state and what was done."""
    row.state, row.accepted_at, row.due_at = dossier.state.value, dossier.accepted_at, dossier.due_at
    row.paused_at, row.items = dossier.paused_at, list(dossier.items)
    uow.session.add(row)
    uow.session.flush()
    earlier = select(func.count()).where(DossierActRow.dossier_id == row.dossier_id)
    uow.session.add(
        DossierActRow(
            dossier_id=row.dossier_id,
            position=uow.session.exec(earlier).one() + 1,
            act=act,
            note=note,
            account=uow.actor.account,
            role=uow.actor.role,
            at=uow.now,
        )
    )
    uow.session.flush()


def open_dossier_at_door(uow: UnitOfWork, visit_row: VisitRow, visit: Visit) -> str:
    """A dossier begins with its pickup, under the procedure version of this moment; answers its id."""
    procedure = procedure_of(uow.session, visit_row.procedure_code)
    taken = next((data for _, data in visit.taken if isinstance(data, FeeTaken)), FeeTaken())
    row = DossierRow(
        dossier_id=uow.new_id(),
        request_id=visit_row.request_id,
        request_code=visit_row.request_code,
        unit_id=visit_row.unit_id,
        procedure_code=procedure.procedure_code,
        procedure_version=procedure.version,
        procedure_title=procedure.title,
        limit_unit=procedure.limit.unit,
        limit_value=procedure.limit.value,
        withdraw=[d.name for d in procedure.documents if d.keep == "withdraw_at_return"],
        fare_return=procedure.fare_return,
        exemption=taken.exemption.value,
        exemption_evidence=taken.evidence,
        state=DossierState.ON_THE_WAY.value,
        items=[],
        opened_at=uow.now,
    )
    visit_row.dossier_id = row.dossier_id
    keep_dossier(uow, row, DeskDossier(), "picked_up")
    uow.publish(
        postal.DossierOpened(
            dossier_id=row.dossier_id, request_id=row.request_id, procedure_code=row.procedure_code
        )
    )
    return row.dossier_id


def goes_home(parcel: ParcelRow, dossier: DossierRow) -> bool:
    """Whether a parcel is the one brought home: the result, or the refused dossier with all it has."""
    return parcel.kind == DossierState(dossier.state).going_home


def receive_supplement(uow: UnitOfWork, parcel: ParcelRow) -> None:
    """A supplement reached the desk: the dossier goes on, with its clock, if it waited for it."""
    row = dossier_row(uow.session, parcel.dossier_id, for_update=True)
    if row.state != DossierState.SUPPLEMENT:
        return
    calendar = calendar_of(uow.session, row.unit_id)
    moved = desk_dossier(row).receive_supplement(uow.now, calendar)
    keep_dossier(uow, row, moved, "supplement_received", ", ".join(parcel.papers))
    uow.publish(
        postal.SupplementReceived(dossier_id=row.dossier_id, request_id=row.request_id, due_at=moved.due_at)
    )


def collect_result(uow: UnitOfWork, parcel: ParcelRow, office_id: str) -> None:
    """What goes home (a result, or a refused dossier) is at the post office now."""
    row = dossier_row(uow.session, parcel.dossier_id, for_update=True)
    keep_dossier(uow, row, desk_dossier(row).collect(), "collected")
    uow.publish(
        postal.ResultCollected(dossier_id=row.dossier_id, request_id=row.request_id, office_id=office_id)
    )


def deliver_dossier(uow: UnitOfWork, dossier_id: str) -> None:
    """The applicant has it in hand."""
    row = dossier_row(uow.session, dossier_id, for_update=True)
    keep_dossier(uow, row, desk_dossier(row).deliver(), "delivered")
    uow.publish(
        postal.ResultDelivered(dossier_id=row.dossier_id, request_id=row.request_id, delivered_at=uow.now)
    )


def only_parcel(session: Session, dossier_id: str, kind: str) -> ParcelRow:
    """The dossier's or the result's one parcel. Raises RuleBroken when there is none."""
    row = session.exec(
        select(ParcelRow).where(ParcelRow.dossier_id == dossier_id, ParcelRow.kind == kind)
    ).first()
    if row is None:
        raise RuleBroken("Hồ sơ này không có túi như vậy.", code="parcel.none")
    return row
