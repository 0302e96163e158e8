"""Accounts: who may sign in, and as whom."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import structlog
from sqlmodel import Session

from services.intake.application.commands import RegisterAccounts
from services.intake.application.handlers_recall import must_not_be_locked
from services.intake.application.ports import Passwords, Ports, SignInRules
from services.intake.application.records import AccountRow
from shared.actor import Actor, Role
from shared.clock import system_clock
from shared.errors import Forbidden, Invalid, RuleBroken, Unauthenticated
from shared.messaging.unit_of_work import UnitOfWork
from shared.sign_ins import recall_all

log = structlog.get_logger(__name__)


def register_accounts(command: RegisterAccounts, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Makes accounts exist. Who gets another password, role or place has to sign in anew.

    Raises Invalid for a role without its place, RuleBroken for demo accounts outside of a demonstration.
    """
    # Two hundred demo accounts share one printed password: it is hashed once.
    demo_hash = cache(ports.passwords.hash)
    for new in command.accounts:
        if new.demo and not ports.demo:
            raise RuleBroken("Tài khoản trình diễn chỉ dùng trong chế độ trình diễn.", code="account.demo")
        row = uow.session.get(AccountRow, new.account)
        rights_before = _rights(row) if row else None
        make = demo_hash if new.demo else ports.passwords.hash
        row = AccountRow(
            account=new.account,
            password_hash=_password_hash(new.password, row, ports.passwords, make),
            email=new.email.lower() if new.email else None,
            name=new.name,
            role=new.role.value,
            office=new.office,
            unit=new.unit,
            worker=new.worker,
            demo=new.demo,
            changed_at=uow.now,
        )
        actor_of(row)
        uow.session.merge(row)
        if rights_before not in (None, _rights(row)):
            recall_all(uow, new.account, system_clock())
    return {"registered": len(command.accounts)}


def _rights(row: AccountRow) -> tuple[str | None, ...]:
    """What a token of this account was given for."""
    return (row.password_hash, row.role, row.office, row.unit, row.worker)


def _password_hash(
    password: str | None, row: AccountRow | None, passwords: Passwords, make: Callable[[str], str]
) -> str:
    if password is None:
        return ""
    if row is not None and passwords.matches(password, row.password_hash):
        return row.password_hash
    return make(password)


def sign_in(session: Session, account: str, password: str, ports: Ports) -> Actor:
    """Who this is.

    Raises Unauthenticated, the same for an unknown account, a wrong password and one that may not be used,
    and Forbidden where nobody signs in by password.
    """
    rules = ports.sign_in_rules
    if rules.passwords_for is not None and not rules.passwords_for:
        raise Forbidden(
            "Ở đây cán bộ chỉ đăng nhập bằng tài khoản của cơ quan, không bằng mật khẩu.",
            code="auth.password_off",
        )
    row = session.get(AccountRow, account.strip().lower())
    # A hash is checked in any case: the time taken must not tell which accounts exist.
    right = ports.passwords.matches(password, row.password_hash if row else "")
    if row is None or not right or (row.demo and not ports.demo) or not _may_use_password(row, rules):
        raise Unauthenticated("Tài khoản hoặc mật khẩu không đúng.", code="auth.wrong")
    must_not_be_locked(session, row.account)
    if rules.passwords_for is not None:
        log.warning("sign_in.break_glass", account=row.account)
    return actor_of(row)


def _may_use_password(row: AccountRow, rules: SignInRules) -> bool:
    """Where passwords are the exception they are for named administrators only."""
    if rules.passwords_for is None:
        return True
    return row.account in rules.passwords_for and row.role == Role.ADMINISTRATOR


def actor_of(row: AccountRow, role: Role | None = None) -> Actor:
    """The person of an account, in its own role or in `role`. Raises Invalid for a role without its place."""
    try:
        return Actor(
            account=row.account,
            name=row.name,
            role=role or Role(row.role),
            office=row.office,
            unit=row.unit,
            worker=row.worker,
        )
    except ValueError:
        raise Invalid(f"Tài khoản {row.account} thiếu nơi làm việc.", code="account.place") from None
