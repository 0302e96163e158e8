"""The dispatcher's picture of one day: workers with their stops in order, what is left, the map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from services.routing.application.planning_day import latest_plan, on_shift, stops_of
from services.routing.application.records import Office, PlanRow, PostalWorker, StopRow, Unit
from services.routing.application.times import seconds_of
from services.routing.domain.stops import FIXED, StopState, is_late, runs_behind
from shared.vietnamese.dates import format_time

PURPOSES = {
    "pickup": "Thu gom hồ sơ",
    "guidance": "Hướng dẫn tại nhà",
    "supplement": "Thu gom giấy tờ bổ sung",
    "return": "Trả kết quả",
}
ORIGINS = {"solver": "lập lộ trình", "move": "chuyển tay", "urgent": "tự xếp điểm mới"}
"""How a revision came about."""
SKILLS = {"guidance": "hướng dẫn", "certified": "có chứng chỉ", "experienced": "nhiều kinh nghiệm"}
COLOURS = 8
"""How many route colours the map has before they repeat."""


@dataclass(frozen=True)
class StopLine:
    """One stop as a line of the list. `number` counts the open and past stops of its worker from 1."""

    row: StopRow
    number: int
    unit: str
    late: bool
    behind: bool

    @property
    def purpose(self) -> str:
        """What the visit is for, in words."""
        return PURPOSES.get(self.row.purpose, self.row.purpose)

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The promise."""
        return self.row.window_start, self.row.window_end

    @property
    def state(self) -> StopState:
        """Where it stands."""
        return self.row.status

    @property
    def movable(self) -> bool:
        """Whether a dispatcher may still give it to somebody else."""
        return self.state in {StopState.PLANNED, StopState.UNASSIGNED, StopState.WAITING}

    @property
    def moment(self) -> datetime | None:
        """When the worker was there, or is expected to begin."""
        return self.row.arrived_at or self.row.start

    @property
    def estimated(self) -> bool:
        """Whether the place is known no better than its commune, so that its order is a guess."""
        return self.row.precision == "unit"


@dataclass(frozen=True)
class WorkerLine:
    """One worker's day. `load_percent` is travel and service, without waiting, against the shift
    without lunch."""

    worker: PostalWorker
    colour: int
    stops: tuple[StopLine, ...]
    leave: datetime | None
    back: datetime | None
    lunches: tuple[tuple[datetime, datetime], ...]
    load_percent: int

    @property
    def late(self) -> int:
        """How many promises are broken by now."""
        return sum(line.late for line in self.stops)

    @property
    def skills(self) -> str:
        """What the worker is qualified for, in words."""
        return ", ".join(SKILLS.get(skill, skill) for skill in self.worker.skills)


@dataclass(frozen=True)
class Board:
    """Everything the page `/dieu-do` shows."""

    office: Office
    day: date
    plan: PlanRow | None
    workers: tuple[WorkerLine, ...]
    unassigned: tuple[StopLine, ...]
    waiting: tuple[StopLine, ...]
    withdrawn: int

    @property
    def total(self) -> int:
        """Stops of the day, cancelled ones apart."""
        return sum(len(line.stops) for line in self.workers) + len(self.unassigned) + len(self.waiting)

    @property
    def not_in_plan(self) -> int:
        """Stops that came after the plan in force was made: they call for a new one."""
        return len(self.waiting) if self.plan else 0

    @property
    def done(self) -> int:
        """Visits that are over."""
        over = {StopState.DONE, StopState.FAILED}
        return sum(stop.state in over for line in self.workers for stop in line.stops)

    @property
    def late(self) -> int:
        """Promises broken by now."""
        left = sum(stop.late for stop in (*self.unassigned, *self.waiting))
        return sum(line.late for line in self.workers) + left

    def map_data(self) -> dict[str, Any]:
        """Points and straight legs for the kit's map."""
        office = [self.office.lat, self.office.lon]
        points = [{"lat": office[0], "lon": office[1], "label": self.office.name, "kind": "office"}]
        routes = []
        for line in self.workers:
            points += [_point(stop, line) for stop in line.stops]
            if line.stops:
                legs = [office, *([stop.row.lat, stop.row.lon] for stop in line.stops), office]
                routes.append({"name": line.worker.name, "points": legs, "colour": line.colour})
        points += [_point(stop, None) for stop in (*self.unassigned, *self.waiting)]
        return {"points": points, "routes": routes}


