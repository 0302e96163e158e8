"""A socket that speaks single Kafka requests: for what client libraries would hide or never send."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from kafka.protocol import admin, consumer, metadata, producer
from kafka.record.default_records import DefaultRecordBatchBuilder


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Returns as soon as `holds()`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def batch_of(*values: bytes, producer_id: int = -1, epoch: int = -1, sequence: int = -1) -> bytes:
    """A record batch as a producer would send it; numbered when `producer_id` is given."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=False,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        batch_size=1 << 20,
    )
    for place, value in enumerate(values):
        builder.append(place, timestamp=1_000 * (place + 1), key=None, value=value, headers=[])
    return bytes(builder.build())


def keyed_batch(*records: tuple[bytes, bytes | None], at: int | None = None, compression: int = 0) -> bytes:
    """A record batch of (key, value) pairs, None being a tombstone, all of one time (ms; now)."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=False,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    now = int(time.time() * 1000) if at is None else at
    for place, (key, value) in enumerate(records):
        builder.append(place, timestamp=now, key=key, value=value, headers=[])
    return bytes(builder.build())


def fetch_of(topic: str, max_wait_ms: int = 0) -> Any:
    """A request for all there is in partition 0; waits for the first record if told to."""
    kind = consumer.FetchRequest
    part = kind.FetchTopic.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1 << 22)
    return kind(
        replica_id=-1,
        max_wait_ms=max_wait_ms,
        min_bytes=1,
        max_bytes=1 << 22,
        topics=[kind.FetchTopic(topic=topic, partitions=[part])],
        forgotten_topics_data=[],
    )


class RawClient:
    """One connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: Any, version: int) -> Any:
        """The broker's answer. Raises ConnectionError when it closes the connection instead."""
        self.say(request, version)
        return self.hear(request, version)

    def say(self, request: Any, version: int) -> None:
        """Send a request without waiting for the answer."""
        request.API_VERSION = version
        request.with_header(correlation_id=7, client_id="raw")
        self.socket.sendall(request.encode(header=True, framed=True))

    def hear(self, request: Any, version: int) -> Any:
        """Read the answer to `request`."""
        module = next(m for m in (admin, metadata, producer, consumer) if hasattr(m, type(request).__name__))
        kind = getattr(module, type(request).__name__.replace("Request", "Response"))
        (size,) = struct.unpack(">i", self.read(4))
        return kind.decode(self.read(size), version=version, header=True)

    def read(self, size: int) -> bytes:
        """Exactly so many bytes. Raises ConnectionError at the end of the stream."""
        got = b""
        while len(got) < size:
            piece = self.socket.recv(size - len(got))
            if not piece:
                raise ConnectionError("closed by the broker")
            got += piece
        return got

    def is_closed_by_broker(self) -> bool:
        """Waits for the broker to say something; whether that is the end."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def create_topic(self, name: str, partitions: int = 1, **configs: str) -> int:
        """Creates a topic; the error code."""
        kind = admin.CreateTopicsRequest
        asked = kind.CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            assignments=[],
            configs=[
                kind.CreatableTopic.CreatableTopicConfig(name=key.replace("_", "."), value=value)
                for key, value in configs.items()
            ],
        )
        answer = self.ask(kind(topics=[asked], timeout_ms=5000, validate_only=False), 4)
        return int(answer.topics[0].error_code)

    def delete_topic(self, name: str) -> int:
        """Deletes a topic; the error code."""
        answer = self.ask(admin.DeleteTopicsRequest(topic_names=[name], timeout_ms=5000), 3)
        return int(answer.responses[0].error_code)

    def alter_topic(self, name: str, **configs: str) -> int:
        """Sets settings of a topic, one by one, leaving the others; the error code."""
        kind = admin.IncrementalAlterConfigsRequest
        steps = [
            kind.AlterConfigsResource.AlterableConfig(
                name=key.replace("_", "."), config_operation=0, value=value
            )
            for key, value in configs.items()
        ]
        asked = kind.AlterConfigsResource(resource_type=2, resource_name=name, configs=steps)
        answer = self.ask(kind(resources=[asked], validate_only=False), 1)
        return int(answer.responses[0].error_code)

    def delete_records(self, topic: str, below: int, partition: int = 0) -> tuple[int, int]:
        """Lets a partition's log start at an offset; the error code and where it starts now."""
        kind = admin.DeleteRecordsRequest
        part = kind.DeleteRecordsTopic.DeleteRecordsPartition(partition_index=partition, offset=below)
        request = kind(topics=[kind.DeleteRecordsTopic(name=topic, partitions=[part])], timeout_ms=5000)
        answer = self.ask(request, 2).topics[0].partitions[0]
        return int(answer.error_code), int(answer.low_watermark)

    def produce(self, topic: str, batch: bytes, partition: int = 0, acks: int = -1) -> Any:
        """Sends a batch; the answer about its partition."""
        kind = producer.ProduceRequest
        part = kind.TopicProduceData.PartitionProduceData(index=partition, records=batch)
        request = kind(
            transactional_id=None,
            acks=acks,
            timeout_ms=5000,
            topic_data=[kind.TopicProduceData(name=topic, partition_data=[part])],
        )
        return self.ask(request, 8).responses[0].partition_responses[0]

    def new_producer_id(self) -> int:
        """A fresh producer id."""
        request = producer.InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1000)
        return int(self.ask(request, 1).producer_id)

    def end_offset(self, topic: str, partition: int = 0, timestamp: int = -1) -> int:
        """The next offset of a partition, or the first at `timestamp` (ms)."""
        kind = consumer.ListOffsetsRequest
        part = kind.ListOffsetsTopic.ListOffsetsPartition(partition_index=partition, timestamp=timestamp)
        request = kind(
            replica_id=-1,
            isolation_level=0,
            topics=[kind.ListOffsetsTopic(name=topic, partitions=[part])],
        )
        return int(self.ask(request, 4).topics[0].partitions[0].offset)
