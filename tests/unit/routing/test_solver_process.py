"""The solver in a process of its own: the same answers, and its death hurts one search only."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.routing.adapters.solver_process import SolverProcess
from services.routing.application.solver_port import Progress
from services.routing.domain.checker import check
from services.routing.domain.problem import Point, Problem, Stop, Window, Worker
from shared.errors import Unavailable

HOUR = 3600
DYING = """
import os, time
class Dying:
    def solve(self, problem, **_):
        os._exit(3)
class Endless:
    def solve(self, problem, **_):
        while True:
            time.sleep(1)
class Failing:
    def solve(self, problem, **_):
        raise ValueError("no such day")
"""


def four_homes_on_a_line() -> Problem:
    """One worker, four homes ten minutes apart on a line, all day long."""
    stops = tuple(
        Stop(
            id=f"s{number}",
            point=Point(15.8, 108.3),
            windows=(Window(8 * HOUR, 11 * HOUR),),
            service_seconds=300,
        )
        for number in range(4)
    )
    legs = tuple(tuple(600 * abs(row - column) for column in range(5)) for row in range(5))
    return Problem(Point(15.8, 108.3), (Worker("w", 7 * HOUR, 17 * HOUR),), stops, legs)


@pytest.fixture
def broken_solvers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module with solvers that do not solve, findable by the child."""
    (tmp_path / "broken_solvers.py").write_text(DYING)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "broken_solvers"


def test_the_answer_and_its_progress_come_back() -> None:
    """Broken when a search elsewhere answers less than a search here."""
    solver, heard = SolverProcess(), list[Progress]()
    try:
        for _ in range(2):
            problem = four_homes_on_a_line()
            solution = solver.solve(problem, time_limit_seconds=0.2, on_progress=heard.append)
            assert check(problem, solution) == []
            assert solution.totals.travel_seconds == 8 * 600, "out along the line and back"
    finally:
        solver.close()
    assert heard
    assert all(isinstance(progress, Progress) for progress in heard)


@pytest.mark.parametrize("name", ["Dying", "Endless"])
def test_a_search_that_dies_or_never_ends_is_said(broken_solvers: str, name: str) -> None:
    """Broken when a crash in native code, or an endless loop, hangs the dispatcher's page."""
    solver = SolverProcess(f"{broken_solvers}:{name}", grace_seconds=0.5)
    with pytest.raises(Unavailable) as refusal:
        solver.solve(four_homes_on_a_line(), time_limit_seconds=0.1)
    assert refusal.value.problem_code == "solver.unavailable"


def test_a_defect_of_the_solver_is_no_silence(broken_solvers: str) -> None:
    """Broken when an exception in the child looks like a time-out and its reason is lost."""
    solver = SolverProcess(f"{broken_solvers}:Failing")
    with pytest.raises(RuntimeError, match="no such day"):
        solver.solve(four_homes_on_a_line())
