"""Who and where the broker is: versions, metadata, coordinators."""

from __future__ import annotations

from typing import Any

from kafka.protocol import metadata

from shared.broker.codes import Code
from shared.broker.settings import BrokerSettings
from shared.broker.topics import Topic, Topics
from shared.broker.wire import Call, Protocol

NODE = 1
"""The id of the one node there is."""


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
