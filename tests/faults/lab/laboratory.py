"""The messaging lab: the real outbox, relay, broker, worker and guard as a few small processes.

One publisher, one broker, and any number of workers side by side, each a consumer group with a database
of its own; any of them may be started through `tests.faults.sabotage`. Clients keep a ledger.
"""

from __future__ import annotations

import json
import random
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shared.ids import new_id
from shared.messaging.connection import BrokerAddress
from shared.messaging.topic_admin import declare_topics
from shared.testing.broker_process import free_port
from tests.faults.lab.forked import ForkedPart
from tests.faults.ledger import Ledger

PATIENCE_SECONDS = 30.0
"""How long a client repeats one question."""
CRASH_SECONDS = 30.0
"""How long a part has to reach its crash point."""
MARKS = 5
"""Events that one question makes, in one transaction."""

Alterations = Mapping[str, Sequence[str]]
"""Part name to the bugs and the noise of `tests.faults.sabotage` that it is started with."""


@dataclass
class Lab:
    """The processes of one run. `alterations`: sabotage or noise by part name; `spared` is never struck."""

    folder: Path
    workers: Sequence[str] = ("sound",)
    alterations: Alterations = field(default_factory=dict)
    spared: Sequence[str] = ()
    parts: dict[str, ForkedPart] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bootstrap = f"127.0.0.1:{free_port()}"
        self.port = free_port()
        self.ledger = Ledger(self.folder / "ledger.jsonl")
        broker = ["--port", self.bootstrap.partition(":")[2], "--data", str(self.folder / "broker")]
        self._add("broker", "shared.broker", *broker)
        lab = "tests.faults.lab"
        self._add("publisher", f"{lab}.publisher", self.bootstrap, str(self.folder), str(self.port))
        for worker in self.workers:
            self._add(worker, f"{lab}.worker", self.bootstrap, str(self.folder), worker)

    def _add(self, name: str, module: str, *arguments: str) -> None:
        altered = self.alterations.get(name, ())
        self.parts[name] = ForkedPart(name, module, arguments, self.folder / f"{name}.log", altered)

    @contextmanager
    def running(self) -> Iterator[Lab]:
        """Everything started, topics declared; killed at the end of the block."""
        try:
            self.parts["broker"].start()
            self.parts["publisher"].start()
            declare_topics(BrokerAddress(self.bootstrap))
            for worker in self.workers:
                self.parts[worker].start()
            yield self
        finally:
            for part in self.parts.values():
                part.kill()

    @property
    def victims(self) -> list[str]:
        """The workers that blows may hit."""
        return [worker for worker in self.workers if worker not in self.spared]

    def strike(self, *names: str, down: float = 0.0) -> None:
        """kill -9 of several parts at once; they are started again after `down` seconds."""
        for name in names:
            self.parts[name].kill()
            self.kills[name] += 1
        time.sleep(down)
        for name in names:
            self.parts[name].start()

    def let_die(self, where: Mapping[str, str]) -> list[str]:
        """Starts parts again so that each kills itself at its crash point (`name:n`), then healthy ones.

        Who died there; the others did not come by in time.
        """
        for name, point in where.items():
            self.parts[name].kill()
            self.parts[name].start(crash_at=point)
        dead: list[str] = []
        deadline = time.monotonic() + CRASH_SECONDS
        while len(dead) < len(where) and time.monotonic() < deadline:
            for name in where:
                if self.parts[name].was_killed:
                    dead.append(name)
                    self.kills[name] += 1
                    self.parts[name].start()
            time.sleep(0.02)
        for name in where.keys() - set(dead):
            self.parts[name].kill()
            self.parts[name].start()
        return dead

    def revive(self) -> list[str]:
        """Starts again whatever has ended, as a supervisor does; who it was."""
        fallen = [part for part in self.parts.values() if part.process is not None and not part.running]
        for part in fallen:
            part.start()
        return [part.name for part in fallen]

    def watch(self, holds: Callable[[], bool], seconds: float) -> float:
        """Keeps everything alive until `holds()`, at most `seconds`; how long it took."""
        began = time.monotonic()
        while not holds() and time.monotonic() - began < seconds:
            self.revive()
            time.sleep(0.05)
        return time.monotonic() - began

    def ask(self, database: str, query: str) -> list[sqlite3.Row]:
        """Reads one of the databases from outside."""
        file = self.folder / f"{database}.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(query).fetchall()

    def done(self) -> list[int]:
        """How many events were sent, and how many effects each worker has had: grows while all work."""
        sent = self._count("publisher", "outbox WHERE sent_at IS NOT NULL")
        return [sent, *(self._count(worker, "effect") for worker in self.workers)]

    def position(self) -> tuple[int, ...]:
        """A few numbers that change while anything moves."""
        parked = [self._count(worker, "parked_event") for worker in self.workers]
        return (self._count("publisher", "outbox"), *self.done(), *parked)

    def _count(self, database: str, what: str) -> int:
        try:
            ((count,),) = self.ask(database, f"SELECT count(*) FROM {what}")  # noqa: S608
        except sqlite3.OperationalError:
            return 0
        return int(count)

    def still_moving(self) -> bool:
        """Whether events are on their way, as far as outbox, gate and parked events tell."""
        try:
            ((unsent,),) = self.ask("publisher", "SELECT count(*) FROM outbox WHERE sent_at IS NULL")
            ((heads,),) = self.ask("publisher", "SELECT coalesce(sum(sequence), 0) FROM stream_head")
            for worker in self.workers:
                ((gates,),) = self.ask(worker, "SELECT coalesce(sum(sequence), 0) FROM gate")
                ((parked,),) = self.ask(worker, "SELECT count(*) FROM parked_event")
                if parked or gates < heads:
                    return True
        except sqlite3.OperationalError:
            return True
        return bool(unsent)


