"""Accounts and the people behind them at the identity provider: attempts, first sign-ins, links."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, delete, select

from services.intake.application.commands import (
    LinkFirstSignIn,
    LinkIdentity,
    OpenSignIn,
    TakeSignIn,
    UnlinkIdentity,
)
from services.intake.application.handlers_accounts import actor_of
from services.intake.application.handlers_recall import must_not_be_locked
from services.intake.application.identity_port import ProofRefused, ProvenIdentity, UnknownPerson
from services.intake.application.ports import Ports, SignInRules
from services.intake.application.records import AccountRow, IdentityRow, SignInAttempt
from shared.actor import Actor, Role
from shared.clock import system_clock
from shared.errors import Forbidden, NotFound, RuleBroken
from shared.messaging.unit_of_work import UnitOfWork
from shared.sign_ins import recall_all


def open_sign_in(command: OpenSignIn, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """Remembers somebody on the way to the provider, and forgets who never came back."""
    uow.session.exec(delete(SignInAttempt).where(col(SignInAttempt.expires_at) <= command.now))
    uow.session.add(SignInAttempt(**command.model_dump(exclude={"now"})))
    return {}


def take_sign_in(command: TakeSignIn, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """The attempt behind a state, once and for its own browser only. Raises ProofRefused.

    A foreign browser does not use it up: the right one may still come.
    """
    row = uow.session.get(SignInAttempt, command.state, with_for_update=True)
    if row is None:
        raise ProofRefused("forged", "no such state")
    if row.used_at is not None:
        raise ProofRefused("replayed", "state was used before")
    if row.expires_at <= command.now:
        raise ProofRefused("expired", "state")
    if row.browser != command.browser:
        raise ProofRefused("forged", "state of another browser")
    kept = {"nonce": row.nonce, "verifier": row.verifier, "target": row.target}
    row.used_at, row.nonce, row.verifier = command.now, "", ""
    uow.session.add(row)
    return kept


def person_behind(session: Session, proven: ProvenIdentity, ports: Ports) -> Actor | None:
    """The account linked to a proven identity, None when there is none.

    Raises Forbidden for a locked account, and when the settings take the role from the provider and it
    names none, or several.
    """
    link = session.get(IdentityRow, (proven.issuer, proven.subject))
    row = session.get(AccountRow, link.account) if link else None
    if row is None or (row.demo and not ports.demo):
        return None
    must_not_be_locked(session, row.account)
    return actor_of(row, role=_role_there(proven, ports.sign_in_rules))


def _role_there(proven: ProvenIdentity, rules: SignInRules) -> Role | None:
    if not rules.roles:
        return None
    named = {rules.roles[name] for name in proven.roles if name in rules.roles}
    if len(named) != 1:
        raise Forbidden(
            "Cơ quan chưa giao cho Ông/Bà đúng một vai trò làm việc ở Tận Nhà.",
            code="auth.role_there",
            hints=("Hỏi người quản lý nhóm quyền của cơ quan.",),
        )
    return named.pop()


def link_first_sign_in(command: LinkFirstSignIn, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Links a person who was never here to the account that is evidently theirs. Raises UnknownPerson.

    Evident means: exactly one account has the verified e-mail address, or the account claim names it, as the
    settings say; and nobody of this provider is linked to it yet. An address that passed on to a successor
    does therefore not open the predecessor's account.
    """
    rules, session = ports.sign_in_rules, uow.session
    found: list[AccountRow] = []
    if rules.link_by == "email" and command.email:
        mine = select(AccountRow).where(col(AccountRow.email) == command.email.lower())
        found = list(session.exec(mine.limit(2)).all())
    elif rules.link_by == "account" and command.claimed:
        row = session.get(AccountRow, command.claimed.lower())
        found = [row] if row else []
    if len(found) != 1 or (found[0].demo and not ports.demo):
        raise UnknownPerson(command.subject)
    account = found[0].account
    link = _link_of(session, command.issuer, account)
    if link is not None and link.subject == command.subject:
        return {"account": account, "by": link.linked_by}  # another window of the same person was quicker
    if link is not None:
        raise UnknownPerson(command.subject)
    _link(uow, command.issuer, command.subject, account, rules.link_by)
    return {"account": account, "by": rules.link_by}


def link_identity(command: LinkIdentity, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """An administrator links an account to a person. Raises NotFound, RuleBroken when either is taken."""
    if uow.session.get(AccountRow, command.account) is None:
        raise NotFound(f"Không có tài khoản {command.account}.", code="account.unknown")
    taken = uow.session.get(IdentityRow, (command.issuer, command.subject))
    if taken is not None or _link_of(uow.session, command.issuer, command.account) is not None:
        raise RuleBroken("Tài khoản hoặc người này đã được gắn; gỡ ra trước.", code="account.linked")
    _link(uow, command.issuer, command.subject, command.account, "administrator")
    return {"account": command.account}


def unlink_identity(command: UnlinkIdentity, uow: UnitOfWork, _ports: Ports) -> dict[str, Any]:
    """An administrator takes the person off an account, and out of it. Raises NotFound when nobody is
    linked."""
    row = _link_of(uow.session, command.issuer, command.account)
    if row is None:
        raise NotFound(f"Tài khoản {command.account} không gắn với ai.", code="account.not_linked")
    uow.session.delete(row)
    recall_all(uow, command.account, system_clock())
    return {"account": command.account}


def _link_of(session: Session, issuer: str, account: str) -> IdentityRow | None:
    theirs = (col(IdentityRow.issuer) == issuer, col(IdentityRow.account) == account)
    return session.exec(select(IdentityRow).where(*theirs)).first()


def _link(uow: UnitOfWork, issuer: str, subject: str, account: str, by: str) -> None:
    row = IdentityRow(issuer=issuer, subject=subject, account=account, linked_by=by, linked_at=uow.now)
    uow.session.add(row)
