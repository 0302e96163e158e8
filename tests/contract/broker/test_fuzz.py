"""Frames nobody would send: random bytes and damaged real requests, by hypothesis.

`TANNHA_FUZZ_EXAMPLES` sets how many of each (150 unless told otherwise).
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka.protocol import metadata

from shared.broker.wire import Peer, Unanswerable
from tests.contract.broker.frames import TOPIC, frames
from tests.contract.broker.inside import BrokerInside
from tests.contract.broker.raw_client import RawClient, batch_of

EXAMPLES = int(os.environ.get("TANNHA_FUZZ_EXAMPLES", "150"))
fuzzing = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="TANNHA_FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REAL = frames()
PATIENCE = 0.2
"""A request may ask to wait; the test does not."""


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerInside]:
    """A broker whose every fault this process sees."""
    with BrokerInside(tmp_path_factory.mktemp("fuzz"), max_topics=50, frame_timeout=2.0) as broker:
        with broker.client() as raw:
            raw.create_topic(TOPIC)
            raw.produce(TOPIC, batch_of(b"here"))
        yield broker


@pytest.fixture(scope="module")
def other(inside: BrokerInside) -> Iterator[RawClient]:
    """A well-behaved connection that is open all the time."""
    with inside.client() as client:
        yield client


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real frame with some of its bytes turned, cut out, put in, doubled, or counting far too much."""
    frame = bytearray(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(frame) - 1)))
        match draw(st.sampled_from(["flip", "cut", "insert", "double", "count", "version"])):
            case "flip" if frame:
                frame[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del frame[place : place + draw(st.integers(1, 8))]
            case "insert":
                frame[place:place] = draw(st.binary(min_size=1, max_size=8))
            case "double":
                frame[place:place] = frame[place : place + draw(st.integers(1, 40))]
            case "count":
                sizes = (0x7FFFFFFF, 0xFFFFFFFF, 0x00FFFFFF, 0x80000000, 1)
                frame[place : place + 4] = struct.pack(">I", draw(st.sampled_from(sizes)))
            case "version":
                frame[2:4] = struct.pack(">h", draw(st.integers(-2, 20)))
    return bytes(frame)


async def answer(broker: BrokerInside, frame: bytes) -> bytes | None:
    """What the protocol makes of a frame, if anything within the patience."""
    with suppress(Unanswerable, TimeoutError):
        async with asyncio.timeout(PATIENCE):
            return await broker.broker.protocol.answer(frame, Peer("127.0.0.1"))
    return None


@pytest.mark.parametrize("real", range(0, len(REAL), 7))
def test_real_frames_are_understood(inside: BrokerInside, real: int) -> None:
    """If this fails, fuzzing starts from frames that are refused at the door."""
    key, version = struct.unpack_from(">hh", REAL[real])
    supported = {api.key: (api.oldest, api.newest) for api in inside.broker.protocol.supported()}
    oldest, newest = supported[key]
    answered = inside.run(answer(inside, REAL[real]))
    assert (answered is not None) or not oldest <= version <= newest


@fuzzing
@given(frame=st.one_of(damaged(), st.binary(max_size=200)))
def test_no_frame_finds_a_fault(inside: BrokerInside, frame: bytes) -> None:
    """If this fails, some bytes raise inside the broker what nobody thought of."""
    inside.run(answer(inside, frame))


def serves(client: RawClient) -> bool:
    """Whether a connection is answered."""
    return len(client.ask(metadata.ApiVersionsRequest(), 2).api_keys) > 10


@fuzzing
@given(frame=damaged(), announced=st.sampled_from([None, 0, -1, 3, 0x7FFFFFFF, 600_000]))
def test_no_bytes_on_the_wire_touch_other_connections(
    inside: BrokerInside, other: RawClient, frame: bytes, announced: int | None
) -> None:
    """If this fails, one client's damaged bytes end or confuse the others."""
    with socket.create_connection(("127.0.0.1", inside.port)) as culprit:
        size = len(frame) if announced is None else announced
        with suppress(ConnectionError):
            culprit.sendall(struct.pack(">i", size) + frame)
            culprit.shutdown(socket.SHUT_WR)
        assert serves(other)
    faults = inside.broker.metrics.refused.labels("fault of the broker")
    assert faults._value.get() == 0


@fuzzing
@given(records=st.binary(max_size=300), real=st.booleans(), flip=st.integers(0, 8 * 60))
def test_no_batch_gets_in_that_is_not_whole(
    inside: BrokerInside, other: RawClient, records: bytes, real: bool, flip: int
) -> None:
    """If this fails, damaged records are kept and break their readers later."""
    batch = bytearray(batch_of(records) if real else records)
    if real:
        batch[flip // 8] ^= 1 << flip % 8
    before = other.end_offset(TOPIC)
    answered = other.produce(TOPIC, bytes(batch))
    kept = other.end_offset(TOPIC) - before
    # The first 8 bytes and the leader epoch are the broker's to write; all else is under the checksum.
    is_harmless = real and (flip // 8 < 8 or 12 <= flip // 8 < 16)
    assert (answered.error_code == 0) == is_harmless
    assert kept == int(is_harmless)


def test_fuzzing_leaves_no_memory_behind(inside: BrokerInside) -> None:
    """If this fails, a client can fill the broker's memory with requests that are refused."""
    process = psutil.Process()
    bombs = [
        frame[:place] + struct.pack(">I", 0x00FFFFFF) + frame[place + 4 :]
        for frame in REAL
        for place in range(8, len(frame) - 4, 9)
    ]
    before = process.memory_info().rss
    for bomb in bombs[:: max(1, len(bombs) // 400)]:
        inside.run(answer(inside, bomb))
    assert process.memory_info().rss - before < 30_000_000
