"""The settings of a topic: which there are, what they may say, and what this broker makes of them.

Source of names and values: https://kafka.apache.org/documentation/#topicconfigs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

DEFAULT_CONFIGS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": "",
    "delete.retention.ms": "86400000",
    "min.cleanable.dirty.ratio": "0.5",
    "min.insync.replicas": "1",
    "compression.type": "producer",
    "message.timestamp.type": "CreateTime",
}
"""What a topic follows where it was not told otherwise. Nothing is deleted unless asked for."""

WITHOUT_EFFECT = frozenset(
    {
        "segment.bytes",
        "segment.ms",
        "segment.jitter.ms",
        "segment.index.bytes",
        "index.interval.bytes",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "preallocate",
        "min.compaction.lag.ms",
        "max.compaction.lag.ms",
        "unclean.leader.election.enable",
        "message.timestamp.before.max.ms",
        "message.timestamp.after.max.ms",
    }
)
"""Taken and told back, so that a declaration made for Apache Kafka is understood; nothing here follows
them, for there are no segments, no replicas, and every acknowledged batch is flushed."""


class ConfigRefused(Exception):
    """A setting is unknown here or says something this broker cannot keep; the text is for people."""


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What may go from a topic's partitions. -1: no bound. Times in milliseconds, sizes in bytes."""

    deletes: bool
    compacts: bool
    retention_ms: int
    retention_bytes: int
    tombstone_ms: int
    dirty_ratio: float


def cleanup_of(configs: Mapping[str, str]) -> Cleanup:
    """The cleanup that (already checked) settings ask for."""
    said = {**DEFAULT_CONFIGS, **configs}
    policies = _policies(said["cleanup.policy"])
    return Cleanup(
        deletes="delete" in policies,
        compacts="compact" in policies,
        retention_ms=int(said["retention.ms"]),
        retention_bytes=int(said["retention.bytes"]),
        tombstone_ms=int(said["delete.retention.ms"]),
        dirty_ratio=float(said["min.cleanable.dirty.ratio"]),
    )


def check_configs(configs: Mapping[str, str]) -> None:
    """Raises ConfigRefused for the first setting that cannot be kept."""
    for name, value in configs.items():
        if name in WITHOUT_EFFECT:
            continue
        if name not in _CHECKS:
            raise ConfigRefused(f"{name} is not a setting of topics here")
        check, rule = _CHECKS[name]
        if not check(value):
            raise ConfigRefused(f"{name} {rule}, not {value!r}")


def _policies(value: str) -> set[str]:
    return {policy.strip() for policy in value.split(",")}


def _whole_from(least: int) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        return value.removeprefix("-").isdecimal() and least <= int(value) < 1 << 63

    return check


def _is_ratio(value: str) -> bool:
    try:
        return 0 <= float(value) <= 1
    except ValueError:
        return False


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


_CHECKS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "cleanup.policy": (
        lambda value: _policies(value) <= {"delete", "compact"},
        "is delete, compact or both",
    ),
    "retention.ms": (_whole_from(-1), "is a whole number of milliseconds or -1"),
    "retention.bytes": (_whole_from(-1), "is a whole number of bytes or -1"),
    "delete.retention.ms": (_whole_from(0), "is a whole number of milliseconds"),
    "max.message.bytes": (_whole_from(0), "is a whole number of bytes"),
    "min.cleanable.dirty.ratio": (_is_ratio, "lies between 0 and 1"),
    "min.insync.replicas": (_one_of("1"), "is 1, for there is one replica"),
    "compression.type": (
        _one_of("producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"),
        "is a codec of Kafka's (batches stay as the producer sent them)",
    ),
    "message.timestamp.type": (_one_of("CreateTime"), "is CreateTime, for records are kept as they come"),
}
