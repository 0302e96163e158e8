"""Is this webhook from Zalo? The `X-ZEvent-Signature` header answers.

Zalo signs with plain SHA-256 over app id + raw body + timestamp + secret, written `mac=<hex>`. Public
sources disagree on three details (which id, which secret, which timestamp), so the candidates are a
setting: start wide, read in the log which one matches, then narrow to that one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog

from services.intake.adapters.zalo.account import ZaloAccount
from shared.clock import Clock
from shared.errors import Unauthenticated

_log = structlog.get_logger(__name__)

SIGNATURE_HEADER = "x-zevent-signature"
TIMESTAMP_HEADER = "x-zevent-timestamp"
RETRY_HEADER = "num_retry"

MAX_AGE = timedelta(days=1)
RETRY_GRACE = timedelta(hours=3)
"""Zalo's last retry comes about two hours after the event. The header that announces a retry is not
signed, so it may stretch the limit a little but never lift it."""

_MAC = re.compile(r"mac=([0-9a-f]{64})")
_MILLISECONDS = re.compile(r"[0-9]{10,16}")


class FirstTerm(StrEnum):
    """Which id starts the signed text."""

    APP_ID = "app_id"
    OA_ID = "oa_id"


class SecretTerm(StrEnum):
    """Which secret ends the signed text."""

    OA_SECRET = "oa_secret"  # noqa: S105 - the name of a choice, not a secret
    APP_SECRET = "app_secret"  # noqa: S105 - likewise


class TimestampTerm(StrEnum):
    """Where the signed timestamp is read."""

    BODY = "body"
    HEADER = "header"


@dataclass(frozen=True)
class Variant:
    """One reading of the signature rule, spelled `app_id+body+oa_secret` in settings."""

    first: FirstTerm = FirstTerm.APP_ID
    timestamp: TimestampTerm = TimestampTerm.BODY
    secret: SecretTerm = SecretTerm.OA_SECRET

    def __str__(self) -> str:
        return f"{self.first}+{self.timestamp}+{self.secret}"

    @classmethod
    def parse(cls, text: str) -> Variant:
        """Read the spelling of settings. Raises ValueError for anything else."""
        first, timestamp, secret = text.strip().split("+")
        return cls(FirstTerm(first), TimestampTerm(timestamp), SecretTerm(secret))


DOCUMENTED = Variant()
ALL_VARIANTS = tuple(
    Variant(first, timestamp, secret)
    for first in FirstTerm
    for timestamp in TimestampTerm
    for secret in SecretTerm
)


def sign(first: str, body: bytes, timestamp: str, secret: str) -> str:
    """The header value `mac=<64 hex digits>` for a raw body."""
    signed = first.encode() + body + timestamp.encode() + secret.encode()
    return "mac=" + hashlib.sha256(signed).hexdigest()


class SignatureCheck:
    """Verifies webhooks of one account against the configured variants, in constant time."""

    def __init__(
        self,
        account: ZaloAccount,
        clock: Clock,
        variants: tuple[Variant, ...] = (DOCUMENTED,),
        max_age: timedelta = MAX_AGE,
    ) -> None:
        if not variants:
            raise ValueError("at least one signature variant is needed, or every webhook would be refused")
        self._account = account
        self._clock = clock
        self._variants = variants
        self._max_age = max_age

    def verify(self, body: bytes, timestamp: str, headers: Mapping[str, str]) -> Variant:
        """The variant that matches. `timestamp` is the one read in the body; as part of the body it is
        signed in every variant, so it may decide the age.

        Raises `Unauthenticated` (401) when the signature is missing or false, or the event is older
        or newer than the limit.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        given = _MAC.fullmatch(lowered.get(SIGNATURE_HEADER, "").strip())
        if given is None:
            raise Unauthenticated("Thiếu chữ ký của Zalo.", code="zalo.signature_missing")
        matched = self._match(given[0], body, timestamp, lowered.get(TIMESTAMP_HEADER, ""))
        if matched is None:
            raise Unauthenticated("Chữ ký của Zalo không đúng.", code="zalo.signature_false")
        self._check_age(timestamp, is_retry=RETRY_HEADER in lowered)
        _log.debug("zalo.signature_matched", variant=str(matched))
        return matched

    def _match(self, given: str, body: bytes, in_body: str, in_header: str) -> Variant | None:
        """Every candidate is computed, so the time taken does not tell which one is in use."""
        account, matched = self._account, None
        for variant in self._variants:
            first = account.app_id if variant.first is FirstTerm.APP_ID else account.oa_id
            secret = account.oa_secret if variant.secret is SecretTerm.OA_SECRET else account.app_secret
            timestamp = in_body if variant.timestamp is TimestampTerm.BODY else in_header
            if hmac.compare_digest(given, sign(first, body, timestamp, secret)) and matched is None:
                matched = variant
        return matched

    def _check_age(self, timestamp: str, *, is_retry: bool) -> None:
        if not _MILLISECONDS.fullmatch(timestamp):
            raise Unauthenticated("Thời điểm của sự kiện không đọc được.", code="zalo.timestamp_false")
        try:
            happened = datetime.fromtimestamp(int(timestamp) / 1000, UTC)
        except (OverflowError, ValueError, OSError) as error:
            raise Unauthenticated(
                "Thời điểm của sự kiện không đọc được.", code="zalo.timestamp_false"
            ) from error
        limit = self._max_age + (RETRY_GRACE if is_retry else timedelta())
        if abs(self._clock() - happened) > limit:
            raise Unauthenticated("Sự kiện đã quá cũ.", code="zalo.event_stale")
