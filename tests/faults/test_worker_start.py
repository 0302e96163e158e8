"""A worker whose broker went away at the wrong moment of its start."""

from __future__ import annotations

from pathlib import Path

from deploy.demo.api import eventually
from shared.clock import system_clock
from shared.messaging.connection import BrokerAddress
from shared.messaging.relay import Relay
from shared.messaging.tables import MessagingTable
from shared.messaging.topic_admin import declare_topics
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from shared.testing.broker_process import BrokerProcess
from tests.contract.messaging.conftest import Listeners, Publisher


def test_a_worker_that_joined_without_topics_finds_them(tmp_path: Path) -> None:
    """A worker that was given no partitions when it joined would stay idle and events would pile up."""
    engine = open_engine(f"sqlite:///{tmp_path / 'publisher.db'}")
    MessagingTable.metadata.create_all(engine)
    with BrokerProcess(tmp_path / "broker") as broker:
        listeners = Listeners(broker.bootstrap, tmp_path)
        transactions = Transactions(engine, "postal_bridge", system_clock)
        publisher = Publisher(transactions, Relay(transactions, BrokerAddress(broker.bootstrap)))
        process = listeners.start()
        try:
            eventually(lambda: "missing topic" in (tmp_path / "listener.log").read_text(), what="joining")
            declare_topics(BrokerAddress(broker.bootstrap))
            publisher.relay.start()
            publisher.publish("visit", 1)
            eventually(lambda: listeners.effects() == [("visit", 1)], what="the event to be heard")
        finally:
            publisher.relay.stop()
            process.kill()
            process.wait()
    engine.dispose()
