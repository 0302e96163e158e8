"""A dossier at the one-stop desk: what may follow what, its code, and its due date.

The dossier code and the due date are born at formal acceptance, never at the door. Only officers of the
desk act here; the post transports (Quyết định 468/QĐ-TTg leaves every decision to the agency).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal

from shared.clock import at, local_date
from shared.errors import Invalid, RuleBroken
from shared.vietnamese.calendar import Limit, WorkingCalendar, due_date

END_OF_OFFICE_DAY = "17:00"
"""A result is due by the end of office hours of the due day."""

_CODE = re.compile(r"^(H\d{2}(?:\.\d{1,3}){0,3}|\d{3}\.\d{2}\.\d{2}\.H\d{2})-(\d{6})-(\d{4}|\d{6,7})$")


class DossierState(StrEnum):
    """Where a dossier stands."""

    ON_THE_WAY = "on_the_way"
    """Counted and sealed at the door, not opened by the desk yet."""
    OPENED = "opened"
    SUPPLEMENT = "supplement"
    """The desk waits for papers; the clock stands still."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    RESULT_READY = "result_ready"
    RESULT_COLLECTED = "result_collected"
    DELIVERED = "delivered"
    RETURNED = "returned"
    """A refused dossier is back with the citizen."""

    @property
    def label(self) -> str:
        """In the words of the desk."""
        return _STATE_LABELS[self]

    @property
    def going_home(self) -> Literal["dossier", "result"] | None:
        """The kind of the one parcel that is brought home: the result, or the refused dossier itself.

        A dossier has one parcel of each of these kinds. What was handed in later (supplements) travels
        inside the refused dossier, never beside it.
        """
        return _GOING_HOME.get(self)


_STATE_LABELS = {
    DossierState.ON_THE_WAY: "Đang chuyển đến",
    DossierState.OPENED: "Đã mở, chờ kiểm tra",
    DossierState.SUPPLEMENT: "Chờ bổ sung",
    DossierState.ACCEPTED: "Đã tiếp nhận, đang giải quyết",
    DossierState.REFUSED: "Từ chối tiếp nhận",
    DossierState.RESULT_READY: "Có kết quả, chờ bưu điện lấy",
    DossierState.RESULT_COLLECTED: "Kết quả ở bưu cục",
    DossierState.DELIVERED: "Đã trả kết quả",
    DossierState.RETURNED: "Đã trả lại hồ sơ",
}

_GOING_HOME: dict[DossierState, Literal["dossier", "result"]] = {
    DossierState.REFUSED: "dossier",
    DossierState.RETURNED: "dossier",
    DossierState.RESULT_READY: "result",
    DossierState.RESULT_COLLECTED: "result",
    DossierState.DELIVERED: "result",
}


