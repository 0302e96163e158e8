"""What postal workers, offices and desks do in the journey, over HTTP: plan, walk, hand over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from deploy.demo.api import Product, Refused, eventually


@dataclass(frozen=True)
class Hands:
    """Everybody who moves papers; each method acts as the account given."""

    product: Product

    def stop(self, dispatcher: str, office: str, day: date, request_id: str) -> dict[str, Any]:
        """The stop of a request, once routing knows it. Raises TimeoutError."""

        def known() -> dict[str, Any] | None:
            stops = self.product.get(
                "routing", f"/api/offices/{office}/stops", dispatcher, day=day.isoformat()
            )
            return next((stop for stop in stops if stop["request_id"] == request_id), None)

        return eventually(known, what="the stop to reach routing")

    def plan(self, dispatcher: str, office: str, day: date) -> dict[str, Any]:
        """Plans a day."""
        path = f"/api/offices/{office}/plans/{day.isoformat()}"
        return self.product.post("routing", path, {"seconds": 1}, dispatcher)  # type: ignore[no-any-return]

    def visit(self, worker: str, day: date, request_id: str) -> dict[str, Any]:
        """The visit on the worker's list, once the plan has come. Raises TimeoutError."""

        def listed() -> dict[str, Any] | None:
            answer = self.product.get("postal_bridge", "/api/worker/visits", worker, day=day.isoformat())
            mine = [one for one in answer["visits"] if one["request_id"] == request_id]
            return next((one for one in mine if one["state"] == "planned"), None)

        return eventually(listed, what=f"the visit on the list of {worker}")

    def step(self, worker: str, visit_id: str, step: str, /, **body: Any) -> dict[str, Any]:
        """One step at the door."""
        return self.product.post("postal_bridge", f"/api/visits/{visit_id}/steps/{step}", body, worker)  # type: ignore[no-any-return]

    def fail(self, worker: str, visit_id: str, reason: str, call_attempts: int) -> dict[str, Any]:
        """Gives a visit up."""
        body = {"reason": reason, "call_attempts": call_attempts}
        return self.product.post("postal_bridge", f"/api/visits/{visit_id}/fail", body, worker)  # type: ignore[no-any-return]

    def held(self, account: str, request_id: str, kind: str) -> dict[str, Any]:
        """The parcel of a request that the account holds or is offered. Raises AssertionError."""
        answer = self.product.get("postal_bridge", "/api/parcels", account)
        found = [one for one in answer["parcels"] if (one["request_id"], one["kind"]) == (request_id, kind)]
        assert len(found) == 1, f"{account} has {len(found)} parcels of kind {kind}"
        return found[0]  # type: ignore[no-any-return]

    def offer(self, account: str, parcel: dict[str, Any], kind: str, receiver: str) -> None:
        """Offers a parcel."""
        body = {"receiver_kind": kind, "receiver_id": receiver}
        self.product.post("postal_bridge", f"/api/parcels/{parcel['parcel_id']}/offer", body, account)

    def accept(self, account: str, parcel: dict[str, Any], /, **seen: Any) -> None:
        """Takes an offered parcel, with the seal and the count as they are seen."""
        body = {"seal": parcel["seal"], "paper_count": parcel["paper_count"]} | seen
        self.product.post("postal_bridge", f"/api/parcels/{parcel['parcel_id']}/accept", body, account)

    def hand_over(self, giver: str, parcel: dict[str, Any], kind: str, receiver: str, taker: str) -> None:
        """Offer and acceptance."""
        self.offer(giver, parcel, kind, receiver)
        self.accept(taker, parcel)

    def desk(self, officer: str, dossier_id: str, act: str, /, **body: Any) -> dict[str, Any]:
        """One act of a desk officer."""
        return self.product.post("postal_bridge", f"/api/dossiers/{dossier_id}/{act}", body, officer)  # type: ignore[no-any-return]


def refused(code: str, act: Any, /, *arguments: Any, **fields: Any) -> dict[str, Any]:
    """Does something that must be refused with this problem code; gives the problem."""
    with pytest.raises(Refused) as refusal:
        act(*arguments, **fields)
    assert refusal.value.problem["code"] == code, str(refusal.value)
    return refusal.value.problem
