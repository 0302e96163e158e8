"""The HTTP side of postal_bridge."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI

from services.postal_bridge.application.reconciliation import Limits, rules
from services.postal_bridge.application.visits import LABELS
from services.postal_bridge.bootstrap import HERE
from services.postal_bridge.entrypoints import api, web_cash, web_custody, web_desk, web_worker
from services.postal_bridge.settings import Settings
from shared.service import Service
from shared.service_app import service_app
from shared.web.reconciliation import Reconciliation


def build_app(service: Service[Settings]) -> FastAPI:
    """API and pages; while they serve, the service is swept for what stands still."""
    reconciliation = Reconciliation(service, rules(limits_of(service.settings)))
    own = [api.router, web_worker.router, web_custody.router, web_desk.router, web_cash.router]
    app = service_app(
        service,
        title="Bưu chính",
        routers=[*own, reconciliation.router],
        web=HERE / "web",
        labels=LABELS,
        beside=[reconciliation.running],
        ready_checks=reconciliation.ready_checks,
    )
    app.state.service = service
    return app


def limits_of(settings: Settings) -> Limits:
    """From when on something stands still too long."""
    return Limits(
        offer=timedelta(hours=settings.offer_hours),
        silent=timedelta(days=settings.silent_days),
        supplement=timedelta(days=settings.supplement_days),
        uncollected=timedelta(hours=settings.uncollected_hours),
    )
