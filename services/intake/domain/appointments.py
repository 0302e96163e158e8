"""One agreed visit: its states, its purposes, and the window that follows when it has to be held again."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from services.intake.domain.windows import Window, offered_windows
from shared.clock import at, local, local_date
from shared.errors import RuleBroken
from shared.vietnamese.calendar import Scope, WorkingCalendar


class AppointmentStatus(StrEnum):
    """Where an appointment stands."""

    CONFIRMED = "confirmed"
    """Agreed, no worker yet."""
    SCHEDULED = "scheduled"
    """On a worker's route."""
    IN_VISIT = "in_visit"
    """The worker set off."""
    DONE = "done"
    """The visit ended as far as it could."""
    FAILED = "failed"
    """Nobody could be served."""
    CANCELLED = "cancelled"
    """It will not take place."""

    @property
    def label(self) -> str:
        """The state in plain words."""
        return _STATUS_LABELS[self]

    @property
    def open(self) -> bool:
        """Whether the visit is still ahead or under way."""
        return self in (AppointmentStatus.CONFIRMED, AppointmentStatus.SCHEDULED, AppointmentStatus.IN_VISIT)


_STATUS_LABELS = {
    AppointmentStatus.CONFIRMED: "Đã hẹn",
    AppointmentStatus.SCHEDULED: "Đã phân công",
    AppointmentStatus.IN_VISIT: "Đang đến",
    AppointmentStatus.DONE: "Đã xong",
    AppointmentStatus.FAILED: "Không thành",
    AppointmentStatus.CANCELLED: "Đã huỷ",
}


class VisitPurpose(StrEnum):
    """What the worker comes for."""

    PICKUP = "pickup"
    GUIDANCE = "guidance"
    SUPPLEMENT = "supplement"
    RETURN = "return"

    @property
    def label(self) -> str:
        """The purpose in plain words."""
        return _PURPOSE_LABELS[self]

    @property
    def first(self) -> bool:
        """Whether this visit is what the citizen asked for, so the request lives and ends with it."""
        return self in (VisitPurpose.PICKUP, VisitPurpose.GUIDANCE)


_PURPOSE_LABELS = {
    VisitPurpose.PICKUP: "thu gom hồ sơ",
    VisitPurpose.GUIDANCE: "hướng dẫn tại nhà",
    VisitPurpose.SUPPLEMENT: "nhận giấy tờ bổ sung",
    VisitPurpose.RETURN: "trả kết quả tại nhà",
}


class AppointmentStep(StrEnum):
    """What can happen to an appointment."""

    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    RESCHEDULE = "reschedule"
    START = "start"
    FINISH = "finish"
    FAIL = "fail"
    CANCEL = "cancel"


_S, _T = AppointmentStatus, AppointmentStep
_TRANSITIONS: dict[tuple[AppointmentStatus, AppointmentStep], AppointmentStatus] = {
    **{
        (before, step): result
        for before in (_S.CONFIRMED, _S.SCHEDULED)
        for step, result in (
            (_T.SCHEDULE, _S.SCHEDULED),
            (_T.UNSCHEDULE, _S.CONFIRMED),
            (_T.RESCHEDULE, _S.CONFIRMED),
            (_T.START, _S.IN_VISIT),
            # The post may have to give up before anybody sets off.
            (_T.FAIL, _S.FAILED),
            (_T.CANCEL, _S.CANCELLED),
        )
    },
    # Facts from the road win: the worker was on the way before the cancellation was heard of.
    (_S.CANCELLED, _T.START): _S.IN_VISIT,
    (_S.IN_VISIT, _T.FINISH): _S.DONE,
    (_S.IN_VISIT, _T.FAIL): _S.FAILED,
}

RETURN_LEAD = timedelta(hours=2)
"""A result that just reached the office cannot be on a route sooner."""

ANNOUNCE_AHEAD = timedelta(minutes=45)
"""A visit without a worker so shortly before its window is given up: dispatchers plan at 06:30 for 07:30."""
TIME_TO_PLAN = timedelta(minutes=20)
"""So long after a promise was made the planner may still find a worker for an early window."""
LAST_CALL = timedelta(minutes=30)
"""Later than that nobody can get there, however fresh the promise is."""


def after(status: AppointmentStatus, step: AppointmentStep) -> AppointmentStatus:
    """The status after a step. Raises RuleBroken (`appointment.step_refused`) for a step out of order."""
    following = _TRANSITIONS.get((status, step))
    if following is None:
        raise RuleBroken(
            f"Không thực hiện được: lịch hẹn đang ở trạng thái “{status.label}”.",
            code="appointment.step_refused",
            hints=("Ông/Bà gọi tổng đài để được giúp.",),
        )
    return following


def allows(status: AppointmentStatus, step: AppointmentStep) -> bool:
    """Whether the step may be taken now."""
    return (status, step) in _TRANSITIONS


def same_time_next_working_day(window: Window, now: datetime, calendar: WorkingCalendar) -> Window:
    """`window` at the same time of day on the next day the post works, counted from the later of its own
    day and today."""
    following = calendar.next_working_day(max(window.day, local_date(now)), Scope.POST)
    return Window(at(following, f"{local(window.start):%H:%M}"), at(following, f"{local(window.end):%H:%M}"))


def must_be_given_up(window: Window, promised_at: datetime, now: datetime) -> bool:
    """Whether a visit that has no worker yet can no longer be hoped for: its window is announced as lost."""
    left = window.start - now
    return left < LAST_CALL or (left < ANNOUNCE_AHEAD and now - promised_at >= TIME_TO_PLAN)


def earliest_return(now: datetime, calendar: WorkingCalendar) -> Window:
    """The first offered window that leaves time to put a result on a route, the same day if possible."""
    return next(
        window for window in offered_windows(now, calendar, days=3) if window.start >= now + RETURN_LEAD
    )
