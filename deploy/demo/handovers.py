"""Papers on their way between worker, post office and desk; money on its way to the cashier."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from deploy.demo import accounts
from deploy.demo.api import Product
from shared.clock import local_date


@dataclass
class Handovers:
    """Two-sided hand-overs and the work at the desks.

    `supplements` and `refusals` of a hundred dossiers; the others are accepted.
    """

    product: Product
    dice: random.Random
    supplements: int = 8
    refusals: int = 2
    happened: Counter[str] = field(default_factory=Counter)

    def workers_to_office(self, workers: dict[str, str]) -> None:
        """What workers carry to an office arrives there (`workers`: id → office)."""
        for worker, office in workers.items():
            for parcel in self._held(worker, "worker", worker):
                if parcel["goes_home"]:
                    continue
                self._offer(parcel, worker, "post_office", office)
                self._accept(parcel, accounts.cashier(office))

    def offices_to_desks(self, desks_of: dict[str, str]) -> None:
        """Dossiers and supplements go on to the desk of their unit (`desks_of`: request → unit)."""
        for office in {row["id"] for row in accounts.offices()}:
            for parcel in self._held(accounts.dispatcher(office), "post_office", office):
                if parcel["goes_home"]:
                    continue
                unit = desks_of[parcel["request_id"]]
                self._offer(parcel, accounts.dispatcher(office), "desk", unit)
                self._accept(parcel, accounts.desk_officer(unit))

    def desks_work(self, units: set[str], seal: Callable[[], str], today: date) -> None:
        """Officers open and decide what lies on their desk, and finish what is due."""
        for unit in sorted(units):
            officer = accounts.desk_officer(unit)
            here = {parcel["dossier_id"] for parcel in self._held(officer, "desk", unit)}
            for dossier in self._dossiers(officer):
                if dossier["dossier_id"] in here:
                    self._decide(officer, dossier, seal, today)

    def _decide(self, officer: str, dossier: dict[str, Any], seal: Callable[[], str], today: date) -> None:
        path = f"/api/dossiers/{dossier['dossier_id']}"
        if dossier["state"] == "on_the_way":
            dossier = self._post(f"{path}/open", {"intact": True}, officer)
        if dossier["state"] == "opened":
            dossier = self._judge(officer, path, dossier)
        if dossier["state"] == "accepted" and is_finished(dossier, today):
            self._post(f"{path}/result", {"seal": seal()}, officer)
            self.happened["kết quả giải quyết xong"] += 1

    def _judge(self, officer: str, path: str, dossier: dict[str, Any]) -> dict[str, Any]:
        """Refused, sent back for more, or accepted; a dossier that was supplemented is accepted."""
        lot = 99 if dossier["supplement_rounds"] else self.dice.randrange(100)
        if lot < self.refusals:
            self.happened["hồ sơ bị từ chối (mẫu 03)"] += 1
            return self._post(f"{path}/refuse", {"reason": "Không thuộc thẩm quyền giải quyết."}, officer)
        if lot < self.refusals + self.supplements:
            self.happened["yêu cầu bổ sung (mẫu 02)"] += 1
            return self._post(f"{path}/supplement", {"items": ["Giấy tờ chứng minh nơi cư trú"]}, officer)
        self.happened["hồ sơ được tiếp nhận (mẫu 01)"] += 1
        return self._post(f"{path}/accept", {}, officer)

    def results_to_offices(self, units: set[str], office_of: dict[str, str]) -> int:
        """Results wait at the desks; each office collects its own (`office_of`: request → office)."""
        collected = 0
        for unit in sorted(units):
            officer = accounts.desk_officer(unit)
            for parcel in self._held(officer, "desk", unit):
                if parcel["goes_home"]:
                    office = office_of[parcel["request_id"]]
                    self._offer(parcel, officer, "post_office", office)
                    self._accept(parcel, accounts.dispatcher(office))
                    collected += 1
        return collected

    def results_to_workers(self, worker_of: dict[str, str]) -> None:
        """Each result goes along with the worker whose plan has its door (`worker_of`: request → worker)."""
        by_office: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for office in {row["id"] for row in accounts.offices()}:
            by_office[office] = self._held(accounts.dispatcher(office), "post_office", office)
        for office, parcels in by_office.items():
            for parcel in parcels:
                worker = worker_of.get(parcel["request_id"])
                if parcel["goes_home"] and worker:
                    self._offer(parcel, accounts.dispatcher(office), "worker", worker)
                    self._accept(parcel, worker)

    def deposit_and_close(self, workers: dict[str, str], day: str) -> None:
        """The cashier counts what each worker hands in, and closes the days that balance."""
        for office in sorted(set(workers.values())):
            cashier = accounts.cashier(office)
            for book in self.product.get("postal_bridge", "/api/cashbooks", cashier, day=day)["cashbooks"]:
                if book.get("closed_at") or book.get("closed"):
                    continue
                path = f"/api/cashbooks/{book['worker_id']}/{day}"
                in_hand = book["in_hand"]
                if in_hand["fee"] or in_hand["fare"]:
                    self._post(f"{path}/deposit", {"fee": in_hand["fee"], "fare": in_hand["fare"]}, cashier)
                self._post(f"{path}/close", {}, cashier)
                self.happened["sổ tiền trong ngày đã khoá"] += 1

    def _held(self, account: str, kind: str, holder: str) -> list[dict[str, Any]]:
        answer = self.product.get(
            "postal_bridge", "/api/parcels", account, holder_kind=kind, holder_id=holder, state="held"
        )
        return answer["parcels"]  # type: ignore[no-any-return]

    def _dossiers(self, officer: str) -> list[dict[str, Any]]:
        return self.product.get("postal_bridge", "/api/desk/dossiers", officer)["dossiers"]  # type: ignore[no-any-return]

    def _offer(self, parcel: dict[str, Any], account: str, kind: str, receiver: str) -> None:
        body = {"receiver_kind": kind, "receiver_id": receiver}
        self._post(f"/api/parcels/{parcel['parcel_id']}/offer", body, account)

    def _accept(self, parcel: dict[str, Any], account: str) -> None:
        body = {"seal": parcel["seal"], "paper_count": parcel["paper_count"]}
        self._post(f"/api/parcels/{parcel['parcel_id']}/accept", body, account)
        self.happened["lượt bàn giao hai bên"] += 1

    def _post(self, path: str, body: dict[str, Any], account: str) -> dict[str, Any]:
        return self.product.post("postal_bridge", path, body, account)  # type: ignore[no-any-return]


def is_finished(dossier: dict[str, Any], today: date) -> bool:
    """Whether the agency has the result: it keeps the due day, and what is due today is done today."""
    return bool(dossier["due_at"]) and local_date(datetime.fromisoformat(dossier["due_at"])) <= today
