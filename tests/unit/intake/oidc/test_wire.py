"""Calls to a provider that fails, hangs or floods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from services.intake.adapters.oidc import wire as module
from services.intake.adapters.oidc.wire import LARGEST_ANSWER, MOST_AT_ONCE, Wire
from services.intake.application.identity_port import ProviderSilent

ADDRESS = "https://dinh-danh.example/x"


class Watch:
    """A stop-watch moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.seconds


def wire(answer: Callable[[httpx.Request], httpx.Response], watch: Watch | None = None) -> Wire:
    """A wire that ends in `answer`."""
    return Wire(transport=httpx.MockTransport(answer), monotonic=watch or Watch())


def test_an_object_is_passed_on() -> None:
    """Nothing of the protocol would work."""
    assert wire(lambda _: httpx.Response(200, json={"a": 1})).get(ADDRESS) == {"a": 1}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={}),
        httpx.Response(500, json={}),
        httpx.Response(302, headers={"location": "https://evil.example"}),
        httpx.Response(200, text="<h1>Bad gateway</h1>"),
        httpx.Response(200, json=["a"]),
        httpx.Response(200, content=b" " * (LARGEST_ANSWER + 1)),
    ],
    ids=["missing", "failed", "elsewhere", "page", "list", "huge"],
)
def test_nonsense_counts_as_silence(answer: httpx.Response) -> None:
    """A gateway's page or a redirect would be taken for the provider, or crash the sign-in page."""
    with pytest.raises(ProviderSilent):
        wire(lambda _: answer).get(ADDRESS)


def test_an_answer_that_drips_is_given_up() -> None:
    """A provider that sends a byte every few seconds would hold a thread of the pages for ever."""
    watch = Watch()

    class Dripping(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            while True:
                watch.seconds += 2
                yield b" "

    with pytest.raises(ProviderSilent):
        wire(lambda _: httpx.Response(200, stream=Dripping()), watch).get(ADDRESS)


def test_after_a_failure_nobody_asks_for_a_moment() -> None:
    """Each click on "sign in" would wait for the same time-out, and hold a thread meanwhile."""
    watch, calls = Watch(), [0]

    def refuse(request: httpx.Request) -> httpx.Response:
        calls[0] += 1
        raise httpx.ConnectError("refused", request=request)

    dead = wire(refuse, watch)
    for _ in range(5):
        with pytest.raises(ProviderSilent):
            dead.get(ADDRESS)
    assert calls == [1]
    watch.seconds += 3.1
    with pytest.raises(ProviderSilent):
        dead.get(ADDRESS)
    assert calls == [2]


def test_few_calls_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that hangs would take all threads, and citizens' pages with them."""
    monkeypatch.setattr(module, "WAIT_FOR_A_TURN_SECONDS", 0.05)
    go_on, arrived = threading.Event(), threading.Semaphore(0)

    def hang(_: httpx.Request) -> httpx.Response:
        arrived.release()
        go_on.wait(10)
        return httpx.Response(200, json={})

    slow = wire(hang)
    callers = [threading.Thread(target=slow.get, args=(ADDRESS,)) for _ in range(MOST_AT_ONCE)]
    for caller in callers:
        caller.start()
    for _ in callers:
        assert arrived.acquire(timeout=10)
    with pytest.raises(ProviderSilent):
        slow.get(ADDRESS)
    go_on.set()
    for caller in callers:
        caller.join(10)
    assert slow.get(ADDRESS) == {}
