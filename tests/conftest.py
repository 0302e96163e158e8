"""The whole product for tests that need it: one start for the journey and the browser together."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NoReturn

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from deploy.demo.api import Product
from deploy.kafka.libraries import fetch_jars, find_java
from deploy.missing import NotRunnable
from deploy.run import prepare_accounts
from deploy.stack import Ports, Stack
from shared.clock import at
from shared.testing.kafka import Kafka, NoKafka, apache_kafka
from shared.testing.postgres import Postgres, postgresql
from tests.journey.citizens import ONE_CITIZEN_ASKS_OFTEN, introduced

FIRST_MORNING = at(date(2026, 11, 23), "06:00")
"""A Monday; the Tuesday after it is a public holiday (Ngày Văn hóa Việt Nam)."""

WHOLE_PRODUCT = ("tests/browser/", "tests/faults/", "tests/journey/")
"""Folders whose tests start all processes: one by one, or they starve each other of the cores."""

POSTGRES = ("tests/integration/test_postgres.py", "tests/contract/persistence/")
"""Tests that share one PostgreSQL server."""

OUTAGES = "tests/integration/outages/"
"""Tests that share processes whose broker and database they take away."""

KAFKA = ("[kafka", "/test_secured.py")
"""Tests with Apache Kafka as their parameter share one; those with another one wait for them."""


class _WholeProductOnOneWorker(LoadScopeScheduling):  # type: ignore[misc]
    """Any worker takes any test, except that all tests of the whole product go to the same worker, and so do
    those that share a server or Apache Kafka.

    xdist's own way (the mark `xdist_group`) has no effect under pytest 9.2: xdist 3.8 writes the group
    into an attribute that no longer exists.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(WHOLE_PRODUCT):
            return "the whole product"
        if nodeid.startswith(OUTAGES):
            return "outages"
        if any(mark in nodeid for mark in KAFKA):
            return "kafka"
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
    return introduced(stack)


def without_kafka(reason: Exception) -> NoReturn:
    """Skips the test, or fails where an Apache Kafka is demanded."""
    if os.environ.get("CI") or os.environ.get("TANNHA_DEMAND_KAFKA"):
        pytest.fail(f"CI must have an Apache Kafka: {reason}")
    pytest.skip(f"no Apache Kafka here: {reason}")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One Apache Kafka for all tests. Without one they are skipped, but never in CI."""
    with tempfile.TemporaryDirectory(prefix="tannha-kafka-", ignore_cleanup_errors=True) as folder:
        try:
            with apache_kafka(Path(folder)) as running:
                yield running
        except NoKafka as reason:
            without_kafka(reason)


@pytest.fixture(scope="session")
def kafka_programs() -> None:
    """Java and the jars of Apache Kafka, for a product that runs on it."""
    try:
        find_java()
        fetch_jars()
    except NotRunnable as reason:
        without_kafka(reason)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL for all tests of a session."""
    with postgresql() as running:
        yield running
