"""Metrics are declared once, explained, used, and the only ones that alerts and dashboard know."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from shared.broker.codes import Code
from shared.broker.metrics import ENDED, STORING, Metrics
from shared.contracts.intake import SignInsRecalled
from shared.contracts.topics import topic_of
from shared.observability import catalogue, exposition
from shared.observability.metrics import DECLARED
from tests.unit.observability.broker_meters import broker_metrics, page_of

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "observability"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))["panels"]
EXPRESSIONS = {rule["alert"]: rule["expr"] for rule in RULES} | {
    f"panel {panel['title']} {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}
LABELS = broker_metrics() | {
    name: set(metric.labels)
    for metric in DECLARED
    for name in (
        [f"{metric.name}_{part}" for part in ("bucket", "sum", "count")]
        if metric.kind == "histogram"
        else [metric.name]
    )
}
OUTSIDE = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total", "node_filesystem_avail_bytes",
           "node_filesystem_size_bytes"}  # fmt: skip
"""Of Prometheus itself, of its client library, and of the node exporter."""
ADDED = {"part", "job", "le"}
"""Labels that `prometheus.yml` and Prometheus add."""
WORDS = {"max", "min", "sum", "by", "on", "group_right", "increase", "rate", "time", "histogram_quantile",
         "min_over_time"}  # fmt: skip


def names_in(expression: str) -> set[str]:
    """The metrics that a PromQL expression asks for."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on) \([^)]*\)", " ", expression)
    return set(re.findall(r"[a-z_][a-z0-9_]*", bare)) - WORDS


def labels_in(expression: str) -> set[str]:
    """The labels that it selects or groups by."""
    selected = re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", expression)
    grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    return {*selected, *(name.strip() for names in grouped for name in names.split(","))}


def test_an_expression_is_taken_apart() -> None:
    """The tests below would pass whatever stood in the files."""
    expression = 'sum by (le, part) (rate(a_bucket{status=~"5..", x="1"}[5m])) / on (topic) b > 1'
    assert names_in(expression) == {"a_bucket", "b"}
    assert labels_in(expression) == {"le", "part", "status", "x", "topic"}


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_every_metric_says_what_it_means_and_what_to_do(metric: Any) -> None:
    """Somebody is woken at night by a number that nobody can explain."""
    assert len(metric.meaning) > 20
    assert metric.meaning.endswith((".", "?"))
    assert len(metric.action) > 20


def test_every_metric_is_set_somewhere() -> None:
    """A declared metric that nothing sets looks like a quiet day."""
    code = "\n".join(
        file.read_text(encoding="utf-8")
        for folder in ("shared", "services")
        for file in (ROOT / folder).rglob("*.py")
        if file.name != "metrics.py"
    )
    declared = {metric.name.removeprefix("tannha_").removesuffix("_total") for metric in DECLARED}
    assert {name for name in declared if not re.search(rf"\b{name}\b", code)} == set()


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_alerts_and_dashboard_ask_only_for_what_exists(where: str) -> None:
    """An alert on a misspelt metric or label never fires."""
    expression = EXPRESSIONS[where]
    asked = names_in(expression)
    assert asked
    assert asked - set(LABELS) - OUTSIDE == set()
    known = {label for name in asked & set(LABELS) for label in LABELS[name]}
    assert labels_in(expression) - known - ADDED == set()
    assert expression.count("(") == expression.count(")")


def test_every_alert_leads_to_a_runbook_that_exists() -> None:
    """At night nobody searches."""
    assert [rule["alert"] for rule in RULES if not (ROOT / rule["annotations"]["runbook"]).is_file()] == []
    mentioned = {
        page for metric in DECLARED for page in re.findall(r"docs/runbooks/[\w-]+\.md", metric.action)
    }
    assert {page for page in mentioned if not (ROOT / page).is_file()} == set()


def test_what_operators_were_promised_has_an_alert() -> None:
    """Outbox age, inbox lag, parked events or gate waits would grow unseen."""
    watched = set().union(*(names_in(rule["expr"]) for rule in RULES))
    assert {
        "tannha_outbox_oldest_seconds",
        "tannha_events_applied",
        "tannha_parked_events",
        "tannha_gate_wait_seconds",
        "tannha_worker_heartbeat_seconds",
        "tannha_refused_tokens_total",
        "tannha_webhooks_received_total",
        "tannha_reconciler_findings",
        "tannha_broker_requests_total",
    } <= watched


