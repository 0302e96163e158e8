"""When a given sequence of stops can happen: exact times, and an exact test for one more stop.

A worker who can leave a place earlier is never worse off (waiting is allowed), so two numbers tell
everything about a partial route: the earliest moment to leave *before* lunch and *after* lunch.
Going forward gives the earliest such pair after each stop; going backward gives the latest pair from
which the rest of the route still works. A stop fits between two others exactly when the forward pair,
carried through it, does not pass the backward pair: constant time for each place tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from services.routing.domain.problem import (
    DAY_SECONDS,
    OFFICE,
    Break,
    LunchBand,
    Problem,
    Stop,
    Visit,
    Window,
    Worker,
)
from services.routing.domain.solution import Route

LATE = 10 * DAY_SECONDS
"""Later than any day: an earliest moment that never comes."""

NEVER = -LATE
"""Before any day: a latest moment that is already over."""


class Moments(NamedTuple):
    """Two moments at one place: for a worker who still has lunch ahead, and for one who has not."""

    hungry: int
    fed: int


def earliest_start(windows: Sequence[Window], arrival: int) -> int:
    """The first allowed start of service for who arrives then; `LATE` when every window is over."""
    for window in windows:
        if arrival <= window.latest:
            return max(arrival, window.earliest)
    return LATE


def latest_start(windows: Sequence[Window], limit: int) -> int:
    """The last allowed start of service that is not after `limit`; `NEVER` when there is none."""
    for window in reversed(windows):
        if window.earliest <= limit:
            return min(limit, window.latest)
    return NEVER


class Timing(NamedTuple):
    """How lunch works for one worker on this day; `band` is None when none is owed any more."""

    band: LunchBand | None

    def after_meal(self, leave: int, leg: int) -> int:
        """Ready at the next door when lunch is taken on the way or while waiting; `LATE` if too late."""
        if self.band is None or leave > self.band.latest_start:
            return LATE
        return max(leave + leg, self.band.earliest) + self.band.seconds

    def forward(self, ready: Moments, leg: int, stop: Stop) -> Moments:
        """Earliest moments to leave `stop`, coming from a place that can be left at `ready`."""
        fed_arrival = min(ready.fed + leg, self.after_meal(ready.hungry, leg))
        hungry = earliest_start(stop.windows, ready.hungry + leg) + stop.service_seconds
        fed = earliest_start(stop.windows, fed_arrival) + stop.service_seconds
        return Moments(min(hungry, LATE), min(fed, LATE))

    def backward(self, leg: int, stop: Stop, limit: Moments) -> Moments:
        """Latest moments to leave the place before `stop`, given the latest moments to leave `stop`."""
        hungry = latest_start(stop.windows, limit.hungry - stop.service_seconds)
        fed = latest_start(stop.windows, limit.fed - stop.service_seconds)
        return self.before_leg(leg, Moments(hungry, fed))

    def before_leg(self, leg: int, latest: Moments) -> Moments:
        """Latest moments to leave for a door where service must start by `latest`."""
        hungry = latest.hungry - leg
        if self.band is None:
            return Moments(NEVER, latest.fed - leg)
        if self.band.earliest + self.band.seconds <= latest.fed:
            on_the_way = latest.fed - self.band.seconds - leg
            hungry = max(hungry, min(on_the_way, self.band.latest_start))
        return Moments(hungry, latest.fed - leg)


def fits(ready: Moments, limit: Moments) -> bool:
    """Whether somebody ready then is still in time for the rest of the route."""
    return ready.hungry <= limit.hungry or ready.fed <= limit.fed


@dataclass(frozen=True)
class Timetable:
    """A sequence of open stops of one worker with everything needed to try one more.

    `rows` are the matrix rows from the place the worker stands at, through the open stops, to the
    office; `ready[k]` and `limit[k]` belong to leaving `rows[k]` (the last limit to reaching the office).
    """

    problem: Problem
    worker: Worker
    rows: tuple[int, ...]
    timing: Timing
    ready: tuple[Moments, ...]
    limit: tuple[Moments, ...]

    @property
    def feasible(self) -> bool:
        """Whether every window, the lunch and the end of the shift are kept."""
        return fits(self.ready[0], self.limit[0])

    @property
    def open_ids(self) -> tuple[str, ...]:
        """The stops still to visit, in order."""
        return tuple(self.problem.stops[row - 1].id for row in self.rows[1:-1])

    def takes(self, gap: int, stop: Stop) -> bool:
        """Whether `stop` fits, in time, between `rows[gap]` and `rows[gap + 1]`."""
        legs, row = self.problem.travel_seconds, self.problem.row[stop.id]
        before, after = self.rows[gap], self.rows[gap + 1]
        ready = self.timing.forward(self.ready[gap], legs[before][row], stop)
        return fits(ready, self._limit_before(legs[row][after], gap + 1))

    def detour(self, gap: int, row: int) -> int:
        """Seconds of travel that visiting `row` in that gap adds."""
        legs, before, after = self.problem.travel_seconds, self.rows[gap], self.rows[gap + 1]
        return legs[before][row] + legs[row][after] - legs[before][after]

    def _limit_before(self, leg: int, position: int) -> Moments:
        if position == len(self.rows) - 1:
            return self.timing.before_leg(leg, self.limit[position])
        stop = self.problem.stops[self.rows[position] - 1]
        return self.timing.backward(leg, stop, self.limit[position])


def lunch_owed(problem: Problem, worker: Worker) -> LunchBand | None:
    """The lunch still to be planned: None when taken, not granted, or its band is already passed."""
    prefix = problem.prefix.get(worker.id)
    if worker.lunch is None or (prefix and prefix.lunch):
        return None
    return worker.lunch if standing_at(problem, worker)[1] <= worker.lunch.latest_start else None


def standing_at(problem: Problem, worker: Worker) -> tuple[int, int]:
    """The matrix row where the worker's open route begins, and the moment from which it can."""
    prefix = problem.prefix.get(worker.id)
    if prefix is None:
        return OFFICE, worker.shift_start
    row = problem.row[prefix.visits[-1].stop_id] if prefix.visits else OFFICE
    return row, max(prefix.ready_at, worker.shift_start)


