"""Token store and send journal in intake's database.

Both write around a call to the outside world, so each method is a transaction of its own and must not
run inside a unit of work: a rolled-back unit of work cannot unsend a message or unspend a token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import ColumnElement, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from services.intake.adapters.zalo.journal import Step, Way
from services.intake.adapters.zalo.tables import ZaloSendingRow, ZaloTokenRow
from services.intake.adapters.zalo.tokens import TokenPair
from shared.persistence.locks import sole_holder
from shared.persistence.races import repeating


class SqlTokenStore:
    """A `TokenStore` for one Official Account."""

    def __init__(self, engine: Engine, oa_id: str) -> None:
        self._engine = engine
        self._oa_id = oa_id

    @repeating
    def load(self) -> TokenPair | None:
        """See `TokenStore.load`."""
        question = select(
            col(ZaloTokenRow.access_token),
            col(ZaloTokenRow.refresh_token),
            col(ZaloTokenRow.obtained_at),
            col(ZaloTokenRow.expires_at),
        ).where(col(ZaloTokenRow.oa_id) == self._oa_id)
        with self._engine.connect().execution_options(reading=True) as connection:
            row = connection.execute(question).one_or_none()
        return None if row is None else TokenPair(*row)

    @repeating
    def save(self, pair: TokenPair) -> None:
        """See `TokenStore.save`."""
        values = {
            "access_token": pair.access_token,
            "refresh_token": pair.refresh_token,
            "obtained_at": pair.obtained_at,
            "expires_at": pair.expires_at,
        }
        mine = col(ZaloTokenRow.oa_id) == self._oa_id
        with self._engine.begin() as connection:
            if connection.execute(update(ZaloTokenRow).where(mine).values(values)).rowcount == 0:
                connection.execute(insert(ZaloTokenRow).values(oa_id=self._oa_id, **values))

    @contextmanager
    def refreshing(self) -> Iterator[None]:
        """See `TokenStore.refreshing`; the lock dies with its process."""
        with sole_holder(self._engine, f"zalo_token_{self._oa_id}", wait=True):
            yield


class SqlJournal:
    """A `SendJournal` in the table `zalo_sending`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @repeating
    def steps(self, notice_id: str) -> list[Step]:
        """See `SendJournal.steps`."""
        question = (
            select(
                col(ZaloSendingRow.part),
                col(ZaloSendingRow.way),
                col(ZaloSendingRow.digest),
                col(ZaloSendingRow.started_at),
                col(ZaloSendingRow.sent_at),
                col(ZaloSendingRow.provider_id),
            )
            .where(col(ZaloSendingRow.notice_id) == notice_id)
            .order_by(col(ZaloSendingRow.part))
        )
        with self._engine.connect().execution_options(reading=True) as connection:
            rows = connection.execute(question).all()
        return [Step(notice_id, row[0], Way(row[1]), row[2], row[3], row[4], row[5]) for row in rows]

    @repeating
    def begin(self, step: Step) -> bool:
        """See `SendJournal.begin`."""
        values = {
            "notice_id": step.notice_id,
            "part": step.part,
            "way": step.way.value,
            "digest": step.digest,
            "started_at": step.started_at,
            "sent_at": step.sent_at,
            "provider_id": step.provider_id,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(ZaloSendingRow).values(values))
        except IntegrityError:
            return False
        return True

    @repeating
    def complete(self, notice_id: str, part: int, provider_id: str, at: datetime) -> None:
        """See `SendJournal.complete`."""
        is_open = select(col(ZaloSendingRow.part)).where(*_open_step(notice_id, part))
        with self._engine.connect().execution_options(reading=True) as connection:
            if connection.execute(is_open).first() is None:
                return  # most receipts tell what we knew: they need not wait for the disk
        change = update(ZaloSendingRow).values(sent_at=at, provider_id=provider_id)
        with self._engine.begin() as connection:
            connection.execute(change.where(*_open_step(notice_id, part)))

    @repeating
    def withdraw(self, notice_id: str, part: int) -> None:
        """See `SendJournal.withdraw`."""
        with self._engine.begin() as connection:
            connection.execute(delete(ZaloSendingRow).where(*_open_step(notice_id, part)))


def _open_step(notice_id: str, part: int) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ZaloSendingRow.notice_id) == notice_id,
        col(ZaloSendingRow.part) == part,
        col(ZaloSendingRow.sent_at).is_(None),
    )
