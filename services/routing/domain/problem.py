"""One day of one post office as plain data: who works, what must be visited, how long each leg takes.

All times are whole seconds since midnight in Vietnam, all durations whole seconds; loads are whole
handling units. Nothing here knows a solver, a database or a clock: who builds a `Problem` decides
what "now" is through `FrozenPrefix.ready_at`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from shared.errors import Invalid

OFFICE = 0
"""Row of the post office in the travel matrix; stop number k of `Problem.stops` has row k + 1."""

DAY_SECONDS = 24 * 3600


class BadProblem(Invalid):
    """The day cannot be planned as described: the data contradict themselves."""

    code = "routing.problem.invalid"


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise BadProblem(rule)


@dataclass(frozen=True)
class Point:
    """A place, WGS 84 degrees; `mountains` marks places reached by winding roads."""

    latitude: float
    longitude: float
    mountains: bool = False


@dataclass(frozen=True)
class Window:
    """The earliest and the latest moment at which a service may *start* (its end may be later)."""

    earliest: int
    latest: int

    def __post_init__(self) -> None:
        _require(0 <= self.earliest <= self.latest <= DAY_SECONDS, "Khung giờ phải có đầu trước cuối.")


@dataclass(frozen=True)
class LunchBand:
    """A break of `seconds` that lies wholly between `earliest` and `latest`.

    It never interrupts a service, may pause a leg or use waiting time, and is not owed by a route
    that is back at the office by `latest_start` (the worker then eats afterwards).
    """

    earliest: int
    latest: int
    seconds: int

    def __post_init__(self) -> None:
        _require(self.seconds > 0, "Giờ nghỉ trưa phải dài hơn 0 phút.")
        _require(self.earliest + self.seconds <= self.latest, "Giờ nghỉ trưa không vừa khung giờ trưa.")

    @property
    def latest_start(self) -> int:
        """The last moment at which the break can begin."""
        return self.latest - self.seconds


@dataclass(frozen=True)
class Worker:
    """A postal worker on shift; leaves the office and is back there by `shift_end`.

    `capacity` bounds what is aboard at any moment (results on the way out, dossiers on the way in).
    """

    id: str
    shift_start: int
    shift_end: int
    lunch: LunchBand | None = None
    capacity: int = 30
    skills: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _require(0 <= self.shift_start < self.shift_end <= DAY_SECONDS, "Ca làm phải có đầu trước cuối.")
        _require(self.capacity >= 0, "Sức chở không được âm.")


@dataclass(frozen=True)
class Stop:
    """One visit to plan.

    `windows` are ordered and apart; for a `promised` stop they are the window told to the citizen
    and dropping the stop breaks a promise. `load` is what the visit puts aboard (pickup, positive)
    or takes from what left the office (result return, negative). `aboard_of` names the worker who
    already carries the result. `drop_penalty` is in seconds of travel: the detour this visit is worth.
    `priority` (1 urgent, 2 normal, 3 low) settles who is placed first when everything else is equal.
    """

    id: str
    point: Point
    windows: tuple[Window, ...]
    service_seconds: int
    promised: bool = False
    load: int = 0
    skill: str | None = None
    drop_penalty: int = 3 * 3600
    priority: int = 2
    aboard_of: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.windows), "Điểm dừng phải có ít nhất một khung giờ.")
        _require(self.service_seconds >= 0 and self.drop_penalty >= 0, "Thời lượng không được âm.")
        apart = all(before.latest < after.earliest for before, after in pairwise(self.windows))
        _require(apart, "Các khung giờ phải theo thứ tự và không chồng nhau.")


@dataclass(frozen=True)
class Visit:
    """One stop on a route: at the door at `arrive`, served from `start` to `depart`."""

    stop_id: str
    arrive: int
    start: int
    depart: int


@dataclass(frozen=True)
class Break:
    """A lunch taken or to be taken, from `start` to `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class FrozenPrefix:
    """What a worker has already done today, kept as it happened.

    Visits finished or started, in order with their real times (a stop the worker is driving to
    belongs here too, with its expected times); the lunch if already taken; and the moment from which
    the worker is free to leave the last of these places. `left_office` is None for a worker who is
    still at the office (without visits, then): only such a worker can still take results along.
    """

    worker_id: str
    visits: tuple[Visit, ...]
    ready_at: int
    left_office: int | None = None
    lunch: Break | None = None

    def __post_init__(self) -> None:
        _require(not self.visits or self.left_office is not None, "Đã đi thì phải có giờ rời bưu cục.")


@dataclass(frozen=True)
class Prices:
    """What a plan pays besides one unit for each second of travel.

    `promise` is added to the drop penalty of a promised stop: far above any detour, so a promise is
    broken only when it cannot be kept. `moved` is paid for each stop that changes its worker against
    the previous plan. `imbalance_permille` thousandths are paid for each second that a worker works
    beyond the mean of all workers on shift, idle ones included.
    """

    promise: int = 10_000_000
    moved: int = 600
    imbalance_permille: int = 300


@dataclass(frozen=True)
class Problem:
    """One office, one day. Raises `BadProblem` when the parts do not fit together.

    `travel_seconds[i][j]` is the leg from row i to row j (`OFFICE`, then the stops in order).
    `frozen` has at most one prefix per worker; `locked` ties stop ids to worker ids (a dispatcher's
    moves); `previous` is the plan in force, worker id to stop ids in order, empty for a first plan.
    """

    office: Point
    workers: tuple[Worker, ...]
    stops: tuple[Stop, ...]
    travel_seconds: tuple[tuple[int, ...], ...]
    frozen: tuple[FrozenPrefix, ...] = ()
    locked: Mapping[str, str] = field(default_factory=dict)
    previous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    prices: Prices = Prices()

    def __post_init__(self) -> None:
        size = len(self.stops) + 1
        square = len(self.travel_seconds) == size and all(len(row) == size for row in self.travel_seconds)
        _require(square, "Bảng thời gian đi lại không khớp số điểm dừng.")
        _require(len(self.row) == len(self.stops), "Hai điểm dừng trùng mã.")
        _require(len(self.worker) == len(self.workers), "Hai bưu tá trùng mã.")
        done = [visit.stop_id for prefix in self.frozen for visit in prefix.visits]
        _require(len(set(done)) == len(done), "Một điểm đã đi xuất hiện hai lần.")
        _require(len(self.prefix) == len(self.frozen), "Một bưu tá có hai hành trình đã đi.")
        known = all(stop_id in self.row for stop_id in [*done, *self.locked])
        _require(known, "Nhắc đến điểm dừng không có trong ngày.")
        named = [*self.locked.values(), *self.prefix]
        _require(all(worker_id in self.worker for worker_id in named), "Nhắc đến bưu tá không có trong ca.")

    @cached_property
    def row(self) -> dict[str, int]:
        """Stop id to its row in the travel matrix."""
        return {stop.id: number + 1 for number, stop in enumerate(self.stops)}

    @cached_property
    def worker(self) -> dict[str, Worker]:
        """Worker id to worker."""
        return {worker.id: worker for worker in self.workers}

    @cached_property
    def prefix(self) -> dict[str, FrozenPrefix]:
        """Worker id to what that worker has already done."""
        return {prefix.worker_id: prefix for prefix in self.frozen}

    @cached_property
    def done(self) -> dict[str, str]:
        """Stop id to worker id for every stop that is already visited or started."""
        return {visit.stop_id: prefix.worker_id for prefix in self.frozen for visit in prefix.visits}

    @cached_property
    def previous_worker(self) -> dict[str, str]:
        """Stop id to worker id in the plan in force."""
        return {stop_id: worker_id for worker_id, ids in self.previous.items() for stop_id in ids}

    def stop(self, stop_id: str) -> Stop:
        """The stop of that id; KeyError when the day has none."""
        return self.stops[self.row[stop_id] - 1]

    def leg(self, from_row: int, to_row: int) -> int:
        """Seconds of travel between two rows."""
        return self.travel_seconds[from_row][to_row]

    def drop_price(self, stop: Stop) -> int:
        """What leaving this stop out costs, a broken promise included."""
        return stop.drop_penalty + (self.prices.promise if stop.promised else 0)
