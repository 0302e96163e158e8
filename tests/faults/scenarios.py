"""The faults of `make faults`: what is done to the whole product while people work.

Each runs on a product of its own and is judged by the clients' own ledger against all databases.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import create_engine, make_url, text

from deploy.demo import accounts
from deploy.demo.api import Refused
from deploy.stack import SERVICES, answers
from shared.ids import new_id
from tests.faults.bugs.noise import FULL_MARK
from tests.faults.clients import local_people, wish
from tests.faults.crash_roles import HEARING, SENDING
from tests.faults.disk import full_disk
from tests.faults.judge import SUBMIT
from tests.faults.ledger import Ask
from tests.faults.nemesis import VICTIMS, Strike, schedule
from tests.faults.product_run import Scenario, Scene, twin_of
from tests.faults.resending import resending

APIS = tuple(f"{service}-api" for service in SERVICES)
WORKERS = tuple(f"{service}-worker" for service in SERVICES)
SECONDS_PER_KILL = {"embedded": 2.2, "kafka": 5.0}
"""Less, and a worker is killed again before it has its partitions back, or Kafka before it has started,
which is for the hasty strikes alone."""
PAUSE_SECONDS = 9.0
"""Longer than a worker's session with the broker, which is 6 s."""
CRASH_SECONDS = 60.0
"""How long a process has to come to its crash point; a worker needs what others publish, and they die too."""
SAME_KEY = 50
"""So many send the same question at once."""


def kill_everything(scene: Scene) -> None:
    """kill -9 over every process that carries events, one every few seconds, until enough has flowed."""
    latest = time.monotonic() + 2 * scene.seconds
    pace = SECONDS_PER_KILL[scene.stack.broker]
    seconds, planned = scene.seconds, 0
    while True:
        scene.nemesis.strikes = kills(scene.dice.randrange(10**6), seconds, pace)
        planned = planned or len(scene.nemesis.strikes)
        scene.nemesis.run(latest)
        if scene.published() >= scene.events and scene.nemesis.kills.total() >= planned:
            return
        if time.monotonic() > latest:
            kills_done, events = scene.nemesis.kills.total(), scene.published()
            too_little = f"{kills_done} kills of {planned} and {events} events of {scene.events} in this time"
            scene.crowd.crashes.append(f"too little happened to prove anything: {too_little}")
            return
        seconds = 2 * len(VICTIMS) * pace


