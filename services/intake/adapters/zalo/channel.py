"""The notice channel over Zalo: which way to take, and never twice.

Free text within seven days of the citizen's last word, else the approved template by user id, else by
phone. Every part is journalled before it goes out. An outcome that got lost on the wire is looked up
in the conversation for free text; for templates Zalo offers no look-up by our id, so a receipt or a
person settles it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import structlog

from services.intake.adapters.zalo.client import Sent, ThreadMessage, ZaloClient, split_text
from services.intake.adapters.zalo.errors import Ambiguous, Misconfigured, NotThisWay, TryLater, ZaloError
from services.intake.adapters.zalo.journal import SendJournal, Step, Way
from services.intake.adapters.zalo.templates import DEFAULT_TEMPLATES, Template, TemplateUnfit
from services.intake.application.notice_port import (
    Channel,
    ChannelStopped,
    Notice,
    NoticeDelayed,
    NoticeKind,
    NoticeRejected,
    NoticeUncertain,
    NoticeUndeliverable,
    Receipt,
)
from shared.clock import Clock
from shared.errors import Invalid
from shared.vietnamese import phones

_log = structlog.get_logger(__name__)

MESSAGE_WINDOW = timedelta(days=7)
"""Free text is allowed so long after the last interaction (the first 48 hours of it unbilled)."""

SETTLING = timedelta(seconds=15)
"""After a lost answer the conversation is asked no sooner: the request may still be under way."""

_CLOCK_DIFFERENCE = timedelta(minutes=2)
"""How far Zalo's clock may be behind ours when a line is matched with an attempt."""

_THREAD_PAGE = 10