def read_board(session: Session, office: Office, day: date, now: datetime) -> Board:
    """The day as it is at `now`."""
    rows = stops_of(session, office.office_id, day)
    plan = latest_plan(session, office.office_id, day)
    names = _unit_names(session, {row.unit_id for row in rows})

    def lines(chosen: list[StopRow]) -> tuple[StopLine, ...]:
        return tuple(
            StopLine(
                row=row,
                number=number,
                unit=names.get(row.unit_id, ""),
                late=is_late(row.status, row.window_end, now),
                behind=runs_behind(row.status, row.start, now),
            )
            for number, row in enumerate(chosen, start=1)
        )

    team = _team(session, office.office_id, day, rows)
    routes = {route["worker_id"]: route for route in plan.routes} if plan else {}
    return Board(
        office=office,
        day=day,
        plan=plan,
        workers=tuple(
            _worker_line(
                worker, number % COLOURS, lines(_in_order(rows, worker)), routes.get(worker.worker_id)
            )
            for number, worker in enumerate(team)
        ),
        unassigned=lines([row for row in rows if row.status is StopState.UNASSIGNED]),
        waiting=lines([row for row in rows if row.status is StopState.WAITING]),
        withdrawn=sum(row.status is StopState.WITHDRAWN for row in rows),
    )


def days_not_in_plan(session: Session, office_id: str, since: date) -> Mapping[date, int]:
    """The planned days of an office with stops that came after the plan: day to how many."""
    planned = select(col(PlanRow.day)).where(PlanRow.office_id == office_id)
    found = select(col(StopRow.day)).where(
        StopRow.office_id == office_id,
        StopRow.state == StopState.WAITING,
        col(StopRow.day) >= since,
        col(StopRow.day).in_(planned),
    )
    return Counter(session.exec(found.order_by(col(StopRow.day))))


def _team(session: Session, office_id: str, day: date, rows: list[StopRow]) -> list[PostalWorker]:
    """Who is on shift, and whoever else has a stop of this day."""
    team = on_shift(session, office_id, day)
    others = {row.worker_id for row in rows if row.worker_id} - {worker.worker_id for worker in team}
    found = select(PostalWorker).where(col(PostalWorker.worker_id).in_(others))
    return [*team, *session.exec(found)]


def _in_order(rows: list[StopRow], worker: PostalWorker) -> list[StopRow]:
    mine = [
        row for row in rows if row.worker_id == worker.worker_id and row.status in FIXED | {StopState.PLANNED}
    ]
    return sorted(
        mine, key=lambda row: (row.status not in FIXED, row.arrived_at or row.start or row.window_start)
    )


def _worker_line(
    worker: PostalWorker, colour: int, stops: tuple[StopLine, ...], route: dict[str, Any] | None
) -> WorkerLine:
    shift = seconds_of(worker.shift_end) - seconds_of(worker.shift_start) - worker.lunch_minutes * 60
    work = sum(stop.row.service_seconds for stop in stops) + (int(route["travel_seconds"]) if route else 0)
    used = route if route and stops else None
    return WorkerLine(
        worker=worker,
        colour=colour,
        stops=stops,
        leave=_instant(used["leave_office"]) if used else None,
        back=_instant(used["back_office"]) if used else None,
        lunches=tuple((_instant(part["start"]), _instant(part["end"])) for part in used["lunches"])
        if used
        else (),
        load_percent=min(100, round(100 * work / max(1, shift))),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _point(stop: StopLine, line: WorkerLine | None) -> dict[str, Any]:
    kind = "late" if stop.late else "done" if stop.state in FIXED else "home"
    window = f"{format_time(stop.row.window_start)}–{format_time(stop.row.window_end)}"
    when = f"{format_time(stop.moment)} · hẹn {window}" if stop.moment else f"hẹn {window}"
    who = line.worker.name if line else stop.state.label
    return {
        "lat": stop.row.lat,
        "lon": stop.row.lon,
        "label": f"{stop.row.code} · {stop.purpose}",
        "detail": f"{who}. {when}" + (" · vị trí ước lượng" if stop.estimated else ""),
        "number": stop.number if line else None,
        "kind": f"{kind} way-{line.colour}" if line else f"{kind} unplanned",
    }


def _unit_names(session: Session, unit_ids: set[str]) -> dict[str, str]:
    found = session.exec(select(Unit).where(col(Unit.unit_id).in_(unit_ids)))
    return {unit.unit_id: unit.name for unit in found}
