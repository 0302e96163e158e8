"""The status page: by code and last four digits; change, book again, withdraw."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.intake.application import queries
from services.intake.application.commands import BookAgain, CancelRequest, Reschedule
from services.intake.application.ports import Ports
from services.intake.application.records import RequestRow
from services.intake.entrypoints.api import citizen
from services.intake.entrypoints.guessing import ByCode, request_of_citizen
from services.intake.entrypoints.page_forms import CodeForm, parse_window, read, window_choices
from services.intake.settings import Settings
from shared.errors import Problem
from shared.messaging.commands import Command
from shared.service import Service
from shared.web.forms import FormState, IdempotencyKey, Submission, SubmittedForm
from shared.web.limits import limit
from shared.web.pages import render
from shared.web.roles import PUBLIC

_HOLDERS = {"dossier": "Hồ sơ", "supplement": "Giấy tờ bổ sung", "result": "Kết quả"}


def status_router(service: Service[Settings]) -> APIRouter:
    """The pages under /tra-cuu."""
    return _Status(service).router()


class _Status:
    """The door and the page behind it. The code and digits travel in the form, never in the address."""

    def __init__(self, service: Service[Settings]) -> None:
        self._service = service
        self._ports = cast("Ports", service.bus.ports)

    def router(self) -> APIRouter:
        router = APIRouter(include_in_schema=False)
        guarded = [PUBLIC, limit(self._service.settings.status_rate, scope="status")]
        router.add_api_route("/tra-cuu", self.door, methods=["GET"], dependencies=[PUBLIC])
        router.add_api_route("/tra-cuu", self.show, methods=["POST"], dependencies=guarded)
        router.add_api_route("/tra-cuu/doi-gio", self.reschedule, methods=["POST"], dependencies=guarded)
        router.add_api_route("/tra-cuu/dat-lai", self.book_again, methods=["POST"], dependencies=guarded)
        router.add_api_route("/tra-cuu/huy", self.cancel, methods=["POST"], dependencies=guarded)
        return router

    def door(self, request: Request) -> Response:
        """The form."""
        return self._door(request, FormState.blank())

    def show(self, request: Request, form: SubmittedForm) -> Response:
        """The request, or the same refusal for either mistake; without digits, the form with the code."""
        if "last4" not in form.values:
            return self._door(request, FormState.blank(code=form.get("code")[:20]))
        found = self._open(request, form)
        return self._page(request, form, found) if isinstance(found, RequestRow) else found

    def reschedule(self, request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        """Another window for a visit that has not begun."""

        def command(row: RequestRow) -> Command:
            return Reschedule(
                request_id=row.request_id,
                appointment_id=form.get("appointment_id")[:40],
                window=parse_window(form.get("window")),
            )

        return self._do(request, form, key, command, "Đã đổi giờ hẹn.")

    def book_again(self, request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        """Another visit after one that could not be finished."""

        def command(row: RequestRow) -> Command:
            return BookAgain(request_id=row.request_id, window=parse_window(form.get("window")))

        return self._do(request, form, key, command, "Đã đặt lại lịch hẹn.")

    def cancel(self, request: Request, form: SubmittedForm, key: IdempotencyKey) -> Response:
        """Withdraws the request, once the citizen ticked that it is meant."""
        if form.get("sure") != "true":
            found = self._open(request, form)
            if not isinstance(found, RequestRow):
                return found
            return self._page(request, form, found, ask_cancel=True)
        return self._do(
            request, form, key, lambda row: CancelRequest(request_id=row.request_id), "Đã huỷ yêu cầu."
        )

    def _open(self, request: Request, form: Submission) -> RequestRow | Response:
        state = read(form, CodeForm)
        if state.model is None:
            return self._door(request, state, 422)
        try:
            typed = ByCode(code=state.model.code, last4=state.model.last4)
            return request_of_citizen(self._service, request, typed)
        except Problem as problem:
            return self._door(request, state.with_problem(problem), problem.status)

    def _do(self, request: Request, form: Submission, key: str, command: Any, done: str) -> Response:
        found = self._open(request, form)
        if not isinstance(found, RequestRow):
            return found
        try:
            self._service.bus.execute(command(found), citizen(found.request_id), key)
        except Problem as problem:
            return self._page(request, form, found, problem=problem)
        return self._page(request, form, found, done=done)

    def _door(self, request: Request, form: FormState[Any], status: int = 200) -> Response:
        return render(
            request, "intake/status_door.html", status=status, form=form, hotline=self._ports.hotline
        )

    def _page(
        self,
        request: Request,
        form: Submission,
        found: RequestRow,
        *,
        problem: Problem | None = None,
        done: str = "",
        ask_cancel: bool = False,
    ) -> Response:
        with self._service.transactions.reading() as session:
            row = session.get(RequestRow, found.request_id) or found
            shown = queries.status_json(row, session, self._ports)
        state: FormState[Any] = FormState(values=form.values)
        return render(
            request,
            "intake/status.html",
            status=problem.status if problem else 200,
            shown=with_instants(shown),
            form=state.with_problem(problem) if problem else state,
            known={"code": found.code, "last4": form.get("last4").strip()},
            windows=window_choices(self._service.transactions.clock(), self._ports),
            done=done,
            ask_cancel=ask_cancel,
            hotline=self._ports.hotline,
            holders=_HOLDERS,
        )


def with_instants(shown: dict[str, Any]) -> dict[str, Any]:
    """The ISO texts of a read model as instants again, for the filters of a page."""
    progress = [{**line, "at": datetime.fromisoformat(line["at"])} for line in shown["progress"]]
    due = datetime.fromisoformat(shown["due_at"]) if shown["due_at"] else None
    return {**shown, "progress": progress, "due_at": due}
