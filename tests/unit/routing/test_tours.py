"""Coming back to the office for a result: where a tour is cut, on tiny days solvable by hand."""

from __future__ import annotations

from dataclasses import replace

from services.routing.application.tours import tour_of, with_second_tours
from services.routing.domain.assemble import plan_without_solver
from services.routing.domain.checker import check
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

HOUR = 3600
TEN_MINUTES = 600


def stop(name: str, earliest: float, latest: float, load: int = 1) -> Stop:
    """A promised visit of ten minutes; hours of the day."""
    return Stop(
        id=name,
        point=Point(15.8, 108.3),
        windows=(Window(round(earliest * HOUR), round(latest * HOUR)),),
        service_seconds=TEN_MINUTES,
        promised=True,
        load=load,
    )


def day(*stops: Stop, order: tuple[str, ...], lunch: LunchBand | None = None) -> Problem:
    """One worker, every leg ten minutes; `done` was visited from 7:40 to 7:50 and it is 8:00 now."""
    every = (stop("done", 7.5, 9.5), *stops)
    size = len(every) + 1
    legs = tuple(tuple(0 if row == column else TEN_MINUTES for column in range(size)) for row in range(size))
    visited = Visit("done", round(7.6667 * HOUR), round(7.6667 * HOUR), round(7.8333 * HOUR))
    return Problem(
        office=Point(15.8, 108.3),
        workers=(Worker("w/1", 7 * HOUR, 17 * HOUR, lunch=lunch),),
        stops=every,
        travel_seconds=legs,
        frozen=(FrozenPrefix("w/1", (visited,), ready_at=8 * HOUR, left_office=round(7.5 * HOUR)),),
        previous={"w/1": order},
    )


def test_nothing_changes_while_no_result_waits() -> None:
    """Broken when tours are cut without need."""
    problem = day(stop("late", 15, 17), order=("late",))
    assert with_second_tours(problem) is problem


def test_the_result_is_fetched_between_two_promises() -> None:
    """Broken when a worker with an afternoon visit cannot bring a result at noon."""
    problem = day(stop("late", 15, 17), stop("result", 10, 12, load=-1), order=("late",))
    cut = with_second_tours(problem)
    assert [worker.id for worker in cut.workers] == ["w/1", "w/2"]
    solution = plan_without_solver(cut)
    assert check(cut, solution) == []
    assert solution.unassigned == ()
    assert solution.route["w/2"].stop_ids == ("result", "late")


def test_without_room_before_the_promise_the_result_comes_after_it() -> None:
    """Broken when fetching a result breaks a promise already made."""
    problem = day(stop("soon", 8.1, 8.4), stop("result", 8.1, 12, load=-1), order=("soon",))
    solution = plan_without_solver(with_second_tours(problem))
    assert solution.route["w/1"].stop_ids == ("done", "soon")
    assert solution.route["w/2"].stop_ids == ("result",)


def test_two_tours_of_a_worker_never_overlap() -> None:
    """Broken when a worker is in two places at once."""
    problem = day(stop("soon", 8.1, 8.4), stop("result", 8.1, 12, load=-1), order=("soon",))
    solution = plan_without_solver(with_second_tours(problem))
    assert solution.route["w/1"].back_office <= solution.route["w/2"].leave_office


def test_a_result_already_aboard_stays_with_its_worker() -> None:
    """Broken when a result on one bike is planned for another."""
    aboard = replace(stop("aboard", 15, 17, load=-1), aboard_of="w/1")
    problem = day(aboard, stop("result", 10, 12, load=-1), order=("aboard",))
    cut = with_second_tours(problem)
    solution = plan_without_solver(cut)
    assert check(cut, solution) == []
    assert {tour_of(name)[0] for name in solution.worker_of.values()} == {"w"}
    assert solution.unassigned == ()


def test_lunch_is_kept_across_the_cut() -> None:
    """Broken when coming back to the office costs a worker the lunch break."""
    band = LunchBand(round(11.5 * HOUR), round(13.5 * HOUR), HOUR)
    problem = day(stop("late", 15, 17), stop("result", 13, 15, load=-1), order=("late",), lunch=band)
    cut = with_second_tours(problem)
    solution = plan_without_solver(cut)
    assert check(cut, solution) == []
    lunches = [route.lunch for route in solution.routes if route.lunch]
    assert len(lunches) == 1 or solution.route["w/2"].leave_office >= round(12.5 * HOUR)


def test_a_cut_made_before_is_kept() -> None:
    """Broken when every planning cuts the day anew and moves promises about."""
    problem = day(stop("late", 15, 17), stop("result", 10, 12, load=-1), order=())
    problem = replace(problem, previous={"w/1": (), "w/2": ("result", "late")})
    cut = with_second_tours(problem)
    assert cut.previous["w/2"] == ("result", "late")
