"""Which revision a database is at, and which one the program needs; without loading Alembic (0.3 s)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, inspect, text

_FIELD = re.compile(r'^(revision|down_revision)\b[^=\n]*= *(?:"([^"]+)"|None) *$', re.MULTILINE)


@dataclass(frozen=True)
class Revisions:
    """The revisions of a service: those its folder holds, and the one its database is at (None: empty)."""

    known: frozenset[str]
    newest: str
    present: str | None

    @property
    def current(self) -> bool:
        """Whether the database is what this program expects."""
        return self.present == self.newest

    @property
    def from_the_future(self) -> bool:
        """Whether a newer program has migrated the database: this one would not understand it."""
        return self.present is not None and self.present not in self.known


def look_up(engine: Engine, folder: Path) -> Revisions:
    """Compares a database with the revisions in `folder`. Raises the engine's errors, ValueError for a folder
    whose revisions are not one line from first to last."""
    known, replaced = set(), set()
    for file in (folder / "versions").glob("[0-9]*.py"):
        fields = {match[1]: match[2] for match in _FIELD.finditer(file.read_text(encoding="utf-8"))}
        known.add(fields["revision"])
        replaced.add(fields["down_revision"])
    newest = known - replaced
    if len(newest) != 1:
        raise ValueError(f"{folder}: {len(newest)} revisions claim to be the newest: {sorted(newest)}")
    return Revisions(frozenset(known), newest.pop(), _present(engine))


def _present(engine: Engine) -> str | None:
    with engine.connect().execution_options(reading=True) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return None if found is None else str(found)
