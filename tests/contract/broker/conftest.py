"""Brokers to test: one shared by the tests that leave it whole, one of its own for those that kill it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.raw_client import RawClient


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    """A running broker for all tests that do not harm it."""
    with BrokerProcess(tmp_path_factory.mktemp("shared-broker") / "data") as process:
        yield process


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    """A running broker that the test may kill."""
    with BrokerProcess(tmp_path / "data") as process:
        yield process


@pytest.fixture
def raw(broker: BrokerProcess) -> Iterator[RawClient]:
    """A bare connection to the shared broker."""
    with RawClient(broker.port) as client:
        yield client


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    """A topic name that belongs to the test alone."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name)


@pytest.fixture
def make_topic(broker: BrokerProcess, topic: str) -> Callable[[int], str]:
    """Creates the test's topic on the shared broker, with so many partitions; answers its name."""

    def make(partitions: int = 1) -> str:
        with RawClient(broker.port) as client:
            client.create_topic(topic, partitions)
        return topic

    return make
