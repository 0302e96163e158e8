"""Sign-ins that were recalled: kept by every service in its own database, asked of nobody.

Intake recalls (a sign-out, a locked account, another role) and says so as an event; the other services
hear it within a second or two. Each process that checks tokens keeps the few recalls that still matter in
memory, so a check costs no query and goes on while the database is away. Times are the machine's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, delete, select

from shared.clock import Clock, system_clock
from shared.contracts.intake import RecalledToken, SignInsRecalled
from shared.messaging.tables import RecalledSignIns
from shared.messaging.unit_of_work import Transactions, UnitOfWork

log = structlog.get_logger(__name__)

LIFETIME = timedelta(hours=12)
"""How long a token is good: a working day."""
LEEWAY = timedelta(seconds=60)
"""How far two machines' clocks may be apart before a token is refused for it."""
REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class TokenMark:
    """What tells a token from others: whose, which, and when it was issued (machine's clock)."""

    account: str
    token_id: str
    issued_at: datetime


def recall_token(uow: UnitOfWork, token: TokenMark, now: datetime) -> None:
    """One token is signed out: publishes the account's record with it."""
    row = _row_of(uow, token.account, now)
    until = token.issued_at + LIFETIME + LEEWAY
    if until > now and token.token_id not in row.tokens:
        row.tokens = {**row.tokens, token.token_id: until.isoformat()}
        row.until = max(row.until, until)
        _publish(uow, row)


def recall_all(uow: UnitOfWork, account: str, now: datetime) -> None:
    """Every token that an account was issued so far is recalled; those named before are among them."""
    row = _row_of(uow, account, now)
    row.issued_until, row.tokens, row.until = now, {}, now + LIFETIME + LEEWAY
    _publish(uow, row)


def keep_recalled(event: SignInsRecalled, uow: UnitOfWork, _ports: Any = None) -> None:
    """Keeps the record of an account as intake published it last, and forgets what has expired."""
    ends = [token.until for token in event.tokens]
    if event.issued_until is not None:
        ends.append(event.issued_until + LIFETIME + LEEWAY)
    row = RecalledSignIns(
        account=event.account,
        issued_until=event.issued_until,
        tokens={token.token_id: token.until.isoformat() for token in event.tokens},
        until=max(ends, default=uow.now),
    )
    uow.session.exec(delete(RecalledSignIns).where(col(RecalledSignIns.until) < system_clock()))
    uow.session.merge(row)


def _row_of(uow: UnitOfWork, account: str, now: datetime) -> RecalledSignIns:
    row = uow.session.get(RecalledSignIns, account, with_for_update=True)
    if row is None:
        return RecalledSignIns(account=account, tokens={}, until=now)
    row.tokens = {name: end for name, end in row.tokens.items() if datetime.fromisoformat(end) > now}
    return row


def _publish(uow: UnitOfWork, row: RecalledSignIns) -> None:
    uow.session.add(row)
    tokens = tuple(
        RecalledToken(token_id=name, until=datetime.fromisoformat(end)) for name, end in row.tokens.items()
    )
    uow.publish(SignInsRecalled(account=row.account, issued_until=row.issued_until, tokens=tokens))


@dataclass(frozen=True)
class _Recalled:
    issued_until: datetime | None
    tokens: frozenset[str]


@dataclass
class Recalls:
    """The recalls that still matter, as this process read them last."""

    transactions: Transactions
    clock: Clock = system_clock
    _known: Mapping[str, _Recalled] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _away: bool = False

    def cover(self, token: TokenMark) -> bool:
        """Whether the token is no longer good."""
        known = self._known.get(token.account)
        if known is None:
            return False
        before = known.issued_until is not None and token.issued_at <= known.issued_until
        return before or token.token_id in known.tokens

    def refresh(self) -> None:
        """Reads them again. Raises SQLAlchemyError when the database is away; what was known stays."""
        alive = select(RecalledSignIns).where(col(RecalledSignIns.until) > self.clock())
        with self.transactions.reading() as session:
            self._known = {
                row.account: _Recalled(row.issued_until, frozenset(row.tokens)) for row in session.exec(alive)
            }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Reads them at once and then every second while the block lasts."""
        self._stopping.clear()
        self._try_to_refresh()
        thread = threading.Thread(target=self._run, name="recalls", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(REFRESH_SECONDS * 3)

    def _run(self) -> None:
        while not self._stopping.wait(REFRESH_SECONDS):
            self._try_to_refresh()

    def _try_to_refresh(self) -> None:
        """What went wrong is said once until it goes well again."""
        try:
            self.refresh()
        except SQLAlchemyError as error:
            if not self._away:
                log.warning("recalls.not_read", error=type(error).__name__)
            self._away = True
        else:
            self._away = False
