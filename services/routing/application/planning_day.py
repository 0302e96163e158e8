"""Reads one office's day as a planning problem: what is open, what the road has already decided.

Workers appear in the problem by tour (see `tours`): leaving the office, visiting, coming back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from services.routing.application.ports import Ports
from services.routing.application.records import (
    CalendarEntry,
    Office,
    PlanRow,
    PostalWorker,
    StopRow,
    plan_id_of,
)
from services.routing.application.times import seconds_into, seconds_of
from services.routing.application.tours import tour_id, tour_of, with_second_tours
from services.routing.domain.problem import (
    FrozenPrefix,
    LunchBand,
    Point,
    Problem,
    Stop,
    Visit,
    Window,
    Worker,
)
from services.routing.domain.stops import FIXED, OPEN, StopState
from shared.clock import local_date
from shared.errors import NotFound, RuleBroken
from shared.vietnamese.calendar import CalendarDay, DayKind, Scope, WorkingCalendar


@dataclass(frozen=True)
class PlanningDay:
    """The problem with what is needed to turn its solution back into a plan.

    `open_orders` is the plan in force, tour by tour; `history` the visits of tours that are over.
    """

    office: Office
    day: date
    problem: Problem
    open_orders: Mapping[str, tuple[str, ...]]
    history: Mapping[str, tuple[StopRow, ...]]
    base_revision: int
    versions: Mapping[str, int]

    def tours_of(self, worker_id: str) -> tuple[Worker, ...]:
        """The tours a worker can still be given stops on."""
        return tuple(tour for tour in self.problem.workers if tour_of(tour.id)[0] == worker_id)


def read_day(session: Session, office_id: str, day: date, now: datetime, ports: Ports) -> PlanningDay:
    """The day as it is at `now`. Raises NotFound for an unknown office, RuleBroken for a day gone by."""
    office = session.get(Office, office_id)
    if office is None:
        raise NotFound("Không có bưu cục này.", code="office.unknown")
    if day < local_date(now):
        raise RuleBroken("Ngày này đã qua, không lập lộ trình được nữa.", code="plan.day_over")
    workers = on_shift(session, office_id, day)
    mine = {worker.worker_id for worker in workers}
    rows = [row for row in stops_of(session, office_id, day) if _belongs(row, day, mine)]
    return _Reader(office, day, now, workers, rows, ports).read(latest_revision(session, office_id, day))


def stops_of(session: Session, office_id: str, day: date) -> list[StopRow]:
    """Every stop of an office's day, by window."""
    found = select(StopRow).where(StopRow.office_id == office_id, StopRow.day == day)
    return list(session.exec(found.order_by(col(StopRow.window_start), col(StopRow.stop_id))))


def latest_plan(session: Session, office_id: str, day: date) -> PlanRow | None:
    """The plan in force."""
    found = select(PlanRow).where(PlanRow.plan_id == plan_id_of(office_id, day))
    return session.exec(found.order_by(col(PlanRow.revision).desc())).first()


def latest_revision(session: Session, office_id: str, day: date) -> int:
    """The number of the plan in force, 0 when there is none."""
    plan = latest_plan(session, office_id, day)
    return plan.revision if plan else 0


def revisions_after(session: Session, office_id: str, day: date, revision: int) -> list[PlanRow]:
    """The revisions that came after this one, oldest first."""
    found = select(PlanRow).where(
        PlanRow.plan_id == plan_id_of(office_id, day), col(PlanRow.revision) > revision
    )
    return list(session.exec(found.order_by(col(PlanRow.revision))))