class ZaloChannel:
    """A `NoticeChannel` for recipients with a Zalo user id or a phone number."""

    def __init__(
        self,
        client: ZaloClient,
        journal: SendJournal,
        clock: Clock,
        templates: Mapping[NoticeKind, Template] = DEFAULT_TEMPLATES,
        settling: timedelta = SETTLING,
    ) -> None:
        self._client = client
        self._journal = journal
        self._clock = clock
        self._templates = templates
        self._settling = settling

    def send(self, notice: Notice) -> Receipt:
        """See `NoticeChannel.send`."""
        begun = self._settled_steps(notice)
        for way in self._ways(notice, begun):
            try:
                return self._send_by(way, notice, begun)
            except NotThisWay as error:
                _log.info("zalo.not_this_way", notice_id=notice.id, way=way.value, code=error.code)
        raise NoticeUndeliverable("Không gửi được thông báo này qua Zalo.")

    def confirm_delivery(self, tracking_id: str, provider_id: str = "") -> None:
        """A delivery receipt came by webhook: settles a template whose answer was lost.

        `tracking_id` is the notice id. An unknown one is ignored.
        """
        self._journal.complete(tracking_id, 0, provider_id, self._clock())

    def _ways(self, notice: Notice, begun: list[Step]) -> Iterator[Way]:
        """A notice begun one way goes on that way: half a text and a template would confuse."""
        if begun:
            yield begun[0].way
            return
        recipient = notice.recipient
        if recipient.channel is Channel.ZALO:
            seen = recipient.last_interaction_at
            if seen is not None and self._clock() - seen <= MESSAGE_WINDOW:
                yield Way.MESSAGE
            if notice.kind in self._templates:
                yield Way.TEMPLATE_BY_USER
        if _phone_of(notice) and notice.kind in self._templates:
            yield Way.TEMPLATE_BY_PHONE

    def _send_by(self, way: Way, notice: Notice, begun: list[Step]) -> Receipt:
        texts = split_text(notice.text) if way is Way.MESSAGE else [notice.text]
        last: Step | None = None
        for part, text in enumerate(texts):
            last = begun[part] if part < len(begun) else self._send_part(way, notice, part, text)
        if last is None or last.sent_at is None:
            raise NoticeRejected("Thông báo không có nội dung.", code="notice.empty")
        return Receipt(
            notice.id, way.value, last.provider_id, last.sent_at, duplicate=len(begun) == len(texts)
        )

    def _send_part(self, way: Way, notice: Notice, part: int, text: str) -> Step:
        """One call to Zalo between two journal entries. Raises `NotThisWay` and notice problems."""
        step = Step(notice.id, part, way, notice.digest(), self._clock())
        if not self._journal.begin(step):
            raise NoticeDelayed("Thông báo này đang được gửi.", retry_after=self._settling)
        try:
            sent = self._call(way, notice, text)
        except Ambiguous as error:
            _log.warning("zalo.outcome_unknown", notice_id=notice.id, way=way.value)
            raise self._unknown(way) from error
        except TemplateUnfit as error:
            self._journal.withdraw(notice.id, part)
            raise NoticeRejected(f"Thông báo không hợp mẫu đã duyệt: {error}") from error
        except ZaloError as error:
            self._journal.withdraw(notice.id, part)
            if isinstance(error, NotThisWay):
                raise
            raise _problem(error) from error
        at = self._clock()
        self._journal.complete(notice.id, part, sent.message_id, at)
        return Step(notice.id, part, way, step.digest, step.started_at, at, sent.message_id)

    def _call(self, way: Way, notice: Notice, text: str) -> Sent:
        if way is not Way.TEMPLATE_BY_PHONE and notice.recipient.channel is not Channel.ZALO:
            raise NotThisWay(0, "the citizen left Zalo after the first part")
        if way is Way.MESSAGE:
            return self._client.send_message(notice.recipient.address, text)
        template = self._templates[notice.kind]
        data = template.fill(notice)
        if way is Way.TEMPLATE_BY_USER:
            return self._client.send_template_to_user(notice.recipient.address, template.template_id, data)
        try:
            phone = phones.parse(_phone_of(notice)).removeprefix("+")
        except Invalid as error:
            raise NotThisWay(-108, "not a Vietnamese phone number") from error
        return self._client.send_template_to_phone(phone, template.template_id, data, notice.id)

    def _settled_steps(self, notice: Notice) -> list[Step]:
        """The parts sent before, after looking into one that was cut off.

        Raises `NoticeRejected` when the id belongs to another notice, `NoticeDelayed` or
        `NoticeUncertain` while the outcome of a part is open.
        """
        steps = self._journal.steps(notice.id)
        if any(step.digest != notice.digest() for step in steps):
            raise NoticeRejected("Mã thông báo này đã dùng cho nội dung khác.", code="notice.id_reused")
        cut_off = next((step for step in steps if step.sent_at is None), None)
        if cut_off is None:
            return steps
        if cut_off.way is not Way.MESSAGE or self._clock() - cut_off.started_at < self._settling:
            raise self._unknown(cut_off.way)
        if notice.recipient.channel is not Channel.ZALO:
            raise NoticeUncertain("Công dân đã đổi kênh khi tin trước còn chưa rõ kết quả.")
        text = split_text(notice.text)[cut_off.part]
        found = self._look_up(notice.recipient.address, text, cut_off.started_at - _CLOCK_DIFFERENCE)
        if found is None:
            self._journal.withdraw(notice.id, cut_off.part)
        else:
            self._journal.complete(notice.id, cut_off.part, found.message_id, found.at)
        return self._journal.steps(notice.id)

    def _look_up(self, user_id: str, text: str, since: datetime) -> ThreadMessage | None:
        """Our line with this text in the conversation; None when it certainly is not there."""
        try:
            thread = self._client.recent_messages(user_id, _THREAD_PAGE)
        except ZaloError as error:
            raise NoticeDelayed("Chưa xác minh được tin đã gửi hay chưa.") from error
        wanted = unicodedata.normalize("NFC", text)
        for line in thread:
            if line.from_us and line.at >= since and line.text == wanted:
                return line
        if len(thread) >= _THREAD_PAGE and all(line.at >= since for line in thread):
            raise NoticeUncertain("Không xác minh được tin đã gửi hay chưa.")
        return None

    def _unknown(self, way: Way) -> NoticeDelayed | NoticeUncertain:
        if way is Way.MESSAGE:
            return NoticeDelayed("Chưa rõ Zalo đã nhận tin hay chưa.", retry_after=self._settling)
        return NoticeUncertain("Chưa rõ Zalo đã nhận tin hay chưa; không tự gửi lại.")


def _phone_of(notice: Notice) -> str:
    recipient = notice.recipient
    return recipient.address if recipient.channel is Channel.PHONE else recipient.phone or ""


def _problem(error: ZaloError) -> NoticeDelayed | ChannelStopped | NoticeRejected:
    if isinstance(error, TryLater):
        return NoticeDelayed("Zalo tạm thời không nhận tin.")
    if isinstance(error, Misconfigured):
        return ChannelStopped(f"Kênh Zalo cần người quản trị kiểm tra (mã {error.code}).")
    return NoticeRejected(f"Zalo từ chối nội dung thông báo (mã {error.code}).")
