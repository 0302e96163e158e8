"""The demonstration's client of the public APIs."""

from __future__ import annotations

import httpx

from deploy.demo.api import Product
from deploy.stack import Ports


def test_a_service_that_is_started_again_is_asked_again_with_the_same_key() -> None:
    """The demonstration's data would end in a stack trace, half filled, when a part is revived meanwhile."""
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        match len(keys):
            case 1:
                raise httpx.ConnectError("refused")
            case 2:
                raise httpx.RemoteProtocolError("cut off")
            case 3:
                return httpx.Response(503)
        return httpx.Response(201, json={"request_id": "r1"})

    product = Product(Ports())
    product._http = httpx.Client(transport=httpx.MockTransport(answer))
    assert product.post("intake", "/api/requests") == {"request_id": "r1"}
    assert len(keys) == 4
    assert len(set(keys)) == 1
