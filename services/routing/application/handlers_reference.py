"""Reference data: the offices and workers routing owns, and the copies it keeps of others' data."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic import BaseModel
from sqlmodel import select

from services.routing.application.commands import LoadReference, OfficeData, WorkerData
from services.routing.application.ports import Ports
from services.routing.application.records import CalendarEntry, Office, PostalWorker, Procedure, Unit
from shared.contracts.intake import CalendarDayPublished, OrgUnitPublished, ProcedurePublished
from shared.contracts.routing import OfficePublished, WorkerPublished
from shared.errors import Invalid
from shared.messaging.unit_of_work import UnitOfWork


def load_reference(command: LoadReference, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Takes over the data files; only rows that differ from the last load are written and published.

    Raises Invalid when a unit is served by two offices or a worker belongs to an unknown office.
    """
    _check(command)
    offices = sum(_take_office(uow, office) for office in command.offices)
    workers = sum(_take_worker(uow, worker) for worker in command.workers)
    present = {worker.id for worker in command.workers}
    for row in uow.session.exec(select(PostalWorker)).all():
        if row.worker_id not in present and row.active:
            row.active, row.fingerprint = False, ""
            uow.session.add(row)
            uow.publish(_worker_event(row))
            workers += 1
    return {"offices": offices, "workers": workers}


def _check(command: LoadReference) -> None:
    served = [unit_id for office in command.offices for unit_id in office.coverage]
    if len(served) != len(set(served)):
        raise Invalid("Một xã, phường thuộc hai bưu cục.", code="coverage.twice")
    known = {office.id for office in command.offices}
    if any(worker.office_id not in known for worker in command.workers):
        raise Invalid("Có bưu tá thuộc bưu cục không tồn tại.", code="worker.office_unknown")


def _fingerprint(row: BaseModel) -> str:
    return hashlib.sha256(row.model_dump_json().encode()).hexdigest()


def _take_office(uow: UnitOfWork, office: OfficeData) -> bool:
    fingerprint = _fingerprint(office)
    known = uow.session.get(Office, office.id)
    if known is not None and known.fingerprint == fingerprint:
        return False
    row = Office(
        office_id=office.id,
        name=office.name,
        unit_id=office.unit_id,
        lat=office.lat,
        lon=office.lon,
        mountains=office.mountain,
        coverage=list(office.coverage),
        is_desk=office.desk_in_post,
        fingerprint=fingerprint,
    )
    row = uow.session.merge(row)
    uow.publish(
        OfficePublished(
            office_id=row.office_id,
            name=row.name,
            unit_id=row.unit_id,
            lat=row.lat,
            lon=row.lon,
            coverage=office.coverage,
            is_desk=row.is_desk,
        )
    )
    return True


def _take_worker(uow: UnitOfWork, worker: WorkerData) -> bool:
    fingerprint = _fingerprint(worker)
    known = uow.session.get(PostalWorker, worker.id)
    if known is not None and known.fingerprint == fingerprint:
        return False
    row = PostalWorker(
        worker_id=worker.id,
        badge=worker.id.upper().replace("W-", "BT-"),
        fingerprint=fingerprint,
        **{**worker.model_dump(exclude={"id"}), "skills": list(worker.skills)},
    )
    uow.publish(_worker_event(uow.session.merge(row)))
    return True


def _worker_event(row: PostalWorker) -> WorkerPublished:
    return WorkerPublished(
        worker_id=row.worker_id,
        name=row.name,
        badge=row.badge,
        office_id=row.office_id,
        skills=tuple(row.skills),
        active=row.active,
    )


def copy_unit(event: OrgUnitPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Keeps the unit's name for the dispatcher's list."""
    uow.session.merge(Unit(unit_id=event.unit_id, name=event.name, kind=event.kind))


def copy_procedure(event: ProcedurePublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Keeps how long a visit takes and who may make it. Stops already made keep what they were made with."""
    uow.session.merge(
        Procedure(
            procedure_code=event.procedure_code,
            version=event.version,
            neutral_title=event.neutral_title,
            service_minutes=event.service_minutes,
            skill=event.skill,
        )
    )


def copy_calendar_day(event: CalendarDayPublished, uow: UnitOfWork, _ports: Ports) -> None:
    """Keeps days off and make-up days, which decide who is on shift."""
    uow.session.merge(
        CalendarEntry(
            entry_id=event.entry_id, day=event.day, kind=event.kind, scope=event.scope, name=event.name
        )
    )
