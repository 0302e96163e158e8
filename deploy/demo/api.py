"""The public APIs as a person's program uses them: sign in, ask, be refused in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from deploy.demo.accounts import PASSWORD
from deploy.stack import Ports
from shared.ids import new_id

T = TypeVar("T")

PATIENCE_SECONDS = 40.0
"""How long a program waits for a part that says it is not ready."""


class Refused(Exception):
    """The product said no; the text is its reason."""

    def __init__(self, status: int, path: str, problem: dict[str, Any]) -> None:
        super().__init__(f"{path}: {status} {problem.get('code', '')} {problem.get('detail', '')}".strip())
        self.status = status
        self.problem = problem


@dataclass
class Product:
    """The three services and the fake Zalo server, spoken to over HTTP only."""

    ports: Ports
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._http = httpx.Client(timeout=60)

    def get(self, service: str, path: str, account: str | None = None, **query: Any) -> Any:
        """A GET, as somebody or as nobody. Raises Refused."""
        return self._ask("GET", service, path, account, params=query)

    def post(
        self, service: str, path: str, body: dict[str, Any] | None = None, account: str | None = None
    ) -> Any:
        """A POST with an idempotency key of its own. Raises Refused."""
        return self._ask("POST", service, path, account, json=body or {}, key=new_id())

    def _ask(
        self, method: str, service: str, path: str, account: str | None, key: str | None = None, **rest: Any
    ) -> Any:
        headers = {"Accept": "application/json"}
        if account is not None:
            headers["Authorization"] = f"Bearer {self._token(account)}"
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = self._patiently(method, self.ports.url(service) + path, headers=headers, **rest)
        if answer.is_success:
            return answer.json() if answer.content else None
        try:
            problem = answer.json()
        except ValueError:
            problem = {"detail": answer.text[:200]}
        raise Refused(answer.status_code, f"{method} {service}{path}", problem)

    def _patiently(self, method: str, address: str, **rest: Any) -> httpx.Response:
        """Asks again with the same key while the answer is 503 (a fresh start is still filling its copies) or
        nobody is there (a part is being started again)."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(method, address, **rest)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                    return answer
            except (httpx.NetworkError, httpx.RemoteProtocolError):
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.25)

    def _token(self, account: str) -> str:
        if account not in self._tokens:
            signed_in = self.post("intake", "/api/session", {"account": account, "password": PASSWORD})
            self._tokens[account] = signed_in["token"]
        return self._tokens[account]


def eventually(ask: Callable[[], T | None], seconds: float = 40.0, what: str = "the events to arrive") -> T:
    """Asks until the answer is truthy; raises TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.15)
    return answer
