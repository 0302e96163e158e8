"""What goes from the log by age and size, what never goes, and where the room goes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition

from shared.broker import retention
from shared.broker.codes import Code
from shared.broker.retention import forget_below
from shared.broker.store import room
from tests.contract.broker.inside import BrokerInside
from tests.contract.broker.raw_client import RawClient, batch_of, eventually, fetch_of

QUICK = {"retention_sweep": 0.05}
KILOBYTE = b"x" * 1000


def first(raw: RawClient, topic: str) -> int:
    """The offset its log starts at."""
    return raw.end_offset(topic, timestamp=-2)


def fill(raw: RawClient, topic: str, batches: int) -> None:
    """Adds so many batches of one record of about 1,000 bytes."""
    for _ in range(batches):
        assert raw.produce(topic, batch_of(KILOBYTE)).error_code == Code.NONE


def test_a_partition_keeps_its_newest_records_up_to_the_size(tmp_path: Path) -> None:
    """If this fails, a topic outgrows its bound, or loses more than the bound asks."""
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        raw.create_topic("t", 2, retention_bytes="5000")
        fill(raw, "t", 20)
        eventually(lambda: first(raw, "t") == 16)  # four batches of 1,074 bytes fit, five do not
        assert raw.end_offset("t") == 20
        assert raw.end_offset("t", partition=1) == 0


def test_the_newest_batch_stays_however_large(tmp_path: Path) -> None:
    """If this fails, a bound smaller than a batch empties the log and its place in time is lost."""
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        raw.create_topic("t", retention_bytes="1", retention_ms="1")
        fill(raw, "t", 3)
        eventually(lambda: first(raw, "t") == 2)
        raw.create_topic("z", retention_bytes="1")
        fill(raw, "z", 2)
        eventually(lambda: first(raw, "z") == 1)  # one more sweep has passed over both
        assert first(raw, "t") == 2
        assert raw.end_offset("t") == 3


def test_who_reads_below_the_start_is_told(tmp_path: Path) -> None:
    """If this fails, a consumer that was away too long skips records without knowing."""
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        raw.create_topic("t", retention_bytes="2500")
        fill(raw, "t", 10)
        eventually(lambda: first(raw, "t") == 8)
        answer = raw.ask(fetch_of("t"), 11).responses[0].partitions[0]
        assert (answer.error_code, answer.log_start_offset) == (Code.OFFSET_OUT_OF_RANGE, 8)
        reader = KafkaConsumer(bootstrap_servers=f"127.0.0.1:{broker.port}", auto_offset_reset="earliest")
        reader.assign([TopicPartition("t", 0)])
        reader.seek(TopicPartition("t", 0), 0)
        offsets: list[int] = []
        while len(offsets) < 2:
            offsets += [r.offset for batch in reader.poll(timeout_ms=500).values() for r in batch]
        reader.close()
        assert offsets == [8, 9]


def test_a_reader_that_retention_overtakes_is_told(tmp_path: Path) -> None:
    """If this fails, records that go between a fetch's check and its reading are skipped in silence."""
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t")
        fill(raw, "t", 10)
        topic = broker.broker.topics.get("t")
        assert topic is not None
        broker.run(forget_below(broker.broker.store, topic.partitions[0].id, 6))
        assert topic.partitions[0].log_start == 0  # memory does not know yet: the moment in between
        answer = raw.ask(fetch_of("t"), 11).responses[0].partitions[0]
        assert (answer.error_code, answer.records or b"") == (Code.OFFSET_OUT_OF_RANGE, b"")


