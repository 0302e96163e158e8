"""What is written down at each step of a visit: small values that refuse to be wrong.

The five acts at the door (count together, explain what is missing, both sign, seal in front of the
citizen, take the fee against a receipt) are those of Quyết định 45/2016/QĐ-TTg.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import Invalid

MOST_DIGITS_SHOWN = 4
"""Digits of an identity number that may be kept: enough to recognise, too few to misuse."""


class Step(StrEnum):
    """One act of a worker on a visit; the value is its name in addresses and in the database."""

    START = "start"
    ARRIVE = "arrive"
    IDENTITY = "identity"
    COUNT_PAPERS = "count_papers"
    EXPLAIN_MISSING = "explain_missing"
    WITHDRAW_PAPERS = "withdraw_papers"
    SIGN = "sign"
    SEAL = "seal"
    COLLECT_FEE = "collect_fee"
    HAND_OVER = "hand_over"
    GUIDED = "guided"

    @property
    def label(self) -> str:
        """The step as a short verb for the worker's screen."""
        return _STEP_LABELS[self]


_STEP_LABELS = {
    Step.START: "Lên đường",
    Step.ARRIVE: "Đã đến nơi",
    Step.IDENTITY: "Xem giấy tờ tuỳ thân",
    Step.COUNT_PAPERS: "Đếm giấy tờ",
    Step.EXPLAIN_MISSING: "Giải thích phần thiếu",
    Step.WITHDRAW_PAPERS: "Thu lại giấy tờ cũ",
    Step.SIGN: "Hai bên ký",
    Step.SEAL: "Niêm phong",
    Step.COLLECT_FEE: "Thu phí và cước",
    Step.HAND_OVER: "Trao kết quả",
    Step.GUIDED: "Đã hướng dẫn",
}


class IdentityDocument(StrEnum):
    """What was shown at the door."""

    CITIZEN_CARD = "citizen_card"
    VNEID = "vneid"
    PASSPORT = "passport"
    OTHER = "other"


class PaperState(StrEnum):
    """What the common count found for one row of the published list."""

    PRESENT = "present"
    MISSING = "missing"
    WAIVED = "waived"
    """Not there and not needed in this case; the reason is written down."""


class OldPaperState(StrEnum):
    """What became of an old paper that must be given up for the result."""

    TAKEN = "taken"
    LOST = "lost"
    """The citizen declares it lost; the note says how."""


class Exemption(StrEnum):
    """Groups that pay less; evidence is shown at the door."""

    NONE = "none"
    MERIT = "merit"
    POOR_HOUSEHOLD = "poor_household"
    ELDERLY = "elderly"
    DISABLED = "disabled"
    ETHNIC_MINORITY = "ethnic_minority"
    CHILD = "child"
    HEROIC_MOTHER = "heroic_mother"

    @property
    def label(self) -> str:
        """The group in the words of the fee tables."""
        return _EXEMPTION_LABELS[self]


_EXEMPTION_LABELS = {
    Exemption.NONE: "Không thuộc diện miễn",
    Exemption.MERIT: "Người có công với cách mạng",
    Exemption.POOR_HOUSEHOLD: "Hộ nghèo, hộ cận nghèo",
    Exemption.ELDERLY: "Người cao tuổi",
    Exemption.DISABLED: "Người khuyết tật",
    Exemption.ETHNIC_MINORITY: "Đồng bào dân tộc thiểu số ở xã đặc biệt khó khăn",
    Exemption.CHILD: "Trẻ em",
    Exemption.HEROIC_MOTHER: "Mẹ Việt Nam anh hùng, cán bộ tiền khởi nghĩa",
}


def _needed(field: str, text: str, message: str) -> None:
    if not text.strip():
        raise Invalid(message, code="step.incomplete", fields={field: message})


@dataclass(frozen=True)
class SetOff:
    """The worker leaves for this door."""


@dataclass(frozen=True)
class Arrived:
    """The worker stands at the door."""


