"""The four pairs of broker and database: the services are told other addresses, and nothing else."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from deploy.run import add_bases, chosen_stack
from deploy.stack import Broker, Database, Ports, Stack, StartFailed

PLAIN: tuple[Broker, Database] = ("embedded", "sqlite")
PAIRS: list[tuple[Broker, Database]] = [
    PLAIN,
    ("kafka", "sqlite"),
    ("embedded", "postgres"),
    ("kafka", "postgres"),
]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_only_addresses_differ(tmp_path: Path, pair: tuple[Broker, Database]) -> None:
    """A pair that needs a switch inside a service is a pair that was never tried in production."""
    plain, other = (Stack(tmp_path, Ports(), broker=b, database=d) for b, d in (PLAIN, pair))
    for name in plain.parts.keys() - {"broker"}:
        assert plain.parts[name].command == other.parts[name].command
        before, after = (dict(one.parts[name].environment) for one in (plain, other))
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        assert {key.split("_", 2)[2].removeprefix("BRIDGE_") for key in changed} <= {
            "DATABASE",
            "DATABASE_PASSWORD_FILE",
        }


def test_each_choice_has_its_part(tmp_path: Path) -> None:
    """The fault harness kills by these names."""
    stack = Stack(tmp_path, Ports(), broker="kafka", database="postgres")
    assert stack.parts["broker"].command[1:3] == ["-m", "deploy.kafka"]
    assert stack.parts["database"].command[1:3] == ["-m", "deploy.postgres"]
    assert stack.parts["database"].stop_signal == signal.SIGINT
    assert "database" not in Stack(tmp_path, Ports()).parts


def test_no_password_in_any_environment(tmp_path: Path) -> None:
    """Everybody on the machine can read the environment of a process that they own, and logs quote it."""
    stack = Stack(tmp_path, Ports(), broker="embedded", database="postgres")
    url = stack.database_url("intake")
    secret = stack.password_file.read_text()
    assert secret in url
    assert not any(secret in value for part in stack.parts.values() for value in part.environment.values())
    assert stack.password_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_folder_stays_with_its_pair(tmp_path: Path, pair: tuple[Broker, Database]) -> None:
    """Events that wait in one broker would never arrive when another one takes its place."""
    Stack(tmp_path, Ports(), broker="kafka", database="postgres")._claim_folder()
    again = Stack(tmp_path, Ports(), broker=pair[0], database=pair[1])
    if pair == ("kafka", "postgres"):
        again._claim_folder()
        return
    with pytest.raises(StartFailed, match="chứa dữ liệu của kafka postgres"):
        again._claim_folder()


def test_a_folder_from_before_the_choice_is_the_plain_pair(tmp_path: Path) -> None:
    """`make run BROKER=kafka` on the data of an older version would begin in the middle."""
    (tmp_path / "intake.db").touch()
    with pytest.raises(StartFailed, match="embedded sqlite"):
        Stack(tmp_path, Ports(), broker="kafka")._claim_folder()
    Stack(tmp_path, Ports())._claim_folder()


def test_each_pair_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying Apache Kafka once would cost the data of every day before."""
    parser = ArgumentParser()
    add_bases(parser)
    folders = [
        chosen_stack(parser.parse_args(["--broker", broker, "--database", database])).data
        for broker, database in PAIRS
    ]
    assert len(set(folders)) == len(PAIRS)
    assert [folder.relative_to(Path.cwd()).as_posix() for folder in folders[:2]] == [
        "var",
        "var/kafka-sqlite",
    ]


def test_a_product_that_cannot_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java there is one line and no process."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    stack = Stack(tmp_path / "data", Ports.free(), broker="kafka")
    with pytest.raises(StartFailed, match="Cần Java"):
        stack.start()
    assert all(part.process is None for part in stack.parts.values())
    assert sys.executable in stack.parts["broker"].command
