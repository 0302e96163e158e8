"""The status door: opened by request code and last four digits, and hard to guess at.

Counted for each client by the route and for each code here, before anything is looked up; a wrong code
and wrong digits get the same answer.
"""

from __future__ import annotations

import math
import time

from fastapi import Request
from limits import parse
from pydantic import BaseModel, ConfigDict, Field

from services.intake.application.queries import find_by_code
from services.intake.application.records import RequestRow
from services.intake.settings import Settings
from shared.errors import NotFound
from shared.ids import read_code
from shared.service import Service
from shared.web.kit import kit_of
from shared.web.limits import AskedTooOften


class ByCode(BaseModel):
    """What a citizen types to see the own request."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=20, title="mã yêu cầu")
    last4: str = Field(pattern=r"^\s*[0-9]{4}\s*$", title="4 số cuối điện thoại")


def request_of_citizen(service: Service[Settings], request: Request, typed: ByCode) -> RequestRow:
    """The request behind code and digits. Raises NotFound, AskedTooOften."""
    code = read_code(typed.code)
    if code is not None:
        count_try(request, "status-code", code, service.settings.status_rate_per_code)
        with service.transactions.reading() as session:
            found = find_by_code(code, typed.last4.strip(), session)
        if found is not None:
            return found
    raise NotFound(
        "Không tìm thấy yêu cầu với mã và 4 số cuối điện thoại này.",
        code="status.unknown",
        hints=(
            "Xem lại mã trong tin nhắn hoặc trên giấy hẹn.",
            f"Gọi {service.settings.hotline} để được giúp.",
        ),
    )


def count_try(request: Request, scope: str, key: str, rate: str) -> None:
    """Counts one try on `key` (a code, an account). Raises AskedTooOften when there were too many."""
    limiter, item = kit_of(request).limiter, parse(rate)
    if not limiter.hit(item, scope, key):
        reset = limiter.get_window_stats(item, scope, key).reset_time
        raise AskedTooOften(max(1, math.ceil(reset - time.time())))
