"""Why a stop stays undone: the first plain obstacle, found by really trying to place it."""

from __future__ import annotations

from dataclasses import replace

from services.routing.domain import rules
from services.routing.domain.insertion import Draft
from services.routing.domain.problem import Problem, Stop, Window, Worker
from services.routing.domain.schedule import standing_at
from services.routing.domain.solution import Reason


def clock_text(seconds: int) -> str:
    """Seconds since midnight as people write them: `14:05`."""
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}"


def window_text(windows: tuple[Window, ...]) -> str:
    """Windows as people read them: `08:00–10:00 hoặc 14:00–16:00`."""
    return " hoặc ".join(f"{clock_text(each.earliest)}–{clock_text(each.latest)}" for each in windows)


def explain(draft: Draft, empty: Draft, stop: Stop) -> Reason:
    """The reason for leaving `stop` out of `draft`; `empty` is the same day with nothing placed.

    Tried in this order: nobody on shift, skill, standing rules (lock, load aboard), too big for any
    bag, window outside every shift, too far to be back, everybody full in this window, bags full,
    not worth the detour.
    """
    problem = draft.problem
    if not problem.workers:
        return rules.NO_WORKER
    skilled = [worker for worker in problem.workers if stop.skill is None or stop.skill in worker.skills]
    if not skilled:
        text = f"Không có bưu tá nào trong ca có nghiệp vụ “{stop.skill}” mà điểm này cần."
        return Reason(rules.SKILL_MISSING.code, text)
    refusals = {worker.id: rules.refusal(problem, stop, worker) for worker in skilled}
    allowed = [worker for worker in skilled if refusals[worker.id] is None]
    if not allowed:
        reasons = [reason for reason in refusals.values() if reason and reason != rules.LOCKED]
        return reasons[0] if reasons else rules.LOCKED
    return _alone(empty, stop, allowed) or _among_others(draft, stop, allowed)


def _alone(empty: Draft, stop: Stop, workers: list[Worker]) -> Reason | None:
    """Why nobody could do it even with nothing else left to do today; None when somebody could."""
    if abs(stop.load) > max(worker.capacity for worker in workers):
        return Reason("capacity.too_big", "Hồ sơ của điểm này vượt sức chở của mọi bưu tá được phép nhận.")
    obstacles = [empty.obstacle(stop, worker) for worker in workers]
    if None in obstacles:
        return None
    if rules.WINDOW_MISSED not in obstacles:
        return rules.CAPACITY
    return _out_of_time(empty, stop, workers)


def _out_of_time(empty: Draft, stop: Stop, workers: list[Worker]) -> Reason:
    """Which side of the window, the shift or the distance makes it impossible for everybody."""
    if all(_arrival(empty.problem, stop, worker) > stop.windows[-1].latest for worker in workers):
        text = f"Khung giờ {window_text(stop.windows)} đã qua trước khi bưu tá nào kịp đến."
        return Reason("window.closed", text)
    if all(worker.shift_end < stop.windows[0].earliest for worker in workers):
        text = f"Khung giờ {window_text(stop.windows)} nằm ngoài giờ làm của mọi bưu tá."
        return Reason("window.outside_shift", text)
    last_hour = max(worker.shift_end for worker in workers)
    anytime = replace(stop, windows=(Window(0, last_hour),))
    if all(empty.obstacle(anytime, worker) is not None for worker in workers):
        return Reason("distance.too_far", "Quá xa: đi và về không kịp trong ca làm.")
    text = f"Phục vụ trong khung {window_text(stop.windows)} thì không kịp nghỉ trưa hoặc về trước hết ca."
    return Reason("shift.exceeded", text)


def _among_others(draft: Draft, stop: Stop, workers: list[Worker]) -> Reason:
    """Why nobody can take it on top of what is planned."""
    best = draft.best(stop.id, workers)
    if best is not None:
        minutes = max(1, round(best.added_travel / 60))
        worth = draft.problem.drop_price(stop) // 60
        text = f"Phải đi vòng thêm {minutes} phút, nhiều hơn mức {worth} phút đặt cho điểm này."
        return Reason("detour.not_worth", text)
    obstacles = [draft.obstacle(stop, worker) for worker in workers]
    if all(obstacle == rules.CAPACITY for obstacle in obstacles):
        return Reason("capacity.full", "Các bưu tá đều đã đầy xe vào lúc phải ghé điểm này.")
    text = f"Các bưu tá được phép nhận đều đã kín lịch trong khung {window_text(stop.windows)}."
    return Reason("workers.full", text)


def _arrival(problem: Problem, stop: Stop, worker: Worker) -> int:
    row, ready_at = standing_at(problem, worker)
    return ready_at + problem.leg(row, problem.row[stop.id])
