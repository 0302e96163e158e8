"""Citizens of the journey: what they ask for, what they are told, what their status page says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy.demo.accounts import OPERATOR
from deploy.demo.api import Product, Refused, eventually
from deploy.stack import Stack
from shared.clock import at

DUY_VINH_HOUSE = {
    "address": "Tổ 3, thôn Đông Bình, xã Duy Vinh, Duy Xuyên, Quảng Nam",
    "lat": 15.8431,
    "lon": 108.3402,
}
"""An address in the old unit's words, with a pin near its market."""


ONE_CITIZEN_ASKS_OFTEN = {
    "TANNHA_INTAKE_STATUS_RATE": "6000/minute",
    "TANNHA_INTAKE_STATUS_RATE_PER_CODE": "6000/minute",
}
"""Tests look at a status page again and again while events travel."""


def window(day: date, start: str, end: str) -> dict[str, str]:
    """A window of that day as the API takes it."""
    return {"start": at(day, start).isoformat(), "end": at(day, end).isoformat()}


def wish(procedure: str, phone: str, promise: dict[str, str], **changed: Any) -> dict[str, Any]:
    """The body of a request for a house in Duy Vinh."""
    return {
        "procedure_code": procedure,
        "applicant_name": "Lê Thị Tư",
        "phone": phone,
        "window": promise,
        "consent": True,
        **DUY_VINH_HOUSE,
        **changed,
    }


NOBODY_AGREED = wish("1.001193", "0900000700", window(date(2026, 11, 25), "07:30", "09:30"), consent=False)
"""A request that is refused for its missing consent, and for nothing else, once all else can be judged."""


def introduced(stack: Stack) -> Product:
    """The product, spoken to over HTTP only, once it knows the post offices and can promise visits."""
    public = Product(stack.ports)

    def only_the_consent_is_missing() -> bool:
        try:
            public.post("intake", "/api/requests", NOBODY_AGREED)
        except Refused as refusal:
            return bool(refusal.problem["code"] == "consent.missing")
        return False

    eventually(only_the_consent_is_missing, what="the post offices to be known")
    return public


@dataclass(frozen=True)
class Citizen:
    """Somebody with a request: what can be known with its code and the end of the phone number."""

    product: Product
    request_id: str
    code: str
    phone: str

    def status(self) -> dict[str, Any]:
        """The status page as data."""
        body = {"code": self.code, "last4": self.phone[-4:]}
        return self.product.post("intake", "/api/status", body)  # type: ignore[no-any-return]

    def holders(self) -> dict[str, str]:
        """Who has the papers, by kind, in the words of the status page."""
        return {paper["kind"]: paper["holder"] for paper in self.status()["papers"]}

    def visit(self) -> dict[str, Any]:
        """The latest appointment."""
        return self.status()["appointments"][-1]  # type: ignore[no-any-return]

    def told(self) -> list[str]:
        """What the notices were about, oldest first."""
        rows = self.product.get("intake", "/api/notices", OPERATOR, request_id=self.request_id)
        return [row["about"] for row in rows]

    def inbox(self) -> list[str]:
        """The texts that reached the citizen's phone, newest first."""
        answer = self.product.get("fake_zalo", "/inbox.json", user=f"84{self.phone[1:]}")
        return [message["text"] for message in answer["messages"]]

    def hears(self, about: str) -> None:
        """Waits for a notice about something. Raises TimeoutError."""
        eventually(lambda: about in self.told(), what=f"the notice {about}")

    def knows_who_comes(self) -> None:
        """Waits until the status page names the worker of the latest appointment. Raises TimeoutError.

        A clock that leaps up to the visit before that makes the promise a lost one, rightly.
        """
        eventually(lambda: self.visit()["worker_badge"], what="the worker on the status page")

    def reads(self, words: str) -> str:
        """Waits for a message with these words on the phone and gives it. Raises TimeoutError."""
        return eventually(
            lambda: next((text for text in self.inbox() if words in text), None), what=f"a message: {words}"
        )

    def sees_holder(self, kind: str, words: str) -> None:
        """Waits until the status page says that `words` has the papers. Raises TimeoutError."""
        eventually(lambda: words in self.holders().get(kind, ""), what=f"the status page: {kind} at {words}")
