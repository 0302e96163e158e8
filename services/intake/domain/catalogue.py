"""Administrative procedures as versioned values: papers, fees, limits, and what can be done at home.

Rows are data with validity dates; a dossier keeps the version under which it was accepted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from shared.errors import Invalid, NotFound
from shared.vietnamese.calendar import Limit, LimitUnit
from shared.vietnamese.matching import likeness
from shared.vietnamese.text import fold

LEAST_LIKENESS = 62.0
"""Below this a procedure is not worth showing as an answer to free text."""


class HomeClass(StrEnum):
    """How much of a procedure can happen at the door."""

    BOTH_WAYS = "A"
    PICKUP_ONLY = "B"
    """Collected at home; the result needs the people in person."""
    GUIDANCE = "C"
    """Fingerprints or signing before an officer: only guidance and the return can be at home."""
    ONLINE_RETURN = "D"
    """Filed online; only the result comes home."""
    WITH_OFFICER = "E"
    """An officer must come along."""


class Presence(StrEnum):
    """Who must be there."""

    ANYONE = "anyone"
    APPLICANT = "applicant"
    BOTH_PARTNERS = "both_partners"
    OFFICER = "officer"


class Keep(StrEnum):
    """What becomes of a paper."""

    NO = "no"
    """Shown and given back at once."""
    KEPT = "kept"
    WITHDRAW_AT_PICKUP = "withdraw_at_pickup"
    WITHDRAW_AT_RETURN = "withdraw_at_return"
    """The result is not handed over before this paper is given up."""


class Skill(StrEnum):
    """What the worker must be able to do."""

    NONE = "none"
    GUIDANCE = "guidance"
    CERTIFIED = "certified"
    EXPERIENCED = "experienced"


class FeeKind(StrEnum):
    """How an agency fee is computed."""

    NONE = "none"
    FIXED = "fixed"
    PER_COPY = "per_copy"
    PER_PAGE = "per_page"
    AFTER_DEADLINE = "after_deadline"
    """Free within `free_days` of the event, then `amount`."""


@dataclass(frozen=True)
class Fee:
    """A fee formula in integer đồng. `cap` bounds the price of one copy."""

    kind: FeeKind = FeeKind.NONE
    amount: int = 0
    first_pages: int = 0
    first_amount: int = 0
    further_amount: int = 0
    cap: int | None = None
    free_days: int = 0

    def total(self, *, pages: int = 1, copies: int = 1, days_since_event: int = 0) -> int:
        """The price of a case. ValueError for counts that cannot be."""
        if pages < 1 or copies < 1 or days_since_event < 0:
            raise ValueError("pages and copies start at one, days at zero")
        if self.kind is FeeKind.PER_PAGE:
            one = self.first_amount * min(pages, self.first_pages)
            one += self.further_amount * max(0, pages - self.first_pages)
            return copies * (min(one, self.cap) if self.cap is not None else one)
        if self.kind is FeeKind.PER_COPY:
            return self.amount * copies
        if self.kind is FeeKind.AFTER_DEADLINE:
            return self.amount if days_since_event > self.free_days else 0
        return self.amount if self.kind is FeeKind.FIXED else 0


@dataclass(frozen=True)
class Document:
    """One paper of the published list: `kind` is form, original or copy."""

    name: str
    kind: str
    keep: Keep


@dataclass(frozen=True)
class Procedure:
    """One version of a procedure. `neutral_title` is what messages may say about it."""

    code: str
    version: int
    title_vi: str
    neutral_title: str
    aliases: tuple[str, ...]
    sector: str
    level: str
    national_code: bool
    home_class: HomeClass
    documents: tuple[Document, ...]
    fee: Fee
    exempt_groups: frozenset[str]
    limit: Limit
    presence_at_pickup: Presence
    presence_at_return: Presence
    service_minutes: int
    skill: Skill
    sensitivity: int
    valid_from: date
    valid_to: date | None = None

    def __post_init__(self) -> None:
        if self.service_minutes <= 0:
            raise ValueError("a visit takes at least a minute")
        if not 0 <= self.sensitivity <= 2:
            raise ValueError("sensitivity is 0, 1 or 2")
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("a version ends after it begins")

    def in_force(self, day: date) -> bool:
        """Whether this version holds on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class HomeService:
    """What of a procedure can be asked for at home, and the Vietnamese reason for what cannot."""

    pickup: bool
    guidance: bool
    home_return: bool
    why_not: str | None = None


