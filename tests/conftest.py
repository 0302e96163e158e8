"""The whole product for tests that need it: one start for the journey and the browser together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from deploy.demo.api import Product
from deploy.run import prepare_accounts
from deploy.stack import Ports, Stack
from shared.clock import at

FIRST_MORNING = at(date(2026, 11, 23), "06:00")
"""A Monday; the Tuesday after it is a public holiday (Ngày Văn hóa Việt Nam)."""

ONE_CITIZEN_ASKS_OFTEN = {
    "TANNHA_INTAKE_STATUS_RATE": "6000/minute",
    "TANNHA_INTAKE_STATUS_RATE_PER_CODE": "6000/minute",
}
"""Tests look at a status page again and again while events travel."""


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
    """The product, spoken to over HTTP only."""
    return Product(stack.ports)
