"""What the embedded broker's page of metrics holds, for the tests of whatever names its metrics."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from prometheus_client.parser import text_string_to_metric_families

from shared.broker.codes import Code
from shared.broker.metrics import Holdings, Metrics, exposition
from shared.broker.settings import BrokerSettings
from shared.broker.store import Store
from shared.broker.topics import Topics


def page_of(metrics: Metrics) -> str:
    """The page of a broker that holds nothing."""
    empty = Topics(cast(Store, None), BrokerSettings(data=Path()))
    return exposition(metrics, Holdings(empty, {}, [], file_bytes=0, free_bytes=0)).decode()


def broker_metrics() -> dict[str, set[str]]:
    """Each name that Prometheus can ask for with its labels; about topics and groups the names alone."""
    metrics = Metrics()
    metrics.answered("Produce", [Code.KAFKA_STORAGE_ERROR])
    metrics.took(1, 1)
    metrics.gave(1, 1)
    metrics.committed(0.001, 1)
    metrics.refused.labels("too many").inc()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(page_of(metrics)):
        found.setdefault(family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(set(sample.labels) - {"le"})
    return found
