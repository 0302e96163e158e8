"""Walking over kafka-python's generated messages by their schemas, at whatever depth.

What to look at in a kind of message is worked out once and remembered, for every request is walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class _Shape:
    """Of one kind of message or part: the fields that must be there, and the lists of further parts."""

    required: tuple[str, ...]
    parts: tuple[str, ...]
    has_code: bool


def missing_field(message: Any, version: int) -> str | None:
    """A field that is null although its schema does not allow that, or None when all are there.

    The decoder lets them through, so a damaged request would surprise whoever handles it.
    """
    kind: Any = type(message)
    shape = _shape(kind, version)
    for name in shape.required:
        value = getattr(message, name)
        if value is None or (type(value) is list and None in value):
            return name
    for name in shape.parts:
        for part in getattr(message, name) or ():
            missing = missing_field(part, version)
            if missing is not None:
                return f"{name}.{missing}"
    return None


def error_codes(message: Any, version: int) -> Iterator[int]:
    """Every error code in an answer."""
    kind: Any = type(message)
    shape = _shape(kind, version)
    if shape.has_code:
        yield message.error_code or 0
    for name in shape.parts:
        for part in getattr(message, name) or ():
            yield from error_codes(part, version)


@cache
def _shape(kind: Any, version: int) -> _Shape:
    fields = [
        field
        for field in kind._struct.fields.values()  # noqa: SLF001 - the schema has no other door
        if field.for_version_q(version)
    ]
    return _Shape(
        required=tuple(field.name for field in fields if not field.nullable_for_version_q(version)),
        parts=tuple(field.name for field in fields if field.is_struct_array()),
        has_code=any(field.name == "error_code" for field in fields),
    )
