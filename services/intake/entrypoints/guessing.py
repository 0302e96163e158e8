"""The status door: opened by request code and last four digits, and hard to guess at.

Counted for each client by the route and for each code here, before anything is looked up; wrong tries on
a code are counted in the database too, across processes and restarts. A wrong code and wrong digits get
the same answer.
"""

from __future__ import annotations

import math
import time
from datetime import datetime

from fastapi import Request
from limits import parse
from pydantic import BaseModel, ConfigDict, Field

from services.intake.application.commands import CountWrongLookup
from services.intake.application.lookups import locked_until
from services.intake.application.queries import find_by_code
from services.intake.application.records import RequestRow
from services.intake.settings import Settings
from shared.contracts.envelope import ActorRef
from shared.errors import NotFound, TooMany
from shared.ids import read_code
from shared.service import Service
from shared.vietnamese.dates import format_date, format_time
from shared.web.kit import kit_of
from shared.web.limits import AskedTooOften


class ByCode(BaseModel):
    """What a citizen types to see the own request."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=20, title="mã yêu cầu")
    last4: str = Field(pattern=r"^\s*[0-9]{4}\s*$", title="4 số cuối điện thoại")


class CodeLocked(TooMany):
    """Too many wrong digits were typed for this code: only the hotline helps until `until`."""

    code = "status.locked"

    def __init__(self, until: datetime, hotline: str) -> None:
        super().__init__(
            f"Mã này đã bị nhập sai quá nhiều lần nên tạm khoá tra cứu đến {format_time(until)}"
            f" ngày {format_date(until)}. Ông/Bà gọi tổng đài {hotline} để được giúp.",
            hints=(f"Gọi {hotline}.",),
        )


def request_of_citizen(service: Service[Settings], request: Request, typed: ByCode) -> RequestRow:
    """The request behind code and digits. Raises NotFound, AskedTooOften, CodeLocked."""
    code = read_code(typed.code)
    if code is not None:
        count_try(request, "status-code", code, service.settings.status_rate_per_code)
        with service.transactions.reading() as session:
            until = locked_until(code, service.transactions.clock(), session)
            found = None if until else find_by_code(code, typed.last4.strip(), session)
        if found is not None:
            return found
        if until is None:
            until = _count_wrong(service, code)
        if until is not None:
            raise CodeLocked(until, service.settings.hotline)
    raise NotFound(
        "Không tìm thấy yêu cầu với mã và 4 số cuối điện thoại này.",
        code="status.unknown",
        hints=(
            "Xem lại mã trong tin nhắn hoặc trên giấy hẹn.",
            f"Gọi {service.settings.hotline} để được giúp.",
        ),
    )


def _count_wrong(service: Service[Settings], code: str) -> datetime | None:
    """Counts it; until when the code is locked now, if this was one too many."""
    answer = service.bus.execute(CountWrongLookup(code=code), ActorRef.system("intake"))
    locked = answer["locked_until"]
    return datetime.fromisoformat(locked) if locked else None


def count_try(request: Request, scope: str, key: str, rate: str) -> None:
    """Counts one try on `key` (a code, an account). Raises AskedTooOften when there were too many."""
    limiter, item = kit_of(request).limiter, parse(rate)
    if not limiter.hit(item, scope, key):
        reset = limiter.get_window_stats(item, scope, key).reset_time
        raise AskedTooOften(max(1, math.ceil(reset - time.time())))