def timetable(problem: Problem, worker: Worker, open_ids: Sequence[str]) -> Timetable:
    """Work out the moments for visiting `open_ids` in this order (frozen visits are not repeated)."""
    row, ready_at = standing_at(problem, worker)
    stops = [problem.stop(stop_id) for stop_id in open_ids]
    rows = (row, *(problem.row[stop.id] for stop in stops), OFFICE)
    timing = Timing(lunch_owed(problem, worker))
    ready = [Moments(ready_at, LATE) if timing.band else Moments(LATE, ready_at)]
    for stop, before, here in zip(stops, rows[:-2], rows[1:-1], strict=True):
        ready.append(timing.forward(ready[-1], problem.leg(before, here), stop))
    still_hungry = min(worker.shift_end, timing.band.latest_start) if timing.band else NEVER
    limit = [Moments(still_hungry, worker.shift_end)]
    limit.append(timing.before_leg(problem.leg(rows[-2], OFFICE), limit[0]))
    for position in range(len(stops) - 1, -1, -1):
        leg, stop = problem.leg(rows[position], rows[position + 1]), stops[position]
        limit.append(timing.backward(leg, stop, limit[-1]))
    return Timetable(problem, worker, rows, timing, tuple(ready), tuple(reversed(limit)))


def route_of(problem: Problem, worker: Worker, open_ids: Sequence[str]) -> Route | None:
    """The route with exact times that is back earliest; None when the sequence cannot be kept.

    A worker still at the office leaves just in time for the first door. A worker with nothing left
    to visit always gets a route: coming back late from what already happened is no plan to refuse.
    """
    table = timetable(problem, worker, open_ids)
    if open_ids and not table.feasible:
        return None
    prefix = problem.prefix.get(worker.id)
    done = prefix.visits if prefix else ()
    visits, back, lunch = _walk(table)
    leave = prefix.left_office if prefix else None
    if leave is None:
        leave, visits, lunch = _leave_late(table, visits, lunch)
        back = back if visits else leave
    return Route(
        worker.id,
        leave_office=leave,
        visits=(*done, *visits),
        back_office=back,
        lunch=(prefix.lunch if prefix else None) or lunch,
        travel_seconds=travel_seconds(problem, [*(visit.stop_id for visit in done), *open_ids]),
    )


