"""What the people who run a service look at: what is not sent yet, and what could not be applied."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlmodel import col, func, select

from shared.messaging.guard import Guard
from shared.messaging.parked import parked_in
from shared.messaging.readings import sequence_sums
from shared.messaging.tables import GatePosition, OutboxRow, StreamHead
from shared.web.roles import Role, allow


def operations_router(guard: Guard) -> APIRouter:
    """`GET /api/operations` of one service: outbox, sums, and parked events as their own list has them."""
    transactions = guard.transactions
    router = APIRouter()

    @router.get("/api/operations", dependencies=[allow(Role.ADMINISTRATOR, Role.INSPECTOR)])
    def operations() -> dict[str, Any]:
        """What waits to be sent and since when, what is parked and why, and how far each topic has come.

        `published` and `applied` are sums of the sequence numbers of all keys by topic: a consumer has heard
        everything when its sum equals the owner's. All of it is of one moment.
        """
        with transactions.reading() as session:
            unsent, oldest = session.exec(
                select(func.count(), func.min(OutboxRow.recorded_at)).where(col(OutboxRow.sent_at).is_(None))
            ).one()
            published = sequence_sums(session, StreamHead)
            applied = sequence_sums(session, GatePosition)
            parked = [row.to_json() for row in parked_in(session)]
        return {
            "service": transactions.service,
            "now": transactions.clock().isoformat(),
            "outbox_unsent": unsent,
            "oldest_unsent": oldest.isoformat() if oldest else None,
            "published": published,
            "applied": applied,
            "parked": parked,
        }

    return router