@dataclass(frozen=True)
class IdentityShown:
    """Who stands there. Raises Invalid for a full identity number or a proxy without authorisation."""

    document: IdentityDocument
    masked_number: str
    authorised: bool = False
    authorisation_note: str = ""

    def __post_init__(self) -> None:
        _needed("masked_number", self.masked_number, "Chưa ghi các số cuối của giấy tờ đã xem.")
        if sum(character.isdigit() for character in self.masked_number) > MOST_DIGITS_SHOWN:
            message = f"Chỉ ghi tối đa {MOST_DIGITS_SHOWN} số cuối, không lưu đầy đủ số giấy tờ."
            raise Invalid(message, code="step.identity_too_much", fields={"masked_number": message})
        if self.authorised:
            _needed("authorisation_note", self.authorisation_note, "Người nhận thay phải có giấy uỷ quyền.")


@dataclass(frozen=True)
class PaperLine:
    """One row of the count. Raises Invalid when something is waived without a reason."""

    name: str
    state: PaperState
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state is PaperState.WAIVED:
            _needed("papers", self.reason, f"“{self.name}”: chưa ghi lý do không cần.")


@dataclass(frozen=True)
class PapersCounted:
    """The common count over the whole list."""

    papers: tuple[PaperLine, ...]

    def names(self, state: PaperState) -> tuple[str, ...]:
        """The papers found in this state, in the order of the list."""
        return tuple(line.name for line in self.papers if line.state is state)


@dataclass(frozen=True)
class MissingExplained:
    """The citizen was told what is missing and keeps the list."""

    note: str = ""


@dataclass(frozen=True)
class OldPaperLine:
    """One old paper asked back. Raises Invalid when it is declared lost without a word."""

    name: str
    state: OldPaperState
    note: str = ""

    def __post_init__(self) -> None:
        if self.state is OldPaperState.LOST:
            _needed("papers", self.note, f"“{self.name}”: chưa ghi lời khai mất giấy.")


@dataclass(frozen=True)
class PapersWithdrawn:
    """Each old paper was taken or declared lost."""

    papers: tuple[OldPaperLine, ...]


@dataclass(frozen=True)
class Signed:
    """Both signatures under the postal slip. Raises Invalid when one is missing."""

    citizen: str
    worker: str

    def __post_init__(self) -> None:
        _needed("citizen", self.citizen, "Thiếu chữ ký của người dân.")
        _needed("worker", self.worker, "Thiếu chữ ký của nhân viên bưu chính.")


@dataclass(frozen=True)
class SealApplied:
    """The serial of the tamper-evident envelope closed in front of the citizen."""

    serial: str


@dataclass(frozen=True)
class FeeTaken:
    """The choice of exemption; the amount follows from it and cannot be typed."""

    exemption: Exemption = Exemption.NONE
    evidence: str = ""

    def __post_init__(self) -> None:
        if self.exemption is not Exemption.NONE:
            _needed("evidence", self.evidence, "Chưa ghi giấy tờ chứng minh diện được miễn.")


@dataclass(frozen=True)
class HandedOver:
    """The result went into the receiver's hand."""

    note: str = ""


@dataclass(frozen=True)
class GuidanceGiven:
    """What was explained and what comes next."""

    explained: str
    next_action: str = ""

    def __post_init__(self) -> None:
        _needed("explained", self.explained, "Chưa ghi nội dung đã hướng dẫn.")


StepData = (
    SetOff
    | Arrived
    | IdentityShown
    | PapersCounted
    | MissingExplained
    | PapersWithdrawn
    | Signed
    | SealApplied
    | FeeTaken
    | HandedOver
    | GuidanceGiven
)

DATA_OF: dict[Step, type[StepData]] = {
    Step.START: SetOff,
    Step.ARRIVE: Arrived,
    Step.IDENTITY: IdentityShown,
    Step.COUNT_PAPERS: PapersCounted,
    Step.EXPLAIN_MISSING: MissingExplained,
    Step.WITHDRAW_PAPERS: PapersWithdrawn,
    Step.SIGN: Signed,
    Step.SEAL: SealApplied,
    Step.COLLECT_FEE: FeeTaken,
    Step.HAND_OVER: HandedOver,
    Step.GUIDED: GuidanceGiven,
}
"""Which value each step writes down."""
