"""Parked events for administrators: `/quan-tri/su-kien` and `/api/operations/parked`, in every service.

The same four actions as `tannha events parked`. Inspectors look, with personal data masked; administrators
may also unmask, try again and discard. Who did what is in the log and in the discarded event's row.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from shared.actor import Role
from shared.errors import Forbidden, Problem
from shared.messaging.guard import Guard
from shared.messaging.parked import OUTCOMES, STATES, STILL_PARKED, Opened, ParkedEvents, Wanted
from shared.web.forms import FormState, SubmittedForm, check
from shared.web.pages import redirect, render
from shared.web.roles import Actor, CurrentActor, allow

PAGE = "/quan-tri/su-kien"
API = "/api/operations/parked"
OVERSEERS = (Role.ADMINISTRATOR, Role.INSPECTOR)

EventId = Annotated[str, Query(alias="ma", min_length=1, max_length=300, title="mã sự kiện")]


class Filter(BaseModel):
    """Which parked events a list shows."""

    state: Literal["", "failed", "waiting", "early", "discarded"] = Field(default="", title="trạng thái")
    topic: str = Field(default="", max_length=100, title="chủ đề")
    reason: str = Field(default="", max_length=200, title="lý do")

    def wanted(self) -> Wanted:
        """In the words of the list."""
        return Wanted(self.state, self.topic, self.reason)


class Decision(BaseModel):
    """Why an event is never applied; `gap` means the numbers missing before it, not itself."""

    reason: str = Field(min_length=5, max_length=500, title="lý do")
    gap: bool = False


def parked_router(guard: Guard) -> APIRouter:
    """The API and the pages of one service's parked events."""
    events = ParkedEvents(guard)
    router = APIRouter()
    _api_to_look(router, events)
    _api_to_act(router, events)
    _pages_to_look(router, events)
    _forms(router, events)
    return router


def _api_to_look(router: APIRouter, events: ParkedEvents) -> None:
    @router.get(API, dependencies=[allow(*OVERSEERS)])
    def parked(chosen: Annotated[Filter, Query()]) -> dict[str, Any]:
        """What is parked, oldest first; `state=discarded` lists what was decided."""
        return {"parked": [row.to_json() for row in events.list(chosen.wanted())]}

    @router.get(API + "/{event_id}", dependencies=[allow(*OVERSEERS)])
    def one(event_id: str, actor: CurrentActor, unmasked: bool = False) -> dict[str, Any]:
        """One with its body, personal data masked unless an administrator asks; the look is logged."""
        opened = _open(events, event_id, actor, unmasked=unmasked)
        shown = {"raw": opened.raw} if opened.envelope is None else {}
        return {**opened.parked.to_json(), "envelope": opened.envelope, "data": opened.data, **shown}


def _api_to_act(router: APIRouter, events: ParkedEvents) -> None:
    @router.post(API + "/replay", dependencies=[allow(Role.ADMINISTRATOR)])
    def replay_all(chosen: Filter, actor: CurrentActor) -> dict[str, int]:
        """Tries all failed and waiting events again, or those of a topic or reason; counts of outcomes."""
        counts = events.replay_all(actor.public(), chosen.wanted())
        return {outcome.value: count for outcome, count in counts.items()}

    @router.post(API + "/{event_id}/replay", dependencies=[allow(Role.ADMINISTRATOR)])
    def replay(event_id: str, actor: CurrentActor) -> dict[str, str]:
        """Tries one again, then what stands behind it."""
        return {"outcome": events.replay(event_id, actor.public()).value}

    @router.post(API + "/{event_id}/discard", dependencies=[allow(Role.ADMINISTRATOR)])
    def discard(event_id: str, decision: Decision, actor: CurrentActor) -> dict[str, Any]:
        """Decides that it is never applied; what stands behind it goes on."""
        decide = events.discard_gap if decision.gap else events.discard
        return decide(event_id, decision.reason, actor.public()).to_json()


def _pages_to_look(router: APIRouter, events: ParkedEvents) -> None:
    @router.get(PAGE, dependencies=[allow(*OVERSEERS)], include_in_schema=False)
    def page(request: Request, chosen: Annotated[Filter, Query()]) -> Response:
        """The list."""
        return render(
            request,
            "parked_list.html",
            rows=events.list(chosen.wanted()),
            form=FormState.blank(**chosen.model_dump()),
            states=STATES,
        )

    @router.get(PAGE + "/xem", dependencies=[allow(*OVERSEERS)], include_in_schema=False)
    def one(request: Request, actor: CurrentActor, event_id: EventId, day_du: bool = False) -> Response:
        """One event laid open."""
        return _page_of(request, _open(events, event_id, actor, unmasked=day_du), FormState.blank())


def _forms(router: APIRouter, events: ParkedEvents) -> None:
    administrators = allow(Role.ADMINISTRATOR)

    @router.post(PAGE + "/chay-lai-tat-ca", dependencies=[administrators], include_in_schema=False)
    def replay_all(request: Request, form: SubmittedForm, actor: CurrentActor) -> Response:
        """Tries all that the list shows again."""
        chosen = check(form, Filter).model or Filter()
        counts = events.replay_all(actor.public(), chosen.wanted())
        told = ", ".join(f"{count} {OUTCOMES[outcome]}" for outcome, count in counts.items())
        kind = "warning" if STILL_PARKED & set(counts) else "done"
        return redirect(request, PAGE, flash=f"Chạy lại: {told or 'không có sự kiện nào'}.", kind=kind)

    @router.post(PAGE + "/chay-lai", dependencies=[administrators], include_in_schema=False)
    def replay(request: Request, actor: CurrentActor, event_id: EventId) -> Response:
        """Tries one again."""
        outcome = events.replay(event_id, actor.public())
        kind = "warning" if outcome in STILL_PARKED else "done"
        return redirect(request, PAGE, flash=f"Sự kiện {event_id}: {OUTCOMES[outcome]}.", kind=kind)

    @router.post(PAGE + "/bo", dependencies=[administrators], include_in_schema=False)
    def discard(request: Request, form: SubmittedForm, actor: CurrentActor, event_id: EventId) -> Response:
        """Decides that one is never applied."""
        state = check(form, Decision)
        if state.model is None:
            return _page_of(request, _open(events, event_id, actor), state, 422)
        try:
            decide = events.discard_gap if state.model.gap else events.discard
            settled = decide(event_id, state.model.reason, actor.public())
        except Problem as problem:
            if problem.status == 404:
                raise
            return _page_of(
                request, _open(events, event_id, actor), state.with_problem(problem), problem.status
            )
        passed = settled.discard is not None and settled.discard.passed
        then = "Các sự kiện đứng sau đi tiếp." if passed else "Không mở đường cho khoá nào."
        return redirect(request, PAGE, flash=f"Đã bỏ {settled.event_id}. {then}")


def _open(events: ParkedEvents, event_id: str, actor: Actor, *, unmasked: bool = False) -> Opened:
    if unmasked and actor.role is not Role.ADMINISTRATOR:
        raise Forbidden("Chỉ quản trị viên được xem dữ liệu cá nhân trong sự kiện.", code="parked.masked")
    return events.open(event_id, actor.public(), unmasked=unmasked)


def _page_of(request: Request, opened: Opened, form: FormState[Any], status: int = 200) -> Response:
    told = opened.raw
    if opened.envelope is not None:
        told = json.dumps({"envelope": opened.envelope, "data": opened.data}, ensure_ascii=False, indent=2)
    return render(
        request, "parked_event.html", status=status, opened=opened, body=told, form=form, states=STATES
    )
