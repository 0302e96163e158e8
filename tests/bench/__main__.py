"""`make bench`: what the guarantees cost, in one run, beside what one would write without them.

Absolute figures belong to the machine and the hour; the ratios are what to look at. `--json FILE` writes
both, `--only NAME` runs one part, `--events N` changes the size.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import flow, product
from tests.bench.flow import Ground


@dataclass(frozen=True)
class Line:
    """One measurement: a figure with its unit, and how it compares (ratio, to what, and the goal)."""

    part: str
    what: str
    figure: float
    unit: str
    ratio: float | None = None
    against: str = ""
    goal: str = ""


@dataclass
class Report:
    """The lines of a run."""

    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Keeps a line, and shows that something happens."""
        self.lines.append(line)
        print(f"  {line.part}: {line.what} {line.figure:,.1f} {line.unit}", file=sys.stderr, flush=True)

    def show(self) -> None:
        """The table for a person."""
        table = Table("part", "measured", "figure", "", "ratio", "against", "goal")
        for line in self.lines:
            ratio = "" if line.ratio is None else f"{line.ratio:.2f}×"
            table.add_row(
                line.part, line.what, f"{line.figure:,.1f}", line.unit, ratio, line.against, line.goal
            )
        Console(width=140).print(table)

    def write(self, file: Path) -> None:
        """The same as JSON."""
        file.write_text(json.dumps([vars(line) for line in self.lines], indent=2), encoding="utf-8")


def flow_on(
    report: Report, part: str, pair: Callable[[], AbstractContextManager[Ground]], events: int
) -> None:
    """One pair of broker and database: bare clients, the guard, and the whole way."""
    with pair() as ground:
        sent = flow.filled_per_second(ground, events)
        report.add(Line(part, "bare kafka-python sends", sent, "/s"))
        polled = flow.consumed_per_second(ground, "consume_kafka_python", events)
        report.add(Line(part, "bare kafka-python reads", polled, "/s"))
        counted = flow.consumed_per_second(ground, "consume_bare", events)
        report.add(Line(part, "bare Faust reads", counted, "/s"))
        naive = flow.consumed_per_second(ground, "consume_bare_sql", events)
        report.add(Line(part, "bare Faust, one SQL write each", naive, "/s"))
        for what, batch in (("worker and guard, in batches", ""), ("worker and guard, one by one", "1")):
            ours = flow.consumed_per_second(ground, "consume", events, batch)
            report.add(
                Line(
                    part,
                    what,
                    ours,
                    "/s",
                    naive / ours,
                    "cost of bare Faust + SQL",
                    "" if batch else "≤ 1.3×",
                )
            )
    for what, together, goal in (("100 to a transaction", 100, 4_000), ("one to a transaction", 1, 1_000)):
        with pair() as ground:
            rate = flow.travelled_per_second(ground, events, together)
        against = f"goal {goal:,}/s"
        report.add(Line(part, f"outbox to effect, {what}", rate, "/s", rate / goal, against, f"≥ {goal:,}/s"))


def growth(report: Report, pair: Callable[[], AbstractContextManager[Ground]], events: int) -> None:
    """The same way with a past of ten thousand and of a million events in every table."""
    rates = {}
    for past in (10_000, 1_000_000):
        with pair() as ground:
            rates[past] = flow.travelled_per_second(ground, events, 100, past)
    for past, rate in rates.items():
        report.add(
            Line(
                "growth",
                f"with {past:,} events stored",
                rate,
                "/s",
                rate / rates[10_000],
                "10,000 stored",
                "flat",
            )
        )


def partitions(report: Report, pair: Callable[[], AbstractContextManager[Ground]], events: int) -> None:
    """One, two and three workers of a group, each waiting for a database far away."""
    rates = {}
    for processes in (1, 2, 3):
        with pair() as ground:
            rates[processes] = flow.shared_per_second(ground, events, processes, partitions=12)
        rate = rates[processes]
        what = f"{processes} worker process{'es' if processes > 1 else ''}, 12 partitions"
        report.add(Line("partitions", what, rate, "/s", rate / rates[1], "one process", "grows"))


def people(report: Report) -> None:
    """What people wait for, and what each process takes."""

    def timed(what: str, seconds: Sequence[float]) -> None:
        goal = 1_000.0 if "screen" in what else None
        for percent in (50, 99):
            figure = product.percentile(seconds, percent)
            judged = goal if percent == 99 else None
            report.add(
                Line(
                    "people",
                    f"{what}, p{percent} of {len(seconds):,}",
                    figure,
                    "ms",
                    judged and figure / judged,
                    "goal 1 s" if judged else "",
                    "≤ 1 s" if judged else "",
                )
            )

    product.measure(timed, lambda name, megabytes: report.add(Line("memory", name, megabytes, "MB")))


PARTS = ("flow", "flow-city", "growth", "partitions", "product")


def main() -> int:
    """Runs the parts asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"))
    given = parser.parse_args()
    wanted, report = [given.only] if given.only else PARTS, Report()
    if "flow" in wanted:
        flow_on(report, "embedded + SQLite", flow.embedded, given.events)
    if "flow-city" in wanted:
        flow_on(report, "Apache Kafka + PostgreSQL", flow.city, given.events)
    if "growth" in wanted:
        growth(report, flow.embedded, given.events)
    if "partitions" in wanted:
        partitions(report, flow.many_partitions, given.events // 10)
    if "product" in wanted:
        people(report)
    report.show()
    given.json.parent.mkdir(exist_ok=True)
    report.write(given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
