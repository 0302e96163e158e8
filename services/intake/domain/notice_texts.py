"""What citizens are told, and in which words.

No text holds a citizen's name, an address, or a sensitive procedure's title: a message may be read by
somebody else. `facts` repeat the same facts by name for template messages, cut to the sizes that Zalo
allows (`zalo.md` §4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from services.intake.domain.windows import Window
from shared.vietnamese.dates import format_date, format_time


class About(StrEnum):
    """What a notice tells; published with `NoticeSent`."""

    MESSAGE_RECEIVED = "message_received"
    QUESTION = "question"
    CONFIRMED = "confirmed"
    WORKER_ASSIGNED = "worker_assigned"
    WORKER_COMING = "worker_coming"
    RESCHEDULED = "rescheduled"
    WINDOW_LOST = "window_lost"
    COMING_DESPITE_CANCEL = "coming_despite_cancel"
    VISIT_FAILED = "visit_failed"
    HELD_AT_COUNTER = "held_at_counter"
    PAPERS_INCOMPLETE = "papers_incomplete"
    CANCELLED = "cancelled"
    PICKED_UP = "picked_up"
    DOSSIER_ACCEPTED = "dossier_accepted"
    SUPPLEMENT_NEEDED = "supplement_needed"
    DOSSIER_REFUSED = "dossier_refused"
    RESULT_READY = "result_ready"
    RETURN_SCHEDULED = "return_scheduled"
    RESULT_DELIVERED = "result_delivered"
    PAPERS_RETURN_SCHEDULED = "papers_return_scheduled"
    PAPERS_RETURNED = "papers_returned"


USEFUL_FOR = timedelta(hours=24)
"""News that is bound to no visit is worth sending so long."""

_BEFORE_THE_VISIT = frozenset(
    {
        About.CONFIRMED,
        About.WORKER_ASSIGNED,
        About.RESCHEDULED,
        About.WINDOW_LOST,
        About.VISIT_FAILED,
        About.SUPPLEMENT_NEEDED,
        About.RETURN_SCHEDULED,
        About.PAPERS_RETURN_SCHEDULED,
    }
)
_DURING_THE_VISIT = frozenset({About.WORKER_COMING, About.COMING_DESPITE_CANCEL})


def useful_until(about: About, now: datetime, promise: Window | None) -> datetime:
    """Until when it makes sense to keep trying to send a notice written `now` about a visit in `promise`.

    A visit is announced before its window starts, and that somebody is coming while the window lasts.
    """
    if promise is not None and about in _BEFORE_THE_VISIT:
        return promise.start
    if promise is not None and about in _DURING_THE_VISIT:
        return max(promise.end, now)
    return now + USEFUL_FOR


@dataclass(frozen=True)
class Telling:
    """One message: what about, the whole text, and the facts in it by name."""

    about: About
    text: str
    facts: Mapping[str, str] = field(default_factory=dict)


FAILURE_REASONS = {
    "not_home": "không gặp người ở nhà",
    "wrong_address": "không tìm được địa chỉ",
    "phone_off": "không liên lạc được qua điện thoại",
    "refused": "Ông/Bà chưa muốn nhận nhân viên",
    "papers_not_ready": "giấy tờ chưa sẵn sàng",
    "payment_not_ready": "tiền phí chưa sẵn sàng",
    "identity_mismatch": "giấy tờ tuỳ thân chưa khớp",
    "unsafe": "thời tiết hoặc đường đi không an toàn",
    "dog": "có chó, nhân viên không vào được",
    "worker_breakdown": "xe của nhân viên gặp sự cố",
    "out_of_time": "nhân viên không kịp giờ hẹn",
}
"""The reasons of a failed visit in the citizen's words."""

_APOLOGY = {"post": "Chúng tôi xin lỗi vì lỗi thuộc về bên bưu chính. ", "agency": "Chúng tôi xin lỗi. "}


