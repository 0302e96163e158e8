"""What lies in a backup, written last: a folder without a manifest is no backup."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.backup.sources import BackupFailed, DatabaseFacts, flush

FORMAT = 1
NAME = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class CopiedFile:
    """One file of the backup."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The moment, the content, and how long people had to wait for it.

    `to_come` counts, by consumer and topic, the events that were published and not yet applied.
    """

    taken_at: datetime
    held_milliseconds: float
    log_kind: str
    log: Mapping[str, Any]
    databases: Mapping[str, DatabaseFacts]
    to_come: Mapping[str, Mapping[str, int]]
    files: tuple[CopiedFile, ...]

    def write(self, folder: Path) -> None:
        """Into `folder`, as JSON, safely on the disk."""
        content = {"format": FORMAT, **asdict(self), "taken_at": self.taken_at.isoformat()}
        text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
        (folder / NAME).write_text(text + "\n", encoding="utf-8")
        flush(folder / NAME)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """The manifest of a backup. Raises BackupFailed for anything else."""
        try:
            content = json.loads((folder / NAME).read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise BackupFailed(f"{folder} là bản sao lưu của một phiên bản khác.")
            content["taken_at"] = datetime.fromisoformat(content["taken_at"])
            content["files"] = tuple(CopiedFile(**file) for file in content["files"])
            content["databases"] = {
                name: DatabaseFacts(**facts) for name, facts in content["databases"].items()
            }
            return cls(**content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupFailed(f"{folder} không phải là một bản sao lưu trọn vẹn.") from error

    def check_files(self, folder: Path) -> None:
        """Raises BackupFailed for a file that is missing or not the one that was written."""
        for file in self.files:
            try:
                found = describe(folder / file.name)
            except OSError as error:
                raise BackupFailed(f"Bản sao lưu thiếu {file.name}.") from error
            if found != file:
                raise BackupFailed(f"{file.name} không còn như khi được sao lưu (sai mã băm).")


def describe(file: Path) -> CopiedFile:
    """Name, size and hash of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            digest.update(chunk)
    return CopiedFile(file.name, file.stat().st_size, digest.hexdigest())


def events_to_come(
    databases: Mapping[str, DatabaseFacts], streams: Iterable[tuple[str, str, str]]
) -> dict[str, dict[str, int]]:
    """Published and not yet applied, by consumer and topic, of `(topic, owner, consumer)` triples.

    Raises BackupFailed when a consumer has applied more than was published: then the copies are not of one
    moment, and what would be restored from them loses events in silence.
    """
    waiting: dict[str, dict[str, int]] = {}
    for topic, owner, consumer in streams:
        count = databases[owner].heads.get(topic, 0) - databases[consumer].gates.get(topic, 0)
        if count < 0:
            raise BackupFailed(f"{consumer} đã áp dụng nhiều sự kiện {topic} hơn số {owner} đã phát.")
        if count:
            waiting.setdefault(consumer, {})[topic] = count
    return waiting
