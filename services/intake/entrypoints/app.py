"""The HTTP side of intake: pages, API and webhook, with the relay and the notice sender beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from services.intake.application.notice_sender import NoticeSender
from services.intake.application.reference import publish_reference
from services.intake.bootstrap import zalo_webhook
from services.intake.entrypoints.api import LABELS, api_router
from services.intake.entrypoints.web import web_routers
from services.intake.entrypoints.webhooks import webhook_router
from services.intake.settings import IntakeSettings
from shared.errors import Unavailable
from shared.service import Service
from shared.web.addresses import Addresses
from shared.web.app import create_app
from shared.web.health import Check
from shared.web.keys import ensure_key_pair, load_private_key, load_public_key
from shared.web.operations import operations_router
from shared.web.session import SessionSigner, Verifier

WEB = Path(__file__).resolve().parents[1] / "web"


def build_app(service: Service[IntakeSettings], *, background: bool = True) -> FastAPI:
    """The application. Without `background` nothing is sent: tests look at outbox and queue themselves."""
    settings = service.settings
    private = signing_key(settings.session_private_key)
    signer = SessionSigner(load_private_key(private))
    sender = NoticeSender(
        service.transactions,
        service.bus,
        service.bus.ports.zalo,
        service.bus.ports.call_list,
        settings.notice_attempts,
    )
    return create_app(
        title="Tiếp nhận yêu cầu",
        routers=[
            *web_routers(service, signer),
            api_router(service, signer),
            webhook_router(service, zalo_webhook(settings)),
            operations_router(service.transactions, service.transactions.clock),
        ],
        identity=Verifier(load_public_key(settings.session_public_key)),
        addresses=Addresses(
            intake=settings.intake_url,
            routing=settings.routing_url,
            postal_bridge=settings.postal_bridge_url,
            own=settings.intake_url,
        ),
        templates=[WEB / "templates"],
        static=[WEB / "static"],
        ready_checks=_ready_checks(service, sender) if background else {},
        lifespan=_running(service, sender) if background else None,
        clock=service.transactions.clock,
        labels=LABELS,
        production=settings.production,
    )


def signing_key(path: Path) -> Path:
    """The private key's file; the pair is made on first use, as a service that is started first needs it."""
    if not path.exists():
        ensure_key_pair(path.parent)
    return path


def _running(
    service: Service[IntakeSettings], sender: NoticeSender
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        with service.sending():
            await run_in_threadpool(publish_reference, service.transactions, service.bus.ports)
            sender.start()
            try:
                yield
            finally:
                await run_in_threadpool(sender.stop)

    return lifespan


def _ready_checks(service: Service[IntakeSettings], sender: NoticeSender) -> Mapping[str, Check]:
    def notices() -> None:
        if not sender.alive:
            raise Unavailable("Bộ gửi thông báo đã dừng.")

    return {**service.ready_checks(), "notices": notices}
