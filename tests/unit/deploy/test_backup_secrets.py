"""Addresses of databases may hold secrets; a backup shows none, on no command line and in no error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url

from deploy.backup import postgres
from deploy.backup.sources import BackupFailed

ON_A_SERVER = "postgresql+psycopg://tannha{}@127.0.0.1:9/intake{}"
WITH_PASSWORD = [
    ON_A_SERVER.format(":bí-mật", ""),
    ON_A_SERVER.format("", "?password=bí-mật&sslmode=prefer"),
    ON_A_SERVER.format(":cũ", "?password=bí-mật"),
]
NOTES_WHAT_IT_IS_GIVEN = """#!/bin/sh
echo "$0 $*" >> "{0}/command-lines"
echo "$PGPASSWORD" > "$0.password"
[ "${{0##*/}}" != psql ] || cat > /dev/null
"""


@pytest.fixture
def given_to_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where pg_dump, pg_restore and psql note their `command-lines` and each its `.password`."""
    for name in ("pg_dump", "pg_restore", "psql"):
        (tmp_path / name).write_text(NOTES_WHAT_IT_IS_GIVEN.format(tmp_path), encoding="utf-8")
        (tmp_path / name).chmod(0o700)
    monkeypatch.setenv(postgres.PROGRAMS_FROM, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("address", WITH_PASSWORD)
def test_a_password_stands_on_no_command_line(given_to_programs: Path, address: str) -> None:
    """Everybody on the machine reads it there while a backup or a restore runs."""
    url = make_url(address)
    postgres.run_program("pg_dump", url, ["--format=custom"])
    postgres.restore_dump(given_to_programs / "intake.dump", url, unsent=False)
    for name in ("pg_dump", "psql"):
        assert (given_to_programs / f"{name}.password").read_text(encoding="utf-8") == "bí-mật\n"
    told = (given_to_programs / "command-lines").read_text(encoding="utf-8")
    assert told.count("--dbname=") == 2
    assert told.count("dbname=intake") == 2
    assert "password=" not in told
    assert "bí-mật" not in told


@pytest.mark.parametrize("address", WITH_PASSWORD)
def test_a_server_that_is_away_is_said_without_its_password(address: str) -> None:
    """The line goes into logs."""
    with pytest.raises(BackupFailed) as refusal:
        postgres.PostgresDatabase("intake", make_url(address)).hold()
    assert "127.0.0.1:9/intake" in str(refusal.value)
    assert "bí-mật" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "name", ["sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"]
)
def test_a_secret_that_would_be_shown_is_refused_and_not_repeated(given_to_programs: Path, name: str) -> None:
    """Other secrets than the password could reach the programs by their command line only."""
    url = make_url(ON_A_SERVER.format("", f"?{name}=bí-mật"))
    attempts: list[Callable[[], object]] = [
        lambda: postgres.connect(url),
        lambda: postgres.run_program("pg_dump", url, []),
        lambda: postgres.restore_dump(given_to_programs / "intake.dump", url, unsent=True),
    ]
    for attempt in attempts:
        with pytest.raises(BackupFailed, match=f"127.0.0.1:9/intake có {name};") as refusal:
            attempt()
        assert "bí-mật" not in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert not (given_to_programs / "command-lines").exists()
