"""What is not the protocol, too much of it, or a part of it this broker does not speak."""

from __future__ import annotations

import random
import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.protocol import admin, consumer, metadata

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.raw_client import RawClient, batch_of, eventually

PRODUCE, METADATA = 0, 3


def works(broker: BrokerProcess, topic: str) -> bool:
    """Whether a well-behaved client is served."""
    with RawClient(broker.port) as client:
        client.create_topic(topic)
        return bool(client.produce(topic, batch_of(b"fine")).error_code == Code.NONE)


def announcing(size: int, api: int, version: int = 8) -> bytes:
    """The beginning of a request frame of `size` bytes."""
    return struct.pack(">ihhi", size, api, version, 1)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x55" * 100,
        b"\x00" * 64,
        b"\xff" * 64,
        announcing(2**31 - 1, PRODUCE),
        announcing(5_000_000, PRODUCE),
        announcing(1_000_000, METADATA),
        announcing(20, 9999) + b"\x00" * 12,
        announcing(16, METADATA, 1) + b"\xff\xff\x7f\xff\xff\xff\x00\x00",
    ],
    ids=[
        "http",
        "tls",
        "zeros",
        "ones",
        "two-gigabytes",
        "five-megabytes",
        "large-question",
        "no-api",
        "list",
    ],
)
def test_garbage_ends_its_own_connection_only(
    broker: BrokerProcess, raw: RawClient, topic: str, garbage: bytes
) -> None:
    """If this fails, a port scanner or a browser can stop the messages of an office."""
    raw.socket.sendall(garbage)
    assert raw.is_closed_by_broker()
    assert works(broker, topic)


def test_random_bodies_of_every_request_harm_nobody(own_broker: BrokerProcess) -> None:
    """If this fails, a damaged request can take the broker down or show a fault in it."""
    dice = random.Random(20250701)
    with RawClient(own_broker.port) as client:
        apis = client.ask(metadata.ApiVersionsRequest(), 2).api_keys
    for api in apis:
        for version in range(api.min_version, api.max_version + 1):
            body = dice.randbytes(dice.randrange(4, 60))
            frame = struct.pack(">hhih", api.api_key, version, 1, 0) + body
            with socket.create_connection(("127.0.0.1", own_broker.port)) as victim:
                victim.sendall(struct.pack(">i", len(frame)) + frame)
                victim.shutdown(socket.SHUT_WR)
    assert works(own_broker, "fine")
    assert "fault of the broker" not in own_broker.log()


def test_large_announcements_cost_no_memory_and_block_nobody(own_broker: BrokerProcess) -> None:
    """If this fails, clients that announce and never send exhaust memory or the others' patience."""
    process = psutil.Process(own_broker.pid)
    before = process.memory_info().rss
    with ExitStack() as idlers:
        for _ in range(100):
            idler = idlers.enter_context(socket.create_connection(("127.0.0.1", own_broker.port)))
            idler.sendall(announcing(4_000_000, PRODUCE))
        assert works(own_broker, "fine")
        assert process.memory_info().rss - before < 20_000_000


def served_at_once(broker: BrokerProcess) -> int:
    """How many connections are answered while all before them stay open."""
    served = 0
    with ExitStack() as open_ones, suppress(ConnectionError):
        while served < 50:
            open_ones.enter_context(RawClient(broker.port)).create_topic("t")
            served += 1
    return served


def test_connections_are_bounded_and_come_free_again(tmp_path: Path) -> None:
    """If this fails, one client that opens without end takes all file handles."""
    with BrokerProcess(tmp_path / "data", 0, "--max-connections", "5") as broker:

        def answers() -> bool:
            try:
                return works(broker, "t")
            except ConnectionError:
                return False

        assert served_at_once(broker) <= 5
        eventually(answers)


@pytest.mark.parametrize(
    ("request_", "version"),
    [
        (admin.DescribeClusterRequest(), 0),
        (admin.ListGroupsRequest(), 5),
        (consumer.HeartbeatRequest(group_id="g", generation_id=1, member_id="m"), 4),
        (metadata.FindCoordinatorRequest(key="g", key_type=0), -1),
    ],
    ids=["unknown-api", "newer-version", "newer-flexible-version", "negative-version"],
)
def test_what_is_not_supported_is_said_where_the_answer_can_say_it(
    raw: RawClient, request_: admin.DescribeClusterRequest, version: int
) -> None:
    """If this fails, a client hangs or guesses instead of reading UNSUPPORTED_VERSION."""
    if version < 0:
        raw.socket.sendall(announcing(8, request_.API_KEY, version))
        assert raw.is_closed_by_broker()
    else:
        assert raw.ask(request_, version).error_code == Code.UNSUPPORTED_VERSION
        assert raw.create_topic("after-refusal") in (Code.NONE, Code.TOPIC_ALREADY_EXISTS)


def test_answers_without_room_for_an_error_end_the_connection_and_are_logged(
    broker: BrokerProcess, raw: RawClient
) -> None:
    """If this fails, an unsupported request is answered with something it cannot mean."""
    raw.say(metadata.MetadataRequest(topics=None), 12)
    assert raw.is_closed_by_broker()
    eventually(lambda: "Metadata" in broker.log() and "not supported" in broker.log())


def test_a_client_from_the_future_learns_the_versions(raw: RawClient) -> None:
    """If this fails, newer client libraries cannot fall back and do not connect at all."""
    raw.socket.sendall(struct.pack(">ihhih", 10, 18, 99, 7, -1))
    (size,) = struct.unpack(">i", raw.read(4))
    answer = metadata.ApiVersionsResponse.decode(raw.read(size), version=0, header=True)
    assert answer.error_code == Code.UNSUPPORTED_VERSION
    assert [(api.api_key, api.min_version) for api in answer.api_keys] == [(18, 0)]


def test_transactions_are_refused_at_once(broker: BrokerProcess) -> None:
    """If this fails, somebody believes to have transactions, or waits for them for ever."""
    sender = KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id="x", max_block_ms=5000)
    with pytest.raises(KafkaError, match=r"(?i)transaction"):
        sender.init_transactions()
    sender.close(timeout=1)


def test_only_loopback_listens(broker: BrokerProcess) -> None:
    """If this fails, the broker, which knows no passwords, is open to the network."""
    listening = [c.laddr for c in psutil.Process(broker.pid).net_connections("tcp") if c.status == "LISTEN"]
    assert [(place.ip, place.port) for place in listening] == [("127.0.0.1", broker.port)]
