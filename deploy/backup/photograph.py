"""The photograph: hold every outbox, pin the log, pin the databases, let go, copy in peace.

Why in this order:

- Nothing is published between the first and the last pin, so no consumer's copy knows an event that its
  producer's copy does not.
- Nothing is marked as sent meanwhile either, so what a copy calls sent is in the log that was pinned.
- The log comes before the databases: a consumer that applies an event in between and commits its offset
  does so after the log's pin. An offset that is behind brings a second delivery, which the inbox drops; one
  that is ahead would lose the event.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import psycopg

from deploy.backup.manifest import Manifest, describe, events_to_come
from deploy.backup.sources import BackupFailed, Database, EventLog
from shared.clock import Clock, system_clock
from shared.contracts.topics import TOPICS

ATTEMPTS = 3
STREAMS = [(topic.name, topic.owner, consumer) for topic in TOPICS for consumer in topic.consumers]


def take_backup(
    log: EventLog, databases: Sequence[Database], folder: Path, clock: Clock = system_clock
) -> Manifest:
    """Makes `folder` with one file for each source, and the manifest; all or nothing.

    The folder is for its owner's eyes only: it holds names, phones, addresses and the tokens of channels.
    Raises BackupFailed; then what was copied so far is gone.
    """
    if folder.exists():
        raise BackupFailed(f"{folder} đã có; không ghi đè bản sao lưu.")
    draft = folder.with_name(folder.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(mode=0o700, parents=True)
        taken_at, held = pin_together(log, databases, clock)
        facts = {database.name: database.facts() for database in databases}
        files = [database.copy(draft) for database in databases]
        if (copied := log.copy(draft)) is not None:
            files.append(copied)
        for file in files:
            file.chmod(0o600)
        manifest = Manifest(
            taken_at=taken_at,
            held_milliseconds=round(held * 1000, 1),
            log_kind=log.kind,
            log=log.facts(),
            databases=facts,
            to_come=events_to_come(facts, STREAMS),
            files=tuple(map(describe, files)),
        )
        manifest.write(draft)
        draft.rename(folder)
    except (OSError, sqlite3.Error, psycopg.Error) as error:
        raise BackupFailed(f"Không sao chép được: {str(error).splitlines()[0]}") from error
    finally:
        log.close()
        for database in databases:
            database.close()
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def pin_together(log: EventLog, databases: Sequence[Database], clock: Clock) -> tuple[datetime, float]:
    """Pins all at one moment; returns it, and for how many seconds publishing was held."""
    began = time.monotonic()
    try:
        _hold_all(databases)
        log.pin()
        taken_at = clock()
        for database in databases:
            database.pin()
    finally:
        for database in databases:
            database.release()
    return taken_at, time.monotonic() - began


def _hold_all(databases: Sequence[Database]) -> None:
    """Holds all or none, and tries again: whoever waits for one that is busy keeps the others waiting."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            for database in databases:
                database.hold()
        except BackupFailed:
            for database in databases:
                database.release()
            if attempt == ATTEMPTS:
                raise
        else:
            return
