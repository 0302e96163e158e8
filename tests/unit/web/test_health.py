"""Many who ask whether a service is ready cost as much as one, and learn of an outage in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.web.health import KEPT_SECONDS, PATIENCE_SECONDS, health_router


class Stopwatch:
    """Stands still unless it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds since some beginning."""
        return self.now


class Database:
    """A part that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.up = True

    def __call__(self) -> None:
        """Answers or fails."""
        self.asked += 1
        if not self.up:
            raise ConnectionError


@pytest.fixture
def watch() -> Stopwatch:
    """The stopwatch of the service."""
    return Stopwatch()


def client_of(check: Callable[[], None], watch: Stopwatch) -> TestClient:
    """A service with one part."""
    app = FastAPI()
    app.include_router(health_router({"database": check}, watch))
    return TestClient(app)


def test_one_answer_is_shared_for_a_while(watch: Stopwatch) -> None:
    """Anybody on the street could make the database write as often as he likes."""
    database = Database()
    client = client_of(database, watch)
    assert [client.get("/readyz").status_code for _ in range(50)] == [200] * 50
    assert database.asked == 1


def test_an_outage_is_seen_when_the_answer_is_old(watch: Stopwatch) -> None:
    """A service would stay green for ever once it was; it has to turn red within two seconds."""
    database = Database()
    client = client_of(database, watch)
    assert client.get("/readyz").status_code == 200
    database.up = False
    watch.now += KEPT_SECONDS + 0.01
    assert client.get("/readyz").status_code == 503
    database.up = True
    assert client.get("/readyz").status_code == 503, "red is kept as long as green"
    watch.now += KEPT_SECONDS + 0.01
    assert client.get("/readyz").status_code == 200
    assert KEPT_SECONDS + PATIENCE_SECONDS < 2


def test_who_asks_while_somebody_asks_waits_for_that_answer(watch: Stopwatch) -> None:
    """During an outage every caller would add a connection that hangs, one after the other."""
    asked, go_on = threading.Event(), threading.Event()
    times = []

    def slow() -> None:
        times.append(1)
        asked.set()
        go_on.wait(5)
        watch.now += 2 * KEPT_SECONDS

    with client_of(slow, watch) as client, ThreadPoolExecutor(8) as callers:
        first = callers.submit(client.get, "/readyz")
        assert asked.wait(5)
        others = [callers.submit(client.get, "/readyz") for _ in range(7)]
        go_on.set()
        assert {answer.result().status_code for answer in (first, *others)} == {200}
    assert len(times) == 1
