"""The day solver on OR-Tools routing.

Measured on 2 shared cores, OR-Tools 9.15, 1 s each, clustered days with lunch, windows, skills and
loads (price of the plan, mean of two seeds): 60 stops, 4 workers: insertion alone 58,200; guided local
search 25,800, with the operators cut down 27,300; iterated local search from savings 25,200, from parallel
insertion 24,900. 200 stops, 9 workers, 5 s: guided local search from parallel insertion 110,200, warm from
plain insertion 138,400; iterated local search from savings was far behind guided search there (compared
before the effort dimension below existed). So: iterated local search up to `ILS_STOPS` (a guess between the
two sizes), guided local search beyond it and for warm starts (iterated search takes no start).
Pricing an uneven day through the span of the time dimension leaves a fraction of the plans tried per second
(1,000 to 40 with 20 stops); a dimension without slack that counts travel and service keeps about half, so
the search works on that and the exact price decides at the end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from services.routing.application.solver_port import OnProgress, Progress
from services.routing.domain.assemble import assemble, objective_of
from services.routing.domain.insertion import Draft, construct
from services.routing.domain.problem import DAY_SECONDS, OFFICE, Problem, Worker
from services.routing.domain.rules import load_levels, refusal
from services.routing.domain.schedule import lunch_owed, standing_at, timetable
from services.routing.domain.solution import Solution

Orders = Mapping[str, tuple[str, ...]]
"""Worker id to the open stops in order."""

ILS_STOPS = 100
"""Up to this many open stops a first plan is searched by iterated local search."""

COST_SCALE = 10
"""Whole solver units for each second of travel, so that a price of some thousandths stays whole."""

EXACT_SHARE = 0.1
"""The share of the search that may go into pricing better plans exactly."""

SMALL_DAY_SECONDS = 0.1
STOPS_SQUARED_PER_SECOND = 2000
"""A day of n stops is searched for at most 0.1 + n²/2000 seconds: what the best plans of days with 8, 20,
40 and 60 stops took (0.02, 0.2, 0.3 and 1.8 s), and more. Iterated search cannot be cancelled from a
callback: it spins idly until its time limit, so the limit itself has to be short."""

ITERATED_LOCAL_SEARCH = """
    perturbation_strategy: RUIN_AND_RECREATE
    ruin_recreate_parameters {
      ruin_strategies { sisr { max_removed_sequence_size: 10 avg_num_removed_visits: 15 bypass_factor: 0.5 } }
      ruin_composition_strategy: RUN_ALL_SEQUENTIALLY
      recreate_strategy { heuristic: LOCAL_CHEAPEST_INSERTION }
      route_selection_neighbors_ratio: 1 route_selection_min_neighbors: 10 route_selection_max_neighbors: 100
    }
    improve_perturbed_solution: true
    reference_solution_acceptance_strategy {
      simulated_annealing { cooling_schedule_strategy: EXPONENTIAL automatic_temperatures: true }
    }
    best_solution_acceptance_strategy { greedy_descent {} }
