"""The event catalogue for readers (`docs/events.md`) and for tools (`docs/asyncapi.json`).

`python -m shared.contracts.catalogue` writes both from the topic registry; a test holds them to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from shared.contracts.asyncapi import asyncapi_document, summary
from shared.contracts.envelope import Envelope
from shared.contracts.schema import schema_of
from shared.contracts.topics import PARTITIONS, TOPICS, Topic

DOCS = Path(__file__).resolve().parents[2] / "docs"
EVENTS_PAGE = "events.md"
ASYNCAPI_FILE = "asyncapi.json"

_ABOUT = f"""\
# Event catalogue

Made by `make docs` from `shared/contracts/topics.py`; do not edit. The same for tools:
[asyncapi.json](asyncapi.json) (AsyncAPI 3.0). The schema of each body lies in `shared/contracts/schemas/`.

Every topic has {PARTITIONS} partitions. The key names the aggregate: its events are in one partition and
numbered from 1 without gaps. **Order** tells what a consumer does: *every* applies each number once and in
order, an early one waits; *latest* is reference data, each event the whole record, and a newer one may
overtake. **Personal** topics carry names, phones, addresses or free text: whoever reads them is bound by the
purpose that the citizen agreed to.
"""


def events_page() -> str:
    """The catalogue as Markdown."""
    parts = [_ABOUT, "## Topics\n", _topic_table(), "\n## Envelope\n", f"{summary(Envelope)}\n"]
    parts.append(_field_table(Envelope.model_json_schema()))
    for topic in TOPICS:
        parts += [f"\n## {topic.name}\n", f"{_who(topic)}\n"]
        for event in topic.events:
            parts += [f"### {event.KIND}\n", f"{summary(event)}\n", _field_table(schema_of(event))]
    return "\n".join(parts)


def asyncapi_text() -> str:
    """The AsyncAPI document as JSON."""
    return json.dumps(asyncapi_document(), ensure_ascii=False, indent=2) + "\n"


def write_catalogue(folder: Path = DOCS) -> None:
    """Writes both files."""
    (folder / EVENTS_PAGE).write_text(events_page(), encoding="utf-8")
    (folder / ASYNCAPI_FILE).write_text(asyncapi_text(), encoding="utf-8")


def _topic_table() -> str:
    return _table(
        ("Topic", "Owner", "Consumers", "Key", "Order", "Kept", "Personal", "Events"),
        (
            (
                f"[{topic.name}](#{topic.name.replace('.', '')})",
                topic.owner,
                ", ".join(topic.consumers),
                f"`{topic.key}`",
                topic.gate,
                _kept(topic),
                "yes" if topic.personal else "",
                ", ".join(event.KIND for event in topic.events),
            )
            for topic in TOPICS
        ),
    )


def _kept(topic: Topic) -> str:
    return "for ever" if topic.retention_days is None else f"{topic.retention_days} days"


def _who(topic: Topic) -> str:
    personal = " Personal data." if topic.personal else ""
    listeners = " and ".join(topic.consumers)
    return f"From {topic.owner} to {listeners}, by `{topic.key}`; order: {topic.gate}.{personal}"


def _field_table(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    return _table(
        ("Field", "Type", "Required"),
        (
            (f"`{name}`", type_of(field), "yes" if name in required else "")
            for name, field in schema.get("properties", {}).items()
        ),
    )


def type_of(field: dict[str, Any]) -> str:
    """A JSON Schema in a few words: `string (date-time)`, `list of Window`, `integer or null`."""
    if "$ref" in field:
        return str(field["$ref"]).rsplit("/", 1)[1]
    if "enum" in field or "const" in field:
        values = field.get("enum") or [field["const"]]
        return "one of " + ", ".join(f"`{value}`" for value in values)
    if "anyOf" in field:
        return " or ".join(type_of(part) for part in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {type_of(field.get('items', {}))}"
    kind = str(field.get("type", "anything"))
    return f"{kind} ({field['format']})" if "format" in field else kind


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "\n".join(_lines(list(head), rows)) + "\n"


def _lines(head: list[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


if __name__ == "__main__":
    write_catalogue()
