"""What an operator may see of an event's body without asking for more: ids, codes, instants and counts.

Names, phones, addresses, positions and whatever somebody typed are masked. A field that this list does not
know is masked too, so that a new one is hidden until somebody decides otherwise.
"""

from __future__ import annotations

import json
from typing import Any

from shared.contracts.topics import TOPICS

MASK = "•••"
SHOWN_ENDINGS = ("_id", "_ids", "_code", "_at", "_no")
SHOWN_FIELDS = frozenset(
    {
        "id",
        "kind",
        "channel",
        "purpose",
        "outcome",
        "cause",
        "window",
        "start",
        "end",
        "day",
        "precision",
        "seal",
    }
)
"""`code` alone is not among them: with a phone number it opens a citizen's status page."""

_PERSONAL = {topic.name: topic.personal for topic in TOPICS}


def masked(topic: str, data: dict[str, Any]) -> dict[str, Any]:
    """An event's data with personal values replaced; data of topics that carry none stay as they are.

    A topic that is not registered counts as personal.
    """
    return _masked_fields(data) if _PERSONAL.get(topic, True) else data


def masked_raw(raw: bytes) -> str:
    """What can be said about a record that is no envelope: its size, and the names of its fields if any."""
    try:
        names = sorted(json.loads(raw))
    except (ValueError, TypeError):
        return f"{len(raw)} bytes"
    return f"{len(raw)} bytes; fields: {', '.join(map(str, names))[:300]}"


def _masked_fields(data: dict[str, Any]) -> dict[str, Any]:
    return {name: _masked_value(name, value) for name, value in data.items()}


def _masked_value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return _masked_fields(value)
    if isinstance(value, list):
        return [_masked_value(name, part) for part in value]
    if value is None or isinstance(value, bool | int):
        return value
    return value if name in SHOWN_FIELDS or name.endswith(SHOWN_ENDINGS) else MASK
