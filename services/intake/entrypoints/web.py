"""The pages of intake: citizens, operators, staff."""

from __future__ import annotations

from fastapi import APIRouter

from services.intake.entrypoints.web_booking import booking_router
from services.intake.entrypoints.web_operator import operator_router
from services.intake.entrypoints.web_staff import staff_router
from services.intake.entrypoints.web_status import status_router
from services.intake.settings import Settings
from shared.service import Service
from shared.web.session import SessionSigner


def web_routers(service: Service[Settings], signer: SessionSigner) -> list[APIRouter]:
    """Every router with pages."""
    return [
        staff_router(service, signer),
        booking_router(service),
        status_router(service),
        operator_router(service),
    ]