def kills(seed: int, seconds: float, pace: float) -> list[Strike]:
    """As many kills as the time allows, one every `pace` seconds: each part in turn, the broker oftener,
    every third a second one at the same part."""
    rounds = max(2, round(seconds / pace / (len(VICTIMS) + 1 / 3)))
    return schedule(seed, seconds, rounds, broker_extra=max(2, rounds // 3))


def pause_workers(scene: Scene) -> None:
    """Workers stand still for longer than their session while a twin takes over, and come back as zombies."""
    deadline = time.monotonic() + scene.seconds
    while time.monotonic() < deadline:
        for names in (WORKERS, tuple(map(twin_of, SERVICES))):
            scene.nemesis.note(f"{', '.join(names)} stand still")
            _signal(scene, names, signal.SIGSTOP)
            try:
                scene.nemesis.rest(PAUSE_SECONDS)
            finally:
                _signal(scene, names, signal.SIGCONT)
            scene.nemesis.rest(PAUSE_SECONDS / 2)


def noise_on_the_wire(scene: Scene) -> None:
    """Relays send out of order and twice; somebody sends old records again, in any order."""
    with resending(scene.stack.bootstrap, scene.dice.randrange(10**6)):
        scene.nemesis.rest(scene.seconds)


def restart_bases(scene: Scene) -> None:
    """Broker and database server are asked to stop and are started again, under load."""
    deadline = time.monotonic() + scene.seconds
    bases = [name for name in ("broker", "database") if name in scene.stack.parts]
    while time.monotonic() < deadline:
        for name in bases:
            restart(scene, name)
            scene.nemesis.rest(scene.dice.uniform(2.0, 4.0))


def rolling_restart(scene: Scene) -> None:
    """Every process is asked to stop and started again, one after the other."""
    deadline = time.monotonic() + scene.seconds
    while time.monotonic() < deadline:
        for name in (*APIS, *WORKERS, "broker"):
            restart(scene, name)
            scene.nemesis.rest(0.5)


def slow_databases(scene: Scene) -> None:
    """Somebody takes the write lock of a database, again and again, for up to two seconds."""
    deadline = time.monotonic() + scene.seconds
    while time.monotonic() < deadline:
        service = scene.dice.choice(SERVICES)
        with write_lock(scene.stack.database_url(service)):
            scene.nemesis.rest(scene.dice.uniform(0.2, 2.0))
        scene.nemesis.rest(scene.dice.uniform(0.1, 0.5))


def full_disks(scene: Scene) -> None:
    """No process of a service, then the broker, may write a file for a while."""
    deadline = time.monotonic() + scene.seconds
    groups = [*((f"{service}-api", f"{service}-worker") for service in SERVICES), ("broker",)]
    while time.monotonic() < deadline:
        for names in groups:
            scene.nemesis.note(f"the disk of {', '.join(names)} is full")
            parts = [scene.stack.parts[name] for name in names]
            with full_disk(*(part.process.pid for part in parts if part.process is not None)):
                scene.nemesis.rest(scene.dice.uniform(2.0, 4.0))
            scene.nemesis.rest(2.0)


def full_databases(scene: Scene) -> None:
    """The database files of a service may not grow for a while (`max_page_count`)."""
    deadline = time.monotonic() + scene.seconds
    while time.monotonic() < deadline:
        for service in SERVICES:
            mark = Path(f"{make_url(scene.stack.database_url(service)).database}{FULL_MARK}")
            scene.nemesis.note(f"the database of {service} may not grow")
            mark.touch()
            scene.nemesis.rest(scene.dice.uniform(2.0, 4.0))
            mark.unlink()
            scene.nemesis.rest(2.0)


def wrong_clocks(scene: Scene) -> None:
    """Nothing happens; the clock of one service is hours off all the time."""
    scene.nemesis.rest(scene.seconds)


def crash_points(scene: Scene) -> None:
    """Each process dies once at each named point that lies on its way."""
    pages = [f"{scene.stack.ports.url(service)}/readyz" for service in SERVICES]
    for sending, hearing in zip(SENDING, HEARING, strict=True):
        points = {api: f"{sending}:{scene.dice.randint(1, 3)}" for api in APIS}
        points |= {worker: f"{hearing}:{scene.dice.randint(1, 2)}" for worker in WORKERS}
        died = scene.nemesis.let_die(points, seconds=CRASH_SECONDS)
        for name in points.keys() - set(died):
            scene.crowd.crashes.append(f"{name} never came to {points[name]}")
        scene.nemesis.watch(lambda: all(map(answers, pages)), seconds=60.0)
        scene.nemesis.rest(2.0)


def same_key_at_once(scene: Scene) -> None:
    """Fifty clients send the same question under the same key at once, and their service dies meanwhile."""
    deadline = time.monotonic() + scene.seconds
    people = local_people(scene.crowd.day, 990_000)
    product = scene.crowd.product()
    windows = product.get("intake", "/api/windows", days=3)
    clients = [scene.crowd.product() for _ in range(SAME_KEY)]
    with ThreadPoolExecutor(SAME_KEY) as pool:
        while time.monotonic() < deadline:
            body = wish(next(people), scene.dice.choice(windows))
            ask = Ask(new_id(), "intake", SUBMIT, body, accounts.OPERATOR)
            scene.crowd.ledger.asked(ask.key, ask.service, ask.path, ask.body, ask.account)
            asking = [pool.submit(client.ask_again, ask) for client in clients]
            scene.nemesis.rest(scene.dice.uniform(0.0, 0.4))
            scene.nemesis.kill("intake-api", 0.1)
            for question in asking:
                with suppress(Refused):
                    question.result()
            scene.nemesis.rest(1.0)


def restart(scene: Scene, name: str) -> None:
    """SIGTERM (or what the part ends on), its end, and a new start; noted when it had to be killed."""
    part = scene.stack.parts[name]
    part.ask_to_stop()
    deadline = time.monotonic() + 15.0
    while part.running and time.monotonic() < deadline:
        time.sleep(0.05)
    if part.running:
        scene.crowd.crashes.append(f"{name} did not end when it was asked to")
        part.kill()
    scene.nemesis.note(f"restarted {name}")
    part.start()


def _signal(scene: Scene, names: tuple[str, ...], sign: signal.Signals) -> None:
    for name in names:
        process = scene.stack.parts[name].process
        if process is not None and process.poll() is None:
            process.send_signal(sign)


@contextmanager
def write_lock(address: str) -> Iterator[None]:
    """Nobody else can write to this database while the block lasts."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(url.database or "", timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    with create_engine(url).connect() as connection:
        connection.execute(text("LOCK TABLE outbox, inbox, answer IN EXCLUSIVE MODE"))
        yield
        connection.rollback()


_SHUFFLED = dict.fromkeys(APIS, ("shuffled-relay",))
_LIMITED = dict.fromkeys((*APIS, *WORKERS), ("limited-database",))

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("kill-9", kill_everything, seconds=460.0, events=10_000, callers=4),
        Scenario("crash-points", crash_points),
        Scenario("pause", pause_workers, seconds=50.0, twins=True),
        Scenario("noise", noise_on_the_wire, seconds=40.0, altered=_SHUFFLED, shuffled=True),
        Scenario("restart-bases", restart_bases, seconds=40.0),
        Scenario("rolling-restart", rolling_restart, seconds=40.0),
        Scenario("slow-database", slow_databases, seconds=40.0),
        Scenario("full-disk", full_disks, seconds=40.0),
        Scenario("full-database", full_databases, seconds=40.0, altered=_LIMITED, sqlite_only=True),
        Scenario("clock-ahead", wrong_clocks, seconds=25.0, skew={"postal_bridge": 2.0}),
        Scenario("clock-behind", wrong_clocks, seconds=25.0, skew={"intake": -2.0}),
        Scenario("same-key", same_key_at_once, seconds=25.0),
    )
}
"""By name, in the order in which `make faults` runs them."""
