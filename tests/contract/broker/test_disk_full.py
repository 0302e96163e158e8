"""A disk that is full for a while: said in the protocol, nothing acknowledged is lost, and it passes."""

from __future__ import annotations

import resource
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from kafka import KafkaProducer

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.bare_member import BareMember
from tests.contract.broker.inside import BrokerInside
from tests.contract.broker.raw_client import RawClient, batch_of, eventually
from tests.contract.broker.test_records import read_all

MEBIBYTE = 1 << 20


class Disk:
    """How large a file the broker may write: as if its disk were so large."""

    def __init__(self, broker: BrokerProcess) -> None:
        self._process = psutil.Process(broker.pid)

    def holds(self, size: int) -> None:
        """From now on no file grows beyond `size` bytes (RLIMIT_FSIZE; -1: no bound)."""
        self._process.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def send_until_refused(raw: RawClient, topic: str, producer_id: int) -> int:
    """Sends numbered batches of one record; how many were acknowledged before the first refusal."""
    for number in range(200):
        batch = batch_of(b"%06d" % number + b"x" * 50_000, producer_id=producer_id, epoch=0, sequence=number)
        answer = raw.produce(topic, batch)
        if answer.error_code:
            assert answer.error_code == Code.KAFKA_STORAGE_ERROR
            return number
        assert answer.base_offset == number
    raise AssertionError("the disk never became full")


def test_a_full_disk_loses_nothing_and_passes_by_itself(own_broker: BrokerProcess) -> None:
    """If this fails, a disk that was full for an hour costs records or needs somebody's hand."""
    disk = Disk(own_broker)
    with RawClient(own_broker.port) as raw:
        raw.create_topic("t")
        producer_id = raw.new_producer_id()
        disk.holds(MEBIBYTE)
        kept = send_until_refused(raw, "t", producer_id)
        assert kept > 0
        again = batch_of(b"%06d" % kept, producer_id=producer_id, epoch=0, sequence=kept)
        overtaking = batch_of(b"%06d" % (kept + 1), producer_id=producer_id, epoch=0, sequence=kept + 1)
        assert raw.produce("t", overtaking).error_code != Code.NONE
        assert raw.end_offset("t") == kept
        disk.holds(-1)
        assert raw.produce("t", again).base_offset == kept
        assert raw.produce("t", overtaking).base_offset == kept + 1
    own_broker.restart()
    values = [int(value[:6]) for _, _, value in read_all(own_broker, "t", 1)]
    assert values == list(range(kept + 2))
    said = own_broker.log()
    assert said.count("the disk takes no more") == 1
    assert said.count("the disk takes records again") == 1


def test_kill_on_a_full_disk_keeps_what_was_acknowledged(own_broker: BrokerProcess) -> None:
    """If this fails, what lies in the write-ahead log is lost when the disk is full at a crash."""
    with RawClient(own_broker.port) as raw:
        raw.create_topic("t")
        Disk(own_broker).holds(MEBIBYTE)
        kept = send_until_refused(raw, "t", raw.new_producer_id())
    own_broker.restart()
    assert [int(value[:6]) for _, _, value in read_all(own_broker, "t", 1)] == list(range(kept))


def test_a_client_library_waits_a_full_disk_out(own_broker: BrokerProcess) -> None:
    """If this fails, the relay must be restarted by hand after the disk was full."""
    disk = Disk(own_broker)
    with RawClient(own_broker.port) as raw:
        raw.create_topic("t")
        sender = KafkaProducer(
            bootstrap_servers=own_broker.bootstrap,
            enable_idempotence=True,
            linger_ms=0,
            batch_size=100,
            retry_backoff_ms=50,
            delivery_timeout_ms=60_000,
        )
        disk.holds(200_000)
        sent = [sender.send("t", b"%d" % number) for number in range(50)]
        eventually(lambda: "the disk takes no more" in own_broker.log())
        assert not all(each.succeeded() for each in sent)
        disk.holds(-1)
        sender.flush(30)
        sender.close()
        assert all(each.succeeded() for each in sent)
    assert [int(value) for _, _, value in read_all(own_broker, "t", 1)] == list(range(50))


@pytest.mark.parametrize("remedy", ["delete records", "retention"])
def test_a_full_file_lets_consumers_go_on_and_takes_records_again(tmp_path: Path, remedy: str) -> None:
    """If this fails, a full broker cannot be read empty, or stays full although records went."""
    with BrokerInside(tmp_path, max_file=2 * MEBIBYTE) as broker, broker.client() as raw:
        raw.create_topic("t")
        producer_id = raw.new_producer_id()
        kept = send_until_refused(raw, "t", producer_id)
        for group in range(4):
            member = BareMember(raw, f"group-{group}")
            assert (member.join(), member.sync(), member.commit("t", kept)) == (0, 0, 0)
            member.leave()
        if remedy == "retention":
            assert raw.alter_topic("t", retention_bytes="100000") == Code.NONE
        else:
            assert raw.delete_records("t", kept) == (Code.NONE, kept)
        refused = batch_of(b"x" * 50_000, producer_id=producer_id, epoch=0, sequence=kept)
        eventually(lambda: raw.produce("t", refused).base_offset == kept)
