"""Settings told and changed: of topics, and (told only) of the broker."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kafka.protocol import admin

from shared.broker.apis.cluster import NODE
from shared.broker.codes import Code
from shared.broker.configs import DEFAULT_CONFIGS, WITHOUT_EFFECT
from shared.broker.settings import BrokerSettings
from shared.broker.store import StorageFailure
from shared.broker.topics import Topic, TopicRefused, Topics
from shared.broker.wire import Call, Protocol

log = logging.getLogger("shared.broker.configs")

_TOPIC_RESOURCE, _BROKER_RESOURCE = 2, 4
_DYNAMIC_TOPIC_CONFIG, _STATIC_BROKER_CONFIG, _DEFAULT_CONFIG = 1, 4, 5
_SET, _DELETE, _APPEND, _SUBTRACT = range(4)


class Entry(NamedTuple):
    """One setting as it is told."""

    name: str
    value: str
    source: int
    is_read_only: bool


class ConfigsApi:
    """Answers about settings. A topic's may be changed while it is used; the broker's are its options."""

    def __init__(self, topics: Topics, settings: BrokerSettings) -> None:
        self._topics = topics
        self._settings = settings

    def register(self, protocol: Protocol) -> None:
        """Put these answers into the protocol's table."""
        protocol.register(admin.DescribeConfigsRequest, (0, 3), self.describe)
        protocol.register(admin.AlterConfigsRequest, (0, 1), self.replace)
        protocol.register(admin.IncrementalAlterConfigsRequest, (0, 1), self.change)

    async def describe(self, call: Call) -> Any:
        """The settings of a topic or of the broker, as they are in force."""
        return admin.DescribeConfigsResponse(
            version=call.version,
            results=[self._described(asked, call.version) for asked in call.body.resources],
        )

    def _described(self, asked: Any, version: int) -> Any:
        code, reason, entries = Code.NONE, None, []
        topic = self._topics.get(asked.resource_name)
        if asked.resource_type == _TOPIC_RESOURCE and topic is not None:
            entries = list(self._topic_entries(topic))
        elif asked.resource_type == _TOPIC_RESOURCE:
            code, reason = Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {asked.resource_name}"
        elif asked.resource_type == _BROKER_RESOURCE and asked.resource_name == str(NODE):
            entries = list(self._broker_entries())
        else:
            code, reason = Code.INVALID_REQUEST, "only topics and this broker have settings"
        keys = asked.configuration_keys
        return admin.DescribeConfigsResponse.DescribeConfigsResult(
            error_code=code,
            error_message=reason,
            resource_type=asked.resource_type,
            resource_name=asked.resource_name,
            configs=[_told(entry, version) for entry in entries if keys is None or entry.name in keys],
        )

    def _topic_entries(self, topic: Topic) -> Iterable[Entry]:
        defaults = {**DEFAULT_CONFIGS, "max.message.bytes": str(self._settings.max_batch)}
        for name, value in {**defaults, **topic.configs}.items():
            is_own = name in topic.configs
            yield Entry(name, value, _DYNAMIC_TOPIC_CONFIG if is_own else _DEFAULT_CONFIG, False)

    def _broker_entries(self) -> Iterable[Entry]:
        for name, value in {
            "broker.id": NODE,
            "num.partitions": self._settings.default_partitions,
            "message.max.bytes": self._settings.max_batch,
            "socket.request.max.bytes": self._settings.max_frame,
            "max.connections": self._settings.max_connections,
            "auto.create.topics.enable": "false",
            "log.retention.ms": -1,
            "log.retention.bytes": -1,
        }.items():
            yield Entry(name, str(value), _STATIC_BROKER_CONFIG, True)

    async def replace(self, call: Call) -> Any:
        """Give each topic exactly these settings; what is not named goes back to its default."""

        def whole(_: Topic, asked: Any) -> dict[str, str]:
            return {config.name: config.value for config in asked.configs if config.value is not None}

        kind = admin.AlterConfigsResponse
        responses = [
            kind.AlterConfigsResourceResponse(**await self._alter(asked, whole, call))
            for asked in call.body.resources
        ]
        return kind(version=call.version, responses=responses)

    async def change(self, call: Call) -> Any:
        """Set, unset, or lengthen and shorten lists of single settings; the others stay."""
        kind = admin.IncrementalAlterConfigsResponse
        responses = [
            kind.AlterConfigsResourceResponse(**await self._alter(asked, _changed, call))
            for asked in call.body.resources
        ]
        return kind(version=call.version, responses=responses)

    async def _alter(self, asked: Any, settings_after: Any, call: Call) -> dict[str, Any]:
        code, reason = Code.NONE, None
        topic = self._topics.get(asked.resource_name)
        if asked.resource_type != _TOPIC_RESOURCE:
            code, reason = Code.INVALID_REQUEST, "only the settings of topics can be changed"
        elif topic is None:
            code, reason = Code.UNKNOWN_TOPIC_OR_PARTITION, f"no topic {asked.resource_name}"
        else:
            only_check = call.body.validate_only
            try:
                configs: Mapping[str, str] = settings_after(topic, asked)
                await self._topics.configure(topic.name, configs, only_check=only_check)
                if not only_check:
                    log.info("topic %s follows %s", topic.name, dict(configs))
            except TopicRefused as refused:
                code, reason = refused.code, refused.reason
            except StorageFailure as failure:
                code, reason = Code.KAFKA_STORAGE_ERROR, str(failure)
        return {
            "error_code": code,
            "error_message": reason,
            "resource_type": asked.resource_type,
            "resource_name": asked.resource_name,
        }


def _changed(topic: Topic, asked: Any) -> dict[str, str]:
    """The topic's settings after the asked steps. Raises TopicRefused."""
    configs = dict(topic.configs)
    for step in asked.configs:
        name, value, operation = step.name, step.value, step.config_operation
        if operation == _DELETE:
            configs.pop(name, None)
            if name not in DEFAULT_CONFIGS and name not in WITHOUT_EFFECT:
                raise TopicRefused(Code.INVALID_CONFIG, f"{name} is not a setting of topics here")
            continue
        if value is None:
            raise TopicRefused(Code.INVALID_CONFIG, f"{name} needs a value")
        if operation == _SET:
            configs[name] = value
        elif operation in (_APPEND, _SUBTRACT) and name == "cleanup.policy":
            parts = configs.get(name, DEFAULT_CONFIGS[name]).split(",")
            rest = [part for part in parts if part != value]
            configs[name] = ",".join([*rest, value] if operation == _APPEND else rest)
        else:
            raise TopicRefused(Code.INVALID_CONFIG, f"operation {operation} does not fit {name}")
    return configs


def _told(entry: Entry, version: int) -> Any:
    kind = admin.DescribeConfigsResponse.DescribeConfigsResult.DescribeConfigsResourceResult
    given: dict[str, Any] = {
        "name": entry.name,
        "value": entry.value,
        "read_only": entry.is_read_only,
        "is_sensitive": False,
    }
    if version == 0:
        return kind(**given, is_default=entry.source == _DEFAULT_CONFIG)
    return kind(**given, config_source=entry.source, synonyms=[], config_type=0, documentation=None)
