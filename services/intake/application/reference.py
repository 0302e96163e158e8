"""Publishing the reference data that intake owns: units, procedures and the calendar.

Each row is published once and again whenever it changed; the digest of what was said is kept, so that
starting ten times publishes nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime

from services.intake.application.ports import Ports
from services.intake.application.records import PublishedReference
from services.intake.domain.catalogue import Fare, Procedure, fare_on, fee_for
from services.intake.domain.gazetteer import Gazetteer
from shared.clock import local_date
from shared.contracts.envelope import Event
from shared.contracts.intake import (
    CalendarDayPublished,
    DocumentNeeded,
    Limit,
    OrgUnitPublished,
    ProcedurePublished,
)
from shared.contracts.topics import topic_of
from shared.messaging.unit_of_work import Transactions
from shared.vietnamese.calendar import WorkingCalendar

BEFORE_RECORDS = date(1900, 1, 1)
"""The beginning of units whose founding day is not in the data."""


def publish_reference(transactions: Transactions, ports: Ports) -> int:
    """Publishes what is new or changed, in one transaction; answers how many rows that were."""
    published = 0
    with transactions.begin() as uow:
        for event in reference_events(ports, uow.now):
            digest = hashlib.sha256(event.model_dump_json().encode()).hexdigest()
            kind = topic_of(type(event)).name
            known = uow.session.get(PublishedReference, (kind, event.key))
            if known is not None and known.digest == digest:
                continue
            uow.session.merge(PublishedReference(kind=kind, key=event.key, digest=digest))
            uow.publish(event)
            published += 1
    return published


def reference_events(ports: Ports, now: datetime) -> Iterator[Event]:
    """The whole reference data as events, as it is valid now."""
    yield from _units(ports.gazetteer)
    yield from _procedures(ports.procedures, ports.fares, local_date(now))
    yield from _calendar(ports.calendar)


def _units(gazetteer: Gazetteer) -> Iterator[Event]:
    for unit in gazetteer.units:
        yield OrgUnitPublished(
            unit_id=unit.id,
            kind=unit.kind.value,
            name=unit.full_name,
            district=unit.district or "",
            valid_from=unit.valid_from or BEFORE_RECORDS,
            valid_to=unit.valid_to,
            agency_code=unit.agency_code or "",
            lat=unit.point.lat,
            lon=unit.point.lon,
            successors=unit.successors,
        )


def _procedures(procedures: Iterable[Procedure], fares: tuple[Fare, ...], today: date) -> Iterator[Event]:
    newest: dict[str, Procedure] = {}
    for procedure in procedures:
        known = newest.get(procedure.code)
        if procedure.in_force(today) and (known is None or procedure.version > known.version):
            newest[procedure.code] = procedure
    for procedure in newest.values():
        fee = fee_for(procedure)
        yield ProcedurePublished(
            procedure_code=procedure.code,
            version=procedure.version,
            title=procedure.title_vi,
            neutral_title=procedure.neutral_title,
            home_class=procedure.home_class.value,
            documents=tuple(
                DocumentNeeded(name=paper.name, kind=paper.kind, keep=paper.keep.value)
                for paper in procedure.documents
            ),
            fee_amount=fee,
            fare_pickup=fare_on(today, "pickup", fares),
            fare_return=fare_on(today, "return", fares),
            fare_fee_transfer=fare_on(today, "fee_transfer", fares) if fee else 0,
            limit=Limit(unit=procedure.limit.unit.value, value=procedure.limit.value),
            exempt_groups=tuple(sorted(procedure.exempt_groups)),
            service_minutes=procedure.service_minutes,
            skill=procedure.skill.value,
            sensitivity=procedure.sensitivity,
        )


def _calendar(calendar: WorkingCalendar) -> Iterator[Event]:
    """One event for each day and each scope it binds."""
    for entry in calendar.days.values():
        for scope in sorted(entry.scopes):
            yield CalendarDayPublished(
                entry_id=f"{entry.day.isoformat()}-{scope.value}",
                day=entry.day,
                kind=entry.kind.value,
                scope=scope.value,
                name=entry.name,
                source=entry.source,
            )
