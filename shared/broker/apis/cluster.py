"""Who and where the broker is: versions, metadata, coordinators, settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kafka.protocol import admin, metadata

from shared.broker.codes import Code
from shared.broker.settings import BrokerSettings
from shared.broker.topics import DEFAULT_CONFIGS, Topic, Topics
from shared.broker.wire import Call, Protocol

NODE = 1
"""The id of the one node there is."""
_TOPIC_RESOURCE, _BROKER_RESOURCE = 2, 4
_DYNAMIC_TOPIC_CONFIG, _STATIC_BROKER_CONFIG, _DEFAULT_CONFIG = 1, 4, 5


class ClusterApi:
    """Answers about the cluster of one."""

    def __init__(self, topics: Topics, settings: BrokerSettings, protocol: Protocol, cluster_id: str) -> None:
        self._topics = topics
        self._settings = settings
        self._protocol = protocol
        self._cluster_id = cluster_id
        self.port = settings.port
        """Where clients are told to connect; the server sets it once the port is bound."""

    def register(self) -> None:
        """Put these answers into the protocol's table."""
        register = self._protocol.register
        register(metadata.ApiVersionsRequest, (0, 4), self.api_versions)
        register(metadata.MetadataRequest, (0, 9), self.metadata)
        register(metadata.FindCoordinatorRequest, (0, 3), self.find_coordinator)
        register(admin.DescribeConfigsRequest, (0, 3), self.describe_configs)

    async def api_versions(self, call: Call) -> Any:
        """What this broker speaks."""
        kind = metadata.ApiVersionsResponse
        return kind(
            version=call.version,
            api_keys=[
                kind.ApiVersion(api_key=api.key, min_version=api.oldest, max_version=api.newest)
                for api in self._protocol.supported()
            ],
        )

    async def metadata(self, call: Call) -> Any:
        """The topics and their leader, always this node. None is made because somebody asks for it."""
        kind = metadata.MetadataResponse
        wanted = call.body.topics
        if wanted is None or (call.version == 0 and not wanted):
            topics = [_described(topic) for topic in self._topics.all()]
        else:
            topics = [self._asked_for(asked.name) for asked in wanted]
        return kind(
            version=call.version,
            brokers=[
                kind.MetadataResponseBroker(node_id=NODE, host=self._settings.host, port=self.port, rack=None)
            ],
            cluster_id=self._cluster_id,
            controller_id=NODE,
            topics=topics,
        )

    def _asked_for(self, name: str) -> Any:
        topic = self._topics.get(name)
        if topic is not None:
            return _described(topic)
        return metadata.MetadataResponse.MetadataResponseTopic(
            error_code=Code.UNKNOWN_TOPIC_OR_PARTITION, name=name, is_internal=False, partitions=[]
        )

    async def find_coordinator(self, call: Call) -> Any:
        """This node coordinates every group; transactions there are none."""
        is_group = call.body.key_type == 0
        return metadata.FindCoordinatorResponse(
            version=call.version,
            error_code=Code.NONE if is_group else Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
            error_message=None if is_group else "this broker has no transactions",
            node_id=NODE if is_group else -1,
            host=self._settings.host if is_group else "",
            port=self.port if is_group else -1,
        )

    async def describe_configs(self, call: Call) -> Any:
        """The settings of a topic or of the broker, told truly and read-only."""
        return admin.DescribeConfigsResponse(
            version=call.version,
            results=[self._configs_of(asked, call.version) for asked in call.body.resources],
        )

    def _configs_of(self, asked: Any, version: int) -> Any:
        code, reason, entries = Code.NONE, None, []
        topic = self._topics.get(asked.resource_name)
        if asked.resource_type == _TOPIC_RESOURCE and topic is not None:
            entries = list(self._topic_configs(topic))
        elif asked.resource_type == _TOPIC_RESOURCE:
            code, reason = Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {asked.resource_name}"
        elif asked.resource_type == _BROKER_RESOURCE and asked.resource_name == str(NODE):
            entries = list(self._broker_configs())
        else:
            code, reason = Code.INVALID_REQUEST, "only topics and this broker have settings"
        keys = asked.configuration_keys
        return admin.DescribeConfigsResponse.DescribeConfigsResult(
            error_code=code,
            error_message=reason,
            resource_type=asked.resource_type,
            resource_name=asked.resource_name,
            configs=[
                _config(name, value, source, version)
                for name, value, source in entries
                if keys is None or name in keys
            ],
        )

    def _topic_configs(self, topic: Topic) -> Iterable[tuple[str, str, int]]:
        defaults = {**DEFAULT_CONFIGS, "max.message.bytes": str(self._settings.max_batch)}
        for name, value in {**defaults, **topic.configs}.items():
            yield name, value, _DYNAMIC_TOPIC_CONFIG if name in topic.configs else _DEFAULT_CONFIG

    def _broker_configs(self) -> Iterable[tuple[str, str, int]]:
        for name, value in {
            "broker.id": NODE,
            "num.partitions": self._settings.default_partitions,
            "message.max.bytes": self._settings.max_batch,
            "socket.request.max.bytes": self._settings.max_frame,
            "max.connections": self._settings.max_connections,
            "auto.create.topics.enable": "false",
            "log.retention.ms": -1,
        }.items():
            yield name, str(value), _STATIC_BROKER_CONFIG


def _described(topic: Topic) -> Any:
    kind = metadata.MetadataResponse.MetadataResponseTopic
    return kind(
        error_code=Code.NONE,
        name=topic.name,
        is_internal=False,
        partitions=[
            kind.MetadataResponsePartition(
                error_code=Code.NONE,
                partition_index=partition.number,
                leader_id=NODE,
                replica_nodes=[NODE],
                isr_nodes=[NODE],
                offline_replicas=[],
            )
            for partition in topic.partitions
        ],
    )


def _config(name: str, value: str, source: int, version: int) -> Any:
    kind = admin.DescribeConfigsResponse.DescribeConfigsResult.DescribeConfigsResourceResult
    given: dict[str, Any] = {"name": name, "value": value, "read_only": True, "is_sensitive": False}
    if version == 0:
        return kind(**given, is_default=source == _DEFAULT_CONFIG)
    return kind(**given, config_source=source, synonyms=[], config_type=0, documentation=None)
