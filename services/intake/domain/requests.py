"""The life of a request: which step may follow which, and what people call each state.

The table is the home pickup of `process.md`: draft → received → confirmed → scheduled → in visit →
picked up → closed, with the side ways of a question, a failed attempt, an incomplete set of papers and
a withdrawal. After the pickup the dossier and its parcels tell the rest; the request stays `picked_up`
until the result is home.
"""

from __future__ import annotations

from enum import StrEnum

from shared.errors import RuleBroken

MAX_ATTEMPTS = 2
"""After so many visits for one purpose that failed on the citizen's side the papers wait at the counter."""


class RequestStatus(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    """A message or call started it; something is still unknown."""
    RECEIVED = "received"
    """Everything needed is known and the citizen consented."""
    NEEDS_INFO = "needs_info"
    """An operator has to ask the citizen something first."""
    CONFIRMED = "confirmed"
    """A window was agreed; no worker is named yet."""
    SCHEDULED = "scheduled"
    """A worker has it on the route."""
    IN_VISIT = "in_visit"
    """The worker is on the way or at the door."""
    PICKED_UP = "picked_up"
    """The papers left the house, sealed."""
    COMPLETED_NO_PICKUP = "completed_no_pickup"
    """The worker was there, but papers were missing."""
    FAILED = "failed"
    """Nobody could be served at the door."""
    CLOSED = "closed"
    """Nothing is left to do."""
    CANCELLED = "cancelled"
    """Withdrawn before anything was picked up."""

    @property
    def label(self) -> str:
        """The state in plain words."""
        return _LABELS[self]

    @property
    def ended(self) -> bool:
        """Whether nothing more is planned; only a worker already on the way can reopen a withdrawal."""
        return self in (RequestStatus.CLOSED, RequestStatus.CANCELLED)


_LABELS = {
    RequestStatus.DRAFT: "Chờ bổ sung thông tin",
    RequestStatus.RECEIVED: "Đã ghi nhận yêu cầu",
    RequestStatus.NEEDS_INFO: "Cần hỏi thêm",
    RequestStatus.CONFIRMED: "Đã hẹn lịch",
    RequestStatus.SCHEDULED: "Đã phân công nhân viên",
    RequestStatus.IN_VISIT: "Nhân viên đang đến",
    RequestStatus.PICKED_UP: "Đã thu gom hồ sơ",
    RequestStatus.COMPLETED_NO_PICKUP: "Còn thiếu giấy tờ",
    RequestStatus.FAILED: "Chưa gặp được Ông/Bà",
    RequestStatus.CLOSED: "Đã hoàn thành",
    RequestStatus.CANCELLED: "Đã huỷ",
}


class RequestStep(StrEnum):
    """What can happen to a request."""

    COMPLETE = "complete"
    ASK = "ask"
    CONFIRM = "confirm"
    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    RESCHEDULE = "reschedule"
    START = "start"
    PICK_UP = "pick_up"
    FIND_INCOMPLETE = "find_incomplete"
    FAIL = "fail"
    RETRY = "retry"
    CLOSE = "close"
    CANCEL = "cancel"


_S, _T = RequestStatus, RequestStep
_TRANSITIONS: dict[tuple[RequestStatus, RequestStep], RequestStatus] = {
    (_S.DRAFT, _T.COMPLETE): _S.RECEIVED,
    (_S.DRAFT, _T.ASK): _S.NEEDS_INFO,
    (_S.NEEDS_INFO, _T.COMPLETE): _S.RECEIVED,
    (_S.RECEIVED, _T.ASK): _S.NEEDS_INFO,
    (_S.RECEIVED, _T.CONFIRM): _S.CONFIRMED,
    (_S.CONFIRMED, _T.SCHEDULE): _S.SCHEDULED,
    (_S.SCHEDULED, _T.SCHEDULE): _S.SCHEDULED,
    (_S.CONFIRMED, _T.UNSCHEDULE): _S.CONFIRMED,
    (_S.SCHEDULED, _T.UNSCHEDULE): _S.CONFIRMED,
    (_S.CONFIRMED, _T.RESCHEDULE): _S.CONFIRMED,
    (_S.SCHEDULED, _T.RESCHEDULE): _S.CONFIRMED,
    # Plans and visits travel on two streams: a worker may set off before the plan has been heard of.
    (_S.CONFIRMED, _T.START): _S.IN_VISIT,
    (_S.SCHEDULED, _T.START): _S.IN_VISIT,
    # Facts from the road win over a withdrawal that the worker had not heard of.
    (_S.CANCELLED, _T.START): _S.IN_VISIT,
    (_S.IN_VISIT, _T.PICK_UP): _S.PICKED_UP,
    (_S.IN_VISIT, _T.FIND_INCOMPLETE): _S.COMPLETED_NO_PICKUP,
    (_S.IN_VISIT, _T.FAIL): _S.FAILED,
    # The post may have to give up before anybody sets off.
    (_S.CONFIRMED, _T.FAIL): _S.FAILED,
    (_S.SCHEDULED, _T.FAIL): _S.FAILED,
    (_S.FAILED, _T.RETRY): _S.CONFIRMED,
    (_S.COMPLETED_NO_PICKUP, _T.RETRY): _S.CONFIRMED,
    **{
        (status, _T.CLOSE): _S.CLOSED
        # The news that all is done may overtake the news of the visit, for the same reason.
        for status in (_S.CONFIRMED, _S.SCHEDULED, _S.IN_VISIT, _S.PICKED_UP)
    },
    **{
        (status, _T.CANCEL): _S.CANCELLED
        for status in (
            _S.DRAFT,
            _S.RECEIVED,
            _S.NEEDS_INFO,
            _S.CONFIRMED,
            _S.SCHEDULED,
            _S.FAILED,
            _S.COMPLETED_NO_PICKUP,
        )
    },
}

_REFUSALS = {
    RequestStep.CANCEL: "Không huỷ được nữa",
    RequestStep.RESCHEDULE: "Không đổi giờ hẹn được nữa",
    RequestStep.COMPLETE: "Yêu cầu này đã được hoàn thiện rồi",
}


def after(status: RequestStatus, step: RequestStep) -> RequestStatus:
    """The status after a step. Raises RuleBroken (`request.step_refused`) for a step out of order."""
    following = _TRANSITIONS.get((status, step))
    if following is None:
        what = _REFUSALS.get(step, "Bước này không thực hiện được")
        hint = ("Ông/Bà gọi tổng đài để được giúp.",) if step in (_T.CANCEL, _T.RESCHEDULE) else ()
        raise RuleBroken(
            f"{what}: yêu cầu đang ở trạng thái “{status.label}”.", code="request.step_refused", hints=hint
        )
    return following


def allows(status: RequestStatus, step: RequestStep) -> bool:
    """Whether the step may be taken now."""
    return (status, step) in _TRANSITIONS
