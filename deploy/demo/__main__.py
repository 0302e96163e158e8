"""`make demo`: a whole day with progress, then the invariants; exit 1 when one is broken.

Uses the product that `make run` keeps running, or starts one for itself and stops it afterwards.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
from rich.console import Console
from rich.table import Table

from deploy.demo.api import Product, Refused
from deploy.demo.checks import Check, invariants, settle
from deploy.demo.day import MORNING_REQUESTS, Day
from deploy.demo.seed import seed_day
from deploy.run import OPENING, add_bases, chosen_stack, open_the_office, prepare_accounts
from deploy.stack import Stack, StartFailed, answers
from services.intake.adapters.reference_files import load_calendar
from shared.clock import at, local_date
from shared.vietnamese.calendar import Scope
from shared.vietnamese.dates import format_date

console = Console()


def main() -> int:
    """Runs the day or only its morning. Exit 0 when everything promised was kept."""
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    add_bases(parser)
    parser.add_argument("--seed-only", action="store_true", help="requests and plans of the morning, no day")
    given = parser.parse_args()
    started = time.monotonic()
    try:
        with product_running(chosen_stack(given)) as stack:
            product = Product(stack.ports)
            if given.seed_only:
                seed_day(product, local_date(stack.clock()), MORNING_REQUESTS, say)
                return 0
            begin_a_day(stack)
            day = Day(product, stack.clock, local_date(stack.clock()), say)
            say(f"Ngày trình diễn {format_date(day.date)}")
            day.run()
            settle(product)
            return report(day, invariants(product, stack.clock()), time.monotonic() - started)
    except (StartFailed, Refused, TimeoutError, httpx.HTTPError) as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        return 130


def say(line: str) -> None:
    """One line of progress, at once."""
    console.print(line, highlight=False)


@contextmanager
def product_running(stack: Stack) -> Iterator[Stack]:
    """The product that runs already, or this one for the length of the block."""
    if answers(f"{stack.ports.url('intake')}/readyz"):
        yield stack
        return
    open_the_office(stack.clock)
    say("Tận Nhà đang khởi động ...")
    with stack.running():
        prepare_accounts(stack)
        yield stack


def begin_a_day(stack: Stack) -> None:
    """A day that is over makes room for the next working morning; a fresh one is used as it is."""
    now = stack.clock()
    today = local_date(now)
    if now >= at(today, "07:30"):
        tomorrow = load_calendar().first_working_day(today + timedelta(days=1), Scope.POST)
        stack.clock.set(at(tomorrow, OPENING))


def report(day: Day, checks: list[Check], seconds: float) -> int:
    """What happened and what holds; 1 when an invariant is broken."""
    happened = Table(title=f"Ngày {format_date(day.date)}", show_header=False)
    for what, count in sorted(day.happened.items(), key=lambda one: -one[1]):
        happened.add_row(str(count), what)
    console.print(happened)
    table = Table(title="Điều phải đúng", show_header=False)
    for check in checks:
        table.add_row("[green]đúng[/green]" if check.holds else "[red]SAI[/red]", check.sentence, check.seen)
    console.print(table)
    say(f"Cả ngày trong {seconds:.0f} giây.")
    return 0 if all(check.holds for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
