"""What Zalo's error codes mean for us: six classes, one action each.

Zalo answers HTTP 200 with a negative `error` in the body. The table groups the documented codes by
what a caller can do about them, not by what they are called.
"""

from __future__ import annotations

from typing import ClassVar


class ZaloError(Exception):
    """A call to Zalo did not end in a success. `code` is Zalo's number, 0 when there was none."""

    metric: ClassVar[str] = "unknown"

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"{said} ({code})" if code else said)
        self.code = code
        self.said = said


class TokenRejected(ZaloError):
    """The access token is wrong or expired: refresh it and try once more."""

    metric = "token"


class Misconfigured(ZaloError):
    """Account, app, template or permission is set up wrongly: stop the channel, tell a person."""

    metric = "configuration"


class TryLater(ZaloError):
    """Certainly without effect, and another time may do: rate limit, quota, night, outage."""

    metric = "later"


class NotThisWay(ZaloError):
    """This person cannot be reached by this kind of message: take the next one."""

    metric = "not_this_way"


class OurDefect(ZaloError):
    """We sent something malformed: no retry will help."""

    metric = "defect"


class Ambiguous(ZaloError):
    """The connection or the server failed after the call may have had its effect: do not repeat blindly."""

    metric = "ambiguous"


TOKEN_CODES = frozenset({-216, -220, -124})
CONFIGURATION_CODES = frozenset(
    {*range(-105, -100), *range(-138, -134), -1351, -209, -212, -219, -221, -223, -224, -240}
    | {-320, -321, -242, -1241, -117, -120, -125, -146}
)
LATER_CODES = frozenset({-32, -100, -133, -234, -144, -147, -211, -218})
NOT_THIS_WAY_CODES = frozenset({-108, -118, -119, -114, -139, -140, -141, -213, -227, -230, -232, -244, -249})
DEFECT_CODES = frozenset({-201, -210, -111, -1121, -1122, -1124, -121, -122, -131, -132})

_CLASSES: tuple[tuple[frozenset[int], type[ZaloError]], ...] = (
    (TOKEN_CODES, TokenRejected),
    (CONFIGURATION_CODES, Misconfigured),
    (LATER_CODES, TryLater),
    (NOT_THIS_WAY_CODES, NotThisWay),
    (DEFECT_CODES, OurDefect),
)


def error_for(code: int, said: str) -> ZaloError:
    """The error of a refused call. A code nobody listed is a defect: it must be looked at, not retried."""
    for codes, kind in _CLASSES:
        if code in codes:
            return kind(code, said)
    return OurDefect(code, said)
