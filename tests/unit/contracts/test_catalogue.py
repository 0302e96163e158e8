"""The event catalogue and the AsyncAPI document say what the registry says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter

from shared.contracts.asyncapi import asyncapi_document, retention_milliseconds
from shared.contracts.catalogue import ASYNCAPI_FILE, DOCS, EVENTS_PAGE, asyncapi_text, events_page, type_of
from shared.contracts.envelope import Envelope
from shared.contracts.topics import PARTITIONS, TOPICS

DOCUMENT = asyncapi_document()
SERVICES = {"intake", "routing", "postal_bridge"}
COMPONENT_NAME = re.compile(r"^[a-zA-Z0-9.\-_]+$")
"""Rule of the specification for the keys of `components`."""


def parts(value: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document with the place where it stands."""
    if isinstance(value, dict):
        yield where, value
        for key, part in value.items():
            yield from parts(part, f"{where}/{key}")
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from parts(part, f"{where}/{number}")


def resolve(reference: str) -> Any:
    """What a reference inside the document points at. Raises KeyError for nothing."""
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_the_committed_catalogue_is_the_present_one() -> None:
    """Readers outside would rely on events as they were: `make docs` renews the pages."""
    assert (DOCS / EVENTS_PAGE).read_text(encoding="utf-8") == events_page()
    assert (DOCS / ASYNCAPI_FILE).read_text(encoding="utf-8") == asyncapi_text()


def test_the_catalogue_tells_every_topic_and_event() -> None:
    """An event that is not in the catalogue is found only by reading the code."""
    page = events_page()
    for topic in TOPICS:
        section = page.split(f"\n## {topic.name}\n")[1].split("\n## ")[0]
        assert topic.owner in section
        for event in topic.events:
            described = section.split(f"### {event.KIND}\n")[1].split("### ")[0]
            assert all(f"| `{name}` |" in described for name in event.model_fields)


def test_every_reference_leads_somewhere() -> None:
    """Tools stop at the first reference into nothing."""
    references = [part["$ref"] for _, part in parts(DOCUMENT) if "$ref" in part]
    assert len(references) > len(TOPICS)
    for reference in references:
        assert resolve(reference) is not None


def test_the_document_has_the_shape_of_asyncapi_3() -> None:
    """Generators refuse a document of another shape, or read half of it."""
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT["info"]) >= {"title", "version"}
    assert set(DOCUMENT) <= {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }
    for kind in DOCUMENT["components"].values():
        assert all(COMPONENT_NAME.match(name) for name in kind)
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in {"send", "receive"}
        channel = resolve(operation["channel"]["$ref"])
        assert [resolve(m["$ref"]) for m in operation["messages"]] == list(channel["messages"].values())


def test_no_schema_keeps_definitions_that_its_references_do_not_reach() -> None:
    """`$defs` inside a component are invisible to the references of the document."""
    assert [where for where, part in parts(DOCUMENT) if "$defs" in part] == []
    assert not [
        part["$ref"] for _, part in parts(DOCUMENT) if str(part.get("$ref", "")).startswith("#/$defs")
    ]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_channel_and_operations_are_the_registry(topic: Any) -> None:
    """A consumer would subscribe to another topic, expect other messages, or build too few partitions."""
    channel = DOCUMENT["channels"][topic.name]
    assert channel["address"] == topic.name
    assert list(channel["messages"]) == [event.KIND for event in topic.events]
    kafka = channel["bindings"]["kafka"]
    assert kafka["partitions"] == PARTITIONS
    assert kafka["topicConfiguration"]["retention.ms"] == retention_milliseconds(topic)
    assert f"{topic.owner}.send.{topic.name}" in DOCUMENT["operations"]
    for service in SERVICES - {topic.owner}:
        listens = f"{service}.receive.{topic.name}" in DOCUMENT["operations"]
        assert listens == (service in topic.consumers)


def test_a_payload_is_the_envelope_with_its_body() -> None:
    """Generated readers would look for the body's fields at the top."""
    message = DOCUMENT["components"]["messages"]["postal.visit.v1.started"]
    envelope, narrowed = message["payload"]["allOf"]
    assert set(resolve(envelope["$ref"])["properties"]) == set(Envelope.model_fields)
    assert narrowed["properties"]["type"] == {"const": "started"}
    assert set(resolve(narrowed["properties"]["data"]["$ref"])["required"]) >= {"visit_id", "request_id"}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "string"),
        (int | None, "integer or null"),
        (list[str], "list of string"),
        (dict[str, Any], "object"),
        (bool, "boolean"),
    ],
)
def test_types_are_told_in_a_few_words(kind: Any, words: str) -> None:
    """A table full of JSON Schema is not read by anybody."""
    assert type_of(TypeAdapter(kind).json_schema()) == words


def test_the_document_is_plain_json() -> None:
    """A value that only Python knows would end the writing half way."""
    assert json.loads(asyncapi_text()) == DOCUMENT
