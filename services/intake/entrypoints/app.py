"""The HTTP side of intake: pages, API and webhook, with the notice sender beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from services.intake.application.notice_sender import NoticeSender
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import zalo_webhook
from services.intake.entrypoints.api import LABELS, api_router
from services.intake.entrypoints.web import web_routers
from services.intake.entrypoints.webhooks import webhook_router
from services.intake.settings import Settings
from shared.errors import Unavailable
from shared.service import Service
from shared.service_app import service_app
from shared.web.keys import ensure_key_pair, load_private_key
from shared.web.session import SessionSigner

WEB = Path(__file__).resolve().parents[1] / "web"


def build_app(service: Service[Settings]) -> FastAPI:
    """Pages, API and webhook; while they serve, reference data is published and notices are sent."""
    signer = SessionSigner(load_private_key(signing_key(service.settings.session_private_key)))
    ports = service.bus.ports
    sender = NoticeSender(
        service.transactions, service.bus, ports.zalo, ports.call_list, service.settings.notice_attempts
    )

    @contextmanager
    def notices() -> Iterator[None]:
        publish_reference(service.transactions, ports)
        sender.start()
        try:
            yield
        finally:
            sender.stop()

    def check_notices() -> None:
        if not sender.alive:
            raise Unavailable("Bộ gửi thông báo đã dừng.")

    return service_app(
        service,
        title="Tiếp nhận yêu cầu",
        routers=[
            *web_routers(service, signer),
            api_router(service, signer),
            webhook_router(service, zalo_webhook(service.settings)),
        ],
        web=WEB,
        labels=LABELS,
        beside=[notices],
        ready_checks={"notices": check_notices},
    )


def signing_key(path: Path) -> Path:
    """The private key's file; the pair is made on first use, as a service that is started first needs it."""
    if not path.exists():
        ensure_key_pair(path.parent)
    return path
