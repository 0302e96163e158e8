"""Each seeded bug, where it was put in, does what its name says, and the sound code does not."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from shared.broker.store import Store
from shared.clock import FixedClock
from shared.contracts.topics import topic_named
from shared.ids import new_id
from shared.messaging import unit_of_work, worker
from shared.messaging.progress import Outcome
from shared.messaging.tables import MessagingTable
from shared.messaging.unit_of_work import Transactions
from shared.persistence.engine import open_engine
from tests.faults import sabotage
from tests.faults.bugs import broker, consumer, publisher
from tests.unit.messaging.test_guard import NOW, Listener, visit

PutIn = Callable[[str], None]
EVENT = new_id()


@pytest.fixture
def put_in(monkeypatch: pytest.MonkeyPatch) -> PutIn:
    """Puts a bug into this process; it is taken out after the test."""
    for module in (broker, consumer, publisher):
        monkeypatch.setattr(module, "replace", monkeypatch.setattr)
    return lambda bug: sabotage.alter([bug])


def transactions(folder: Path, service: str) -> Transactions:
    """A database of its own."""
    folder.mkdir()
    engine = open_engine(f"sqlite:///{folder / 'service.db'}")
    MessagingTable.metadata.create_all(engine)
    return Transactions(engine, service, FixedClock(NOW))  # type: ignore[arg-type]


def test_publish_after_commit(put_in: PutIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dual write on trial would be the sound transaction under another name."""
    committed: list[int] = []

    def publish_and_look(name: str) -> None:
        own = transactions(tmp_path / name, "postal_bridge")

        def look(point: str) -> None:
            if point == "commit.after":
                with Session(own.engine) as session:
                    committed.append(session.execute(text("SELECT count(*) FROM outbox")).scalar_one())

        monkeypatch.setattr(unit_of_work, "reached", look)
        with own.begin() as uow:
            uow.publish(visit(1))
        with Session(own.engine) as session:
            assert session.execute(text("SELECT count(*) FROM outbox")).scalar_one() == 1

    publish_and_look("sound")
    put_in("dual-write")
    publish_and_look("altered")
    assert committed == [1, 0]


def test_no_inbox(put_in: PutIn, tmp_path: Path) -> None:
    """A guard on trial for doubling events would drop the second delivery all the same."""
    sound = Listener(transactions(tmp_path / "sound", "intake"))
    assert [sound.receive(visit(1), 1, EVENT) for _ in range(2)] == [Outcome.APPLIED, Outcome.DUPLICATE]
    put_in("no-inbox")
    altered = Listener(transactions(tmp_path / "altered", "intake"))
    assert [altered.receive(visit(1), 1, EVENT) for _ in range(2)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert altered.effects() == ["w1", "w1"]


def test_no_gate(put_in: PutIn, tmp_path: Path) -> None:
    """A guard on trial for turning the order would keep it all the same."""
    sound = Listener(transactions(tmp_path / "sound", "intake"))
    assert sound.receive(visit(2), 2) is Outcome.EARLY
    put_in("no-gate")
    altered = Listener(transactions(tmp_path / "altered", "intake"))
    altered.receive(visit(2), 2)
    altered.receive(visit(1), 1)
    assert altered.effects() == ["w2", "w1"]


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Runs it in a thread of its own: in this one a browser of another test may have its loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


class Bench:
    """What an agent touches, written down in the order in which it does."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.done: list[str] = []
        self.trouble = trouble
        self.work: Any = None
        self.consumer = SimpleNamespace(commit=self._commit, _committed_offset={"visits-0": None})
        message = SimpleNamespace(tp="visits-0", offset=0)
        event = SimpleNamespace(value=b"raw", message=message, ack=lambda: self.done.append("acknowledged"))
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self._events.put_nowait(event)
        self.channel = SimpleNamespace(get=self._next, queue=self._events)

    def topic(self, name: str, **_settings: Any) -> str:
        """As `faust.App.topic`."""
        return name

    def agent(self, _topic: str, **_settings: Any) -> Callable[[Any], None]:
        """As `faust.App.agent`: keeps the function that works."""
        return lambda work: setattr(self, "work", work)

    def timer(self, **_settings: Any) -> Callable[[Any], None]:
        """As `faust.App.timer`; nobody looks here."""
        return lambda _look: None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """As a stream over raw values."""
        yield b"raw"

    def receive(self, _topic: str, _raw: bytes) -> None:
        """As `Guard.receive`."""
        self.receive_many([])

    def receive_many(self, _records: Any) -> None:
        """As `Guard.receive_many`."""
        self.done.append("worked")
        if self.trouble is not None:
            raise self.trouble

    async def _commit(self) -> None:
        self.done.append("offset committed")

    async def _next(self) -> Any:
        if self._events.empty():
            raise StopAsyncIteration
        return self._events.get_nowait()

    def run(self) -> list[str]:
        """What the agent did with one record."""
        worker._listen(self, topic_named("postal.visit.v1"), self, asyncio.Lock())  # type: ignore[arg-type]
        stream: Any = self
        finish(self.work(stream))
        return self.done


def test_offset_before_effect(put_in: PutIn) -> None:
    """The agent on trial for forgetting would work first all the same."""
    assert Bench().run() == ["worked", "acknowledged"]
    put_in("offset-before-effect")
    assert Bench().run() == ["acknowledged", "offset committed", "worked"]


def test_default_agent(put_in: PutIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent on trial for passing over what failed would end its process all the same."""

    class Died(BaseException):
        """In place of the end of the process."""

    def die(topic: str, error: Exception) -> None:
        raise Died(topic) from error

    monkeypatch.setattr(worker, "_die", die)
    with pytest.raises(Died):
        Bench(OSError("no room")).run()
    put_in("default-agent")
    with pytest.raises(OSError, match="no room"):
        Bench(OSError("no room")).run()


def test_acknowledge_before_fsync(put_in: PutIn, tmp_path: Path) -> None:
    """The broker on trial for forgetting would have written all the same."""
    assert rows_when_acknowledged(tmp_path / "sound.db") == 1
    put_in("ack-before-fsync")
    assert rows_when_acknowledged(tmp_path / "altered.db") == 0


def rows_when_acknowledged(file: Path) -> int:
    """How many rows another process would find at the moment at which a write is said to be done."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE proof (n)")

    async def write_one() -> None:
        await Store(file).write(lambda connection: connection.execute("INSERT INTO proof VALUES (1)"))

    finish(write_one())
    with closing(sqlite3.connect(file)) as database:
        (count,) = database.execute("SELECT count(*) FROM proof").fetchone()
    return int(count)


def test_every_bug_is_shown_to_bite() -> None:
    """A bug could be put in, do nothing, and be called caught because of something else."""
    shown = {
        "dual-write": test_publish_after_commit,
        "no-inbox": test_no_inbox,
        "no-gate": test_no_gate,
        "offset-before-effect": test_offset_before_effect,
        "default-agent": test_default_agent,
        "ack-before-fsync": test_acknowledge_before_fsync,
    }
    assert shown.keys() == sabotage.BUGS.keys()
