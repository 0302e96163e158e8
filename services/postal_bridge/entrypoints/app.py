"""The HTTP side of postal_bridge."""

from __future__ import annotations

from fastapi import FastAPI

from services.postal_bridge.application.visits import LABELS
from services.postal_bridge.bootstrap import HERE
from services.postal_bridge.entrypoints import api, web_cash, web_custody, web_desk, web_worker
from services.postal_bridge.settings import Settings
from shared.service import Service
from shared.service_app import service_app


def build_app(service: Service[Settings]) -> FastAPI:
    """API and pages."""
    app = service_app(
        service,
        title="Bưu chính",
        routers=[api.router, web_worker.router, web_custody.router, web_desk.router, web_cash.router],
        web=HERE / "web",
        labels=LABELS,
    )
    app.state.service = service
    return app
