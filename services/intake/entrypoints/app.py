"""The HTTP side of intake: pages, API and webhook, with what is done unasked beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.intake.application.notice_sender import NoticeSender
from services.intake.application.promises import PromiseKeeper
from services.intake.application.reconciliation import Limits, rules
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import identity_provider, zalo_webhook
from services.intake.entrypoints.api import LABELS, api_router
from services.intake.entrypoints.recall import recall_router
from services.intake.entrypoints.web import web_routers
from services.intake.entrypoints.webhooks import webhook_router
from services.intake.settings import Settings
from shared.errors import Unavailable
from shared.messaging.sole_worker import SoleWorker
from shared.service import Service
from shared.service_app import service_app
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.reconciliation import Reconciliation
from shared.web.session import SessionSigner

WEB = Path(__file__).resolve().parents[1] / "web"


def build_app(service: Service[Settings]) -> FastAPI:
    """Pages, API and webhook; while they serve, notices are sent and lost promises announced."""
    signer = SessionSigner(load_private_key(signing_key(service.settings.session_private_key)))
    ports = service.bus.ports
    transactions, bus = service.transactions, service.bus
    sender = NoticeSender(transactions, bus, ports.zalo, ports.call_list)
    notices = SoleWorker(service.engine, "notices", sender.work)
    keeper = PromiseKeeper(transactions, bus, service.settings.promise_sweep_seconds)
    promises = SoleWorker(service.engine, "promises", keeper.work)
    reconciliation = Reconciliation(service, rules(limits_of(service.settings)))

    @contextmanager
    def reference() -> Iterator[None]:
        publish_reference(transactions, ports)
        yield

    return service_app(
        service,
        title="Tiếp nhận yêu cầu",
        routers=[
            *web_routers(service, signer, identity_provider(service.settings)),
            api_router(service, signer),
            webhook_router(service, zalo_webhook(service.settings)),
            recall_router(service),
            reconciliation.router,
        ],
        web=WEB,
        labels=LABELS,
        beside=[reference, notices.running, promises.running, reconciliation.running],
        ready_checks={
            "notices": _alive(notices, "Bộ gửi thông báo đã dừng."),
            "promises": _alive(promises, "Bộ canh giờ hẹn đã dừng."),
            **reconciliation.ready_checks,
        },
    )


def limits_of(settings: Settings) -> Limits:
    """From when on something stands still too long."""
    return Limits(
        unplanned=timedelta(hours=settings.unplanned_hours), silent=timedelta(hours=settings.silent_hours)
    )


def _alive(worker: SoleWorker, otherwise: str) -> Callable[[], None]:
    def check() -> None:
        if not worker.alive:
            raise Unavailable(otherwise)

    return check


def signing_key(path: Path) -> Path:
    """The private key's file; the pair is made on first use, as a service that is started first needs it."""
    if not path.exists():
        ensure_key_pair(path.parent)
    return path
