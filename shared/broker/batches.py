"""Record batches as they lie on the wire: the header this broker reads, checks and stamps.

Source: https://kafka.apache.org/documentation/#recordbatch (magic 2). The records themselves are
never unpacked on the way in; compressed ones stay compressed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from kafka.record import MemoryRecords
from kafka.record.util import calc_crc32c

from shared.broker.codes import Code

_HEADER = struct.Struct(">qiibIhiqqqhii")
"""base offset, length, leader epoch, magic, CRC, attributes, last offset delta, first and max
timestamp, producer id, producer epoch, base sequence, number of records."""
_CHECKED_FROM = 21
"""The CRC covers everything from the attributes on."""
_TRANSACTIONAL_OR_CONTROL = 0x30


class BadBatch(Exception):
    """The bytes are not a batch this broker may keep; `code` says which way."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """One checked record batch. `first_sequence` is meaningful when `producer_id` is not -1."""

    data: bytes
    records: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    first_sequence: int

    @property
    def is_idempotent(self) -> bool:
        """Whether a producer numbered this batch so that a repetition can be told."""
        return self.producer_id >= 0

    def stamped(self, base_offset: int) -> bytes:
        """The bytes to keep: with their place in the log and leader epoch 0, both outside the CRC."""
        stamped = bytearray(self.data)
        struct.pack_into(">q", stamped, 0, base_offset)
        struct.pack_into(">i", stamped, 12, 0)
        return bytes(stamped)


def read_batch(data: bytes | None, max_bytes: int) -> RecordBatch:
    """The one batch that `data` is. Raises BadBatch for anything else."""
    if not data or len(data) < _HEADER.size:
        raise BadBatch(Code.CORRUPT_MESSAGE, "not a whole record batch")
    if len(data) > max_bytes:
        raise BadBatch(Code.MESSAGE_TOO_LARGE, f"a batch may have {max_bytes} bytes, this has {len(data)}")
    (_, length, _, magic, crc, attributes, last_delta, _, max_timestamp, producer, epoch, sequence, count) = (
        _HEADER.unpack_from(data)
    )
    if magic != 2:
        raise BadBatch(Code.UNSUPPORTED_FOR_MESSAGE_FORMAT, f"record format {magic} is not spoken, only 2")
    if length + 12 != len(data):
        raise BadBatch(Code.INVALID_RECORD, "exactly one batch for each partition in a request")
    if calc_crc32c(memoryview(data)[_CHECKED_FROM:]) != crc:
        raise BadBatch(Code.CORRUPT_MESSAGE, "the checksum does not match")
    if attributes & _TRANSACTIONAL_OR_CONTROL:
        raise BadBatch(Code.INVALID_RECORD, "this broker has no transactions")
    if count < 1 or last_delta != count - 1 or (producer >= 0 and (sequence < 0 or epoch < 0)):
        raise BadBatch(Code.INVALID_RECORD, "the batch header contradicts itself")
    return RecordBatch(data, count, max_timestamp, producer, epoch, sequence)


def records_in(batches: bytes) -> int:
    """How many records kept batches hold together, by their headers."""
    place, count = 0, 0
    while place < len(batches):
        header = _HEADER.unpack_from(batches, place)
        place, count = place + 12 + header[1], count + header[-1]
    return count


def first_at(data: bytes, timestamp: int, start: int = 0) -> tuple[int, int] | None:
    """Offset (from `start` on) and time (ms) of the first record in a kept batch at or after `timestamp`.

    None when there is none. Unpacks the batch, so it is only for the rare search by time.
    """
    records = MemoryRecords(data)
    while (batch := records.next_batch()) is not None:
        for record in batch:
            if record.timestamp >= timestamp and record.offset >= start:
                return record.offset, record.timestamp
    return None
