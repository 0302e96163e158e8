"""Apache Kafka: its log is not ours to copy; where it ended is noted, and the outboxes hold its content.

Every event that was ever published lies in its service's outbox. A restored product therefore begins with
empty topics and sends all of it again; inbox and gate drop what was applied (see `restore`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from deploy.backup.sources import BackupFailed
from shared.contracts.topics import TOPICS
from shared.messaging.connection import BrokerAddress


class KafkaEnds:
    """The end of every partition of the registered topics, as a note for the people who restore.

    Only a note, so nobody waits for it and a broker that is away does not prevent a backup.
    """

    kind = "kafka"

    def __init__(self, broker: BrokerAddress) -> None:
        self._broker = broker

    def pin(self) -> None:
        """Nothing: what is restored does not depend on it."""

    def facts(self) -> Mapping[str, Any]:
        """Offsets by `topic:partition`, or why they are not known."""
        try:
            return {"ends": ends_of(self._broker)}
        except BackupFailed as error:
            return {"unknown": str(error)}

    def copy(self, folder: Path) -> None:
        """Nothing: the manifest holds the note."""

    def close(self) -> None:
        """Nothing is held."""


def ends_of(broker: BrokerAddress) -> dict[str, int]:
    """The next offset of every partition of our topics that exists; empty when none does.

    Raises BackupFailed when no broker answers.
    """
    try:
        consumer = KafkaConsumer(**broker.client_settings(), bootstrap_timeout_ms=5_000)
        try:
            partitions = [
                TopicPartition(topic.name, number)
                for topic in TOPICS
                for number in sorted(consumer.partitions_for_topic(topic.name) or ())
            ]
            ends = consumer.end_offsets(partitions) if partitions else {}
            return {f"{place.topic}:{place.partition}": end for place, end in ends.items()}
        finally:
            consumer.close()
    except (KafkaError, OSError) as error:
        raise BackupFailed(f"Không hỏi được máy chủ sự kiện tại {broker.bootstrap}: {error}") from error
