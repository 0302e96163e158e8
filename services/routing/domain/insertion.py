"""The exact cheapest place for one more stop in a day where nothing else moves, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.routing.domain.problem import Problem, Stop, Worker
from services.routing.domain.rules import CAPACITY, WINDOW_MISSED, load_bound, load_levels, refusal
from services.routing.domain.schedule import Timetable, timetable
from services.routing.domain.solution import Reason


@dataclass(frozen=True)
class Insertion:
    """Where one stop goes: before the open stop number `position` of that worker (or at the end)."""

    stop_id: str
    worker_id: str
    position: int
    added_travel: int
    price: int


class Draft:
    """A day being filled: for each worker the order of the open stops, always feasible."""

    def __init__(self, problem: Problem, open_ids: Mapping[str, Sequence[str]] | None = None) -> None:
        self.problem = problem
        self._tables: dict[str, Timetable] = {}
        self._levels: dict[str, list[int]] = {}
        for worker in problem.workers:
            self._set(worker, tuple((open_ids or {}).get(worker.id, ())))

    @property
    def open_ids(self) -> dict[str, tuple[str, ...]]:
        """Worker id to the open stops in order."""
        return {worker_id: table.open_ids for worker_id, table in self._tables.items()}

    @property
    def missing(self) -> list[Stop]:
        """Stops that are neither done nor placed."""
        placed = {stop_id for table in self._tables.values() for stop_id in table.open_ids}
        return [stop for stop in self.problem.stops if stop.id not in placed | self.problem.done.keys()]

    def best(self, stop_id: str, workers: Iterable[Worker] | None = None) -> Insertion | None:
        """The feasible place with the lowest price among `workers` (all when None); None when none is.

        Price is added travel plus the price of leaving the previous worker. Ties go to the worker
        with fewer stops, then to the earlier place.
        """
        stop = self.problem.stop(stop_id)
        candidates = [
            insertion
            for worker in (self.problem.workers if workers is None else workers)
            if refusal(self.problem, stop, worker) is None
            for insertion in self._places(stop, worker)
        ]
        return min(candidates, key=self._rank, default=None)

    def obstacle(self, stop: Stop, worker: Worker) -> Reason | None:
        """Why this worker cannot take the stop as the day stands; None when there is a place."""
        standing = refusal(self.problem, stop, worker)
        if standing is not None:
            return standing
        table = self._tables[worker.id]
        gaps = [gap for gap in range(len(table.rows) - 1) if self._has_room(stop, worker, gap)]
        if not gaps:
            return CAPACITY
        in_time = [gap for gap in range(len(table.rows) - 1) if table.takes(gap, stop)]
        if not in_time:
            return WINDOW_MISSED
        return None if set(gaps) & set(in_time) else CAPACITY

    def insert(self, insertion: Insertion) -> None:
        """Put the stop where `insertion` says."""
        order = list(self._tables[insertion.worker_id].open_ids)
        order.insert(insertion.position, insertion.stop_id)
        self._set(self.problem.worker[insertion.worker_id], tuple(order))

    def try_at(self, stop: Stop, worker: Worker, position: int) -> bool:
        """Insert the stop at that position if every rule is kept; say whether it was."""
        allowed = (
            refusal(self.problem, stop, worker) is None
            and self._has_room(stop, worker, position)
            and self._tables[worker.id].takes(position, stop)
        )
        if allowed:
            self.insert(Insertion(stop.id, worker.id, position, 0, 0))
        return allowed

    def fill(self) -> None:
        """Insert every missing stop that is worth its detour: promises first, then by urgency."""

        def urgency(stop: Stop) -> tuple[bool, int, int, str]:
            freedom = sum(window.latest - window.earliest for window in stop.windows)
            return (not stop.promised, stop.priority, freedom, stop.id)

        for stop in sorted(self.missing, key=urgency):
            insertion = self.best(stop.id)
            if insertion and insertion.price <= self.problem.drop_price(stop):
                self.insert(insertion)

    def _set(self, worker: Worker, order: tuple[str, ...]) -> None:
        self._tables[worker.id] = timetable(self.problem, worker, order)
        self._levels[worker.id] = load_levels(self.problem, worker, order)

    def _places(self, stop: Stop, worker: Worker) -> Iterable[Insertion]:
        table, row = self._tables[worker.id], self.problem.row[stop.id]
        moved = self.problem.previous_worker.get(stop.id, worker.id) != worker.id
        price = self.problem.prices.moved if moved else 0
        for gap in range(len(table.rows) - 1):
            if table.takes(gap, stop) and self._has_room(stop, worker, gap):
                detour = table.detour(gap, row)
                yield Insertion(stop.id, worker.id, gap, detour, detour + price)

    def _has_room(self, stop: Stop, worker: Worker, gap: int) -> bool:
        levels = self._levels[worker.id]
        bound = load_bound(self.problem, worker, levels)
        if stop.load >= 0:
            return max(levels[gap:]) + stop.load <= bound
        has_left = stop.aboard_of == worker.id and self._leaves_loaded(worker)
        return has_left or max(levels[: gap + 1]) - stop.load <= bound

    def _leaves_loaded(self, worker: Worker) -> bool:
        prefix = self.problem.prefix.get(worker.id)
        return prefix is not None and prefix.left_office is not None

    def _rank(self, insertion: Insertion) -> tuple[int, int, int]:
        return insertion.price, len(self._levels[insertion.worker_id]), insertion.position


def construct(problem: Problem) -> dict[str, tuple[str, ...]]:
    """A feasible day without any solver: the previous plan as far as it still holds, then insertions.

    Promised stops of the previous plan are placed first, each at its old worker in the old order, so
    that a promise which can be kept where it stands is kept. Returns worker id to open stops in order.
    """
    draft = Draft(problem)
    for worker in problem.workers:
        rank = {stop_id: number for number, stop_id in enumerate(problem.previous.get(worker.id, ()))}
        old = [problem.stop(stop_id) for stop_id in rank if stop_id in problem.row]
        for stop in sorted(old, key=lambda stop: (not stop.promised, rank[stop.id])):
            if stop.id not in problem.done:
                before = sum(rank[placed] < rank[stop.id] for placed in draft.open_ids[worker.id])
                draft.try_at(stop, worker, before)
    draft.fill()
    return draft.open_ids