def test_what_a_cut_short_deletion_left_goes_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If this fails, a crash while a topic is deleted leaves its bytes in the file for ever."""
    monkeypatch.setattr(retention, "_PIECE_BATCHES", 7)
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("gone")
        raw.create_topic("kept")
        fill(raw, "gone", 30)
        fill(raw, "kept", 2)
        broker.run(
            broker.broker.store.write(lambda file: file.execute("delete from partition where topic = 'gone'"))
        )
        broker.run(broker.broker.tidy())
        count = "select count(*) from batch"
        (left,) = broker.run(broker.broker.store.read(lambda file: file.execute(count).fetchone()))
        assert left == 2


def test_settings_changed_in_use_are_followed(tmp_path: Path) -> None:
    """If this fails, an operator who shortens retention on a full disk frees nothing."""
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        raw.create_topic("t")
        fill(raw, "t", 10)
        assert first(raw, "t") == 0
        assert raw.alter_topic("t", retention_bytes="3500") == Code.NONE
        eventually(lambda: first(raw, "t") == 7)
        assert raw.alter_topic("t", retention_bytes="lots") == Code.INVALID_CONFIG
        assert raw.alter_topic("t", cleanup_policy="burn") == Code.INVALID_CONFIG


def test_the_room_of_what_went_is_used_again(tmp_path: Path) -> None:
    """If this fails, the file grows for ever although retention deletes."""
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        raw.create_topic("t", retention_bytes="30000")
        sizes = []
        for end in range(60, 301, 60):
            fill(raw, "t", 60)
            eventually(lambda end=end: first(raw, "t") > end - 30)  # type: ignore[misc]
            sizes.append(broker.run(broker.broker.store.read(room))[0])
        assert sizes[-1] <= 2 * sizes[1]


def test_an_admin_cuts_the_log_where_he_says(tmp_path: Path) -> None:
    """If this fails, records that must go on request stay readable."""
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        raw.create_topic("t")
        raw.produce("t", batch_of(b"0", b"1", b"2"))
        raw.produce("t", batch_of(b"3"))
        assert raw.delete_records("t", 2) == (Code.NONE, 2)
        assert (first(raw, "t"), raw.end_offset("t")) == (2, 4)
        assert raw.end_offset("t", timestamp=0) == 2
        assert raw.delete_records("t", 1) == (Code.NONE, 2)
        assert raw.delete_records("t", 5) == (Code.OFFSET_OUT_OF_RANGE, -1)
        assert raw.delete_records("t", -1) == (Code.NONE, 4)
        assert raw.produce("t", batch_of(b"4")).base_offset == 4
    with BrokerInside(tmp_path) as broker, broker.client() as raw:
        assert (first(raw, "t"), raw.end_offset("t")) == (4, 5)


FIRST_FORM = """
create table meta (name text primary key, value text not null);
create table topic (name text primary key, configs text not null);
create table partition (id integer primary key autoincrement, topic text not null, number integer not null,
    log_start integer not null default 0, next_offset integer not null default 0, unique (topic, number));
create table batch (partition_id integer not null, base_offset integer not null,
    last_offset integer not null, max_timestamp integer not null, records blob not null);
create unique index batch_place on batch (partition_id, base_offset);
create index batch_time on batch (partition_id, max_timestamp);
insert into topic values ('t', '{"retention.bytes": "150"}');
insert into partition values (1, 't', 0, 0, 3);
"""
"""What the broker's file looked like before partitions knew their size."""


def test_a_file_of_the_first_form_is_taken_over(tmp_path: Path) -> None:
    """If this fails, an office that updates loses its messages or cannot start."""
    with sqlite3.connect(tmp_path / "broker.sqlite3") as old:
        old.executescript(FIRST_FORM)
        for offset in range(3):
            old.execute("insert into batch values (1, ?, ?, 1000, ?)", (offset, offset, batch_of(b"old")))
    old.close()
    with BrokerInside(tmp_path, **QUICK) as broker, broker.client() as raw:
        eventually(lambda: first(raw, "t") == 1)  # two batches of 71 bytes fit
        assert raw.produce("t", batch_of(b"new")).base_offset == 3


def test_a_file_of_a_newer_broker_is_refused(tmp_path: Path) -> None:
    """If this fails, an older broker writes into a file it does not understand."""
    with BrokerInside(tmp_path):
        pass
    with sqlite3.connect(tmp_path / "broker.sqlite3") as file:
        file.execute("pragma user_version = 99")
    file.close()
    with pytest.raises(sqlite3.DatabaseError, match="form 99"), BrokerInside(tmp_path):
        pass
