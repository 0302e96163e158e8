"""The local runner of Apache Kafka: one version everywhere, and one line about whatever is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.kafka import libraries
from deploy.kafka.libraries import fetch_jars, find_jars, find_java, kafka_version
from deploy.kafka.server import Node
from deploy.missing import NotRunnable
from shared.testing import kafka as kafka_for_tests

ROOT = Path(__file__).resolve().parents[3]


def executable(folder: Path, name: str, script: str) -> Path:
    """A program of that name which only says something."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java, Maven and jars; its folder for programs."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for name in ("JAVA_HOME", "TANNHA_KAFKA_LIBS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    return tmp_path / "bin"


def test_one_version_everywhere() -> None:
    """What is tested would not be what runs in the city."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    image = compose["services"]["kafka"]["image"]
    assert image == f"apache/kafka:{kafka_version()}" == kafka_for_tests.IMAGE


def test_the_pom_names_no_address() -> None:
    """Every installation would be tied to one repository."""
    text = libraries.POM.read_text(encoding="utf-8")
    assert "<repositor" not in text
    assert text.count("://") == text.count("http://maven.apache.org/POM/4.0.0")


def test_a_machine_without_java_is_told(bare: Path) -> None:
    """A stack trace does not say what to install."""
    with pytest.raises(NotRunnable, match=r"Cần Java từ bản 17.*không có Java"):
        find_java()


def test_an_old_java_is_told(bare: Path) -> None:
    """`UnsupportedClassVersionError` tells a person nothing."""
    executable(bare, "java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    with pytest.raises(NotRunnable, match="là bản 11"):
        find_java()
    executable(bare, "java", "echo 'openjdk version \"21\" 2023-09-19' >&2")
    assert find_java() == str(bare / "java")


def test_a_machine_without_maven_is_told(bare: Path) -> None:
    """The first start would end in `FileNotFoundError: mvn`."""
    with pytest.raises(NotRunnable, match="Cần Maven"):
        fetch_jars()


def test_maven_that_fails_is_quoted_in_one_line(bare: Path, tmp_path: Path) -> None:
    """Whether the network or a name is at fault is in Maven's first error."""
    executable(bare, "mvn", "echo '[ERROR] Could not transfer artifact x'; echo '[ERROR] more'; exit 1")
    with pytest.raises(
        NotRunnable, match=r"không tải được Apache Kafka: \[ERROR\] Could not transfer"
    ) as told:
        fetch_jars()
    assert "\n" not in str(told.value)
    assert find_jars() is None
    assert list((tmp_path / "environment" / "share").iterdir()) == [], "nothing half is left"


def test_jars_are_brought_once(bare: Path) -> None:
    """Every start would wait for the network, or take half a copy for a whole one."""
    touch = 'for word in "$@"; do case $word in -DoutputDirectory=*) out=${word#*=};; esac; done; '
    executable(bare, "mvn", touch + "/bin/mkdir -p $out && : > $out/kafka_2.13-4.1.1.jar")
    folder = fetch_jars()
    assert find_jars() == folder
    (bare / "mvn").unlink()
    assert fetch_jars() == folder


def test_a_given_folder_without_kafka_is_refused(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A misspelt folder would silently be replaced by another Kafka."""
    monkeypatch.setenv("TANNHA_KAFKA_LIBS", str(tmp_path))
    with pytest.raises(NotRunnable, match="TANNHA_KAFKA_LIBS"):
        find_jars()


def test_the_command_says_it_in_one_line(bare: Path, tmp_path: Path) -> None:
    """A supervisor shows the last line that a part has said."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.kafka", "--data", str(tmp_path / "data")],
        cwd=ROOT,
        env={**os.environ, "PATH": str(bare)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Cần Java" in done.stderr


def prepared(folder: Path) -> tuple[Node, dict[str, str]]:
    """A node whose folder was formatted before, and the settings it starts with."""
    (folder / "log").mkdir(parents=True)
    (folder / "log" / "meta.properties").touch()
    node = Node("java", folder, folder, 19092)
    node.prepare()
    written = (folder / "server.properties").read_text(encoding="utf-8")
    return node, dict(line.split("=", 1) for line in written.splitlines() if not line.startswith("#"))


def test_what_it_acknowledges_is_on_its_disk(tmp_path: Path) -> None:
    """A power cut would take back events that the outboxes count as sent: there is no second node."""
    _node, settings = prepared(tmp_path)
    assert settings["log.flush.interval.messages"] == "1"


def test_the_settings_keep_it_on_this_machine(tmp_path: Path) -> None:
    """An open port shows every event to the street; topics made by a typing error lose events."""
    node, settings = prepared(tmp_path)
    assert all("//127.0.0.1:" in address for address in settings["listeners"].split(","))
    assert settings["auto.create.topics.enable"] == "false"
    assert node.command()[-2:] == ["kafka.Kafka", str(tmp_path / "server.properties")]