"""

ILS_OPERATORS = frozenset(
    f"use_{name}"
    for name in ("relocate", "exchange", "two_opt", "or_opt", "cross", "make_active", "swap_active")
)


class OrToolsSolver:
    """`DaySolver` by OR-Tools: search, then exact times and an exact price in plain Python.

    The library (45 MB) is loaded by the first `solve`. Answers are reproducible as far as a wall-clock
    limit allows: there is no randomness besides how far the search gets.
    """

    def solve(
        self, problem: Problem, *, time_limit_seconds: float = 2.0, on_progress: OnProgress | None = None
    ) -> Solution:
        """See `DaySolver.solve`; small days end as soon as nothing better turns up."""
        best = _Best(problem, on_progress)
        best.offer(construct(problem))
        if best.orders is None:
            raise AssertionError("a constructed plan breaks no rule")
        workers = [worker for worker in problem.workers if timetable(problem, worker, ()).feasible]
        if workers and len(problem.done) < len(problem.stops):
            found = _Search(problem, workers, best).run(time_limit_seconds)
            if found is not None:
                best.offer(found)
        draft = Draft(problem, best.orders)
        draft.fill()
        best.offer(draft.open_ids)
        return assemble(problem, best.orders)


class _Best:
    """The best plan so far by its exact price; tells about each better one."""

    def __init__(self, problem: Problem, on_progress: OnProgress | None) -> None:
        self.problem = problem
        self.orders: Orders | None = None
        self.spent = 0.0
        self._objective: int | None = None
        self._on_progress = on_progress
        self._began = time.monotonic()

    def offer(self, orders: Orders) -> None:
        """Keep these orders if they break no rule and cost less."""
        began = time.monotonic()
        objective = objective_of(self.problem, orders)
        self.spent += time.monotonic() - began
        if objective is None or (self._objective is not None and objective >= self._objective):
            return
        self.orders, self._objective = orders, objective
        if self._on_progress:
            served = len(self.problem.done) + sum(map(len, orders.values()))
            self._on_progress(Progress(self.elapsed, objective, served))

    @property
    def elapsed(self) -> float:
        """Seconds since the search began."""
        return time.monotonic() - self._began


class _Search:
    """One OR-Tools model: the open stops, and each worker starting where the frozen visits ended."""

    def __init__(self, problem: Problem, workers: list[Worker], best: _Best) -> None:
        from ortools.constraint_solver import pywrapcp  # noqa: PLC0415 - only where a day is planned

        self.cp: Any = pywrapcp
        self.problem, self.workers, self.best = problem, workers, best
        self.open = [stop for stop in problem.stops if stop.id not in problem.done]
        self.standing = [standing_at(problem, worker) for worker in workers]
        elsewhere = [row for row, _ in self.standing if row != OFFICE]
        self.rows = [OFFICE, *(problem.row[stop.id] for stop in self.open), *elsewhere]
        starts = [self.rows.index(row) if row != OFFICE else 0 for row, _ in self.standing]
        self.index = pywrapcp.RoutingIndexManager(len(self.rows), len(workers), starts, [0] * len(workers))
        self.model: Any = pywrapcp.RoutingModel(self.index)
        self._lowest = float("inf")
        self._travel_and_time()
        self._stops()
        self._loads()
        self._changes()

    def run(self, time_limit_seconds: float) -> Orders | None:
        """Search; the last orders found, or None when there are none."""
        enough = SMALL_DAY_SECONDS + len(self.open) ** 2 / STOPS_SQUARED_PER_SECOND
        limit = max(0.05, min(enough, time_limit_seconds - self.best.elapsed))
        parameters = self._parameters(limit)
        self.model.AddAtSolutionCallback(self._at_solution)
        self.model.CloseModelWithParameters(parameters)
        start = self._warm_start() if self.problem.previous else None
        if start is not None:
            found = self.model.SolveFromAssignmentWithParameters(start, parameters)
        elif parameters.use_iterated_local_search:
            found = self.model.SolveWithIteratedLocalSearch(parameters)
        else:
            found = self.model.SolveWithParameters(parameters)
        return None if found is None else self._orders(lambda index: found.Value(self.model.NextVar(index)))

    def _travel_and_time(self) -> None:
        """Prices of legs, clock with shift and lunch, and the effort that evens out the day."""
        problem, model, solver = self.problem, self.model, self.model.solver()
        legs = [[problem.leg(here, there) for there in self.rows] for here in self.rows]
        service = [0] * len(self.rows)
        for node, stop in enumerate(self.open, start=1):
            service[node] = stop.service_seconds
        cost = model.RegisterTransitMatrix([[COST_SCALE * leg for leg in row] for row in legs])
        busy = model.RegisterTransitMatrix(
            [[service[node] + leg for leg in row] for node, row in enumerate(legs)]
        )
        model.SetArcCostEvaluatorOfAllVehicles(cost)
        model.AddDimension(busy, DAY_SECONDS, DAY_SECONDS, False, "time")
        self.clock = model.GetDimensionOrDie("time")
        visit_seconds = [service[self.index.IndexToNode(index)] for index in range(model.Size())]
        for vehicle, (worker, (_, ready_at)) in enumerate(zip(self.workers, self.standing, strict=True)):
            self.clock.CumulVar(model.Start(vehicle)).SetRange(ready_at, worker.shift_end)
            self.clock.CumulVar(model.End(vehicle)).SetMax(worker.shift_end)
            band = lunch_owed(problem, worker)
            if band:
                begin = max(band.earliest, ready_at)
                lunch = solver.FixedDurationIntervalVar(
                    begin, band.latest_start, band.seconds, False, f"lunch {worker.id}"
                )
                self.clock.SetBreakIntervalsOfVehicle([lunch], vehicle, visit_seconds)
        self._effort(busy, legs, service)

    def _effort(self, busy: int, legs: list[list[int]], service: list[int]) -> None:
        """Price seconds of travel and service beyond a low guess of the mean."""
        price = self.problem.prices.imbalance_permille * COST_SCALE // 1000
        if not price or len(self.workers) < 2:
            return
        nearest = sum(min(row[:node] + row[node + 1 :]) for node, row in enumerate(legs[1:], start=1))
        self.model.AddDimension(busy, 0, 2 * DAY_SECONDS, True, "effort")
        effort = self.model.GetDimensionOrDie("effort")
        mean = (nearest + sum(service)) // len(self.workers)
        for vehicle in range(len(self.workers)):
            effort.SetCumulVarSoftUpperBound(self.model.End(vehicle), mean, price)

    def _stops(self) -> None:
        """Windows, the price of dropping, and who may come."""
        for node, stop in enumerate(self.open, start=1):
            index = self.index.NodeToIndex(node)
            start = self.clock.CumulVar(index)
            start.SetRange(stop.windows[0].earliest, stop.windows[-1].latest)
            for before, after in pairwise(stop.windows):
                start.RemoveInterval(before.latest + 1, after.earliest - 1)
            self.model.AddDisjunction([index], COST_SCALE * self.problem.drop_price(stop))
            allowed = [
                vehicle
                for vehicle, worker in enumerate(self.workers)
                if refusal(self.problem, stop, worker) is None
            ]
            if len(allowed) < len(self.workers):
                # SetAllowedVehiclesForIndex has no working binding in this release.
                self.model.VehicleVar(index).SetValues([-1, *allowed])

    def _loads(self) -> None:
        """Capacity, left out when it cannot bind. What is aboard at the end was collected on the way."""
        aboard_now = [load_levels(self.problem, worker, ())[0] for worker in self.workers]
        everything = max(aboard_now) + sum(abs(stop.load) for stop in self.open)
        if all(worker.capacity >= everything for worker in self.workers):
            return
        model = self.model
        rest = [0] * (len(self.rows) - 1 - len(self.open))
        change = model.RegisterUnaryTransitVector([0, *(stop.load for stop in self.open), *rest])
        picked = model.RegisterUnaryTransitVector([0, *(max(0, stop.load) for stop in self.open), *rest])
        bounds = [max(worker.capacity, now) for worker, now in zip(self.workers, aboard_now, strict=True)]
        model.AddDimensionWithVehicleCapacity(change, 0, bounds, False, "aboard")
        model.AddDimension(picked, 0, everything, True, "collected")
        aboard, collected = model.GetDimensionOrDie("aboard"), model.GetDimensionOrDie("collected")
        for vehicle, worker in enumerate(self.workers):
            prefix = self.problem.prefix.get(worker.id)
            if prefix and prefix.left_office is not None:
                aboard.CumulVar(model.Start(vehicle)).SetValue(aboard_now[vehicle])
            else:
                end = model.End(vehicle)
                model.solver().Add(aboard.CumulVar(end) == collected.CumulVar(end))

    def _changes(self) -> None:
        """Price a stop that changes its worker against the plan in force."""
        previous, model = self.problem.previous_worker, self.model
        if not previous or not self.problem.prices.moved:
            return
        rest = [0] * (len(self.rows) - 1 - len(self.open))
        counts = [
            model.RegisterUnaryTransitVector(
                [0, *(int(previous.get(stop.id, worker.id) != worker.id) for stop in self.open), *rest]
            )
            for worker in self.workers
        ]
        model.AddDimensionWithVehicleTransits(counts, 0, len(self.open) + 1, True, "changes")
        price = self.problem.prices.moved * COST_SCALE
        model.GetDimensionOrDie("changes").SetSpanCostCoefficientForAllVehicles(price)

    def _parameters(self, limit: float) -> Any:
        from google.protobuf import text_format  # type: ignore[import-untyped] # noqa: PLC0415
        from ortools.constraint_solver import routing_enums_pb2 as enums  # noqa: PLC0415

        parameters = self.cp.DefaultRoutingSearchParameters()
        parameters.time_limit.FromMilliseconds(int(limit * 1000))
        # The default of 100 ms kills warm starts of large models with breaks.
        parameters.lns_time_limit.FromMilliseconds(int(max(limit, 1.0) * 1000))
        parameters.first_solution_strategy = enums.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
        if self.problem.previous or len(self.open) > ILS_STOPS:
            guided = enums.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
            parameters.local_search_metaheuristic = guided
            return parameters
        parameters.use_iterated_local_search = True
        parameters.iterated_local_search_parameters.Clear()
        text_format.Parse(ITERATED_LOCAL_SEARCH, parameters.iterated_local_search_parameters)
        sisr = parameters.iterated_local_search_parameters.ruin_recreate_parameters.ruin_strategies[0].sisr
        sisr.avg_num_removed_visits = min(15, max(3, len(self.open) // 4))
        no, yes = 2, 3  # OptionalBoolean
        for operator in parameters.local_search_operators.DESCRIPTOR.fields_by_name:
            setattr(parameters.local_search_operators, operator, yes if operator in ILS_OPERATORS else no)
        return parameters

    def _warm_start(self) -> Any:
        """The plan so far as a start; None when the model refuses it."""
        orders = self.best.orders or {}
        node = {stop.id: number for number, stop in enumerate(self.open, start=1)}
        routes = [
            [self.index.NodeToIndex(node[stop_id]) for stop_id in orders.get(worker.id, ())]
            for worker in self.workers
        ]
        return self.model.ReadAssignmentFromRoutes(routes, True)

    def _at_solution(self) -> None:
        """Price a plan exactly when the search thinks it better than all before."""
        price = self.model.CostVar().Max()
        if price < self._lowest:
            self._lowest = price
            if self.best.spent <= EXACT_SHARE * self.best.elapsed:
                self.best.offer(self._orders(lambda index: self.model.NextVar(index).Value()))

    def _orders(self, next_of: Any) -> Orders:
        orders: dict[str, tuple[str, ...]] = {}
        for vehicle, worker in enumerate(self.workers):
            index, ids = next_of(self.model.Start(vehicle)), list[str]()
            while not self.model.IsEnd(index):
                ids.append(self.open[self.index.IndexToNode(index) - 1].id)
                index = next_of(index)
            orders[worker.id] = tuple(ids)
        return orders
