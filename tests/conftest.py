"""The whole product for tests that need it: one start for the journey and the browser together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from deploy.demo.api import Product, Refused, eventually
from deploy.run import prepare_accounts
from deploy.stack import Ports, Stack
from shared.clock import at
from tests.journey.citizens import window, wish

FIRST_MORNING = at(date(2026, 11, 23), "06:00")
"""A Monday; the Tuesday after it is a public holiday (Ngày Văn hóa Việt Nam)."""

ONE_CITIZEN_ASKS_OFTEN = {
    "TANNHA_INTAKE_STATUS_RATE": "6000/minute",
    "TANNHA_INTAKE_STATUS_RATE_PER_CODE": "6000/minute",
}
"""Tests look at a status page again and again while events travel."""

NOBODY_AGREED = wish("1.001193", "0900000700", window(date(2026, 11, 25), "07:30", "09:30"), consent=False)
"""A request that is refused for its missing consent, and for nothing else, once all else can be judged."""


WHOLE_PRODUCT = ("tests/browser/", "tests/faults/", "tests/journey/")
"""Folders whose tests start all processes: one by one, or they starve each other of the cores."""

POSTGRES = "tests/integration/test_postgres.py"
"""Tests that share one PostgreSQL server."""


class _WholeProductOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]
    """Any worker takes any test, except that all tests of the whole product go to the same worker, and so do
    those that share a server.

    xdist's own way (the mark `xdist_group`) has no effect under pytest 9.2: xdist 3.8 writes the group
    into an attribute that no longer exists.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(WHOLE_PRODUCT):
            return "the whole product"
        return "postgres" if nodeid.startswith(POSTGRES) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Replaces `--dist loadgroup`; other ways of dealing out tests stay as they are."""
    return _WholeProductOnOneWorker(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All processes on free ports, on the morning of a Monday, with the demonstration's accounts."""
    product = Stack(tmp_path_factory.mktemp("product"), Ports.free(), extra=ONE_CITIZEN_ASKS_OFTEN)
    product.clock.set(FIRST_MORNING)
    with product.running():
        prepare_accounts(product)
        yield product


@pytest.fixture(scope="session")
def product(stack: Stack) -> Product:
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
