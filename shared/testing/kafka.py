"""Where tests find Apache Kafka: at a given address, in a container, by the local runner, or nowhere.

The local runner is `python -m deploy.kafka`; it needs Java, and Maven for the first time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from shared.messaging.connection import BrokerAddress
from shared.messaging.reachability import broker_answers
from shared.testing.broker_process import ROOT, BrokerProcess, free_port
from shared.testing.docker import docker_answers, until

IMAGE = "apache/kafka:4.1.1"
"""The one of docker-compose.yml; a test holds them together."""
START_SECONDS = 90.0


class NoKafka(Exception):
    """There is no Apache Kafka to be had here; the text says what is missing."""


class Kafka(Protocol):
    """A running Apache Kafka."""

    @property
    def bootstrap(self) -> str:
        """The address that clients take."""

    def kill(self) -> None:
        """kill -9. Raises NoKafka when it is not ours to kill."""

    def start(self) -> object:
        """Starts it again on the same data and address; returns when it answers."""

    def answers(self) -> bool:
        """Whether it can be worked with."""


class KafkaProcess(BrokerProcess):
    """Apache Kafka by the local runner, as a process that can be killed and started again."""

    MODULE = "deploy.kafka"
    START_SECONDS = START_SECONDS


@dataclass(frozen=True)
class GivenKafka:
    """Somebody else's Apache Kafka, which is neither killed nor started here."""

    bootstrap: str

    def kill(self) -> None:
        """Refuses."""
        raise NoKafka(f"{self.bootstrap} was given by TANNHA_TEST_KAFKA: it is not ours to kill")

    def start(self) -> None:
        """It runs."""

    def answers(self) -> bool:
        """Whether it can be worked with."""
        return broker_answers(BrokerAddress(self.bootstrap))


class KafkaContainer:
    """Apache Kafka in a container whose port is the same inside and outside, so that it keeps its address."""

    def __init__(self) -> None:
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - only where an engine answers

        self.port = free_port()
        environment = {
            "KAFKA_NODE_ID": "1",
            "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": f"PLAINTEXT://:{self.port},CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{self.port}",
            "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
            "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        }
        self.container: Any = DockerContainer(IMAGE).with_envs(**environment)
        self.container.with_bind_ports(self.port, self.port)

    @property
    def bootstrap(self) -> str:
        """The address that clients take."""
        return f"127.0.0.1:{self.port}"

    def kill(self) -> None:
        """kill -9 of the whole container."""
        self.container.get_wrapped_container().kill()

    def start(self) -> None:
        """Starts it again; returns when it answers. Raises TimeoutError."""
        self.container.get_wrapped_container().start()
        until(self.answers, START_SECONDS, "Apache Kafka in its container")

    def answers(self) -> bool:
        """Whether it can be worked with."""
        return broker_answers(BrokerAddress(self.bootstrap))

    def __enter__(self) -> KafkaContainer:
        self.container.start()
        until(self.answers, START_SECONDS, "Apache Kafka in its container")
        return self

    def __exit__(self, *_: object) -> None:
        self.container.stop()


@contextmanager
def apache_kafka(folder: Path) -> Iterator[Kafka]:
    """An Apache Kafka while the block lasts; the local runner keeps its data below `folder`.

    Raises NoKafka when there is none to be had.
    """
    given = os.environ.get("TANNHA_TEST_KAFKA")
    if given:
        server = GivenKafka(given)
        if not server.answers():
            raise NoKafka(f"TANNHA_TEST_KAFKA={given} does not answer")
        yield server
    elif docker_answers():
        with KafkaContainer() as container:
            yield container
    else:
        _bring_jars()
        with KafkaProcess(folder / "kafka") as process:
            yield process


def _bring_jars() -> None:
    command = [sys.executable, "-m", "deploy.kafka", "--fetch-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise NoKafka((done.stderr.strip().splitlines() or ["python -m deploy.kafka failed"])[-1])
