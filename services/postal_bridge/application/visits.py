"""Visits between their rows and the domain: reading steps, freezing terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session, col, select

from services.postal_bridge.application.records import (
    DossierRow,
    ParcelRow,
    ProcedureCopy,
    VisitRow,
    VisitStepRow,
)
from services.postal_bridge.domain.dossier import DossierState
from services.postal_bridge.domain.money import Tariff
from services.postal_bridge.domain.steps import DATA_OF, Exemption, FeeTaken, Step, StepData
from services.postal_bridge.domain.visit import Purpose, Terms, Visit, VisitState
from shared.contracts.intake import ProcedurePublished
from shared.errors import Invalid, NotFound, RuleBroken
from shared.web.validation import field_errors

LABELS = {
    "document": "loại giấy tờ tuỳ thân",
    "masked_number": "các số cuối của giấy tờ",
    "papers": "danh mục giấy tờ",
    "state": "tình trạng giấy tờ",
    "citizen": "chữ ký của người dân",
    "worker": "chữ ký của nhân viên",
    "serial": "số niêm phong",
    "exemption": "diện miễn giảm",
    "explained": "nội dung hướng dẫn",
    "device_time": "giờ trên máy",
    "reason": "lý do",
    "call_attempts": "số lần gọi",
}


def visit_row(session: Session, visit_id: str, *, for_update: bool = False) -> VisitRow:
    """The row of a visit. Raises NotFound."""
    row = session.get(VisitRow, visit_id, with_for_update=for_update)
    if row is None:
        raise NotFound("Không có lượt đến nhà này.", code="visit.missing")
    return row


def load_visit(session: Session, row: VisitRow) -> Visit:
    """The visit behind a row, folded from its steps."""
    steps = session.exec(
        select(VisitStepRow).where(VisitStepRow.visit_id == row.visit_id).order_by(col(VisitStepRow.position))
    )
    taken = tuple((Step(step.step), _adapter(Step(step.step)).validate_python(step.body)) for step in steps)
    state = VisitState(row.state)
    return Visit(
        visit_id=row.visit_id,
        purpose=Purpose(row.purpose),
        terms=terms_of(row),
        taken=taken,
        stopped=state if state in {VisitState.FAILED, VisitState.CANCELLED} else None,
    )


def terms_of(row: VisitRow) -> Terms:
    """The terms frozen on a visit; empty before the worker sets off."""
    if row.terms is None:
        return Terms()
    return Terms(
        papers=tuple(row.terms["papers"]),
        withdraw=tuple(row.terms["withdraw"]),
        tariff=Tariff(**row.terms["tariff"]),
        exempt_groups=tuple(row.terms["exempt_groups"]),
    )


def read_step(step: Step, body: Mapping[str, Any]) -> StepData:
    """What was sent for a step as the domain's value. Raises Invalid naming the fields at fault."""
    try:
        data: StepData = _adapter(step).validate_python(dict(body))
    except ValidationError as error:
        errors = field_errors(error.errors(include_url=False), LABELS)
        raise Invalid(
            f"Bước “{step.label}” chưa đủ thông tin.", code="step.incomplete", fields=errors
        ) from None
    return data


def write_step(data: StepData) -> dict[str, Any]:
    """A step's value as stored."""
    stored: dict[str, Any] = TypeAdapter(type(data)).dump_python(data, mode="json")
    return stored


def freeze_terms(session: Session, row: VisitRow) -> dict[str, Any]:
    """What the visit will be held to, by the catalogue and the dossier as they are now.

    Raises RuleBroken when the procedure is not known here yet, or a dossier is needed and there is none.
    """
    procedure = procedure_of(session, row.procedure_code)
    purpose = Purpose(row.purpose)
    if purpose is Purpose.GUIDANCE:
        terms = Terms()
    elif purpose is Purpose.PICKUP:
        tariff = Tariff(procedure.fee_amount, procedure.fare_pickup, procedure.fare_fee_transfer)
        papers = tuple(document.name for document in procedure.documents)
        terms = Terms(papers=papers, tariff=tariff, exempt_groups=procedure.exempt_groups)
    else:
        terms = _terms_for_dossier(dossier_for(session, row), purpose, procedure)
    return {
        "papers": list(terms.papers),
        "withdraw": list(terms.withdraw),
        "tariff": asdict(terms.tariff),
        "exempt_groups": list(terms.exempt_groups),
    }


def procedure_of(session: Session, code: str) -> ProcedurePublished:
    """The procedure as it is published now. Raises RuleBroken when its copy has not come yet."""
    copy = session.get(ProcedureCopy, code)
    if copy is None:
        raise RuleBroken(
            "Chưa nhận được danh mục của thủ tục này, thử lại sau ít phút.", code="visit.no_procedure"
        )
    return ProcedurePublished.model_validate(copy.body)


def dossier_for(session: Session, row: VisitRow) -> DossierRow:
    """The dossier a later visit is about: the one named, else the newest of the request.

    Raises RuleBroken when there is none.
    """
    found = session.get(DossierRow, row.dossier_id) if row.dossier_id else None
    if found is None:
        newest = select(DossierRow).where(DossierRow.request_id == row.request_id)
        found = session.exec(newest.order_by(col(DossierRow.opened_at).desc())).first()
    if found is None:
        raise RuleBroken("Lượt này chưa có hồ sơ để làm việc.", code="visit.no_dossier")
    return found


def parcel_going_home(session: Session, dossier: DossierRow) -> ParcelRow | None:
    """What a return visit brings: the result, or the refused dossier itself; None while nothing goes home."""
    kind = DossierState(dossier.state).going_home
    return session.exec(
        select(ParcelRow).where(ParcelRow.dossier_id == dossier.dossier_id, ParcelRow.kind == kind)
    ).first()


def delivering(session: Session, parcel: ParcelRow) -> VisitRow | None:
    """The visit under way that brings this parcel home; None when no worker is out with it."""
    out = select(VisitRow).where(
        VisitRow.request_id == parcel.request_id,
        VisitRow.purpose == Purpose.RETURN.value,
        col(VisitRow.state).in_([VisitState.EN_ROUTE.value, VisitState.AT_DOOR.value]),
    )
    for row in session.exec(out):
        brought = parcel_going_home(session, dossier_for(session, row))
        if brought is not None and brought.parcel_id == parcel.parcel_id:
            return row
    return None


def _terms_for_dossier(dossier: DossierRow, purpose: Purpose, procedure: ProcedurePublished) -> Terms:
    if purpose is Purpose.SUPPLEMENT:
        if dossier.state != DossierState.SUPPLEMENT:
            raise RuleBroken("Hồ sơ này không chờ bổ sung.", code="visit.no_supplement")
        fare = 0 if dossier.supplement_free else procedure.fare_pickup
        return Terms(papers=tuple(dossier.items), tariff=_relieved(Tariff(fare=fare), dossier))
    if dossier.state == DossierState.REFUSED:
        return Terms()
    return Terms(
        withdraw=tuple(dossier.withdraw), tariff=_relieved(Tariff(fare=dossier.fare_return), dossier)
    )


def _relieved(tariff: Tariff, dossier: DossierRow) -> Tariff:
    """The tariff after the exemption shown at the pickup: it is not asked for again."""
    shown = FeeTaken(Exemption(dossier.exemption), dossier.exemption_evidence)
    charge = tariff.charge(shown)
    return Tariff(fee=charge.fee, fare=charge.fare)


@cache
def _adapter(step: Step) -> TypeAdapter[Any]:
    return TypeAdapter(DATA_OF[step])
