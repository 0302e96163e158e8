"""Sign-ins that end before they expire: signing out, and accounts that an administrator locks."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session

from services.intake.application.commands import EndSignIn, LockAccount, UnlockAccount
from services.intake.application.ports import Ports
from services.intake.application.records import AccountLock, AccountRow
from shared.errors import Forbidden, NotFound, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork
from shared.sign_ins import TokenMark, recall_all, recall_token


def end_sign_in(command: EndSignIn, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The token is good nowhere any more. A second time changes nothing."""
    recall_token(uow, TokenMark(command.account, command.token_id, command.issued_at), command.now)
    return {}


def lock_account(command: LockAccount, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Locks an account and recalls all its tokens; repeated, it recalls again. Raises NotFound.

    Raises RuleBroken for the own account: an administrator would lock themselves out.
    """
    if uow.session.get(AccountRow, command.account) is None:
        raise NotFound(f"Không có tài khoản {command.account}.", code="account.unknown")
    if uow.actor.account == command.account:
        raise RuleBroken("Không thể khoá tài khoản đang dùng.", code="account.own")
    uow.session.merge(
        AccountLock(account=command.account, locked_by=uow.actor.account, locked_at=command.now)
    )
    recall_all(uow, command.account, command.now)
    return {"account": command.account, "locked": True}


def unlock_account(command: UnlockAccount, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Opens an account again; tokens of before stay recalled. Raises NotFound when it is not locked."""
    lock = uow.session.get(AccountLock, command.account)
    if lock is None:
        raise NotFound(f"Tài khoản {command.account} không bị khoá.", code="account.not_locked")
    uow.session.delete(lock)
    return {"account": command.account, "locked": False}


def must_not_be_locked(session: Session, account: str) -> None:
    """Raises Forbidden for a locked account; asked only once somebody has proved to be its person."""
    if session.get(AccountLock, account) is not None:
        raise Forbidden(
            "Tài khoản này đã bị khoá.", code="auth.locked", hints=("Ông/Bà liên hệ quản trị viên.",)
        )
