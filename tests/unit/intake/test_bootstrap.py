"""What is wired at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import URL, Engine

from services.intake import bootstrap as wiring
from services.intake.settings import Settings
from shared.persistence.engine import open_engine


def test_every_way_to_the_database_has_the_password_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zalo's tokens and journal would be out of reach in production, and no citizen be told anything."""
    (tmp_path / "password").write_text("from-the-file\n")
    opened: list[URL | str] = []

    def noted(url: URL | str, **_other: str) -> Engine:
        opened.append(url)
        return open_engine(url)

    monkeypatch.setattr("shared.service.open_engine", noted)
    wiring.bootstrap(
        Settings(
            database="postgresql+psycopg://tannha@127.0.0.1:1/intake",
            database_password_file=tmp_path / "password",
        )
    )
    assert [url.password for url in opened if isinstance(url, URL)] == ["from-the-file"]
