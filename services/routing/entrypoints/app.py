"""The HTTP side of routing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.routing.application.reconciliation import Limits, rules
from services.routing.application.reference import load_reference_files
from services.routing.application.urgent import UrgentPlanner
from services.routing.bootstrap import RoutingService, planner_of
from services.routing.entrypoints import api, web
from services.routing.entrypoints.jobs import PlanningJobs
from services.routing.entrypoints.parts import Parts
from services.routing.settings import Settings
from shared.errors import Unavailable
from shared.messaging.sole_worker import SoleWorker
from shared.service_app import service_app
from shared.web.reconciliation import Reconciliation

WEB = Path(__file__).parent.parent / "web"
LABELS = {"day": "ngày", "seconds": "số giây", "to_worker": "bưu tá", "note": "ghi chú"}


def build_app(service: RoutingService) -> FastAPI:
    """Pages and API; at the start the reference data is loaded, at the end running searches are stopped.

    While they serve, near stops that no plan has are inserted.
    """
    planner = planner_of(service)
    urgent = UrgentPlanner(
        service.transactions, service.bus, service.bus.ports, service.settings.urgent_sweep_seconds
    )
    inserting = SoleWorker(service.engine, "urgent", urgent.work)
    jobs = PlanningJobs(planner)
    reconciliation = Reconciliation(service, rules(limits_of(service.settings)))

    @contextmanager
    def planning() -> Iterator[None]:
        load_reference_files(service.bus, service.settings.reference_dir)
        try:
            yield
        finally:
            jobs.close()

    app = service_app(
        service,
        title="Điều độ",
        routers=[api.router, web.router, reconciliation.router],
        web=WEB,
        labels=LABELS,
        beside=[planning, inserting.running, reconciliation.running],
        ready_checks={"urgent": _alive(inserting), **reconciliation.ready_checks},
        tile_url=service.settings.map_tiles,
    )
    app.state.routing = Parts(service, planner, jobs)
    return app


def limits_of(settings: Settings) -> Limits:
    """From when on something stands still too long."""
    return Limits(
        unplanned=timedelta(hours=settings.unplanned_hours), silent=timedelta(hours=settings.silent_hours)
    )


def _alive(worker: SoleWorker) -> Callable[[], None]:
    def check() -> None:
        if not worker.alive:
            raise Unavailable("Bộ tự xếp điểm mới đã dừng.")

    return check
