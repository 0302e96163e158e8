"""Citizens of the journey: what they ask for, what they are told, what their status page says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from deploy.demo.accounts import OPERATOR
from deploy.demo.api import Product, eventually
from shared.clock import at

DUY_VINH_HOUSE = {
    "address": "Tổ 3, thôn Đông Bình, xã Duy Vinh, Duy Xuyên, Quảng Nam",
    "lat": 15.8431,
    "lon": 108.3402,
}
"""An address in the old unit's words, with a pin near its market."""


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

    def reads(self, words: str) -> str:
        """Waits for a message with these words on the phone and gives it. Raises TimeoutError."""
        return eventually(
            lambda: next((text for text in self.inbox() if words in text), None), what=f"a message: {words}"
        )

    def sees_holder(self, kind: str, words: str) -> None:
        """Waits until the status page says that `words` has the papers. Raises TimeoutError."""
        eventually(lambda: words in self.holders().get(kind, ""), what=f"the status page: {kind} at {words}")
