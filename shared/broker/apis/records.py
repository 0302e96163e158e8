"""Records in and out: produce, fetch, offsets by time, producer ids."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

from kafka.protocol import consumer, producer

from shared.broker.batches import BadBatch, RecordBatch, read_batch
from shared.broker.codes import Code
from shared.broker.log import Appended, Log, Wanted
from shared.broker.settings import BrokerSettings
from shared.broker.store import StorageFailure
from shared.broker.topics import Partition, Topics
from shared.broker.wire import Call, Protocol

log = logging.getLogger("shared.broker.records")

_LATEST, _EARLIEST, _NEWEST_TIME = -1, -2, -3
_WORTH_A_THREAD = 64 * 1024
"""Batches from this size are checked off the event loop: a checksum in Python takes its time."""


class RecordsApi:
    """Answers about the log."""

    def __init__(self, topics: Topics, records: Log, settings: BrokerSettings) -> None:
        self._topics = topics
        self._log = records
        self._settings = settings
        self.is_stopping = False
        """At a stop, waiting fetches are answered with what there is."""

    def register(self, protocol: Protocol) -> None:
        """Put these answers into the protocol's table."""
        protocol.register(producer.ProduceRequest, (3, 8), self.produce)
        protocol.register(producer.InitProducerIdRequest, (0, 4), self.init_producer_id)
        protocol.register(consumer.FetchRequest, (4, 11), self.fetch)
        protocol.register(consumer.ListOffsetsRequest, (1, 7), self.list_offsets)

    async def produce(self, call: Call) -> Any:
        """Append; answered once everything is on the disk, whatever `acks` says (0: not at all)."""
        body = call.body
        answers: list[tuple[str, list[Any]]] = []
        for topic in body.topic_data:
            appends = [self._append(topic.name, part, body) for part in topic.partition_data]
            answers.append((topic.name, await asyncio.gather(*appends)))
        if body.acks == 0:
            return None
        kind = producer.ProduceResponse
        return kind(
            version=call.version,
            responses=[
                kind.TopicProduceResponse(name=name, partition_responses=partitions)
                for name, partitions in answers
            ],
        )

    async def _append(self, topic: str, part: Any, body: Any) -> Any:
        reason = None
        try:
            outcome = await self._appended(topic, part, body)
        except BadBatch as bad:
            outcome, reason = Appended(bad.code), bad.reason
        partition = self._topics.partition(topic, part.index)
        return producer.ProduceResponse.TopicProduceResponse.PartitionProduceResponse(
            index=part.index,
            error_code=outcome.code,
            base_offset=outcome.base_offset,
            log_append_time_ms=-1,
            log_start_offset=partition.log_start if partition else -1,
            record_errors=[],
            error_message=reason,
        )

    async def _appended(self, topic: str, part: Any, body: Any) -> Appended:
        if body.acks not in (-1, 0, 1):
            return Appended(Code.INVALID_REQUIRED_ACKS)
        if body.transactional_id is not None:
            raise BadBatch(Code.INVALID_RECORD, "this broker has no transactions")
        partition = self._topics.partition(topic, part.index)
        if partition is None:
            return Appended(Code.UNKNOWN_TOPIC_OR_PARTITION)
        return await self._log.append(partition, await self._checked(topic, part.records))

    async def _checked(self, topic: str, records: bytes | None) -> RecordBatch:
        known = self._topics.get(topic)
        own_limit = known.configs.get("max.message.bytes") if known else None
        limit = min(self._settings.max_batch, int(own_limit or self._settings.max_batch))
        if records is not None and _WORTH_A_THREAD <= len(records) <= limit:
            return await asyncio.to_thread(read_batch, records, limit)
        return read_batch(records, limit)

    async def init_producer_id(self, call: Call) -> Any:
        """A fresh id for an idempotent producer; transactional ids are refused."""
        producer_id, code = -1, Code.NONE
        if call.body.transactional_id is not None:
            code = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED  # the one refusal no client retries
            log.info("refused the transactional id of client %s: no transactions here", call.client_id)
        else:
            try:
                producer_id = await self._log.new_producer_id()
            except StorageFailure:
                code = Code.COORDINATOR_NOT_AVAILABLE
        return producer.InitProducerIdResponse(
            version=call.version,
            error_code=code,
            producer_id=producer_id,
            producer_epoch=-1 if code else 0,
        )

    async def fetch(self, call: Call) -> Any:
        """Records from the asked places on; waits for `min_bytes`, at most `max_wait_ms`."""
        body = call.body
        deadline = time.monotonic() + max(0, min(body.max_wait_ms, 60_000)) / 1000
        while True:
            growth = self._log.growth
            responses, size, has_error = await self._fetched(body)
            left = deadline - time.monotonic()
            if size >= body.min_bytes or has_error or left <= 0 or self.is_stopping:
                break
            with suppress(TimeoutError):
                await asyncio.wait_for(growth.wait(), left)
        return consumer.FetchResponse(version=call.version, error_code=Code.NONE, responses=responses)

    async def _fetched(self, body: Any) -> tuple[list[Any], int, bool]:
        """The answer as of now, the bytes of records in it, and whether a partition is refused."""
        places = [(topic.topic, part) for topic in body.topics for part in topic.partitions]
        found = [self._topics.partition(topic, part.partition) for topic, part in places]
        codes = [_fetch_code(part, where) for (_, part), where in zip(places, found, strict=True)]
        wanted = [
            Wanted(where.id, part.fetch_offset, where.high_watermark, part.partition_max_bytes)
            for (_, part), where, code in zip(places, found, codes, strict=True)
            if where is not None and code is Code.NONE and part.fetch_offset < where.high_watermark
        ]
        pieces: dict[int, bytes | None] = {}
        if wanted:
            limit = min(body.max_bytes, self._settings.max_fetch)
            try:
                pieces = dict(
                    zip((w.partition_id for w in wanted), await self._log.read(wanted, limit), strict=True)
                )
            except StorageFailure:
                codes = [Code.KAFKA_STORAGE_ERROR] * len(codes)
        by_topic: dict[str, list[Any]] = {topic.topic: [] for topic in body.topics}
        for (topic, part), where, code in zip(places, found, codes, strict=True):
            records = pieces.get(where.id, b"") if where else b""
            if records is None:  # retention was faster than this fetch
                code, records = Code.OFFSET_OUT_OF_RANGE, b""  # noqa: PLW2901
            by_topic[topic].append(_fetched_partition(part.partition, where, code, records))
        kind = consumer.FetchResponse.FetchableTopicResponse
        responses = [kind(topic=topic, partitions=parts) for topic, parts in by_topic.items()]
        has_error = any(codes) or None in pieces.values()
        return responses, sum(len(piece) for piece in pieces.values() if piece), has_error

    async def list_offsets(self, call: Call) -> Any:
        """The ends of partitions (-1 latest, -2 earliest), or the first offset at a time in ms.

        -3 asks for the record with the latest time.
        """
        kind = consumer.ListOffsetsResponse.ListOffsetsTopicResponse
        topics = [
            kind(
                name=topic.name,
                partitions=[await self._offset(topic.name, part) for part in topic.partitions],
            )
            for topic in call.body.topics
        ]
        return consumer.ListOffsetsResponse(version=call.version, topics=topics)

    async def _offset(self, topic: str, part: Any) -> Any:
        partition = self._topics.partition(topic, part.partition_index)
        code, offset, timestamp = Code.NONE, -1, -1
        if partition is None:
            code = Code.UNKNOWN_TOPIC_OR_PARTITION
        elif part.timestamp == _LATEST:
            offset = partition.high_watermark
        elif part.timestamp == _EARLIEST:
            offset = partition.log_start
        elif part.timestamp < _NEWEST_TIME:
            code = Code.UNSUPPORTED_VERSION
        else:
            try:
                wanted = None if part.timestamp == _NEWEST_TIME else part.timestamp
                offset, timestamp = await self._log.find_time(partition, wanted) or (-1, -1)
            except StorageFailure:
                code = Code.KAFKA_STORAGE_ERROR
        return consumer.ListOffsetsResponse.ListOffsetsTopicResponse.ListOffsetsPartitionResponse(
            partition_index=part.partition_index, error_code=code, timestamp=timestamp, offset=offset
        )


def _fetch_code(part: Any, where: Partition | None) -> Code:
    if where is None:
        return Code.UNKNOWN_TOPIC_OR_PARTITION
    if not where.log_start <= part.fetch_offset <= where.high_watermark:
        return Code.OFFSET_OUT_OF_RANGE
    return Code.NONE


def _fetched_partition(number: int, where: Partition | None, code: Code, records: bytes) -> Any:
    return consumer.FetchResponse.FetchableTopicResponse.PartitionData(
        partition_index=number,
        error_code=code,
        high_watermark=where.high_watermark if where else -1,
        last_stable_offset=where.high_watermark if where else -1,
        log_start_offset=where.log_start if where else -1,
        aborted_transactions=None,
        records=records,
    )