@dataclass(frozen=True)
class Speaker:
    """Writes the messages about one request. `hotline` is where to call."""

    code: str
    hotline: str

    @property
    def _change(self) -> str:
        return (
            f" Muốn đổi hoặc huỷ lịch, Ông/Bà tra cứu bằng mã {self.code}"
            f" và 4 số cuối điện thoại, hoặc gọi {self.hotline}."
        )

    def _tell(self, about: About, text: str, **facts: str) -> Telling:
        return Telling(about, text, {"code": self.code, **facts})

    def message_received(self) -> Telling:
        """The first answer to a message: somebody will look at it."""
        text = (
            f"Tận Nhà đã nhận tin của Ông/Bà, mã yêu cầu {self.code}. Tổng đài viên sẽ liên hệ để xác nhận"
            f" thủ tục, địa chỉ và giờ hẹn. Cần gấp, Ông/Bà gọi {self.hotline}."
        )
        return self._tell(About.MESSAGE_RECEIVED, text)

    def question(self, asked: str) -> Telling:
        """Something an operator needs to know; the words are the operator's."""
        text = f"Yêu cầu {self.code}: {asked} Ông/Bà trả lời tin này hoặc gọi {self.hotline}."
        return self._tell(About.QUESTION, text)

    def confirmed(self, errand: str, promise: Window, subject: str) -> Telling:
        """A visit was agreed. `errand` is what the worker comes for, here and below in plain words.

        `subject` is the procedure, neutrally named where it is sensitive.
        """
        text = (
            f"Yêu cầu {self.code} đã được xác nhận ({subject}). Nhân viên bưu chính đến {errand}:"
            f" {promise.text}.{self._change}"
        )
        return self._tell(About.CONFIRMED, text, **_when(promise))

    def worker_assigned(self, errand: str, worker: str, badge: str, promise: Window) -> Telling:
        """Who will come."""
        text = (
            f"Yêu cầu {self.code}: nhân viên {worker}, số thẻ {badge}, sẽ đến {errand}"
            f" {promise.text}. Ông/Bà xem thẻ trước khi giao giấy tờ.{self._change}"
        )
        return self._tell(About.WORKER_ASSIGNED, text, worker=_who(worker, badge), **_when(promise))

    def worker_coming(self, worker: str, badge: str, promise: Window) -> Telling:
        """The worker set off."""
        text = (
            f"Nhân viên {worker} (số thẻ {badge}) đang trên đường đến Ông/Bà theo yêu cầu {self.code},"
            f" khung giờ {promise.text}."
        )
        return self._tell(About.WORKER_COMING, text, worker=_who(worker, badge), **_when(promise))

    def coming_despite_cancel(self, worker: str, badge: str, promise: Window) -> Telling:
        """The worker was on the way before the withdrawal was heard of."""
        text = (
            f"Yêu cầu {self.code} đã huỷ, nhưng nhân viên {worker} (số thẻ {badge}) đã lên đường trước khi"
            f" nhận tin huỷ. Nếu vẫn cần, Ông/Bà giao giấy tờ như đã hẹn; nếu không, xin nói với nhân viên"
            f" hoặc gọi {self.hotline}."
        )
        return self._tell(About.COMING_DESPITE_CANCEL, text, worker=_who(worker, badge), **_when(promise))

    def window_lost(self, errand: str, lost: Window, promise: Window) -> Telling:
        """No worker was found for a promised window: said before it starts, with the visit set instead."""
        text = (
            f"Yêu cầu {self.code}: chúng tôi xin lỗi, chưa có nhân viên đến {errand} trong khung giờ"
            f" {lost.text}. Lỗi thuộc về bên bưu chính. Lịch mới: {promise.text}.{self._change}"
        )
        return self._tell(About.WINDOW_LOST, text, **_when(promise))

    def rescheduled(self, errand: str, promise: Window) -> Telling:
        """Another window replaces the promised one."""
        text = f"Lịch {errand} của yêu cầu {self.code} đổi sang {promise.text}.{self._change}"
        return self._tell(About.RESCHEDULED, text, **_when(promise))

    def visit_failed(self, reason: str, cause: str, promise: Window) -> Telling:
        """Nobody could be served; a new visit is set already."""
        why = FAILURE_REASONS.get(reason, "lý do khác")
        text = (
            f"Lần hẹn của yêu cầu {self.code} không thành: {why}. {_APOLOGY.get(cause, '')}"
            f"Lịch mới: {promise.text}.{self._change}"
        )
        facts = _when(promise) | {"reason": _cut(f"{why}; hẹn lại {promise.text}", 200)}
        return self._tell(About.VISIT_FAILED, text, **facts)

    def held_at_counter(self, reason: str, office: str) -> Telling:
        """The last attempt failed; what comes next is up to the citizen."""
        why = FAILURE_REASONS.get(reason, "lý do khác")
        text = (
            f"Yêu cầu {self.code} đã hẹn hai lần không thành ({why}). Ông/Bà đến {office} hoặc gọi"
            f" {self.hotline} để chọn cách khác."
        )
        return self._tell(About.HELD_AT_COUNTER, text, reason=_cut(f"{why}; mời đến {office}", 200))

    def papers_incomplete(self, missing: Sequence[str]) -> Telling:
        """The worker was there, papers were missing."""
        listed = "; ".join(missing) or "xem phiếu nhân viên để lại"
        text = (
            f"Yêu cầu {self.code} chưa thu gom được vì còn thiếu: {listed}. Khi đủ giấy tờ, Ông/Bà đặt lại"
            f" giờ hẹn bằng mã {self.code} hoặc gọi {self.hotline}."
        )
        return self._tell(About.PAPERS_INCOMPLETE, text, reason=_cut(listed, 200))

    def cancelled(self) -> Telling:
        """The request was withdrawn."""
        text = f"Yêu cầu {self.code} đã được huỷ. Nhân viên sẽ không đến."
        return self._tell(About.CANCELLED, text)

    def picked_up(self, papers: int, amount: str) -> Telling:
        """The papers left the house, sealed. `amount` is what the receipt says."""
        text = (
            f"Đã thu gom hồ sơ của yêu cầu {self.code}: {papers} giấy tờ, niêm phong trước mặt Ông/Bà."
            f" Số tiền đã thu: {amount}. Ngày hẹn trả có khi bộ phận Một cửa tiếp nhận hồ sơ."
        )
        return self._tell(About.PICKED_UP, text, papers=str(papers), amount=_cut(amount, 30))

    def dossier_accepted(self, dossier_code: str, due_at: datetime) -> Telling:
        """Formal acceptance: the dossier code and the due date."""
        due = format_date(due_at)
        text = (
            f"Bộ phận Một cửa đã tiếp nhận hồ sơ của yêu cầu {self.code}. Mã hồ sơ: {dossier_code}."
            f" Ngày hẹn trả kết quả: {due}."
        )
        return self._tell(About.DOSSIER_ACCEPTED, text, dossier_code=_cut(dossier_code, 30), due_date=due)

    def supplement_needed(self, items: Sequence[str], promise: Window) -> Telling:
        """The desk asks for more; a visit to fetch it is set."""
        listed = "; ".join(items)
        text = (
            f"Hồ sơ của yêu cầu {self.code} cần bổ sung: {listed}. Nhân viên đến nhận {promise.text}."
            f"{self._change}"
        )
        facts = _when(promise) | {"reason": _cut(f"hẹn nhận {promise.text}: {listed}", 200)}
        return self._tell(About.SUPPLEMENT_NEEDED, text, **facts)

    def dossier_refused(self, reason: str) -> Telling:
        """The desk cannot accept the dossier."""
        text = (
            f"Bộ phận Một cửa không tiếp nhận được hồ sơ của yêu cầu {self.code}: {reason}. Giấy tờ sẽ được"
            f" trả lại Ông/Bà. Cần giải thích thêm, xin gọi {self.hotline}."
        )
        return self._tell(About.DOSSIER_REFUSED, text, reason=_cut(reason, 200))

    def result_ready(self) -> Telling:
        """The agency finished."""
        text = f"Đã có kết quả của yêu cầu {self.code}. Bưu chính sẽ nhận và báo giờ trả tại nhà."
        return self._tell(About.RESULT_READY, text)

    def return_scheduled(self, promise: Window) -> Telling:
        """A visit to bring the result is set."""
        text = f"Kết quả của yêu cầu {self.code} sẽ được trả tại nhà {promise.text}.{self._change}"
        return self._tell(About.RETURN_SCHEDULED, text, **_when(promise))

    def result_delivered(self) -> Telling:
        """The result is in the right hands."""
        text = f"Đã trả kết quả của yêu cầu {self.code}. Cảm ơn Ông/Bà đã dùng dịch vụ."
        return self._tell(About.RESULT_DELIVERED, text)

    def papers_return_scheduled(self, promise: Window) -> Telling:
        """A visit to bring a refused dossier home is set."""
        text = (
            f"Hồ sơ của yêu cầu {self.code} không được tiếp nhận và được trả lại. Nhân viên mang giấy tờ về"
            f" nhà {promise.text}.{self._change}"
        )
        return self._tell(About.PAPERS_RETURN_SCHEDULED, text, **_when(promise))

    def papers_returned(self) -> Telling:
        """A refused dossier is home again."""
        text = (
            f"Giấy tờ của yêu cầu {self.code} đã được trả lại Ông/Bà. Cần giúp thêm, xin gọi {self.hotline}."
        )
        return self._tell(About.PAPERS_RETURNED, text)


def _when(promise: Window) -> dict[str, str]:
    return {
        "day": format_date(promise.start),
        "window": f"{format_time(promise.start)}–{format_time(promise.end)}",
    }


def _who(worker: str, badge: str) -> str:
    return _cut(f"{worker} ({badge})", 30)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
