"""A promised window is kept, or announced as lost before it starts.

Looked after every minute, by business time: a visit for which no worker was found shortly before its
window is moved to the same hours of the next working day, and the citizen hears of it in time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlmodel import Session, col, select

from services.intake.application.booking import (
    errand,
    follow,
    move_visit,
    promised,
    the_appointment,
    the_request,
)
from services.intake.application.commands import AnnounceLostWindow
from services.intake.application.notices import note_progress, speaker_for, tell
from services.intake.application.ports import Ports
from services.intake.application.records import AppointmentRow
from services.intake.domain.appointments import (
    ANNOUNCE_AHEAD,
    AppointmentStatus,
    VisitPurpose,
    must_be_given_up,
    same_time_next_working_day,
)
from services.intake.domain.requests import RequestStep
from shared.contracts.envelope import ActorRef
from shared.messaging.commands import CommandBus
from shared.messaging.unit_of_work import Transactions, UnitOfWork

log = structlog.get_logger(__name__)

LOST = "Không tìm được nhân viên cho khung giờ đã hẹn."
"""The reason published with the move."""


def announce_lost_window(command: AnnounceLostWindow, uow: UnitOfWork, ports: Ports) -> dict[str, Any]:
    """Moves the visit if it still has no worker; a plan that came in between leaves it as it is."""
    appointment = the_appointment(uow.session, command.appointment_id)
    answer = {"appointment_id": appointment.appointment_id}
    if not _is_lost(appointment, uow.now):
        return {**answer, "moved": False}
    request = the_request(uow.session, appointment.request_id)
    lost = promised(appointment)
    window = same_time_next_working_day(lost, uow.now, ports.calendar)
    move_visit(uow, request, appointment, window, LOST)
    if VisitPurpose(appointment.purpose).first:
        follow(request, RequestStep.RESCHEDULE, uow)
    telling = speaker_for(request, ports).window_lost(errand(appointment, uow.session), lost, window)
    tell(uow, request, telling, appointment)
    note_progress(uow, request, f"Bưu chính không giữ được giờ hẹn {lost.text}", f"Hẹn lại {window.text}")
    return {**answer, "moved": True}


def _is_lost(appointment: AppointmentRow, now: datetime) -> bool:
    waits = appointment.status == AppointmentStatus.CONFIRMED
    since = appointment.promised_at or appointment.created_at
    return waits and must_be_given_up(promised(appointment), since, now)


@dataclass(frozen=True)
class PromiseKeeper:
    """Finds the promises that nobody can keep any more and has them announced."""

    transactions: Transactions
    bus: CommandBus
    every_seconds: float = 60.0

    def work(self, stopping: threading.Event) -> float:
        """One round for a `SoleWorker`."""
        self.sweep(stopping)
        return self.every_seconds

    def sweep(self, stopping: threading.Event | None = None) -> int:
        """Announces every lost window; answers how many there were. One that fails does not stop the rest."""
        now = self.transactions.clock()
        with self.transactions.reading() as session:
            lost = [row.appointment_id for row in _near(session, now) if _is_lost(row, now)]
        moved = 0
        for appointment_id in lost:
            if stopping is not None and stopping.is_set():
                break
            moved += self._announce(appointment_id)
        return moved

    def _announce(self, appointment_id: str) -> bool:
        try:
            command = AnnounceLostWindow(appointment_id=appointment_id)
            return bool(self.bus.execute(command, ActorRef.system("intake"))["moved"])
        except Exception as error:  # noqa: BLE001 - looked at again in the next round
            log.warning("promise.not_announced", appointment_id=appointment_id, error=type(error).__name__)
            return False


def _near(session: Session, now: datetime) -> list[AppointmentRow]:
    waiting = select(AppointmentRow).where(
        AppointmentRow.status == AppointmentStatus.CONFIRMED,
        col(AppointmentRow.window_start) < now + ANNOUNCE_AHEAD,
    )
    return list(session.exec(waiting.order_by(col(AppointmentRow.window_start))))
