"""Who may sign in, as an administrator's list shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from services.intake.application.records import AccountLock, AccountRow
from shared.actor import Role
from shared.vietnamese.text import fold

LISTED = 200
"""An agency's accounts fit on one page; more are found by searching."""


@dataclass(frozen=True)
class AccountLine:
    """One account: where its person works, and since when nobody may use it."""

    account: str
    name: str
    role: str
    place: str
    locked_at: datetime | None
    locked_by: str


def list_accounts(session: Session, search: str = "") -> list[AccountLine]:
    """The accounts whose name or id contains `search`, whatever its accents; locked ones first."""
    everyone = (
        select(AccountRow, AccountLock)
        .join(AccountLock, col(AccountLock.account) == AccountRow.account, isouter=True)
        .order_by(col(AccountLock.locked_at).is_(None), col(AccountRow.account))
    )
    wanted = fold(search)
    lines = [_line(row, lock) for row, lock in session.exec(everyone)]
    return [line for line in lines if wanted in fold(f"{line.account} {line.name}")][:LISTED]


def _line(row: AccountRow, lock: AccountLock | None) -> AccountLine:
    return AccountLine(
        account=row.account,
        name=row.name,
        role=Role(row.role).label,
        place=row.worker or row.office or row.unit or "",
        locked_at=lock.locked_at if lock else None,
        locked_by=lock.locked_by if lock else "",
    )
