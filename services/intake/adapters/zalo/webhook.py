"""One call for the webhook route: bytes and headers in, a verified event out."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from services.intake.adapters.zalo.account import ZaloAccount
from services.intake.adapters.zalo.events import ConsoleTest, ZaloEvent, parse_event
from services.intake.adapters.zalo.signature import DOCUMENTED, SignatureCheck, Variant
from shared.clock import Clock

_log = structlog.get_logger(__name__)


class ZaloWebhook:
    """Receives webhooks of one account.

    The route must hand over the raw body as it came and answer 200 within two seconds for every
    event returned, `Unknown` and `ConsoleTest` included; Zalo switches off an address that keeps
    failing. Repeats are recognised by `event.idempotency_key`.
    """

    def __init__(
        self, account: ZaloAccount, clock: Clock, variants: tuple[Variant, ...] = (DOCUMENTED,)
    ) -> None:
        self._check = SignatureCheck(account, clock, variants)

    def receive(self, body: bytes, headers: Mapping[str, str]) -> ZaloEvent:
        """The event, once its signature and age are good.

        The console's fixed sample passes unsigned: it is stored nowhere, and refusing it would keep
        an administrator from switching the webhook on. Raises `MalformedWebhook` (400) and
        `Unauthenticated` (401).
        """
        event = parse_event(body)
        if isinstance(event, ConsoleTest):
            _log.info("zalo.console_test")
            return event
        self._check.verify(body, event.timestamp, headers)
        return event
