"""Signing out at one service ends the sign-in at all of them, over the real broker."""

from __future__ import annotations

import httpx

from deploy.demo import accounts
from deploy.demo.api import Product, eventually

SERVICES = ("intake", "routing", "postal_bridge")


def test_a_sign_out_is_heard_everywhere(product: Product) -> None:
    """The token of a shared computer would go on opening the other services until the evening."""
    credentials = {"account": accounts.INSPECTOR, "password": accounts.PASSWORD}
    token = product.post("intake", "/api/session", credentials)["token"]
    bearer = {"authorization": f"Bearer {token}"}

    def statuses() -> list[int]:
        path = "/api/operations/reconciliation"
        return [
            httpx.get(product.ports.url(name) + path, headers=bearer, timeout=20).status_code
            for name in SERVICES
        ]

    assert statuses() == [200, 200, 200]
    address = product.ports.url("intake") + "/api/session"
    assert httpx.delete(address, headers=bearer, timeout=20).status_code == 204
    assert statuses()[0] == 401
    eventually(lambda: statuses() == [401, 401, 401], what="the sign-out to be heard")
