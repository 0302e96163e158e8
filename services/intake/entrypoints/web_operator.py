"""The operator's desk: one inbox over all channels, one page for a request by phone, drafts to complete."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.intake.application import queries
from services.intake.application.commands import (
    AskCitizen,
    BookAgain,
    CancelRequest,
    CompleteDraft,
    Reschedule,
    SubmitRequest,
)
from services.intake.application.message_reading import window_value
from services.intake.application.ports import Ports
from services.intake.domain.requests import RequestStatus
from services.intake.entrypoints.page_forms import (
    OperatorForm,
    agreed_wish,
    parse_window,
    read,
    window_choices,
    window_text,
)
from services.intake.entrypoints.web_booking import request_fields, unit_choices
from services.intake.entrypoints.web_status import with_instants
from services.intake.settings import Settings
from shared.clock import local_date
from shared.errors import Invalid, Problem
from shared.messaging.commands import Command
from shared.service import Service
from shared.web.forms import FormState, IdempotencyKey, SubmittedForm
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, Role, allow

_DRAFTS = (RequestStatus.DRAFT.value, RequestStatus.NEEDS_INFO.value)
_CHANNELS = (("phone", "Điện thoại"), ("email", "E-mail"), ("facebook", "Facebook"))


def operator_router(service: Service[Settings]) -> APIRouter:
    """The pages under /tong-dai."""
    return _Operator(service).router()


class _Operator:
    """Everything an operator does, from the keyboard."""

    def __init__(self, service: Service[Settings]) -> None:
        self._service = service
        self._ports = cast("Ports", service.bus.ports)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False, prefix="/tong-dai", dependencies=[allow(Role.OPERATOR)])
        router.add_api_route("", self.inbox, methods=["GET"])
        router.add_api_route("", self.search, methods=["POST"])
        router.add_api_route("/moi", self.blank, methods=["GET"])
        router.add_api_route("/moi", self.submit, methods=["POST"])
        router.add_api_route("/{request_id}", self.one, methods=["GET"])
        router.add_api_route("/{request_id}/hoan-thien", self.complete, methods=["POST"])
        router.add_api_route("/{request_id}/hoi-lai", self.ask, methods=["POST"])
        router.add_api_route("/{request_id}/doi-gio", self.reschedule, methods=["POST"])
        router.add_api_route("/{request_id}/dat-lai", self.book_again, methods=["POST"])
        router.add_api_route("/{request_id}/huy", self.cancel, methods=["POST"])
        return router

    def inbox(self, request: Request) -> Response:
        """Drafts that wait, citizens to call, and the requests of late."""
        return self._inbox(request, "")

    def search(self, request: Request, form: SubmittedForm) -> Response:
        """Requests by code or phone; sent as a form, because addresses are kept in histories and logs."""
        return self._inbox(request, form.get("q").strip()[:60])

    def _inbox(self, request: Request, q: str) -> Response:
        with self._service.transactions.reading() as session:
            drafts = [] if q else queries.requests_json(session, self._ports, _DRAFTS)
            calls = [] if q else queries.to_call(session)
            recent = queries.requests_json(session, self._ports, search=q, limit=40)
        now = self._service.transactions.clock()
        return render(
            request,
            "intake/operator_inbox.html",
            q=q,
            drafts=[{**row, "waits": _minutes(row["created_at"], now)} for row in drafts],
            calls=calls,
            recent=[row for row in recent if q or row["status"] not in _DRAFTS],
        )

    def blank(self, request: Request) -> Response:
        """The form, empty."""
        return self._form(request, FormState.blank(channel="phone"))

    def submit(
        self, request: Request, form: SubmittedForm, actor: CurrentActor, key: IdempotencyKey
    ) -> Response:
        """A request by phone, e-mail or Facebook."""
        state = self._with_wish(read(form, OperatorForm))
        if state.model is None:
            return self._form(request, state, status=422)
        try:
            fields = request_fields(state.model)
            answer = self._service.bus.execute(
                SubmitRequest(channel=state.model.channel, **fields), actor, key
            )
        except Problem as problem:
            return self._form(request, state.with_problem(problem), status=problem.status)
        return redirect(
            request,
            f"/tong-dai/{answer['request_id']}",
            flash=f"Đã hẹn {window_text(state.model.window)}. Mã yêu cầu {answer['code']}.",
        )

    def one(self, request: Request, request_id: str) -> Response:
        """One request; a draft with what was understood filled in and the doubts marked."""
        return self._one(request, request_id)

    def complete(
        self,
        request: Request,
        request_id: str,
        form: SubmittedForm,
        actor: CurrentActor,
        key: IdempotencyKey,
    ) -> Response:
        """A draft becomes a confirmed request."""
        state = self._with_wish(read(form, OperatorForm))
        if state.model is None:
            return self._one(request, request_id, state, status=422)
        try:
            command = CompleteDraft(request_id=request_id, **request_fields(state.model))
            self._service.bus.execute(command, actor, key)
        except Problem as problem:
            return self._one(request, request_id, state.with_problem(problem), status=problem.status)
        said = f"Đã hẹn {window_text(state.model.window)}."
        return redirect(request, f"/tong-dai/{request_id}", flash=said)

    def ask(
        self, request: Request, request_id: str, form: SubmittedForm, actor: CurrentActor, key: IdempotencyKey
    ) -> Response:
        """A question to the citizen of a draft."""
        question = form.get("question")[:500]
        if len(question) < 5:
            text = "Câu hỏi cần rõ hơn một chút."
            state: FormState[Any] = FormState(values=form.values)
            return self._one(
                request, request_id, state.with_problem(Invalid(text, fields={"question": text})), status=422
            )
        command = AskCitizen(request_id=request_id, question=question)
        return self._do(request, request_id, command, actor, key, "Đã gửi câu hỏi.")

    def reschedule(
        self, request: Request, request_id: str, form: SubmittedForm, actor: CurrentActor, key: IdempotencyKey
    ) -> Response:
        """Another window for a visit that has not begun."""

        def command() -> Command:
            return Reschedule(
                request_id=request_id,
                appointment_id=form.get("appointment_id")[:40],
                window=parse_window(form.get("new_window")),
            )

        return self._do(request, request_id, command, actor, key, "Đã đổi giờ hẹn và báo người dân.")

    def book_again(
        self, request: Request, request_id: str, form: SubmittedForm, actor: CurrentActor, key: IdempotencyKey
    ) -> Response:
        """Another visit after one that could not be finished."""

        def command() -> Command:
            return BookAgain(request_id=request_id, window=parse_window(form.get("new_window")))

        return self._do(request, request_id, command, actor, key, "Đã đặt lại lịch hẹn.")

    def cancel(
        self, request: Request, request_id: str, form: SubmittedForm, actor: CurrentActor, key: IdempotencyKey
    ) -> Response:
        """Withdraws a request for the citizen."""
        command = CancelRequest(request_id=request_id, reason=form.get("reason")[:500])
        return self._do(request, request_id, command, actor, key, "Đã huỷ yêu cầu.")

    def _do(
        self, request: Request, request_id: str, command: Any, actor: Any, key: str, done: str
    ) -> Response:
        try:
            made = command() if callable(command) else command
            self._service.bus.execute(made, actor, key)
        except Problem as problem:
            state: FormState[Any] = FormState()
            return self._one(request, request_id, state.with_problem(problem), status=problem.status)
        return redirect(request, f"/tong-dai/{request_id}", flash=done)

    def _with_wish(self, state: FormState[Any]) -> FormState[Any]:
        """A wish in words becomes the window that it means, when none was picked."""
        if state.model is None or state.model.window or not state.model.wish:
            return state
        try:
            window = agreed_wish(state.model.wish, self._service.transactions.clock(), self._ports)
        except Invalid as problem:
            return state.with_problem(problem)
        value = window_value(window)
        return FormState(
            values={**state.values, "window": (value,)},
            model=state.model.model_copy(update={"window": value}),
        )

    def _form(self, request: Request, form: FormState[Any], status: int = 200) -> Response:
        return render(
            request, "intake/operator_new.html", status=status, **self._form_context(form), channels=_CHANNELS
        )

    def _one(
        self, request: Request, request_id: str, form: FormState[Any] | None = None, status: int = 200
    ) -> Response:
        with self._service.transactions.reading() as session:
            shown = queries.request_json(request_id, session, self._ports)
        draft = shown["status"] in _DRAFTS
        if form is None or not form.values:
            prefilled: FormState[Any] = FormState.blank(**_prefilled(shown)) if draft else FormState()
            if form is not None:
                prefilled = FormState(
                    values=prefilled.values, errors=form.errors, message=form.message, hints=form.hints
                )
            form = prefilled
        return render(
            request,
            "intake/operator_request.html",
            status=status,
            shown=with_instants(shown),
            draft=draft,
            messages=[{**m, "at": datetime.fromisoformat(m["at"])} for m in shown["messages"]],
            doubtful=shown["reading"].get("doubtful", []) if draft else [],
            **self._form_context(form, shown["reading"] if draft else {}),
        )

    def _form_context(self, form: FormState[Any], reading: dict[str, Any] | None = None) -> dict[str, Any]:
        now = self._service.transactions.clock()
        in_force = [row for row in self._ports.procedures if row.in_force(local_date(now))]
        windows = window_choices(now, self._ports, days=5)
        known = {value for value, _ in windows}
        wished = [(w["value"], w["label"]) for w in (reading or {}).get("windows", ())]
        chosen = form.value("window")
        if chosen and chosen not in known | {value for value, _ in wished} and window_text(chosen):
            wished = [(chosen, window_text(chosen)), *wished]
        if form.error("wish"):
            with suppress(Invalid):
                wished += window_choices(now, self._ports, form.value("wish"))
        read_units = [(u["value"], u["label"]) for u in (reading or {}).get("units", ())]
        return {
            "form": form,
            "procedures": [(row.code, row.title_vi) for row in in_force],
            "windows": [*[pair for pair in wished if pair[0] not in known], *windows],
            "units": [(unit, label) for unit, label, _ in unit_choices(form, self._ports)] or read_units
            if form.value("address")
            else read_units,
        }


def _prefilled(shown: dict[str, Any]) -> dict[str, str]:
    """What a draft already tells, for its form."""
    reading = shown["reading"]
    return {
        "procedure_code": shown["procedure_code"],
        "applicant_name": shown["applicant_name"],
        "phone": shown["phone"],
        "address": shown["address"] or reading.get("address", ""),
        "unit_id": shown["unit_id"],
        "window": reading.get("window", ""),
        "note": shown["note"],
    }


def _minutes(since: str, now: datetime) -> int:
    return max(0, int((now - datetime.fromisoformat(since)).total_seconds() // 60))
