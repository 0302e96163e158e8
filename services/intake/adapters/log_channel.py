"""The channel of last resort: a line in the log, with ids only."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from threading import Lock

import structlog

from services.intake.application.notice_port import Notice, NoticeRejected, Receipt
from shared.clock import Clock

_log = structlog.get_logger(__name__)


class LogChannel:
    """Writes that a notice was due: id, kind and channel, never text, name, phone or user id.

    Remembers the last `memory` notices, so a repeat within the life of the process is no second
    line; after a restart a repeat may be logged again, which harms nobody.
    """

    def __init__(self, clock: Clock, *, memory: int = 10_000) -> None:
        self._clock = clock
        self._memory = memory
        self._sent: OrderedDict[str, tuple[str, Receipt]] = OrderedDict()
        self._lock = Lock()

    def send(self, notice: Notice) -> Receipt:
        """Log the notice once. Raises `NoticeRejected` when its id was used for another notice."""
        with self._lock:
            known = self._sent.get(notice.id)
            if known is not None:
                digest, receipt = known
                if digest != notice.digest():
                    raise NoticeRejected(
                        "Mã thông báo này đã dùng cho nội dung khác.", code="notice.id_reused"
                    )
                return replace(receipt, duplicate=True)
            receipt = Receipt(notice.id, "log", "", self._clock())
            self._sent[notice.id] = (notice.digest(), receipt)
            while len(self._sent) > self._memory:
                self._sent.popitem(last=False)
        _log.info(
            "notice.logged",
            notice_id=notice.id,
            kind=notice.kind.value,
            channel=notice.recipient.channel.value,
        )
        return receipt
