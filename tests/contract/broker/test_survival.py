"""What must still be true after kill -9, a full disk, and a stop."""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaProducer

from shared.broker.codes import Code
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.raw_client import RawClient, batch_of, eventually, fetch_of
from tests.contract.broker.test_records import read_all


def test_kill_with_sends_in_flight_loses_and_doubles_nothing(own_broker: BrokerProcess) -> None:
    """If this fails, an acknowledged event can vanish or a retried one appear twice."""
    with RawClient(own_broker.port) as client:
        client.create_topic("t", 2)
    sender = KafkaProducer(
        bootstrap_servers=own_broker.bootstrap,
        enable_idempotence=True,
        acks="all",
        linger_ms=0,
        batch_size=200,
        delivery_timeout_ms=60_000,
    )
    acknowledged: list[int] = []

    def note(number: int, _: object) -> None:
        acknowledged.append(number)

    def send_all() -> None:
        for number in range(3000):
            sent = sender.send("t", key=b"%d" % (number % 5), value=b"%d" % number)
            sent.add_callback(partial(note, number))

    def has_reached(count: int) -> bool:
        return len(acknowledged) > count

    sending = threading.Thread(target=send_all)
    sending.start()
    for reached in (300, 1200):
        eventually(partial(has_reached, reached))
        own_broker.restart()
    sending.join()
    sender.flush(60)
    sender.close()
    kept = Counter(int(value) for _, _, value in read_all(own_broker, "t", 2))
    assert sorted(acknowledged) == list(range(3000))
    assert kept == Counter(range(3000))
    order = [int(value) for partition, key, value in read_all(own_broker, "t", 2) if key == b"0"]
    assert order == sorted(order)


def test_a_repeated_batch_is_answered_with_its_first_offset_even_after_kill(
    own_broker: BrokerProcess,
) -> None:
    """If this fails, a producer that repeats after a crash doubles its records."""
    with RawClient(own_broker.port) as client:
        client.create_topic("t")
        producer_id = client.new_producer_id()
        batches = [
            batch_of(b"a", b"b", producer_id=producer_id, epoch=0, sequence=first) for first in (0, 2, 4, 6)
        ]
        assert [client.produce("t", batch).base_offset for batch in batches] == [0, 2, 4, 6]
        assert client.produce("t", batches[1]).base_offset == 2
    own_broker.restart()
    with RawClient(own_broker.port) as client:
        again = [client.produce("t", batch) for batch in batches]
        assert [(answer.error_code, answer.base_offset) for answer in again] == [
            (Code.NONE, 0),
            (Code.NONE, 2),
            (Code.NONE, 4),
            (Code.NONE, 6),
        ]
        gap = batch_of(b"z", producer_id=producer_id, epoch=0, sequence=9)
        assert client.produce("t", gap).error_code == Code.OUT_OF_ORDER_SEQUENCE_NUMBER
        assert client.end_offset("t") == 8
        assert client.new_producer_id() > producer_id


def test_a_stranger_must_begin_at_zero_and_a_new_epoch_too(own_broker: BrokerProcess) -> None:
    """If this fails, a batch can overtake one that was refused before it."""
    with RawClient(own_broker.port) as client:
        client.create_topic("t")
        late = batch_of(b"late", producer_id=77, epoch=1, sequence=3)
        assert client.produce("t", late).error_code == Code.UNKNOWN_PRODUCER_ID
        assert client.produce("t", batch_of(b"first", producer_id=77, epoch=1, sequence=0)).base_offset == 0
        newer = batch_of(b"newer", producer_id=77, epoch=2, sequence=1)
        assert client.produce("t", newer).error_code == Code.OUT_OF_ORDER_SEQUENCE_NUMBER
        older = batch_of(b"older", producer_id=77, epoch=0, sequence=0)
        assert client.produce("t", older).error_code == Code.INVALID_PRODUCER_EPOCH


def test_a_full_disk_is_said_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    """If this fails, records are acknowledged that no disk holds, or a full disk ends the broker."""
    with BrokerProcess(tmp_path / "data", 0, "--max-megabytes", "1") as broker, RawClient(broker.port) as raw:
        raw.create_topic("t")
        kept = 0
        code = 0
        while code == 0 and kept < 100:
            code = raw.produce("t", batch_of(b"x" * 100_000)).error_code
            kept += code == 0
        assert code == Code.KAFKA_STORAGE_ERROR
        assert 0 < kept < 11
        assert raw.end_offset("t") == kept
        broker.restart()
        with RawClient(broker.port) as later:
            assert later.end_offset("t") == kept
            later.delete_topic("t")
            later.create_topic("t")
            assert later.produce("t", batch_of(b"x" * 100_000)).error_code == Code.NONE


def test_a_stop_is_quick_and_leaves_everything_kept(own_broker: BrokerProcess) -> None:
    """If this fails, stopping the broker hangs on idle clients or needs a repair at the next start."""
    with (
        RawClient(own_broker.port) as client,
        RawClient(own_broker.port),
        RawClient(own_broker.port) as reader,
    ):
        client.create_topic("t")
        client.create_topic("empty")
        reader.say(fetch_of("empty", max_wait_ms=60_000), 11)
        client.produce("t", batch_of(b"kept"))
        assert own_broker.stop(timeout=5) == 0
        assert reader.hear(fetch_of("empty"), 11).responses[0].partitions[0].error_code == Code.NONE
    assert not (own_broker.data_dir / "broker.sqlite3-wal").exists()
    own_broker.start()
    with RawClient(own_broker.port) as client:
        assert client.end_offset("t") == 1


def test_one_folder_has_one_broker(own_broker: BrokerProcess) -> None:
    """If this fails, two brokers write one log and destroy each other's offsets."""
    second = BrokerProcess(own_broker.data_dir)
    try:
        with pytest.raises(RuntimeError, match="another broker works in") as refused:
            second.start()
    finally:
        second.kill()
    assert "Traceback" not in str(refused.value)


def test_a_taken_port_is_said_in_one_line(own_broker: BrokerProcess, tmp_path: Path) -> None:
    """If this fails, an operator gets a traceback instead of the reason."""
    second = BrokerProcess(tmp_path / "elsewhere", own_broker.port)
    second.start()  # the port answers, but it is the first broker's
    eventually(lambda: "cannot start" in second.log())
    assert "Traceback" not in second.log()
    second.kill()


def test_old_records_go_when_asked_and_only_then(tmp_path: Path) -> None:
    """If this fails, retention deletes what should stay, or nothing at all."""
    with BrokerProcess(tmp_path / "data") as broker:
        with RawClient(broker.port) as raw:
            raw.create_topic("short", retention_ms="1000")
            raw.create_topic("kept")
            for topic in ("short", "kept"):
                for _ in range(3):
                    raw.produce(topic, batch_of(b"from 1970"))
        broker.restart()  # the sweep runs at the start

        def first(topic: str) -> int:
            with RawClient(broker.port) as raw:
                return raw.end_offset(topic, timestamp=-2)

        eventually(lambda: first("short") == 2)
        assert first("kept") == 0
        with RawClient(broker.port) as raw:
            assert raw.end_offset("short") == 3