_SIGN_IN_PERSON = (
    "Bưu tá thu gom hồ sơ tại nhà được, nhưng kết quả phải do người có yêu cầu trực tiếp nhận "
    "và ký trước cán bộ tại Bộ phận Một cửa."
)
_BIOMETRICS = (
    "Thủ tục này cần lấy vân tay, ảnh hoặc chữ ký trước mặt cán bộ nên không thu gom hồ sơ tại nhà được. "
    "Bưu tá có thể đến hướng dẫn chuẩn bị giấy tờ và trả kết quả tại nhà."
)
_FILED_ONLINE = (
    "Thủ tục này nộp trực tuyến trên Cổng Dịch vụ công. Bưu tá có thể đến hướng dẫn và trả kết quả tại nhà."
)
_OFFICER_ONLY = (
    "Thủ tục này phải do cán bộ có thẩm quyền trực tiếp thực hiện, bưu tá không làm thay được. "
    "Ông/Bà đến Bộ phận Một cửa, hoặc đề nghị địa phương tổ chức lưu động tại nhà."
)

_HOME_SERVICE = {
    HomeClass.BOTH_WAYS: HomeService(pickup=True, guidance=True, home_return=True),
    HomeClass.PICKUP_ONLY: HomeService(
        pickup=True, guidance=True, home_return=False, why_not=_SIGN_IN_PERSON
    ),
    HomeClass.GUIDANCE: HomeService(pickup=False, guidance=True, home_return=True, why_not=_BIOMETRICS),
    HomeClass.ONLINE_RETURN: HomeService(
        pickup=False, guidance=True, home_return=True, why_not=_FILED_ONLINE
    ),
    HomeClass.WITH_OFFICER: HomeService(
        pickup=False, guidance=False, home_return=False, why_not=_OFFICER_ONLY
    ),
}


def home_service(procedure: Procedure) -> HomeService:
    """What can be done at the door for this procedure."""
    return _HOME_SERVICE[procedure.home_class]


def check_pickup_at_home(procedure: Procedure) -> None:
    """Refuse a home pickup that the procedure does not allow.

    Raises Invalid (`procedure.not_at_home`) with the reason and what is possible as hints.
    """
    service = home_service(procedure)
    if service.pickup:
        return
    hints = ["Đến Bộ phận Một cửa của xã, phường gần nhất."]
    if service.guidance:
        hints.insert(0, "Đặt lịch để bưu tá đến hướng dẫn tại nhà.")
    reason = service.why_not or "Thủ tục này không làm tại nhà được."
    raise Invalid(reason, code="procedure.not_at_home", fields={"procedure": reason}, hints=tuple(hints))


def fee_for(
    procedure: Procedure,
    *,
    pages: int = 1,
    copies: int = 1,
    exemption: str | None = None,
    days_since_event: int = 0,
) -> int:
    """The agency fee in đồng; 0 for an exempt group (evidence is checked at the door).

    Raises Invalid (`fee.exemption_unknown`) when the procedure does not exempt that group, and
    Invalid (`fee.count`) for counts that cannot be.
    """
    if exemption is not None:
        if exemption not in procedure.exempt_groups:
            raise Invalid("Thủ tục này không miễn phí cho nhóm đã chọn.", code="fee.exemption_unknown")
        return 0
    try:
        return procedure.fee.total(pages=pages, copies=copies, days_since_event=days_since_event)
    except ValueError:
        raise Invalid("Số trang và số bản phải từ 1 trở lên.", code="fee.count") from None


@dataclass(frozen=True)
class Fare:
    """A postal fare in đồng: kind is pickup, return or fee_transfer."""

    kind: str
    amount: int
    exempt_groups: frozenset[str]
    valid_from: date
    valid_to: date | None = None