def test_alerts_of_the_embedded_broker_name_what_it_says() -> None:
    """A full disk or a refused connection under another name would never wake anybody."""
    (error,) = re.findall(r'error="(\w+)"', EXPRESSIONS["BrokerRefusesWrites"])
    assert error == Code.KAFKA_STORAGE_ERROR.name
    (reasons,) = re.findall(r'reason=~"([^"]+)"', EXPRESSIONS["BrokerEndsConnections"])
    server = (ROOT / "shared" / "broker" / "server.py").read_text(encoding="utf-8")
    assert all(f'refused.labels("{reason}")' in server for reason in reasons.split("|"))


def test_what_alerts_watch_of_the_broker_begins_at_zero() -> None:
    """The first refused write or fault of the broker would be no increase, and wake nobody."""
    begun = {
        (sample.name, *(value for _, value in sorted(sample.labels.items())))
        for family in text_string_to_metric_families(page_of(Metrics()))
        for sample in family.samples
        if sample.value == 0
    }
    (reasons,) = re.findall(r'reason=~"([^"]+)"', EXPRESSIONS["BrokerEndsConnections"])
    ended = {("tannha_broker_connections_ended_total", reason) for reason in reasons.split("|")}
    storing = {("tannha_broker_requests_total", api, Code.KAFKA_STORAGE_ERROR.name) for api in STORING}
    assert ended | storing <= begun


def test_the_broker_knows_its_reasons_and_the_apis_that_store() -> None:
    """A reason or an API under another name would begin at 1, unseen by the alerts."""
    folder = ROOT / "shared" / "broker"
    server = (folder / "server.py").read_text(encoding="utf-8")
    assert set(re.findall(r'refused\.labels\("([^"]+)"\)', server)) == set(ENDED)
    fails = [
        text
        for file in (folder / "apis").glob("*.py")
        if "KAFKA_STORAGE_ERROR" in (text := file.read_text(encoding="utf-8"))
    ]
    answered = {api for text in fails for api in re.findall(r"register\(\w+\.(\w+)Request", text)}
    assert set(STORING) <= answered
    assert len(fails) == 3, "another file answers that the disk is full: are its APIs in STORING?"


def test_a_sign_in_that_was_ended_and_is_still_believed_has_an_alert() -> None:
    """Somebody who was dismissed goes on reading names and addresses, and every light is green."""
    assert 'tannha_events_applied{topic="intake.account.v1"}' in EXPRESSIONS["RecallsUnheard"]
    assert topic_of(SignInsRecalled).name == "intake.account.v1"


def test_the_page_of_metrics_is_current() -> None:
    """Operators would read about metrics that are not there."""
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.page()


def test_what_is_shown_is_what_prometheus_reads() -> None:
    """One malformed line makes Prometheus drop the whole answer."""
    families = {family.name for family in text_string_to_metric_families(exposition.text().decode())}
    assert {metric.name.removesuffix("_total") for metric in DECLARED} <= families


def targets_of(file: str) -> dict[str, dict[str, str]]:
    """Job → part → address of a Prometheus configuration."""
    asked = yaml.safe_load((FOLDER / file).read_text(encoding="utf-8"))
    assert asked["rule_files"] == ["alerts.yml"]
    return {
        job["job_name"]: {group["labels"]["part"]: group["targets"][0] for group in job["static_configs"]}
        for job in asked["scrape_configs"]
    }


@pytest.mark.parametrize("file", ["prometheus.yml", "one-machine.yml"])
def test_prometheus_asks_where_the_services_listen(file: str) -> None:
    """A part that is not asked looks like one that is down, or is missed by nobody."""
    apis, workers = (targets_of(file)[job] for job in ("tannha-api", "tannha-worker"))
    assert list(apis) == ["intake-api", "routing-api", "postal-bridge-api"]
    assert [address.rpartition(":")[2] for address in apis.values()] == ["8101", "8102", "8103"]
    assert list(workers) == ["intake-worker", "routing-worker", "postal-bridge-worker"]


def test_the_embedded_broker_is_asked_where_it_is_and_nowhere_else() -> None:
    """It would fail unseen, or an alert would wake somebody for a broker that the place does not have."""
    (job,) = re.findall(r'job="([\w-]+)"', EXPRESSIONS["BrokerDown"])
    assert targets_of("one-machine.yml")[job] == {"broker": "127.0.0.1:19093"}
    assert job not in targets_of("prometheus.yml")
    pages = [FOLDER / "one-machine.yml", ROOT / "docs" / "broker.md"]
    assert all("--metrics-port 19093" in page.read_text(encoding="utf-8") for page in pages)


def test_on_one_machine_nobody_from_outside_is_asked() -> None:
    """Metrics without a token are told to this machine only."""
    addresses = [a for parts in targets_of("one-machine.yml").values() for a in parts.values()]
    assert len(addresses) == len(set(addresses)) == 7
    assert all(address.startswith("127.0.0.1:") for address in addresses)
