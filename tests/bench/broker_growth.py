"""Whether the embedded broker stays as quick and as small while its log grows.

`python -m tests.bench.broker_growth` starts a broker of its own, sends it 1,000,000 records through
several connections, reads them all back, and prints for each 100,000 the rate, the broker's own
processor time and its memory. What counts is not the figures, which belong to the machine, but two ratios:
memory at the end to memory at the beginning, and the full broker's rate to that of a fresh one, taken in
turns at the end so that whatever else the machine does meets both alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil  # type: ignore[import-untyped]
from kafka.protocol import consumer

from shared.broker.batches import records_in
from shared.testing.broker_process import BrokerProcess
from tests.contract.broker.raw_client import RawClient, batch_of

MEBIBYTE = 1 << 20
TOPIC = "growth"


@dataclass(frozen=True)
class Row:
    """One step: how many records there are after it, its rate per second, the broker's processor time for
    one record in microseconds, its memory and its file."""

    step: str
    records: int
    rate: float
    cpu_us: float
    rss_mib: float
    file_mib: float


class Growth:
    """A broker that is filled and emptied step by step."""

    def __init__(self, broker: BrokerProcess, senders: int, batch: int, value_bytes: int) -> None:
        self._broker = broker
        self._process = psutil.Process(broker.pid)
        self._batch_records = batch
        self._batch = batch_of(*[b"v" * value_bytes] * batch)
        self._clients = [RawClient(broker.port) for _ in range(senders)]
        self._read_to = [0] * senders
        self._clients[0].create_topic(TOPIC, senders)

    def fill(self, records: int) -> Row:
        """Send so many more, each connection to a partition of its own, each waiting for every answer."""
        batches = records // self._batch_records // len(self._clients)

        def send(number: int) -> int:
            for _ in range(batches):
                answer = self._clients[number].produce(TOPIC, self._batch, number)
                if answer.error_code:
                    raise RuntimeError(f"refused with code {answer.error_code}")
            return batches * self._batch_records

        return self._row("sent", self._together(send))

    def drain(self, records: int) -> Row:
        """Read so many on from where the last step ended."""
        share = records // len(self._clients)

        def read(number: int) -> int:
            count = 0
            while count < share:
                got = self._fetch(number)
                if not got:
                    break
                self._read_to[number] += got
                count += got
            return count

        return self._row("read", self._together(read))

    def _fetch(self, number: int) -> int:
        kind = consumer.FetchRequest
        part = kind.FetchTopic.FetchPartition(
            partition=number, fetch_offset=self._read_to[number], partition_max_bytes=MEBIBYTE // 16
        )
        request = kind(
            replica_id=-1,
            max_wait_ms=0,
            min_bytes=1,
            max_bytes=MEBIBYTE,
            topics=[kind.FetchTopic(topic=TOPIC, partitions=[part])],
            forgotten_topics_data=[],
        )
        answer = self._clients[number].ask(request, 11)
        return records_in(bytes(answer.responses[0].partitions[0].records or b""))

    def _together(self, work: Callable[[int], int]) -> tuple[int, float, float]:
        """Run `work` for every connection at once: records moved, seconds, the broker's processor seconds."""
        moved: list[int] = []
        threads = [
            threading.Thread(target=lambda number=number: moved.append(work(number)))
            for number in range(len(self._clients))
        ]
        cpu_before = sum(self._process.cpu_times()[:2])
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(moved) < len(threads):
            raise RuntimeError("a connection gave up")
        seconds = time.perf_counter() - began
        return sum(moved), seconds, sum(self._process.cpu_times()[:2]) - cpu_before

    def _row(self, step: str, moved: tuple[int, float, float]) -> Row:
        count, seconds, cpu = moved
        there = sum(self._clients[0].end_offset(TOPIC, number) for number in range(len(self._clients)))
        file = sum(path.stat().st_size for path in self._broker.data_dir.glob("broker.sqlite3*"))
        return Row(
            step=step,
            records=there if step == "sent" else sum(self._read_to),
            rate=count / seconds,
            cpu_us=max(cpu, 0.01) / max(1, count) * 1e6,
            rss_mib=self._process.memory_info().rss / MEBIBYTE,
            file_mib=file / MEBIBYTE,
        )


