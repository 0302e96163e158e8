"""What the people who run a service look at: what is not sent yet, and what could not be applied."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlmodel import col, func, select

from shared.clock import Clock
from shared.messaging.tables import OutboxRow, ParkedEvent
from shared.messaging.unit_of_work import Transactions
from shared.web.roles import Role, allow


def operations_router(transactions: Transactions, clock: Clock) -> APIRouter:
    """`GET /api/operations` of one service: outbox and parked events, without their content."""
    router = APIRouter()

    @router.get("/api/operations", dependencies=[allow(Role.ADMINISTRATOR, Role.INSPECTOR)])
    def operations() -> dict[str, Any]:
        """How many events wait to be sent and since when, and each event that is parked and why."""
        with transactions.reading() as session:
            unsent, oldest = session.exec(
                select(func.count(), func.min(OutboxRow.recorded_at)).where(col(OutboxRow.sent_at).is_(None))
            ).one()
            parked = session.exec(select(ParkedEvent).order_by(col(ParkedEvent.parked_at)).limit(500)).all()
        return {
            "service": transactions.service,
            "now": clock().isoformat(),
            "outbox_unsent": unsent,
            "oldest_unsent": oldest.isoformat() if oldest else None,
            "parked": [
                {
                    "event_id": row.event_id,
                    "topic": row.topic,
                    "key": row.key,
                    "sequence": row.sequence,
                    "state": row.state,
                    "reason": row.reason,
                    "attempts": row.attempts,
                    "parked_at": row.parked_at.isoformat(),
                }
                for row in parked
            ],
        }

    return router
