"""Telephone numbers as citizens dial them, kept as E.164."""

from __future__ import annotations

import phonenumbers

from shared.errors import Invalid

_REGION = "VN"
_REACHABLE = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
)


def parse(text: str) -> str:
    """The E.164 form ("+84900000123") of a number typed as 0…, 84… or +84…, blanks and dots allowed.

    Raises Invalid (`phone.special`) for emergency, service and toll-free numbers, and Invalid
    (`phone.invalid`) for anything that no Vietnamese subscriber can have. Letters are refused: the
    library would silently drop them.
    """
    typed = text.strip()
    digits = "".join(character for character in typed if character.isdigit())
    if not digits or any(character.isalpha() for character in typed):
        raise _invalid("Số điện thoại chỉ gồm chữ số, ví dụ 0900 000 123.")
    if len(digits) <= 5 or digits.startswith(("1800", "1900")):
        raise _invalid(
            "Đây là số dịch vụ hoặc số khẩn cấp. Xin cho số điện thoại riêng của Ông/Bà.",
            code="phone.special",
        )
    international = f"+{digits}" if typed.startswith("+") or digits.startswith("84") else digits
    try:
        number = phonenumbers.parse(international, _REGION)
    except phonenumbers.NumberParseException:
        raise _invalid("Số điện thoại không đọc được. Ví dụ đúng: 0900 000 123.") from None
    if number.country_code != 84:
        raise _invalid("Hiện chỉ nhận số điện thoại Việt Nam.")
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in _REACHABLE:
        raise _invalid("Số điện thoại không có thật ở Việt Nam. Xin kiểm tra lại từng chữ số.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def display(e164: str) -> str:
    """A stored number as people in Vietnam write it: "0900 000 123"; unreadable text comes back unchanged."""
    try:
        number = phonenumbers.parse(e164, _REGION)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)


def last4(e164: str) -> str:
    """The last four digits, which a citizen types to see the own request."""
    return e164[-4:]


def _invalid(message: str, code: str = "phone.invalid") -> Invalid:
    return Invalid(message, code=code, fields={"phone": message})