@dataclass(frozen=True)
class DeskDossier:
    """The part of a dossier that its acts change. Instants are aware."""

    state: DossierState = DossierState.ON_THE_WAY
    accepted_at: datetime | None = None
    due_at: datetime | None = None
    paused_at: datetime | None = None
    items: tuple[str, ...] = ()

    def open(self) -> DeskDossier:
        """The envelope is open on the desk."""
        return self._move(DossierState.OPENED, {DossierState.ON_THE_WAY}, "mở")

    def accept(self, now: datetime, limit: Limit, calendar: WorkingCalendar) -> DeskDossier:
        """Formal acceptance: the clock starts."""
        moved = self._move(DossierState.ACCEPTED, {DossierState.OPENED}, "tiếp nhận")
        return replace(moved, accepted_at=now, due_at=due_instant(now, limit, calendar))

    def ask_supplement(self, items: tuple[str, ...], now: datetime) -> DeskDossier:
        """One consolidated list; a running clock pauses. Raises Invalid for an empty list."""
        if not items or any(not item.strip() for item in items):
            message = "Phải ghi rõ từng giấy tờ cần bổ sung."
            raise Invalid(message, code="dossier.no_items", fields={"items": message})
        moved = self._move(
            DossierState.SUPPLEMENT, {DossierState.OPENED, DossierState.ACCEPTED}, "yêu cầu bổ sung"
        )
        return replace(moved, items=items, paused_at=now if self.accepted_at else None)

    def receive_supplement(self, now: datetime, calendar: WorkingCalendar) -> DeskDossier:
        """What was asked for is here; a paused clock goes on, the due day moved by the days it stood."""
        target = DossierState.ACCEPTED if self.accepted_at else DossierState.OPENED
        moved = self._move(target, {DossierState.SUPPLEMENT}, "nhận bổ sung")
        due = self.due_at
        if due is not None and self.paused_at is not None:
            due = after_pause(due, self.paused_at, now, calendar)
        return replace(moved, due_at=due, paused_at=None, items=())

    def refuse(self, reason: str) -> DeskDossier:
        """Not acceptable: goes back. Raises Invalid without a reason, RuleBroken after acceptance."""
        if not reason.strip():
            message = "Phải ghi lý do từ chối tiếp nhận."
            raise Invalid(message, code="dossier.no_reason", fields={"reason": message})
        if self.accepted_at is not None:
            raise RuleBroken("Hồ sơ đã tiếp nhận thì không còn từ chối tiếp nhận được.", code="dossier.state")
        allowed = {DossierState.OPENED, DossierState.SUPPLEMENT}
        return replace(self._move(DossierState.REFUSED, allowed, "từ chối"), items=())

    def mark_result_ready(self) -> DeskDossier:
        """The agency finished."""
        return self._move(DossierState.RESULT_READY, {DossierState.ACCEPTED}, "báo có kết quả")

    def collect(self) -> DeskDossier:
        """The post fetched what goes home; a refused dossier stays refused."""
        if self.state is DossierState.REFUSED:
            return self
        return self._move(DossierState.RESULT_COLLECTED, {DossierState.RESULT_READY}, "lấy kết quả")

    def deliver(self) -> DeskDossier:
        """It is back in the applicant's hands."""
        if self.state is DossierState.REFUSED:
            return replace(self, state=DossierState.RETURNED)
        return self._move(DossierState.DELIVERED, {DossierState.RESULT_COLLECTED}, "trả kết quả")

    def _move(self, target: DossierState, allowed: set[DossierState], verb: str) -> DeskDossier:
        if self.state not in allowed:
            raise RuleBroken(
                f"Không thể {verb}: hồ sơ đang ở trạng thái “{self.state.label}”.", code="dossier.state"
            )
        return replace(self, state=target)


def due_instant(now: datetime, limit: Limit, calendar: WorkingCalendar) -> datetime:
    """When the result is due for a dossier accepted `now`."""
    return at(due_date(now, limit, calendar), END_OF_OFFICE_DAY)


def after_pause(due: datetime, paused: datetime, resumed: datetime, calendar: WorkingCalendar) -> datetime:
    """The due instant moved on by the working days on which the clock stood still.

    The day of pausing was still worked on, the day of resuming is given back.
    """
    stood = sum(calendar.is_working(day) for day in _days_between(local_date(paused), local_date(resumed)))
    return at(calendar.add_working_days(local_date(due), stood), END_OF_OFFICE_DAY)


def make_dossier_code(agency_code: str, day: date, sequence: int) -> str:
    """`{agency code}-{yymmdd}-{4 digits}`. Raises Invalid when the agency code does not fit the pattern."""
    return read_dossier_code(f"{agency_code}-{day:%y%m%d}-{sequence:04d}")


def read_dossier_code(text: str) -> str:
    """A typed or scanned dossier code, made canonical. Raises Invalid for a wrong pattern or date."""
    code = text.strip().upper()
    match = _CODE.match(code)
    if match is not None:
        try:
            datetime.strptime(match[2], "%y%m%d")  # noqa: DTZ007 - only the date is checked
        except ValueError:
            match = None
    if match is None:
        message = "Mã hồ sơ có dạng H17.101-261125-0001 (mã cơ quan, ngày, số thứ tự)."
        raise Invalid(message, code="dossier.code", fields={"dossier_code": message})
    return code


def _days_between(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
