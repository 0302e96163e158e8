"""What a judge can find: how a guarantee was broken, and where it shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Wrong(StrEnum):
    """How a guarantee can be broken."""

    LOST = "lost"
    DOUBLED = "doubled"
    PHANTOM = "phantom"
    ORDER = "order"
    STUCK = "stuck"
    CUSTODY = "custody"
    MONEY = "money"


@dataclass(frozen=True)
class Finding:
    """One broken guarantee and where it shows."""

    wrong: Wrong
    what: str


def differences(what: str, expected: Counter[Any], found: Counter[Any]) -> Iterator[Finding]:
    """What is there too rarely or too often, beside what was expected."""
    for thing in expected.keys() | found.keys():
        if found[thing] < expected[thing]:
            yield Finding(Wrong.LOST, f"{what} {thing}: {expected[thing]} expected, {found[thing]} found")
        elif found[thing] > expected[thing]:
            wrong = Wrong.DOUBLED if expected[thing] else Wrong.PHANTOM
            yield Finding(wrong, f"{what} {thing}: {expected[thing]} expected, {found[thing]} found")