@dataclass(frozen=True)
class Load:
    """How a broker is filled: connections (each with a partition of its own), records in a batch, bytes."""

    senders: int = 8
    batch: int = 20
    value_bytes: int = 200


def measure(records: int, steps: int, load: Load, rounds: int) -> tuple[list[Row], dict[str, float]]:
    """Fill and drain a broker in a temporary folder, printing each row as it comes, then compare it."""
    rows = []
    with ExitStack() as stack:
        growth, fresh = (started(stack, load) for _ in range(2))
        say(f"{'step':6}{'records':>12}{'records/s':>12}{'CPU µs':>10}{'RSS MiB':>10}{'file MiB':>10}")
        for step in (growth.fill, growth.drain):
            for _ in range(steps):
                row = step(records // steps)
                rows.append(row)
                say(
                    f"{row.step:6}{row.records:>12,}{row.rate:>12,.0f}{row.cpu_us:>10.1f}"
                    f"{row.rss_mib:>10.1f}{row.file_mib:>10.1f}"
                )
        return rows, ratios(rows) | in_turns(growth, fresh, rounds, max(records // 100, 8_000))


def started(stack: ExitStack, load: Load) -> Growth:
    """A broker with nothing in it, until the stack is unwound."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    broker = stack.enter_context(BrokerProcess(Path(folder) / "data"))
    return Growth(broker, load.senders, load.batch, load.value_bytes)


def in_turns(full: Growth, fresh: Growth, rounds: int, records: int) -> dict[str, float]:
    """The full broker against the fresh one: medians of the ratios of rate and of processor time."""

    def pairs_of(step: Callable[[Growth], Row]) -> list[tuple[Row, Row]]:
        pairs = []
        for number in range(rounds):
            first, second = (full, fresh) if number % 2 else (fresh, full)
            rows = {first: step(first), second: step(second)}
            pairs.append((rows[full], rows[fresh]))
        return pairs

    sent = pairs_of(lambda growth: growth.fill(records))
    # A fetch brings somewhat more than asked; half of what was sent is there for every round.
    read = pairs_of(lambda growth: growth.drain(records // 2))
    return {
        f"{what} {name}, full to fresh": median(
            getattr(one, field) / getattr(other, field) for one, other in pairs
        )
        for what, pairs in (("sending", sent), ("reading", read))
        for name, field in (("rate", "rate"), ("processor time", "cpu_us"))
    }


def ratios(rows: list[Row]) -> dict[str, float]:
    """Memory at the end, and at its most, to memory after the first step."""
    return {
        "memory, last to first": rows[-1].rss_mib / rows[0].rss_mib,
        "memory, most to first": max(row.rss_mib for row in rows) / rows[0].rss_mib,
    }


def say(line: str) -> None:
    """One line at once, so that progress is seen."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure as told on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--senders", type=int, default=8, help="connections, each with its own partition")
    parser.add_argument("--batch", type=int, default=20, help="records in a batch")
    parser.add_argument("--value-bytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=15, help="of comparison with a fresh broker")
    parser.add_argument("--json", type=Path, help="write rows and ratios here")
    options = parser.parse_args()
    load = Load(options.senders, options.batch, options.value_bytes)
    rows, told = measure(options.records, options.steps, load, options.rounds)
    for name, ratio in told.items():
        say(f"{name}: {ratio:.2f}")
    if options.json:
        text = json.dumps({"rows": [asdict(row) for row in rows], "ratios": told}, indent=1)
        options.json.write_text(text)


if __name__ == "__main__":
    main()
