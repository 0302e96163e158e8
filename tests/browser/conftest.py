"""A real Chromium, and people in front of it whose pages must be free of errors and fit their screens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.browser import find_chromium
from deploy.demo.api import Product
from deploy.stack import Stack
from services.intake.adapters.reference_files import load_calendar
from shared.clock import at, local_date
from shared.vietnamese.calendar import Scope
from tests.browser.people import People


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine. Without one the tests are skipped, but never in CI."""
    path = find_chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium: run `make browser` or set TANNHA_CHROMIUM")
        pytest.skip("no Chromium here: set TANNHA_CHROMIUM to its path")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go, to be looked at; TANNHA_PICTURES chooses the folder."""
    given = os.environ.get("TANNHA_PICTURES")
    folder = Path(given) if given else tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def people(chromium: Browser, product: Product, pictures: Path) -> Iterator[People]:
    """Persons with browsers of their own; at the end all that went wrong on their screens is told."""
    crowd = People(chromium, product.ports, pictures)
    yield crowd
    crowd.leave()
    assert crowd.complaints == []


@pytest.fixture
def today(stack: Stack) -> date:
    """A working day before its first visits; the clock is moved on to the next one when it is later."""
    now = stack.clock()
    day = local_date(now)
    calendar = load_calendar()
    if now > at(day, "06:20") or not calendar.is_working(day, Scope.POST):
        day = calendar.first_working_day(day + timedelta(days=1), Scope.POST)
        stack.clock.set(at(day, "06:00"))
    return day
