"""Where the two brokers differ, each difference with its reason. docs/broker.md has the list.

Each test says what one of the brokers does; on the other one it must fail. When it passes there, the brokers
have become alike: the mark and the line in docs/broker.md go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, ScramMechanism, UserScramCredentialUpsertion
from kafka.errors import KafkaError

from shared.broker.codes import Code
from shared.ids import new_id
from tests.contract.broker.raw_client import RawClient, batch_of
from tests.contract.messaging.conftest import Broker

pytestmark = pytest.mark.usefixtures("expected")

DIFFERENCES = {
    "test_records_of_several_topics_appear_together_or_not_at_all": (
        "embedded",
        KafkaError,
        "the embedded broker has no transactions: outbox and inbox do without",
    ),
    "test_clients_can_be_told_apart_by_a_password": (
        "embedded",
        KafkaError,
        "the embedded broker knows no users, no passwords and no TLS",
    ),
    "test_a_producer_unknown_in_a_partition_must_begin_at_zero": (
        "kafka",
        AssertionError,
        "Apache Kafka takes any first number: there a batch can overtake one that was refused before it",
    ),
}


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> None:
    """Marks the test as a strict expected failure on the broker that differs."""
    differs, error, reason = DIFFERENCES[request.function.__name__]
    if request.node.callspec.params["broker"] == differs:
        request.node.add_marker(pytest.mark.xfail(strict=True, raises=error, reason=reason))


@pytest.fixture
def make_topic(broker: Broker) -> Iterator[Callable[[], str]]:
    """Makes topics of one partition."""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)

    def make() -> str:
        name = f"difference.{new_id().lower()}"
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        return name

    yield make
    admin.close()


def test_records_of_several_topics_appear_together_or_not_at_all(
    broker: Broker, make_topic: Callable[[], str]
) -> None:
    """Nobody may build on transactions who wants to run on either broker."""
    first, second = make_topic(), make_topic()
    producer = KafkaProducer(
        bootstrap_servers=broker.bootstrap,
        transactional_id=new_id(),
        max_block_ms=8_000,
        request_timeout_ms=8_000,
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(first, b"one")
        producer.send(second, b"two")
        producer.commit_transaction()
    finally:
        producer.close(timeout=1)


def test_clients_can_be_told_apart_by_a_password(broker: Broker) -> None:
    """Whoever reaches the port of the embedded broker may do everything: it belongs on loopback."""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap, request_timeout_ms=8_000)
    try:
        change = UserScramCredentialUpsertion("nobody", ScramMechanism.SCRAM_SHA_256, "secret")
        admin.alter_user_scram_credentials([change])
    finally:
        admin.close()


def test_a_producer_unknown_in_a_partition_must_begin_at_zero(
    broker: Broker, make_topic: Callable[[], str]
) -> None:
    """Order within a partition after a refused batch is the embedded broker's promise, not Kafka's."""
    topic = make_topic()
    with RawClient(int(broker.bootstrap.rpartition(":")[2])) as client:
        late = batch_of(b"late", producer_id=77, epoch=1, sequence=3)
        assert client.produce(topic, late).error_code == Code.UNKNOWN_PRODUCER_ID
