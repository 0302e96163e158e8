"""Topics made, grown, shortened, measured and deleted by an admin client."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from kafka.protocol import admin

from shared.broker.codes import Code
from shared.broker.log import Log
from shared.broker.store import StorageFailure
from shared.broker.topics import TopicRefused, Topics
from shared.broker.wire import Call, Protocol

log = logging.getLogger("shared.broker.topics")


class TopicsApi:
    """Answers that change the set of topics. Each topic of a request has an outcome of its own."""

    def __init__(self, topics: Topics, records: Log, data: Path) -> None:
        self._topics = topics
        self._log = records
        self._data = data

    def register(self, protocol: Protocol) -> None:
        """Put these answers into the protocol's table."""
        protocol.register(admin.CreateTopicsRequest, (0, 4), self.create)
        protocol.register(admin.DeleteTopicsRequest, (0, 3), self.delete)
        protocol.register(admin.CreatePartitionsRequest, (0, 1), self.create_partitions)
        protocol.register(admin.DeleteRecordsRequest, (0, 2), self.delete_records)
        protocol.register(admin.DescribeLogDirsRequest, (1, 4), self.describe_sizes)

    async def create(self, call: Call) -> Any:
        """New topics; replicas there is one of, whatever is asked between -1 and 1."""
        only_check = call.version >= 1 and call.body.validate_only
        kind = admin.CreateTopicsResponse
        results = []
        for asked in call.body.topics:
            code, reason = await self._create(asked, only_check=only_check)
            results.append(kind.CreatableTopicResult(name=asked.name, error_code=code, error_message=reason))
        return kind(version=call.version, topics=results)

    async def _create(self, asked: Any, *, only_check: bool) -> tuple[Code, str | None]:
        if asked.replication_factor not in (-1, 1) and not asked.assignments:
            return Code.INVALID_REPLICATION_FACTOR, "there is one broker, so one replica"
        count = len(asked.assignments) or asked.num_partitions
        configs = {config.name: config.value for config in asked.configs if config.value is not None}
        try:
            if only_check:
                self._topics.check_new(asked.name, count, configs)
            else:
                await self._topics.create(asked.name, count, configs)
                log.info("topic %s created", asked.name)
        except TopicRefused as refused:
            return refused.code, refused.reason
        except StorageFailure as failure:
            return Code.KAFKA_STORAGE_ERROR, str(failure)
        return Code.NONE, None

    async def delete(self, call: Call) -> Any:
        """Topics gone, with records and committed offsets, when the answer says so."""
        kind = admin.DeleteTopicsResponse
        results = []
        for name in call.body.topic_names:
            code = Code.NONE
            try:
                await self._topics.delete(name)
                log.info("topic %s deleted", name)
            except TopicRefused as refused:
                code = refused.code
            except StorageFailure:
                code = Code.KAFKA_STORAGE_ERROR
            results.append(kind.DeletableTopicResult(name=name, error_code=code))
        return kind(version=call.version, responses=results)

    async def create_partitions(self, call: Call) -> Any:
        """More partitions; never fewer."""
        kind = admin.CreatePartitionsResponse
        results = []
        for asked in call.body.topics:
            code, reason = Code.NONE, None
            try:
                await self._topics.grow(asked.name, asked.count, only_check=call.body.validate_only)
            except TopicRefused as refused:
                code, reason = refused.code, refused.reason
            except StorageFailure as failure:
                code, reason = Code.KAFKA_STORAGE_ERROR, str(failure)
            results.append(
                kind.CreatePartitionsTopicResult(name=asked.name, error_code=code, error_message=reason)
            )
        return kind(version=call.version, results=results)

    async def delete_records(self, call: Call) -> Any:
        """Let logs start later: at an offset, or (-1) at their end."""
        kind = admin.DeleteRecordsResponse
        part_kind = kind.DeleteRecordsTopicResult.DeleteRecordsPartitionResult
        topics = []
        for topic in call.body.topics:
            parts = []
            for part in topic.partitions:
                code, start = await self._delete_records(topic.name, part.partition_index, part.offset)
                parts.append(
                    part_kind(partition_index=part.partition_index, low_watermark=start, error_code=code)
                )
            topics.append(kind.DeleteRecordsTopicResult(name=topic.name, partitions=parts))
        return kind(version=call.version, topics=topics)

    async def _delete_records(self, topic: str, number: int, offset: int) -> tuple[Code, int]:
        partition = self._topics.partition(topic, number)
        if partition is None:
            return Code.UNKNOWN_TOPIC_OR_PARTITION, -1
        below = partition.high_watermark if offset == -1 else offset
        if not 0 <= below <= partition.high_watermark:
            return Code.OFFSET_OUT_OF_RANGE, -1
        try:
            await self._log.forget_below(partition, below)
        except StorageFailure:
            return Code.KAFKA_STORAGE_ERROR, -1
        log.info("records of %s/%d below %d deleted", topic, number, below)
        return Code.NONE, partition.log_start

    async def describe_sizes(self, call: Call) -> Any:
        """What each partition takes, and how much room the disk has left."""
        wanted = None
        if call.body.topics is not None:
            wanted = {(topic.topic, number) for topic in call.body.topics for number in topic.partitions}
        kind = admin.DescribeLogDirsResponse
        topic_kind = kind.DescribeLogDirsResult.DescribeLogDirsTopic
        topics = []
        for topic in self._topics.all():
            parts = [
                topic_kind.DescribeLogDirsPartition(
                    partition_index=partition.number,
                    partition_size=partition.size,
                    offset_lag=0,
                    is_future_key=False,
                )
                for partition in topic.partitions
                if wanted is None or (topic.name, partition.number) in wanted
            ]
            if parts:
                topics.append(topic_kind(name=topic.name, partitions=parts))
        disk = shutil.disk_usage(self._data)
        result = kind.DescribeLogDirsResult(
            error_code=Code.NONE,
            log_dir=str(self._data),
            topics=topics,
            total_bytes=disk.total,
            usable_bytes=disk.free,
        )
        return kind(version=call.version, error_code=Code.NONE, results=[result])
