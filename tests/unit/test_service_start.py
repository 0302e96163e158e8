"""A start that comes before its database."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from shared import service as module
from shared.persistence.engine import open_engine
from shared.persistence.migrations import migrate
from shared.persistence.revisions import Revisions, look_up
from shared.service import Service
from shared.testing.broker_process import ROOT

MIGRATIONS = ROOT / "services" / "postal_bridge" / "migrations"


def test_a_database_that_soon_answers_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Server and services start together; after each end the supervisor would wait longer."""
    engine = open_engine(f"sqlite:///{tmp_path / 'notes.db'}")
    migrate(engine, MIGRATIONS)
    away = iter([OperationalError("select", {}, Exception("the database system is starting up"))] * 2)

    def look(at: Engine, folder: Path) -> Revisions:
        for trouble in away:
            raise trouble
        return look_up(at, folder)

    monkeypatch.setattr(module, "look_up", look)
    rest: dict[str, Any] = dict.fromkeys(("settings", "transactions", "bus", "guard", "relay"), Mock())
    Service[Any](name="postal_bridge", engine=engine, migrations=MIGRATIONS, **rest).prepare_database()
    assert next(away, None) is None
    engine.dispose()
