"""With Apache Kafka the log is only noted, and a restore wants its topics empty (tried on our own broker)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.backup.kafka import KafkaEnds
from deploy.backup.photograph import take_backup
from deploy.backup.places import Places
from deploy.backup.restore import restore
from deploy.backup.sources import BackupFailed
from shared.clock import FixedClock
from shared.messaging.connection import BrokerAddress
from shared.messaging.topic_admin import declare_topics
from shared.testing.broker_process import BrokerProcess
from tests.unit.deploy.test_backup import Product, in_folder, rows

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerAddress]:
    """A broker with all topics, and nothing in them."""
    with BrokerProcess(tmp_path / "kafka") as process:
        address = BrokerAddress(process.bootstrap)
        declare_topics(address)
        yield address


def send(broker: BrokerAddress) -> None:
    """One record in one topic."""
    producer = KafkaProducer(**broker.client_settings())
    producer.send("postal.visit.v1", key=b"visit-9", value=b"from after the backup", partition=2).get(30)
    producer.close()


def test_a_restore_refuses_topics_that_know_more_than_the_backup(
    tmp_path: Path, broker: BrokerAddress
) -> None:
    """Consumers would take events from a future that was given up for their own, and drop the new ones."""
    (tmp_path / "data").mkdir()
    product = Product(tmp_path / "data")
    product.apply(product.publish("visit-1"))
    send(broker)
    taken = take_backup(
        KafkaEnds(broker), product.places().sources()[1], tmp_path / "backup", FixedClock(NOW)
    )
    product.close()
    assert taken.log["ends"]["postal.visit.v1:2"] == 1
    databases = in_folder(tmp_path / "new").databases
    with pytest.raises(BackupFailed, match=r"postal\.visit\.v1"):
        restore(tmp_path / "backup", Places(databases, kafka=broker))
    assert not (tmp_path / "new").exists()


def test_a_restore_to_empty_topics_sends_everything_again(tmp_path: Path, broker: BrokerAddress) -> None:
    """The topics would stay empty, and what was under way would never arrive."""
    (tmp_path / "data").mkdir()
    product = Product(tmp_path / "data")
    product.publish("visit-1")
    with product.services["postal_bridge"].engine.begin() as connection:
        connection.exec_driver_sql("UPDATE outbox SET sent_at = '2026-11-23 02:00:00'")
    take_backup(KafkaEnds(broker), product.places().sources()[1], tmp_path / "backup", FixedClock(NOW))
    product.close()
    restore(tmp_path / "backup", Places(in_folder(tmp_path / "new").databases, kafka=broker))
    assert rows(tmp_path / "new" / "postal_bridge.db", "SELECT sent_at FROM outbox") == [(None,)]
