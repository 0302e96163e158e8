"""JSON Schemas of the published language: written to files, compared for breaking changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.contracts.envelope import Event
from shared.contracts.topics import TOPICS

SCHEMAS = Path(__file__).parent / "schemas"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of an event body."""
    return event.model_json_schema()


def write_schemas(folder: Path = SCHEMAS) -> None:
    """Writes one file per event, `<topic>.<kind>.json`, sorted so that a diff shows only what changed."""
    folder.mkdir(exist_ok=True)
    for topic in TOPICS:
        for event in topic.events:
            text = json.dumps(schema_of(event), ensure_ascii=False, indent=2, sort_keys=True)
            (folder / f"{topic.name}.{event.KIND}.json").write_text(text + "\n", encoding="utf-8")


def breaking_changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What in `new` would break a reader of old records or an old reader of new records.

    Fields may be added when they are optional; nothing may be removed, retyped, made required or
    optional, and a closed list of values may not change.
    """
    return list(_compare(old, new, "$"))


def _compare(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _compare_objects(old, new, where)
    elif old != new:
        yield f"{where}: type or bound changed from {old!r} to {new!r}"


def _compare_objects(old: dict[str, Any], new: dict[str, Any], where: str) -> Iterator[str]:
    before, after = set(old.get("required", ())), set(new.get("required", ()))
    yield from (f"{where}.{name}: became required" for name in sorted(after - before))
    yield from (f"{where}.{name}: became optional" for name in sorted(before - after))
    if sorted(map(str, old.get("enum", ()))) != sorted(map(str, new.get("enum", ()))):
        yield f"{where}: enum changed"
    for part in ("properties", "$defs"):
        then, now = old.get(part, {}), new.get(part, {})
        yield from (f"{where}.{name}: removed" for name in sorted(then.keys() - now.keys()))
        for name in sorted(then.keys() & now.keys()):
            yield from _compare(then[name], now[name], f"{where}.{name}")
    told_apart = {"required", "enum", "properties", "$defs", "description", "title", "default"}
    for key in sorted((old.keys() | new.keys()) - told_apart):
        yield from _compare(old.get(key), new.get(key), f"{where}.{key}")


if __name__ == "__main__":
    write_schemas()
