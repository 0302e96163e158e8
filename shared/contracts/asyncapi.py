"""The published language as an AsyncAPI 3.0 document, made from the topic registry.

Source of the format: https://www.asyncapi.com/docs/reference/specification/v3.0.0. Schemas are written in
the specification's own dialect (JSON Schema draft 7), to which pydantic's output fits once its `$defs` are
moved to `components/schemas`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from shared.contracts.envelope import Envelope, Event
from shared.contracts.schema import schema_of
from shared.contracts.topics import PARTITIONS, TOPICS, Topic

MILLISECONDS_PER_DAY = 86_400_000
KAFKA_BINDING = "0.5.0"
"""Version of https://github.com/asyncapi/bindings/tree/master/kafka."""


def asyncapi_document() -> dict[str, Any]:
    """The whole document, ready for JSON."""
    schemas: dict[str, Any] = {}
    _add(schemas, "Envelope", _hoisted(Envelope.model_json_schema(), schemas))
    messages = {}
    for topic in TOPICS:
        for event in topic.events:
            _add(schemas, _body_name(event), _hoisted(schema_of(event), schemas))
            messages[_message_name(topic, event)] = _message(topic, event)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Tận Nhà",
            "version": "1.0.0",
            "description": "What the services tell each other. Within a major version of a topic fields are"
            " only added; readers ignore those they do not know.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(operation for topic in TOPICS for operation in _operations(topic)),
        "components": {"messages": messages, "schemas": dict(sorted(schemas.items()))},
    }


def retention_milliseconds(topic: Topic) -> int:
    """Kafka's `retention.ms`; -1 keeps everything."""
    return -1 if topic.retention_days is None else topic.retention_days * MILLISECONDS_PER_DAY


def summary(thing: type) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def _channel(topic: Topic) -> dict[str, Any]:
    order = "each number once and in order" if topic.gate == "every" else "a newer one may overtake"
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"Key `{topic.key}`; {order}.{' Holds personal data.' if topic.personal else ''}",
        "messages": {
            event.KIND: {"$ref": f"#/components/messages/{_message_name(topic, event)}"}
            for event in topic.events
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": PARTITIONS,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": retention_milliseconds(topic),
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(topic: Topic) -> Iterator[tuple[str, dict[str, Any]]]:
    """The owner sends, each consumer receives; the service is the operation's tag."""
    parts = [(topic.owner, "send"), *((consumer, "receive") for consumer in topic.consumers)]
    for service, action in parts:
        yield (
            f"{service}.{action}.{topic.name}",
            {
                "action": action,
                "channel": {"$ref": f"#/channels/{topic.name}"},
                "messages": [
                    {"$ref": f"#/channels/{topic.name}/messages/{event.KIND}"} for event in topic.events
                ],
                "tags": [{"name": service}],
            },
        )


def _message(topic: Topic, event: type[Event]) -> dict[str, Any]:
    body = {"$ref": f"#/components/schemas/{_body_name(event)}"}
    narrowed = {"type": {"const": event.KIND}, "topic": {"const": topic.name}, "data": body}
    return {
        "name": event.KIND,
        "title": event.__name__,
        "summary": summary(event),
        "contentType": "application/json",
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, {"properties": narrowed}]},
        "correlationId": {
            "description": "The trace that the event belongs to (W3C traceparent).",
            "location": "$message.payload#/traceparent",
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"The value of `{topic.key}`."},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _message_name(topic: Topic, event: type[Event]) -> str:
    return f"{topic.name}.{event.KIND}"


def _body_name(event: type[Event]) -> str:
    return event.__name__


def _hoisted(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema without `$defs`; these go to `schemas`. Raises ValueError when two differ under one name."""
    for name, part in schema.pop("$defs", {}).items():
        _add(schemas, name, _with_component_references(part))
    moved: dict[str, Any] = _with_component_references(schema)
    return moved


def _add(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    if schemas.setdefault(name, schema) != schema:
        raise ValueError(f"two different shapes are called {name}")


def _with_component_references(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_component_references(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace("#/$defs/", "#/components/schemas/")
        if key == "$ref"
        else _with_component_references(value)
        for key, value in part.items()
    }
