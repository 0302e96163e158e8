"""The table of contents of intake: which command and which event is handled where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.intake.application import commands as c
from services.intake.application.handlers_accounts import register_accounts
from services.intake.application.handlers_dossiers import (
    on_dossier_accepted,
    on_dossier_opened,
    on_dossier_refused,
    on_handover_accepted,
    on_money_collected,
    on_parcel_sealed,
    on_result_collected,
    on_result_delivered,
    on_result_ready,
    on_supplement_received,
    on_supplement_requested,
)
from services.intake.application.handlers_recall import end_sign_in, lock_account, unlock_account
from services.intake.application.handlers_requests import (
    ask_citizen,
    book_again,
    cancel_request,
    complete_draft,
    reschedule,
    submit_request,
)
from services.intake.application.handlers_sign_in import (
    link_first_sign_in,
    link_identity,
    open_sign_in,
    take_sign_in,
    unlink_identity,
)
from services.intake.application.handlers_visits import (
    copy_office,
    copy_worker,
    on_stop_scheduled,
    on_stop_unassigned,
    on_stop_withdrawn,
    on_visit_completed,
    on_visit_failed,
    on_visit_started,
)
from services.intake.application.handlers_zalo import note_zalo_contact, receive_zalo_message
from services.intake.application.lookups import count_wrong_lookup
from services.intake.application.notices import settle_notice
from services.intake.application.promises import announce_lost_window
from shared.contracts import postal, routing
from shared.contracts.envelope import Event
from shared.messaging.commands import Command, CommandHandler

COMMANDS: Mapping[type[Command], CommandHandler] = {
    c.RegisterAccounts: register_accounts,
    c.OpenSignIn: open_sign_in,
    c.TakeSignIn: take_sign_in,
    c.LinkFirstSignIn: link_first_sign_in,
    c.LinkIdentity: link_identity,
    c.UnlinkIdentity: unlink_identity,
    c.EndSignIn: end_sign_in,
    c.LockAccount: lock_account,
    c.UnlockAccount: unlock_account,
    c.SubmitRequest: submit_request,
    c.CompleteDraft: complete_draft,
    c.AskCitizen: ask_citizen,
    c.BookAgain: book_again,
    c.Reschedule: reschedule,
    c.CancelRequest: cancel_request,
    c.ReceiveZaloMessage: receive_zalo_message,
    c.NoteZaloContact: note_zalo_contact,
    c.SettleNotice: settle_notice,
    c.AnnounceLostWindow: announce_lost_window,
    c.CountWrongLookup: count_wrong_lookup,
}

EVENTS: Mapping[type[Event], Callable[[Any, Any, Any], None]] = {
    routing.OfficePublished: copy_office,
    routing.WorkerPublished: copy_worker,
    routing.StopScheduled: on_stop_scheduled,
    routing.StopUnassigned: on_stop_unassigned,
    routing.StopWithdrawn: on_stop_withdrawn,
    postal.VisitStarted: on_visit_started,
    postal.VisitCompleted: on_visit_completed,
    postal.VisitFailed: on_visit_failed,
    postal.ParcelSealed: on_parcel_sealed,
    postal.HandoverAccepted: on_handover_accepted,
    postal.DossierOpened: on_dossier_opened,
    postal.DossierAccepted: on_dossier_accepted,
    postal.SupplementRequested: on_supplement_requested,
    postal.SupplementReceived: on_supplement_received,
    postal.DossierRefused: on_dossier_refused,
    postal.ResultReady: on_result_ready,
    postal.ResultCollected: on_result_collected,
    postal.ResultDelivered: on_result_delivered,
    postal.MoneyCollected: on_money_collected,
}
