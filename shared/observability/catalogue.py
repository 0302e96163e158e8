"""`docs/metrics.md`, written from the declarations: `python -m shared.observability.catalogue`."""

from __future__ import annotations

import re
from pathlib import Path

from shared.observability.metrics import DECLARED, Declared

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

_HEAD = """\
# Metrics

Made by `python -m shared.observability.catalogue` from `shared/observability/metrics.py`; do not edit.

Each service's API shows them at `/metrics`, its worker at `/metrics` of the port
`TANNHA_<SERVICE>_WORKER_METRICS_PORT` (off by default). With `TANNHA_<SERVICE>_METRICS_TOKEN_FILE` whoever
sends the file's content as Bearer token may read them; without it only a program on the same machine that
asks directly, not through a proxy. Metrics with the label `service` are read off the database when the API
is asked; all others count what this process did. Nothing in them is personal: labels are routes with
placeholders, topics, rules and codes.

Alerts are in `deploy/observability/alerts.yml`, a Grafana dashboard beside them; both may use only what
stands here and, of the embedded broker, in [broker.md](broker.md#metrics). Of a histogram, Prometheus sees
`_bucket`, `_sum` and `_count`. What it asks is in `prometheus.yml` (docker-compose.yml) and `one-machine.yml`
(a pilot with the embedded broker).

| Metric | Kind | Labels | Meaning | What to do |
|---|---|---|---|---|
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(map(_row, DECLARED))


def _row(metric: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    action = re.sub(r"docs/(runbooks/([\w-]+)\.md)", r"[\2](\1)", metric.action)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} | {action} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
