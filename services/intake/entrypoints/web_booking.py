"""A citizen asks for a visit in four short steps, without an account and without JavaScript.

What, who and where, when, confirm. What was typed travels in hidden fields; nothing is kept before the
last step, and the last step checks everything again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.intake.application import queries
from services.intake.application.agreement import find_place, find_procedure, purpose_at_home
from services.intake.application.commands import SubmitRequest
from services.intake.application.ports import Ports
from services.intake.domain.addresses import resolve
from services.intake.domain.gazetteer import Unit
from services.intake.entrypoints.api import web_citizen
from services.intake.entrypoints.page_forms import (
    ConfirmForm,
    WhenForm,
    WhereForm,
    carried,
    parse_window,
    read,
    window_choices,
    window_text,
    wish_notes,
)
from services.intake.settings import Settings
from shared.contracts.intake import Window
from shared.errors import Invalid, Problem
from shared.service import Service
from shared.web.forms import FormState, IdempotencyKey, SubmittedForm
from shared.web.limits import limit
from shared.web.pages import redirect, render
from shared.web.roles import PUBLIC

STEPS = ("Thủ tục", "Người và nơi", "Giờ hẹn", "Xác nhận")
_WHERE = ("procedure_code", "applicant_name", "phone", "address", "unit_id", "note")
_WHEN = (*_WHERE, "window")


def booking_router(service: Service[Settings]) -> APIRouter:
    """The pages under /dat-lich."""
    return _Booking(service).router()


class _Booking:
    """The steps; each renders itself again with what was wrong."""

    def __init__(self, service: Service[Settings]) -> None:
        self._service = service
        self._ports = cast("Ports", service.bus.ports)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        public = [PUBLIC]
        counted = [PUBLIC, limit(self._service.settings.request_rate)]
        router.add_api_route("/dat-lich", self.what, methods=["GET"], dependencies=public)
        router.add_api_route("/dat-lich/noi-den", self.where, methods=["GET"], dependencies=public)
        router.add_api_route("/dat-lich/noi-den", self.edit_where, methods=["POST"], dependencies=public)
        router.add_api_route("/dat-lich/gio-hen", self.when, methods=["POST"], dependencies=public)
        router.add_api_route("/dat-lich/xem-lai", self.review, methods=["POST"], dependencies=public)
        router.add_api_route("/dat-lich/gui", self.send, methods=["POST"], dependencies=counted)
        return router

    def what(
        self,
        request: Request,
        q: Annotated[str, Query(max_length=200)] = "",
        thu_tuc: Annotated[str, Query(max_length=40)] = "",
    ) -> Response:
        """Step 1: search, or one procedure with everything to know before booking."""
        now = self._service.transactions.clock()
        if thu_tuc:
            try:
                procedure = find_procedure(thu_tuc, now, self._ports)
            except Invalid:
                return redirect(request, "/dat-lich", flash="Không có thủ tục này.", kind="note")
            shown = queries.procedure_json(procedure, now, self._ports)
            return render(request, "intake/booking_procedure.html", steps=STEPS, procedure=shown)
        found = queries.procedures_json(q, now, self._ports)
        return render(request, "intake/booking_what.html", steps=STEPS, q=q, found=found)

    def where(self, request: Request, thu_tuc: Annotated[str, Query(max_length=40)] = "") -> Response:
        """Step 2, empty."""
        try:
            purpose_at_home(find_procedure(thu_tuc, self._service.transactions.clock(), self._ports))
        except Invalid:
            return redirect(request, f"/dat-lich?thu_tuc={thu_tuc}" if thu_tuc else "/dat-lich")
        return self._where_page(request, FormState.blank(procedure_code=thu_tuc))

    def edit_where(self, request: Request, form: SubmittedForm) -> Response:
        """Step 2 again, with what was typed before."""
        return self._where_page(request, FormState(values=form.values))

    def when(self, request: Request, form: SubmittedForm) -> Response:
        """Step 2 sent: on to step 3, or back with what is unclear."""
        state = read(form, WhereForm)
        if state.model is None:
            return self._where_page(request, state, status=422)
        try:
            self._find_unit(state.model)
        except Problem as problem:
            asked = state.with_problem(problem)
            if problem.problem_code == "address.unclear":  # the choices stand below the field already
                asked = replace(asked, message="Địa chỉ cần rõ hơn một chút", hints=())
            return self._where_page(request, asked, status=problem.status)
        return self._when_page(request, state)

    def review(self, request: Request, form: SubmittedForm) -> Response:
        """Step 3 sent: on to the summary, or back with the windows that are possible."""
        state = read(form, WhenForm)
        if state.model is None:
            return self._when_page(request, state, status=422)
        if not state.model.window or form.get("find"):
            problem = None if state.model.wish else _no_window()
            return self._when_page(request, state.with_problem(problem) if problem else state)
        try:
            parse_window(state.model.window)
            unit = self._find_unit(state.model)
        except Problem as problem:
            return self._when_page(request, state.with_problem(problem), status=problem.status)
        return self._review_page(request, state, unit)

    def send(self, request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        """Step 4 sent: the request is made, once, and its code shown.

        The code stands on the answer itself and in no address: addresses are kept in histories and logs.
        Sent again, the same form gets the same answer.
        """
        state = read(form, ConfirmForm)
        if state.model is None:
            return self._where_page(request, state, status=422)
        try:
            command = SubmitRequest(channel="web", **request_fields(state.model))
            answer = self._service.bus.execute(command, web_citizen(state.model.phone, key), key)
        except Problem as problem:
            return self._refused(request, state, problem)
        return render(request, "intake/booking_done.html", code=answer["code"], hotline=self._ports.hotline)

    def _refused(self, request: Request, state: FormState[Any], problem: Problem) -> Response:
        """Back to the step that can mend it."""
        shown = state.with_problem(problem)
        if {"applicant_name", "phone", "address", "unit_id", "procedure_code"} & set(problem.fields):
            return self._where_page(request, shown, status=problem.status)
        if "window" in problem.fields:
            return self._when_page(request, shown, status=problem.status)
        unit = self._find_unit(cast("ConfirmForm", state.model))
        return self._review_page(request, shown, unit, status=problem.status)

    def _find_unit(self, model: WhereForm) -> Unit:
        with self._service.transactions.reading() as session:
            return find_place(model.address, model.unit_id, None, session, self._ports).unit

    def _where_page(self, request: Request, form: FormState[Any], status: int = 200) -> Response:
        return render(
            request,
            "intake/booking_where.html",
            status=status,
            steps=STEPS,
            form=form,
            hidden=carried(form, ("procedure_code", "window")),
            units=unit_choices(form, self._ports) if form.error("address") or form.value("unit_id") else [],
            title=queries.title_of(form.value("procedure_code"), self._ports),
        )

    def _when_page(self, request: Request, form: FormState[Any], status: int = 200) -> Response:
        now, wish = self._service.transactions.clock(), form.value("wish")
        try:
            choices = window_choices(now, self._ports, wish, days=2)
        except Invalid as problem:
            form, status = form.with_problem(problem), problem.status
            choices = window_choices(now, self._ports, days=2)
        return render(
            request,
            "intake/booking_when.html",
            status=status,
            steps=STEPS,
            form=form,
            hidden=carried(form, _WHERE),
            windows=choices,
            why_other=wish_notes(wish, now, self._ports),
            hotline=self._ports.hotline,
        )

    def _review_page(self, request: Request, form: FormState[Any], unit: Unit, status: int = 200) -> Response:
        now = self._service.transactions.clock()
        procedure = find_procedure(form.value("procedure_code"), now, self._ports)
        return render(
            request,
            "intake/booking_review.html",
            status=status,
            steps=STEPS,
            form=form,
            hidden={**carried(form, _WHEN), "unit_id": unit.id},
            procedure=queries.procedure_json(procedure, now, self._ports),
            unit=unit.full_name,
            window=window_text(form.value("window")),
        )


def request_fields(model: ConfirmForm) -> dict[str, Any]:
    """A confirmed form as the fields of a command. Raises Invalid without a window."""
    window: Window = parse_window(model.window)
    return {
        "procedure_code": model.procedure_code,
        "applicant_name": model.applicant_name,
        "phone": model.phone,
        "address": model.address,
        "unit_id": model.unit_id or None,
        "window": window,
        "consent": model.consent,
        "note": model.note,
    }


def unit_choices(form: FormState[Any], ports: Ports) -> list[tuple[str, str, str]]:
    """The units an address may mean, for choosing: (id, words, reason)."""
    found = resolve(form.value("address"), ports.gazetteer)
    return [(c.unit.id, c.label, c.reason) for c in found.candidates]


def _no_window() -> Invalid:
    text = "Ông/Bà chọn một khung giờ, hoặc viết giờ mong muốn."
    return Invalid(text, fields={"window": text})
