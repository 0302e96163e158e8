"""Who may visit what, and the words for each refusal (Vietnamese for people, a code for programs)."""

from __future__ import annotations

from collections.abc import Sequence

from services.routing.domain.problem import Problem, Stop, Worker
from services.routing.domain.solution import Reason

ALREADY_VISITED = Reason("visit.done", "Điểm này đã được đến hoặc đang phục vụ, không thể xếp lại.")
NO_WORKER = Reason("worker.none", "Hôm nay không có bưu tá nào trong ca.")
SKILL_MISSING = Reason("skill.missing", "Bưu tá không có nghiệp vụ mà điểm này cần.")
LOCKED = Reason("worker.locked", "Điều phối đã giao điểm này cho một bưu tá khác.")
ABOARD_ELSEWHERE = Reason("load.aboard_elsewhere", "Kết quả của điểm này đang ở trên xe của bưu tá khác.")
NOT_ABOARD = Reason(
    "load.not_aboard", "Bưu tá đã rời bưu cục nên không còn lấy được kết quả để trả tại điểm này."
)
CAPACITY = Reason("capacity.exceeded", "Bưu tá không còn chỗ trên xe cho điểm này.")
WINDOW_MISSED = Reason("window.missed", "Bưu tá không đến kịp trong khung giờ.")
SHIFT_EXCEEDED = Reason("shift.exceeded", "Bưu tá về bưu cục sau giờ hết ca.")
LUNCH_BROKEN = Reason("lunch.missing", "Bưu tá không còn giờ nghỉ trưa trong khung quy định.")


def refusal(problem: Problem, stop: Stop, worker: Worker, *, heed_lock: bool = True) -> Reason | None:
    """The first standing rule (none about time or space) that keeps this worker from this stop."""
    prefix = problem.prefix.get(worker.id)
    has_left = prefix is not None and prefix.left_office is not None
    if problem.done.get(stop.id, worker.id) != worker.id:
        return ALREADY_VISITED
    if stop.skill is not None and stop.skill not in worker.skills:
        return SKILL_MISSING
    if heed_lock and problem.locked.get(stop.id, worker.id) != worker.id:
        return LOCKED
    if stop.aboard_of not in {None, worker.id}:
        return ABOARD_ELSEWHERE
    if stop.load < 0 and has_left and stop.aboard_of != worker.id:
        return NOT_ABOARD
    return None


def load_levels(problem: Problem, worker: Worker, open_ids: Sequence[str]) -> list[int]:
    """What is aboard at the start of the open part of a route and after each of its stops.

    Results leave the office together, so they fill the bag from the start; once a worker has left,
    everything carried counts whether or not it is still planned.
    """
    prefix = problem.prefix.get(worker.id)
    if prefix is None or prefix.left_office is None:
        aboard = sum(max(0, -problem.stop(stop_id).load) for stop_id in open_ids)
    else:
        done = [problem.stop(visit.stop_id) for visit in prefix.visits]
        aboard = sum(max(0, stop.load) for stop in done) + sum(
            max(0, -stop.load)
            for stop in problem.stops
            if stop.aboard_of == worker.id and stop.id not in problem.done
        )
    levels = [aboard]
    for stop_id in open_ids:
        levels.append(levels[-1] + problem.stop(stop_id).load)
    return levels


def load_bound(problem: Problem, worker: Worker, levels: Sequence[int]) -> int:
    """The most that may be aboard: the capacity, or what reality has already put on the bike."""
    prefix = problem.prefix.get(worker.id)
    has_left = prefix is not None and prefix.left_office is not None
    return max(worker.capacity, levels[0]) if has_left else worker.capacity
