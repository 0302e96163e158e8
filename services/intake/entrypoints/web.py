"""The pages of intake: citizens, operators, staff."""

from __future__ import annotations

from fastapi import APIRouter

from services.intake.application.identity_port import IdentityProvider
from services.intake.entrypoints.web_booking import booking_router
from services.intake.entrypoints.web_operator import operator_router
from services.intake.entrypoints.web_sign_in import sign_in_router
from services.intake.entrypoints.web_staff import staff_router
from services.intake.entrypoints.web_status import status_router
from services.intake.settings import Settings
from shared.service import Service
from shared.web.session import SessionSigner


def web_routers(
    service: Service[Settings], signer: SessionSigner, provider: IdentityProvider | None
) -> list[APIRouter]:
    """Every router with pages; `provider` is where people sign in besides passwords."""
    return [
        staff_router(service),
        sign_in_router(service, signer, provider),
        booking_router(service),
        status_router(service),
        operator_router(service),
    ]
