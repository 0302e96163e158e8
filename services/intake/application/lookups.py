"""The lock on a request code whose digits were guessed at: ten wrong tries, and it rests for a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, delete, or_

from services.intake.application.commands import CountWrongLookup
from services.intake.application.ports import Ports
from services.intake.application.records import WrongLookups
from shared.messaging.unit_of_work import UnitOfWork

MOST_WRONG = 10
WITHIN = timedelta(hours=24)
LOCKED_FOR = timedelta(hours=24)


def locked_until(code: str, now: datetime, session: Session) -> datetime | None:
    """Until when the code may not be looked up; None when it may."""
    row = session.get(WrongLookups, code)
    locked = row.locked_until if row else None
    return locked if locked is not None and locked > now else None


def count_wrong_lookup(command: CountWrongLookup, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Counts a wrong try and locks the code at the tenth within a day.

    Codes that do not exist are counted alike, or the lock would tell which exist; what is over is deleted.
    """
    over = (
        col(WrongLookups.since) <= uow.now - WITHIN,
        or_(col(WrongLookups.locked_until).is_(None), col(WrongLookups.locked_until) <= uow.now),
    )
    uow.session.exec(delete(WrongLookups).where(*over))
    row = uow.session.get(WrongLookups, command.code) or WrongLookups(code=command.code, since=uow.now)
    row.count += 1
    if row.count >= MOST_WRONG and row.locked_until is None:
        row.locked_until = uow.now + LOCKED_FOR
    uow.session.add(row)
    return {"count": row.count, "locked_until": row.locked_until.isoformat() if row.locked_until else None}
