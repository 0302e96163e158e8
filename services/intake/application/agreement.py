"""From what a citizen said to what can be promised: procedure, phone, place, window, office.

Each part is judged by its own rule; a form learns of everything that is wrong at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session, select

from services.intake.application.commands import RequestDetails
from services.intake.application.ports import Ports
from services.intake.application.records import CoverageCopy, OfficeCopy
from services.intake.domain.addresses import FAR_KM, Resolution, resolve
from services.intake.domain.appointments import VisitPurpose
from services.intake.domain.catalogue import Procedure, find_procedures, home_service, procedure_on
from services.intake.domain.gazetteer import Point, Precision, Unit
from services.intake.domain.windows import Window, check_window
from shared.clock import local_date
from shared.contracts.intake import Window as PublishedWindow
from shared.errors import Invalid, NotFound, Unavailable
from shared.vietnamese import phones

CONSENT_PURPOSE = "serve_request"
CONSENT_TEXT_VERSION = "2026-11"

T = TypeVar("T")


@dataclass(frozen=True)
class AgreedPlace:
    """Where the worker goes and which post office sends them."""

    text: str
    landmark: str
    unit: Unit
    point: Point
    precision: Precision
    office_id: str


@dataclass(frozen=True)
class Agreement:
    """Everything a confirmed visit needs, checked."""

    procedure: Procedure
    purpose: VisitPurpose
    applicant_name: str
    phone: str
    place: AgreedPlace
    window: Window
    note: str


def agree(details: RequestDetails, session: Session, now: datetime, ports: Ports) -> Agreement:
    """Checks what was asked for. Raises Invalid naming every field at fault, with what is possible."""
    faults: list[Invalid] = []

    def part(judge: Callable[[], T]) -> T | None:
        try:
            return judge()
        except Invalid as fault:
            faults.append(fault)
            return None

    procedure = part(lambda: find_procedure(details.procedure_code, now, ports))
    purpose = part(lambda: purpose_at_home(procedure)) if procedure else None
    phone = part(lambda: phones.parse(details.phone))
    pin = None if details.lat is None or details.lon is None else Point(details.lat, details.lon)
    place = part(lambda: find_place(details.address, details.unit_id, pin, session, ports))
    window = part(lambda: agree_window(details.window, now, ports))
    part(lambda: _check_consent(consent=details.consent))
    if not (procedure and purpose and phone and place and window) or faults:
        raise _joined(faults)
    return Agreement(procedure, purpose, details.applicant_name, phone, place, window, details.note)


def find_procedure(code: str, now: datetime, ports: Ports) -> Procedure:
    """The version in force today. Raises Invalid with likely procedures as hints."""
    try:
        return procedure_on(local_date(now), code, ports.procedures)
    except NotFound as missing:
        likely = tuple(f"{found.procedure.title_vi}" for found in find_procedures(code, ports.procedures))
        raise Invalid(
            missing.message,
            code="procedure.unknown",
            fields={"procedure_code": missing.message},
            hints=likely or missing.hints,
        ) from None


def purpose_at_home(procedure: Procedure) -> VisitPurpose:
    """What a worker can do at the door for it. Raises Invalid with the reason where nothing can be."""
    service = home_service(procedure)
    if service.pickup:
        return VisitPurpose.PICKUP
    if service.guidance:
        return VisitPurpose.GUIDANCE
    reason = service.why_not or "Thủ tục này không làm tại nhà được."
    raise Invalid(
        reason,
        code="procedure.not_at_home",
        fields={"procedure_code": reason},
        hints=("Đến Bộ phận Một cửa của xã, phường gần nhất.", "Gọi tổng đài để hỏi đợt làm lưu động."),
    )


def agree_window(window: PublishedWindow, now: datetime, ports: Ports) -> Window:
    """The window if it can be kept. Raises Invalid with the nearest possible ones as hints."""
    try:
        wanted = Window(window.start, window.end)
    except ValueError:
        text = "Khung giờ chưa đúng: giờ kết thúc phải sau giờ bắt đầu, trong cùng một ngày."
        raise Invalid(text, code="window.malformed", fields={"window": text}) from None
    return check_window(wanted, now, ports.calendar)


def find_place(
    text: str, unit_id: str | None, pin: Point | None, session: Session, ports: Ports
) -> AgreedPlace:
    """The unit, point and post office of an address.

    Raises Invalid when the unit has to be asked for (hints are the choices), lies outside coverage, or
    a pin lies far from it; Unavailable while no post office is known at all.
    """
    resolution = resolve(text, ports.gazetteer, pin=pin)
    unit = _chosen_unit(resolution, unit_id, ports)
    office_id = office_for(unit, session)
    if pin is not None and unit.point.kilometres_to(pin) > FAR_KM:
        away = round(unit.point.kilometres_to(pin))
        message = f"Vị trí trên bản đồ cách {unit.full_name} khoảng {away} km. Ông/Bà xem lại vị trí."
        raise Invalid(message, code="address.pin_far", fields={"address": message})
    if pin is not None:
        point, precision = pin, Precision.PIN
    else:
        said = resolution.chosen.said if resolution.chosen and resolution.chosen.unit == unit else unit
        located = ports.geocoder.locate(resolution.street, said)
        point, precision = located.point, located.precision
    return AgreedPlace(text, resolution.landmark, unit, point, precision, office_id)


def office_for(unit: Unit, session: Session) -> str:
    """The post office that serves a unit. Raises Invalid (`coverage.outside`) or Unavailable."""
    coverage = session.get(CoverageCopy, unit.id)
    if coverage is not None:
        return coverage.office_id
    if session.exec(select(CoverageCopy).limit(1)).first() is None:
        raise Unavailable("Danh sách bưu cục chưa sẵn sàng. Ông/Bà thử lại sau ít phút.")
    message = f"{unit.full_name} chưa có dịch vụ tại nhà."
    raise Invalid(
        message,
        code="coverage.outside",
        fields={"address": message},
        hints=(
            f"Nộp tại Bộ phận Một cửa {unit.full_name}.",
            "Nộp trên Cổng Dịch vụ công Quốc gia.",
            "Cho địa chỉ khác trong vùng phục vụ để nhân viên đến.",
        ),
    )


def office_name(office_id: str, session: Session) -> str:
    """The name of a post office as people know it."""
    office = session.get(OfficeCopy, office_id)
    return office.name if office else "bưu cục"


def _chosen_unit(resolution: Resolution, unit_id: str | None, ports: Ports) -> Unit:
    if unit_id:
        present = _present_unit(unit_id, ports)
        if present is not None:
            return present
    elif resolution.chosen is not None:
        return resolution.chosen.unit
    question = resolution.question or "Ông/Bà ở xã, phường nào?"
    raise Invalid(
        question,
        code="address.unclear",
        fields={"address": question},
        hints=tuple(candidate.label for candidate in resolution.candidates),
    )


def _present_unit(unit_id: str, ports: Ports) -> Unit | None:
    """The unit of today behind an id, old ones followed to their successor when there is only one."""
    try:
        today = ports.gazetteer.current(ports.gazetteer.unit(unit_id))
    except NotFound:
        text = "Không có xã, phường này."
        raise Invalid(text, code="unit.unknown", fields={"unit_id": text, "address": text}) from None
    return today[0] if len(today) == 1 else None


def _check_consent(*, consent: bool) -> None:
    if not consent:
        text = "Cần Ông/Bà đồng ý cho dùng thông tin này để phục vụ yêu cầu."
        raise Invalid(text, code="consent.missing", fields={"consent": text})


def _joined(faults: list[Invalid]) -> Invalid:
    if len(faults) == 1:
        return faults[0]
    fields: dict[str, str] = {}
    for fault in faults:
        fields.update(fault.fields)
    hints = tuple(hint for fault in faults for hint in fault.hints)
    return Invalid("Ông/Bà xem lại các mục được đánh dấu.", fields=fields, hints=hints)
