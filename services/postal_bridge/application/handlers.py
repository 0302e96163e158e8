"""The table of contents of postal_bridge: what it can be told, and what it listens to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.postal_bridge.application import commands
from services.postal_bridge.application.handlers_copies import (
    assign_visit,
    cancel_visit,
    cancel_visits,
    keep_calendar_day,
    keep_office,
    keep_procedure,
    keep_routes,
    keep_unit,
    keep_worker,
    move_window,
    plan_visit,
    unassign_visit,
)
from services.postal_bridge.application.handlers_custody import accept_parcel, dispute_parcel, offer_parcel
from services.postal_bridge.application.handlers_dossiers import (
    accept_dossier,
    mark_result_ready,
    open_dossier,
    refuse_dossier,
    request_supplement,
)
from services.postal_bridge.application.handlers_money import book_difference, close_cash_day, deposit_cash
from services.postal_bridge.application.handlers_visits import fail_visit, take_step
from shared.contracts import intake, routing
from shared.contracts.envelope import Event
from shared.messaging.commands import Command, CommandHandler
from shared.sign_ins import keep_recalled

COMMANDS: Mapping[type[Command], CommandHandler] = {
    commands.TakeStep: take_step,
    commands.FailVisit: fail_visit,
    commands.OfferParcel: offer_parcel,
    commands.AcceptParcel: accept_parcel,
    commands.DisputeParcel: dispute_parcel,
    commands.OpenDossier: open_dossier,
    commands.AcceptDossier: accept_dossier,
    commands.RequestSupplement: request_supplement,
    commands.RefuseDossier: refuse_dossier,
    commands.MarkResultReady: mark_result_ready,
    commands.DepositCash: deposit_cash,
    commands.BookDifference: book_difference,
    commands.CloseCashDay: close_cash_day,
}

EVENTS: Mapping[type[Event], Callable[[Any, Any, Any], None]] = {
    intake.AppointmentConfirmed: plan_visit,
    intake.AppointmentRescheduled: move_window,
    intake.AppointmentCancelled: cancel_visit,
    intake.RequestCancelled: cancel_visits,
    intake.ProcedurePublished: keep_procedure,
    intake.OrgUnitPublished: keep_unit,
    intake.CalendarDayPublished: keep_calendar_day,
    intake.SignInsRecalled: keep_recalled,
    routing.StopScheduled: assign_visit,
    routing.StopUnassigned: unassign_visit,
    routing.StopWithdrawn: unassign_visit,
    routing.PlanPublished: keep_routes,
    routing.OfficePublished: keep_office,
    routing.WorkerPublished: keep_worker,
}
