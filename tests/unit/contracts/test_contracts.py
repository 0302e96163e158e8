"""The published language: registered completely, and never broken."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts import intake, postal, routing
from shared.contracts.envelope import Envelope, Event
from shared.contracts.schema import SCHEMAS, breaking_changes, schema_of, write_schemas
from shared.contracts.topics import TOPICS, consumed_by, topic_of

EVENTS = [
    member
    for module in (intake, postal, routing)
    for _name, member in inspect.getmembers(module, inspect.isclass)
    if issubclass(member, Event) and member is not Event and member.__module__ == module.__name__
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_every_event_is_registered_once(event: type[Event]) -> None:
    """An event without a topic could not be published."""
    assert topic_of(event).events.count(event) == 1
    assert event.KEY in event.model_fields
    assert topic_of(event).key == event.KEY, "events of one topic share one kind of key"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_an_owner_and_someone_else_who_listens(topic) -> None:  # type: ignore[no-untyped-def]
    """A topic nobody reads is noise; one that its owner reads is a call in disguise."""
    assert topic.consumers
    assert topic.owner not in topic.consumers
    assert len({event.KIND for event in topic.events}) == len(topic.events)


def test_topics_with_names_phones_or_addresses_are_marked_personal() -> None:
    """A personal field in an unmarked topic would escape retention and access rules."""
    for topic in TOPICS:
        fields = {name for event in topic.events for name in event.model_fields}
        if fields & {"applicant_name", "phone", "place"}:
            assert topic.personal, topic.name


def test_every_service_listens_to_something() -> None:
    """A service without subscriptions would not need a worker."""
    for service in ("intake", "routing", "postal_bridge"):
        assert consumed_by(service)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_the_committed_schema_is_the_present_one(event: type[Event]) -> None:
    """Consumers outside this repository read the committed schemas: `make docs` renews them."""
    committed = SCHEMAS / f"{topic_of(event).name}.{event.KIND}.json"
    assert committed.exists(), f"{committed.name} is missing: run `make docs`"
    old = json.loads(committed.read_text())
    assert breaking_changes(old, schema_of(event)) == []
    assert old == schema_of(event), "the schema changed compatibly: run `make docs` and commit it"


def test_no_schema_is_left_over() -> None:
    """A removed event is a breaking change, not a cleanup."""
    expected = {f"{topic_of(event).name}.{event.KIND}.json" for event in EVENTS}
    assert {file.name for file in SCHEMAS.glob("*.json")} == expected


OLD: dict[str, Any] = {
    "type": "object",
    "required": ["a"],
    "properties": {"a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": ["x", "y"]}},
}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"properties": {"a": {"type": "string"}, "c": OLD["properties"]["c"]}}, "removed"),
        ({"properties": {**OLD["properties"], "a": {"type": "integer"}}}, "type"),
        ({"required": ["a", "b"]}, "required"),
        ({"required": []}, "optional"),
        ({"properties": {**OLD["properties"], "c": {"enum": ["x", "y", "z"]}}}, "enum"),
        ({"properties": {**OLD["properties"], "c": {"enum": ["x"]}}}, "enum"),
    ],
)
def test_a_breaking_change_is_refused(change: dict[str, object], word: str) -> None:
    """Each kind of change that would break a reader or an old record has to be seen."""
    assert any(word in finding for finding in breaking_changes(OLD, {**OLD, **change}))


def test_an_added_optional_field_is_no_breaking_change() -> None:
    """Additive changes are how a contract grows within a major version."""
    grown = {**OLD, "properties": {**OLD["properties"], "d": {"type": "string"}}}
    assert breaking_changes(OLD, grown) == []


def test_writing_schemas_is_repeatable(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A schema file that differs from run to run could not be diffed."""
    write_schemas(tmp_path)
    first = {file.name: file.read_text() for file in tmp_path.iterdir()}
    write_schemas(tmp_path)
    assert first == {file.name: file.read_text() for file in tmp_path.iterdir()}


@pytest.mark.parametrize(
    "damage", [{"id": "short"}, {"sequence": 0}, {"key": ""}, {"occurred_at": "2026-11-25T08:00:00"}]
)
def test_a_damaged_envelope_is_refused(damage: dict[str, object]) -> None:
    """An envelope without identity, order or offset cannot be applied safely."""
    good = {
        "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "type": "started",
        "version": 1,
        "source": "postal_bridge",
        "topic": "postal.visit.v1",
        "subject": "visit/v1",
        "key": "v1",
        "sequence": 1,
        "occurred_at": "2026-11-25T08:00:00+07:00",
        "recorded_at": "2026-11-25T08:00:00+07:00",
        "actor": {"account": "a", "role": "worker"},
        "data": {},
    }
    Envelope.from_bytes(json.dumps(good).encode())
    with pytest.raises(ValidationError):
        Envelope.from_bytes(json.dumps({**good, **damage}).encode())
