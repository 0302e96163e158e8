"""Searches started from a page: they run in threads, and the page asks how far they are.

A job lives in the memory of the API process. What it decides is in the database; after a restart only the
view of its progress is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from threading import Lock

import structlog

from services.routing.application.draft import ProgressRow
from services.routing.application.planner import DayPlanner
from shared.actor import Actor
from shared.errors import Problem

log = structlog.get_logger(__name__)
Submit = Callable[[Callable[[], None]], object]
"""Runs something soon, in a thread of its own; tests run it at once."""

KEPT = 200
"""Finished jobs remembered; older ones are forgotten."""


@dataclass
class PlanningJob:
    """One search: what it found so far, and how it ended (`problem` or `revision`)."""

    job_id: str
    office_id: str
    day: date
    rows: list[ProgressRow] = field(default_factory=list)
    revision: int | None = None
    unassigned: int = 0
    problem: Problem | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.revision is None and self.problem is None


class PlanningJobs:
    """Starts searches, two at a time, one for each office and day."""

    def __init__(
        self, planner: DayPlanner, submit: Callable[[Callable[[], None]], object] | None = None
    ) -> None:
        self._planner = planner
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="planning")
        self._submit = submit or self._pool.submit
        self._jobs: dict[str, PlanningJob] = {}
        self._lock = Lock()

    def start(self, actor: Actor, office_id: str, day: date, key: str) -> PlanningJob:
        """A new search, or the one already running for this day, or the one this key started before."""
        job_id = f"{actor.account}.{key}"
        with self._lock:
            known = self._jobs.get(job_id) or self._running(office_id, day)
            if known is not None:
                return known
            job = self._jobs[job_id] = PlanningJob(job_id, office_id, day)
            for old in list(self._jobs)[:-KEPT]:
                del self._jobs[old]
        self._submit(lambda: self._run(job, actor, key))
        return job

    def get(self, job_id: str) -> PlanningJob | None:
        """The job of that id, if this process still knows it."""
        return self._jobs.get(job_id)

    def close(self) -> None:
        """Waits for the searches under way; a search is bounded by its time limit."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _running(self, office_id: str, day: date) -> PlanningJob | None:
        same = (job for job in self._jobs.values() if (job.office_id, job.day) == (office_id, day))
        return next((job for job in same if job.running), None)

    def _run(self, job: PlanningJob, actor: Actor, key: str) -> None:
        try:
            plan = self._planner.plan(
                actor, job.office_id, job.day, idempotency_key=key, on_row=job.rows.append
            )
        except Problem as problem:
            job.problem = problem
        except Exception:
            job.problem = Problem(
                "Lập lộ trình gặp lỗi ngoài ý muốn. Lỗi đã được ghi lại.", code="plan.crashed"
            )
            log.exception("planning.crashed", office_id=job.office_id)
        else:
            job.unassigned = len(plan["unassigned"])
            job.revision = plan["revision"]
