"""How long people wait: from a request to the dispatcher's screen, and for a hand-over to be accepted."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from deploy.demo import accounts
from deploy.demo.api import Product
from deploy.demo.day import Day
from deploy.demo.people import citizens
from deploy.run import open_the_office, prepare_accounts
from deploy.stack import Ports, Stack
from shared.clock import local_date
from shared.ids import new_id
from shared.persistence.engine import open_engine

RATES, SECONDS = (25, 50, 100), 10
"""Requests a second, one rate after the other, and for how long each."""
CLERKS = 16
"""So many requests may be under way at once."""

Measured = Callable[[str, Sequence[float]], None]
"""Takes the name of what was timed and the seconds of each time."""


@dataclass
class TimedProduct(Product):
    """The public APIs, with a stopwatch at the acceptance of hand-overs."""

    accepted: list[float] = field(default_factory=list)

    def post(
        self, service: str, path: str, body: dict[str, Any] | None = None, account: str | None = None
    ) -> Any:
        """A POST, timed when a parcel is accepted."""
        began = time.perf_counter()
        answer = super().post(service, path, body, account)
        if path.startswith("/api/parcels/") and path.endswith("/accept"):
            self.accepted.append(time.perf_counter() - began)
        return answer


def measure(timed: Measured, used: Callable[[str, float], None]) -> None:
    """A whole day of the demonstration, then the rush; `used` is told the memory of each process in MB."""
    with tempfile.TemporaryDirectory(prefix="tannha-bench-") as folder:
        stack = Stack(Path(folder) / "data", Ports.free())
        open_the_office(stack.clock)
        with stack.running():
            prepare_accounts(stack)
            product = TimedProduct(stack.ports)
            Day(product, stack.clock, local_date(stack.clock()), lambda _: None).run()
            timed("hand-over accepted", product.accepted)
            wishes = wishes_of(stack, product)
            for rate in RATES:
                asked, seen = rush(stack, product, wishes, rate)
                timed(f"answered at {rate}/s", [answered - due for due, answered in asked.values()])
                timed(f"on the dispatcher's screen at {rate}/s", [seen[r] - asked[r][0] for r in asked])
            for part in stack.parts.values():
                if part.process is not None:
                    used(part.name, resident_megabytes(part.process.pid))


def rush(
    stack: Stack, product: Product, wishes: Iterator[dict[str, Any]], rate: int
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """`rate` requests a second; when each was due and answered, and when routing could show it.

    Time counts from the moment a request is due: one that waits for a free clerk waits, too.
    """
    asked: dict[str, tuple[float, float]] = {}
    seen: dict[str, float] = {}
    headers = {"Authorization": f"Bearer {product._token(accounts.OPERATOR)}"}
    began = time.perf_counter()
    turns = iter(range(rate * SECONDS))
    lock = threading.Lock()

    def clerk() -> None:
        with httpx.Client(base_url=stack.ports.url("intake"), headers=headers, timeout=30) as client:
            while True:
                with lock:
                    turn, wish = next(turns, None), next(wishes)
                if turn is None:
                    return
                due = began + turn / rate
                time.sleep(max(0.0, due - time.perf_counter()))
                answer = client.post(
                    "/api/operator/requests", json=wish, headers={"Idempotency-Key": new_id()}
                )
                answer.raise_for_status()
                asked[answer.json()["request_id"]] = (due, time.perf_counter())

    clerks = [threading.Thread(target=clerk) for _ in range(CLERKS)]
    for thread in clerks:
        thread.start()
    watch(stack.database_url("routing"), seen, lambda: len(seen) >= rate * SECONDS)
    for thread in clerks:
        thread.join()
    return asked, seen


def watch(database: str, seen: dict[str, float], done: Callable[[], bool]) -> None:
    """Looks every hundredth of a second which requests a page of routing would show by now."""
    engine, query = open_engine(database), text("SELECT request_id FROM stop")
    deadline = time.perf_counter() + 120
    with engine.connect().execution_options(reading=True) as connection:
        old = set(connection.execute(query).scalars())
        while not done() and time.perf_counter() < deadline:
            connection.rollback()
            now = time.perf_counter()
            for request_id in set(connection.execute(query).scalars()) - old - seen.keys():
                seen[request_id] = now
            time.sleep(0.01)
    engine.dispose()


def wishes_of(stack: Stack, product: Product) -> Iterator[dict[str, Any]]:
    """What callers want, without end, on the days that are open."""
    today = local_date(stack.clock())
    windows = cycle(product.get("intake", "/api/windows", days=7))
    for citizen in citizens(today, sum(RATES) * SECONDS + len(RATES) * CLERKS, 700_000):
        yield {
            "procedure_code": citizen.procedure,
            "applicant_name": citizen.name,
            "phone": citizen.phone,
            "address": citizen.address,
            "unit_id": citizen.unit_id,
            "lat": citizen.lat,
            "lon": citizen.lon,
            "window": next(windows),
            "consent": True,
        }


def resident_megabytes(pid: int) -> float:
    """VmRSS of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def percentile(seconds: Sequence[float], percent: int) -> float:
    """The value that so many of a hundred do not exceed, in milliseconds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000