@dataclass
class Callers:
    """Client threads that ask until they are stopped, each question until it is answered.

    Each question notes `MARKS` marks of `visits` aggregates, and so makes as many events.
    """

    lab: Lab
    visits: int = 20
    threads: int = 3
    seed: int = 1
    pause: float = 0.0
    crashes: list[str] = field(default_factory=list)
    answered: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begins to ask in the background."""
        for number in range(self.threads):
            thread = threading.Thread(target=self._run, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Lets each client finish the question at hand."""
        self._stop.set()

    @property
    def at_rest(self) -> bool:
        """Whether everybody has had the last answer."""
        return not any(thread.is_alive() for thread in self._threads)

    def _run(self, number: int) -> None:
        try:
            self._work(number)
        except Exception as error:  # noqa: BLE001 - a thread must tell the test why it ended
            self.crashes.append(f"caller {number}: {type(error).__name__} {error}")

    def _work(self, number: int) -> None:
        dice = random.Random(self.seed * 1000 + number)
        with closing(Line(self.lab.port)) as line:
            while not self._stop.wait(self.pause):
                key = new_id()
                marks = {f"{key}-{n}": f"visit-{dice.randrange(self.visits)}" for n in range(MARKS)}
                self.lab.ledger.asked(key, "publisher", "marks", marks, "")
                self.lab.ledger.acknowledged(key, line.ask({"key": key, "marks": marks}))
                self.answered += 1


class Line:
    """A connection to the publisher that repeats the very same question until it is answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self.repeats = 0

    def ask(self, question: Mapping[str, object]) -> dict[str, int]:
        """The answer. Raises TimeoutError when none comes in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer: dict[str, int] = json.loads(self._exchange(json.dumps(question).encode() + b"\n"))
            except (OSError, ValueError):
                self.close()
                time.sleep(0.05)
            else:
                if "refused" not in answer:
                    return answer
            self.repeats += 1
        raise TimeoutError(f"no answer to {question}")

    def _exchange(self, line: bytes) -> bytes:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        self._socket.sendall(line)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._socket.recv(4096)
            if not piece:
                raise ConnectionError("the publisher left")
            answer += piece
        return answer

    def close(self) -> None:
        """Hangs up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
