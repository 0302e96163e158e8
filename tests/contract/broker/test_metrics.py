"""What the broker tells about itself, and that it tells it on loopback only, to GET only."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shared.testing.broker_process import BrokerProcess, free_port
from tests.contract.broker.bare_member import BareMember
from tests.contract.broker.inside import BrokerInside
from tests.contract.broker.raw_client import RawClient, batch_of, fetch_of


def read_metrics(port: int) -> dict[tuple[str, ...], float]:
    """Each sample by its name and label values, in the order of the labels' names."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        text = page.read().decode()
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_records_requests_groups_and_lag_are_counted(tmp_path: Path) -> None:
    """If this fails, an operator watches numbers that do not follow what happens."""
    with BrokerInside(tmp_path, metrics_port=0) as broker, broker.client() as raw:
        raw.create_topic("t")
        batch = batch_of(b"a", b"b", b"c")
        raw.produce("t", batch)
        raw.produce("nowhere", batch)
        raw.ask(fetch_of("t"), 11)
        member = BareMember(raw, "g")
        assert (member.join(), member.sync(), member.commit("t", 1)) == (0, 0, 0)
        assert broker.broker.metrics_port is not None
        told = read_metrics(broker.broker.metrics_port)
    assert told["tannha_broker_records_total", "in"] == 3
    assert told["tannha_broker_records_total", "out"] == 3
    assert told["tannha_broker_record_bytes_total", "in"] == len(batch)
    assert told["tannha_broker_requests_total", "Produce", "NONE"] == 1
    assert told["tannha_broker_requests_total", "Produce", "UNKNOWN_TOPIC_OR_PARTITION"] == 1
    assert told["tannha_broker_partition_bytes", "0", "t"] == len(batch)
    assert told["tannha_broker_partition_end_offset", "0", "t"] == 3
    assert told["tannha_broker_group_lag", "g", "0", "t"] == 2
    assert told["tannha_broker_group_members", "g", "Stable"] == 1
    assert told["tannha_broker_connections",] == 1
    assert told["tannha_broker_commit_seconds_count",] > 0
    assert told["tannha_broker_file_bytes",] > 0


def test_the_page_is_read_only_small_and_local(tmp_path: Path) -> None:
    """If this fails, the metrics are open to the network or a stuck visitor stops them."""
    port = free_port()
    with BrokerProcess(tmp_path / "data", 0, "--metrics-port", str(port)) as broker:
        listening = [
            c.laddr for c in psutil.Process(broker.pid).net_connections("tcp") if c.status == "LISTEN"
        ]
        assert {place.ip for place in listening} == {"127.0.0.1"}
        for path, method, status in (("/metrics", "POST", 405), ("/", "GET", 404), ("/etc", "GET", 404)):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=5)  # noqa: S310 - the address is ours
            refused.value.close()
            assert refused.value.code == status
        with socket.create_connection(("127.0.0.1", port), timeout=5) as endless:
            endless.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 100_000)
            with suppress(ConnectionError):  # ended with the rest of the header unread
                assert endless.recv(1) == b""
        assert ("tannha_broker_connections",) in read_metrics(port)
        with RawClient(broker.port) as raw:
            assert raw.create_topic("t") == 0