def fare_on(day: date, kind: str, fares: Iterable[Fare], exemption: str | None = None) -> int:
    """The fare of `kind` in force on `day`; 0 for an exempt group. Raises NotFound when none is published."""
    for fare in fares:
        if fare.kind == kind and fare.valid_from <= day and (fare.valid_to is None or day <= fare.valid_to):
            return 0 if exemption in fare.exempt_groups else fare.amount
    raise NotFound("Chưa công bố mức cước cho ngày này.", code="fare.missing")


def subject_of(procedure: Procedure) -> str:
    """How messages and the status page may name a procedure: neutrally where the matter is private."""
    return procedure.neutral_title if procedure.sensitivity else procedure.title_vi


def procedure_on(day: date, code: str, procedures: Iterable[Procedure]) -> Procedure:
    """The newest version of `code` in force on `day`. Raises NotFound when there is none."""
    versions = [row for row in procedures if row.code == code and row.in_force(day)]
    if not versions:
        raise NotFound(
            "Không có thủ tục này trong danh mục đang áp dụng.",
            code="procedure.missing",
            hints=("Chọn lại thủ tục trong danh mục.",),
        )
    return max(versions, key=lambda row: row.version)


@dataclass(frozen=True)
class Found:
    """A procedure that free text may mean, 0 … 100."""

    procedure: Procedure
    score: float


def find_procedures(text: str, procedures: Collection[Procedure], limit: int = 5) -> list[Found]:
    """The procedures meant by people's words, with or without accents, likeliest first; may be empty."""
    said = fold(text)
    if not said:
        return []
    found = [Found(procedure, _best_likeness(said, procedure)) for procedure in procedures]
    likely = [match for match in found if match.score >= LEAST_LIKENESS]
    return sorted(likely, key=lambda match: (-match.score, match.procedure.code))[:limit]


def _best_likeness(said: str, procedure: Procedure) -> float:
    return max(
        _likeness(said, fold(name)) for name in (procedure.title_vi, procedure.code, *procedure.aliases)
    )


def _likeness(said: str, name: str) -> float:
    """A name said in full wins; the longer the name, the surer."""
    if said == name:
        return 100.0
    if f" {name} " in f" {said} ":
        return min(99.0, 90.0 + len(name) / 4)
    return likeness(said, name) * 0.9


def procedure_from_row(row: Mapping[str, Any]) -> Procedure:
    """A procedure from one row of the reference file. Raises KeyError or ValueError when malformed."""
    return Procedure(
        code=row["code"],
        version=row["version"],
        title_vi=row["title_vi"],
        neutral_title=row["neutral_title"],
        aliases=tuple(row["aliases"]),
        sector=row["sector"],
        level=row["level"],
        national_code=row["national_code"],
        home_class=HomeClass(row["home_class"]),
        documents=tuple(
            Document(paper["name"], paper["kind"], Keep(paper["keep"])) for paper in row["documents"]
        ),
        fee=Fee(**{**row["fee"], "kind": FeeKind(row["fee"]["kind"])}),
        exempt_groups=frozenset(row["exempt_groups"]),
        limit=Limit(LimitUnit(row["limit"]["unit"]), row["limit"]["value"]),
        presence_at_pickup=Presence(row["presence"]["at_pickup"]),
        presence_at_return=Presence(row["presence"]["at_return"]),
        service_minutes=row["service_minutes"],
        skill=Skill(row["skill"]),
        sensitivity=row["sensitivity"],
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=None if row["valid_to"] is None else date.fromisoformat(row["valid_to"]),
    )


def fare_from_row(row: Mapping[str, Any]) -> Fare:
    """A fare from one row of the reference file. Raises KeyError or ValueError when malformed."""
    return Fare(
        kind=row["kind"],
        amount=row["amount"],
        exempt_groups=frozenset(row["exempt_groups"]),
        valid_from=date.fromisoformat(row["valid_from"]),
        valid_to=None if row["valid_to"] is None else date.fromisoformat(row["valid_to"]),
    )
