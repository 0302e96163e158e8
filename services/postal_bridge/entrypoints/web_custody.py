"""Hand-overs on pages: the forms that every hand uses, the post office's counter, the inspector's book."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request, Response

from services.postal_bridge.application import commands, pages, queries
from services.postal_bridge.application.names import NameBook
from services.postal_bridge.application.parcels import fault_of
from services.postal_bridge.domain.custody import HolderKind
from services.postal_bridge.entrypoints.access import Acting, PostalService, Reading
from shared.errors import Problem
from shared.web.forms import IdempotencyKey, SubmittedForm
from shared.web.pages import redirect, render
from shared.web.roles import CurrentActor, Role, allow

router = APIRouter(include_in_schema=False)

HANDS = allow(Role.WORKER, Role.DISPATCHER, Role.CASHIER, Role.DESK_OFFICER)


@router.post("/ban-giao/nhan", dependencies=[HANDS])
def accept(
    request: Request, form: SubmittedForm, service: PostalService, acting: Acting, key: IdempotencyKey
) -> Response:
    """Takes every parcel whose seal was scanned; one that cannot be taken does not hold up the others."""
    target = form.get("next")
    seals = tuple(dict.fromkeys(form.get("seals").replace(",", " ").upper().split()))
    if not seals:
        return redirect(request, target, flash="Quét hoặc gõ số tem của túi trước khi nhận.", kind="warning")
    if form.get("counted") != "true":
        text = "Chưa xác nhận đã đối chiếu số giấy tờ ghi trên túi. Chưa nhận túi nào."
        return redirect(request, target, flash=text, kind="warning")
    with service.transactions.reading() as session:
        offered = pages.offered_by_seal(session, acting.actor)

    def take(seal: str) -> None:
        if seal not in offered:
            raise Problem(f"Tem {seal[:40]}: không có túi nào như vậy đang giao cho Ông/Bà.")
        parcel_id = offered[seal]
        command = commands.AcceptParcel(
            parcel_id=parcel_id, seal=seal, paper_count=_count(form.get(f"count-{parcel_id}"))
        )
        acting.execute(command, f"{key}.{parcel_id}"[:80])

    return _each(request, seals, take, "Đã nhận", target)


@router.post("/ban-giao/giao", dependencies=[HANDS])
def offer(request: Request, form: SubmittedForm, acting: Acting, key: IdempotencyKey) -> Response:
    """Offers every ticked parcel to the receiver chosen (`kind:id`, or one for each parcel)."""

    def give(parcel_id: str) -> None:
        receiver = form.get(f"receiver-{parcel_id}") or form.get("receiver")
        kind, _, receiver_id = receiver.partition(":")
        if kind not in list(HolderKind) or not receiver_id:
            raise Problem("Chưa chọn bên nhận.")
        command = commands.OfferParcel(
            parcel_id=parcel_id, receiver_kind=HolderKind(kind), receiver_id=receiver_id
        )
        acting.execute(command, f"{key}.{parcel_id}"[:80])

    return _each(request, form.all("parcel_id"), give, "Đã giao, chờ bên kia nhận", form.get("next"))


@router.post("/ban-giao/khong-nhan", dependencies=[HANDS])
def dispute(request: Request, form: SubmittedForm, acting: Acting, key: IdempotencyKey) -> Response:
    """Does not take a parcel, with the reason."""
    reason = form.get("reason")[:500]

    def refuse(parcel_id: str) -> None:
        if not reason:
            raise Problem("Phải ghi lý do không nhận.")
        acting.execute(commands.DisputeParcel(parcel_id=parcel_id, reason=reason), key)

    return _each(request, form.all("parcel_id")[:1], refuse, "Đã ghi không nhận", form.get("next"))


@router.get("/buu-cuc", dependencies=[allow(Role.DISPATCHER, Role.CASHIER)])
def counter(request: Request, session: Reading, service: PostalService, actor: CurrentActor) -> Response:
    """The counter: take from workers and desks, send to desks in bulk, give results to workers."""
    board = pages.handover_board(session, actor, service.transactions.clock())
    names = NameBook(session)
    homeward = [line for line in board.held if line.goes_home]
    deskward = sorted((line for line in board.held if not line.goes_home), key=lambda line: line.unit_id)
    return render(
        request,
        "postal_bridge/counter.html",
        board=board,
        office=names.office(actor.office or ""),
        homeward=homeward,
        by_desk=[(key, list(lines)) for key, lines in groupby(deskward, key=lambda line: line.unit_id)],
        workers=[
            (f"worker:{row.worker_id}", f"{row.name} · {row.badge}")
            for row in names.workers_of(actor.office or "")
        ],
    )


@router.get("/so-ban-giao", dependencies=[allow(Role.INSPECTOR, Role.ADMINISTRATOR)])
def custody_book(request: Request, session: Reading, service: PostalService, actor: CurrentActor) -> Response:
    """Every parcel with its holder and whether its ledger verifies; the money beside it."""
    rows = queries.parcels(session, actor)
    lines = pages.parcel_lines(session, rows, service.transactions.clock())
    faults = {row.parcel_id: fault_of(session, row) for row in rows}
    return render(
        request,
        "postal_bridge/custody_book.html",
        lines=lines,
        faults=faults,
        broken=sum(fault is not None for fault in faults.values()),
        money=queries.money_sums(session),
    )


def _count(text: str) -> int:
    """The paper count confirmed for a parcel. Raises Problem when none was given."""
    if not text.isascii() or not text.isdecimal() or len(text) > 4:
        raise Problem("Chưa ghi số giấy tờ trên túi.")
    return int(text)


def _each(
    request: Request, parcels: tuple[str, ...], act: Callable[[str], Any], done: str, target: str
) -> Response:
    """Runs an act on each parcel (by id or seal) and says how it went."""
    refused: list[str] = []
    for parcel in parcels:
        try:
            act(parcel)
        except Problem as problem:
            refused.append(problem.message)
    worked = len(parcels) - len(refused)
    if not parcels:
        return redirect(request, target, flash="Chưa chọn túi nào.", kind="warning")
    if refused:
        text = f"{done}: {worked} túi. Không được: {len(refused)} túi. {' '.join(dict.fromkeys(refused))}"
        return redirect(request, target, flash=text, kind="warning")
    return redirect(request, target, flash=f"{done}: {worked} túi.")
