"""What handlers need from outside."""

from __future__ import annotations

from dataclasses import dataclass

from shared.ids import NewId, new_code


@dataclass(frozen=True)
class Ports:
    """`new_seal` gives the serial of a label that the desk prints itself."""

    new_seal: NewId = new_code