def travel_seconds(problem: Problem, stop_ids: Sequence[str]) -> int:
    """Seconds on the road from the office through these stops and back."""
    rows = [OFFICE, *(problem.row[stop_id] for stop_id in stop_ids), OFFICE]
    return sum(problem.leg(before, here) for before, here in pairwise(rows))


def _walk(table: Timetable) -> tuple[list[Visit], int, Break | None]:
    """Earliest times along the table's sequence: visits, being back, lunch."""
    band, meal = table.timing.band, _meal_gap(table)
    visits: list[Visit] = []
    lunch: Break | None = None
    moment = available = min(table.ready[0])
    for gap, (before, here) in enumerate(pairwise(table.rows)):
        arrive = available = moment + table.problem.leg(before, here)
        if band and gap == meal:
            lunch = _place_lunch(band, moment, arrive)
            arrive += band.seconds if lunch.start < arrive else 0
            available = max(arrive, lunch.end)
        if here != OFFICE:
            stop = table.problem.stops[here - 1]
            start = earliest_start(stop.windows, available)
            moment = start + stop.service_seconds
            visits.append(Visit(stop.id, arrive, start, moment))
    return visits, available, lunch


def _place_lunch(band: LunchBand, leave: int, arrive: int) -> Break:
    """Before setting out if the band is open by then, else at the next door, else on the way."""
    before_leaving = leave >= band.earliest or arrive > band.latest_start
    start = max(leave if before_leaving else arrive, band.earliest)
    return Break(start, start + band.seconds)


def _meal_gap(table: Timetable) -> int | None:
    """The gap in which lunch brings the worker back earliest; None when the route owes no lunch."""
    band, last = table.timing.band, len(table.rows) - 1
    if band is None:
        return None
    back_hungry = table.ready[last - 1].hungry + table.problem.leg(table.rows[last - 1], OFFICE)
    if back_hungry <= band.latest_start:
        return None
    fed, chosen = LATE, None
    for gap, (before, here) in enumerate(pairwise(table.rows)):
        leg = table.problem.leg(before, here)
        now, earlier = table.timing.after_meal(table.ready[gap].hungry, leg), fed + leg
        if here != OFFICE:
            stop = table.problem.stops[here - 1]
            now = earliest_start(stop.windows, now) + stop.service_seconds
            earlier = earliest_start(stop.windows, earlier) + stop.service_seconds
        fed, chosen = (now, gap) if now < earlier else (earlier, chosen)
    return chosen


def _leave_late(
    table: Timetable, visits: list[Visit], lunch: Break | None
) -> tuple[int, list[Visit], Break | None]:
    """Turn waiting at the first door into a later departure; a lunch before it is eaten at the office."""
    ready_at = min(table.ready[0])
    if not visits:
        return ready_at, visits, None
    first, leg, band = visits[0], table.problem.leg(OFFICE, table.rows[1]), table.timing.band
    arrive = first.start
    if band and lunch and lunch.start < first.start:
        at_office = max(ready_at, band.earliest)
        if at_office + band.seconds <= arrive - leg:
            lunch = Break(at_office, at_office + band.seconds)
        elif lunch.start >= first.arrive:
            arrive = lunch.start
        else:
            return ready_at, visits, lunch
    return arrive - leg, [Visit(first.stop_id, arrive, first.start, first.depart), *visits[1:]], lunch
