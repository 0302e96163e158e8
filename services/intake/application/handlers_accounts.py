"""Accounts: who may sign in, and as whom."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlmodel import Session

from services.intake.application.commands import RegisterAccounts
from services.intake.application.ports import Passwords, Ports
from services.intake.application.records import AccountRow
from shared.actor import Actor, Role
from shared.errors import Invalid, RuleBroken, Unauthenticated
from shared.messaging.unit_of_work import UnitOfWork


def register_accounts(command: RegisterAccounts, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Makes accounts exist. Raises Invalid for a role without its place, RuleBroken for demo accounts
    outside of a demonstration."""
    # Two hundred demo accounts share one printed password: it is hashed once.
    demo_hash = cache(ports.passwords.hash)
    for new in command.accounts:
        if new.demo and not ports.demo:
            raise RuleBroken("Tài khoản trình diễn chỉ dùng trong chế độ trình diễn.", code="account.demo")
        row = uow.session.get(AccountRow, new.account)
        unchanged = row is not None and ports.passwords.matches(new.password, row.password_hash)
        make = demo_hash if new.demo else ports.passwords.hash
        password_hash = row.password_hash if row and unchanged else make(new.password)
        row = AccountRow(
            account=new.account,
            password_hash=password_hash,
            name=new.name,
            role=new.role.value,
            office=new.office,
            unit=new.unit,
            worker=new.worker,
            demo=new.demo,
            changed_at=uow.now,
        )
        _actor(row)
        uow.session.merge(row)
    return {"registered": len(command.accounts)}


def sign_in(session: Session, account: str, password: str, passwords: Passwords, *, demo: bool) -> Actor:
    """Who this is. Raises Unauthenticated, the same for an unknown account and a wrong password."""
    row = session.get(AccountRow, account.strip().lower())
    # A hash is checked in any case: the time taken must not tell which accounts exist.
    right = passwords.matches(password, row.password_hash if row else "")
    if row is None or not right or (row.demo and not demo):
        raise Unauthenticated("Tài khoản hoặc mật khẩu không đúng.", code="auth.wrong")
    return _actor(row)


def _actor(row: AccountRow) -> Actor:
    try:
        return Actor(
            account=row.account,
            name=row.name,
            role=Role(row.role),
            office=row.office,
            unit=row.unit,
            worker=row.worker,
        )
    except ValueError:
        raise Invalid(f"Tài khoản {row.account} thiếu nơi làm việc.", code="account.place") from None