def on_shift(session: Session, office_id: str, day: date) -> list[PostalWorker]:
    """The office's workers on that day; nobody on a day off of the post."""
    entries = session.exec(select(CalendarEntry).where(CalendarEntry.day == day)).all()
    known = {scope.value for scope in Scope}
    exceptions = [
        CalendarDay(entry.day, DayKind(entry.kind), frozenset({Scope(entry.scope)}), entry.name)
        for entry in entries
        if entry.scope in known and Scope(entry.scope) is Scope.POST
    ]
    if not WorkingCalendar.of(exceptions).is_working(day, Scope.POST):
        return []
    found = select(PostalWorker).where(PostalWorker.office_id == office_id, col(PostalWorker.active))
    return list(session.exec(found.order_by(col(PostalWorker.worker_id))))


def _belongs(row: StopRow, day: date, workers: set[str]) -> bool:
    """Whether planning has to know the stop: it is open, or one of our workers was there that day."""
    if row.status in OPEN:
        return True
    return row.status in FIXED and row.worker_id in workers and local_date(_set_off(row)) == day


def _set_off(row: StopRow) -> datetime:
    """When the worker left for it; the earliest known moment of the visit otherwise."""
    return row.set_off_at or row.arrived_at or row.window_start


@dataclass
class _Reader:
    """Builds the problem step by step: tours first, then legs, then what the road has fixed."""

    office: Office
    day: date
    now: datetime
    workers: list[PostalWorker]
    rows: list[StopRow]
    ports: Ports

    def read(self, base_revision: int) -> PlanningDay:
        """The whole day."""
        mine = {worker.worker_id: self._fixed_of(worker.worker_id) for worker in self.workers}
        tour = {worker_id: self._current_tour(worker_id, fixed) for worker_id, fixed in mine.items()}
        history = {
            worker_id: tuple(row for row in fixed if row.tour < tour[worker_id])
            for worker_id, fixed in mine.items()
        }
        over = {row.stop_id for rows in history.values() for row in rows}
        self.rows = [row for row in self.rows if row.stop_id not in over]
        problem = self._problem(tour, history, mine)
        problem = with_second_tours(problem)
        return PlanningDay(
            office=self.office,
            day=self.day,
            problem=problem,
            open_orders={worker.id: problem.previous.get(worker.id, ()) for worker in problem.workers},
            history=history,
            base_revision=base_revision,
            versions={row.stop_id: row.version for row in self.rows if row.status in OPEN},
        )

    def _fixed_of(self, worker_id: str) -> list[StopRow]:
        fixed = [row for row in self.rows if row.worker_id == worker_id and row.status in FIXED]
        return sorted(fixed, key=lambda row: (row.tour, _set_off(row), row.stop_id))

    def _current_tour(self, worker_id: str, fixed: list[StopRow]) -> int:
        """The tour the worker is on, or the next one when everything of the last is done."""
        if not fixed:
            return 1
        last = max(row.tour for row in fixed)
        under_way = any(row.status is StopState.STARTED for row in fixed)
        left = any(
            row.worker_id == worker_id and row.status is StopState.PLANNED and row.tour <= last
            for row in self.rows
        )
        return last if under_way or left else last + 1

    def _problem(
        self,
        tour: Mapping[str, int],
        history: Mapping[str, tuple[StopRow, ...]],
        fixed: Mapping[str, list[StopRow]],
    ) -> Problem:
        points = [_point(self.office.lat, self.office.lon, self.office)]
        points += [_point(row.lat, row.lon, self.office) for row in self.rows]
        legs = self.ports.travel.matrix(points).seconds
        row_of = {row.stop_id: number + 1 for number, row in enumerate(self.rows)}
        prefixes = []
        for worker in self.workers:
            now_on = [row for row in fixed[worker.worker_id] if row.tour == tour[worker.worker_id]]
            name = tour_id(worker.worker_id, tour[worker.worker_id])
            if now_on:
                prefixes.append(self._prefix(name, now_on, legs, row_of))
            elif (ready := self._free_at(history[worker.worker_id])) is not None:
                prefixes.append(FrozenPrefix(name, (), ready))
        names = [tour_id(worker.worker_id, tour[worker.worker_id]) for worker in self.workers]
        return Problem(
            office=points[0],
            workers=tuple(_worker(worker, name) for worker, name in zip(self.workers, names, strict=True)),
            stops=tuple(self._stop(row, tour) for row in self.rows),
            travel_seconds=legs,
            frozen=tuple(prefixes),
            locked={
                row.stop_id: tour_id(str(row.locked_to), tour[str(row.locked_to)])
                for row in self.rows
                if row.locked_to in tour and row.status in OPEN
            },
            previous=self._previous(tour),
        )

    def _free_at(self, earlier: tuple[StopRow, ...]) -> int | None:
        """From when a worker at the office can leave: never before now, nor before being back."""
        if self.day != local_date(self.now):
            return None
        free = seconds_into(self.day, self.now)
        if earlier:
            last = earlier[-1]
            way_home = self.ports.travel.matrix(
                [
                    _point(last.lat, last.lon, self.office),
                    _point(self.office.lat, self.office.lon, self.office),
                ]
            ).seconds[0][1]
            free = max(free, seconds_into(self.day, last.finished_at or self.now) + way_home)
        return free

    def _prefix(
        self,
        name: str,
        rows: list[StopRow],
        legs: tuple[tuple[int, ...], ...],
        row_of: Mapping[str, int],
    ) -> FrozenPrefix:
        """What happened on a tour under way; the visit under way gets its expected times."""
        now = seconds_into(self.day, self.now)
        left_office = seconds_into(self.day, _set_off(rows[0]))
        visits: list[Visit] = []
        here, free = 0, left_office
        for row in rows:
            set_off = max(free, seconds_into(self.day, _set_off(row)))
            arrive = set_off + legs[here][row_of[row.stop_id]]
            if row.arrived_at is not None:
                arrive = max(free, seconds_into(self.day, row.arrived_at))
            if row.finished_at is not None:
                start, depart = arrive, max(arrive, seconds_into(self.day, row.finished_at))
            else:
                start = max(arrive, seconds_into(self.day, row.window_start))
                depart = max(start + row.service_seconds, now)
            visits.append(Visit(row.stop_id, arrive, start, depart))
            here, free = row_of[row.stop_id], depart
        return FrozenPrefix(name, tuple(visits), max(now, free), left_office)

    def _previous(self, tour: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
        """The plan in force by tour; a planned tour that never became one of its own joins the current."""
        planned = [row for row in self.rows if row.status is StopState.PLANNED and row.worker_id in tour]
        orders: dict[str, list[str]] = {}
        for row in sorted(planned, key=lambda row: (row.tour, row.position)):
            number = max(row.tour, tour[str(row.worker_id)])
            orders.setdefault(tour_id(str(row.worker_id), number), []).append(row.stop_id)
        return {name: tuple(ids) for name, ids in orders.items()}

    def _stop(self, row: StopRow, tour: Mapping[str, int]) -> Stop:
        carrier = row.aboard_of if row.aboard_of in tour else None
        window = Window(seconds_into(self.day, row.window_start), seconds_into(self.day, row.window_end))
        return Stop(
            id=row.stop_id,
            point=_point(row.lat, row.lon, self.office),
            windows=(window,),
            service_seconds=row.service_seconds,
            promised=True,
            load=row.load,
            skill=row.skill,
            aboard_of=tour_id(carrier, tour[carrier]) if carrier else None,
        )


def _point(lat: float, lon: float, office: Office) -> Point:
    return Point(lat, lon, office.mountains)


def _worker(row: PostalWorker, name: str) -> Worker:
    return Worker(
        id=name,
        shift_start=seconds_of(row.shift_start),
        shift_end=seconds_of(row.shift_end),
        lunch=LunchBand(seconds_of(row.lunch_from), seconds_of(row.lunch_to), row.lunch_minutes * 60),
        capacity=row.capacity,
        skills=frozenset(row.skills),
    )
