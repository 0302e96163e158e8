"""A visit as a fold over the steps taken: what comes next, what is refused, how it ends.

A visit changes nothing in the world until its last step: custody passes when every mandatory act is
done, so a citizen who cannot pay after sealing still holds the papers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from services.postal_bridge.domain.money import Charge, Tariff
from services.postal_bridge.domain.steps import (
    DATA_OF,
    Exemption,
    FeeTaken,
    PapersCounted,
    PaperState,
    PapersWithdrawn,
    SealApplied,
    Step,
    StepData,
)
from shared.errors import Invalid, RuleBroken


class Purpose(StrEnum):
    """Why somebody comes to the door."""

    PICKUP = "pickup"
    GUIDANCE = "guidance"
    SUPPLEMENT = "supplement"
    RETURN = "return"

    @property
    def label(self) -> str:
        """The purpose in the words of the worker's list."""
        return _PURPOSE_LABELS[self]


_PURPOSE_LABELS = {
    Purpose.PICKUP: "Thu gom hồ sơ",
    Purpose.GUIDANCE: "Hướng dẫn tại nhà",
    Purpose.SUPPLEMENT: "Thu giấy tờ bổ sung",
    Purpose.RETURN: "Trả kết quả",
}


class VisitState(StrEnum):
    """Where a visit stands, told by its steps."""

    PLANNED = "planned"
    EN_ROUTE = "en_route"
    AT_DOOR = "at_door"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing more can happen."""
        return self in {VisitState.COMPLETED, VisitState.FAILED, VisitState.CANCELLED}


class Outcome(StrEnum):
    """How a completed visit ended."""

    PICKED_UP = "picked_up"
    SUPPLEMENT_COLLECTED = "supplement_collected"
    DELIVERED = "delivered"
    GUIDED = "guided"
    PAPERS_INCOMPLETE = "papers_incomplete"


_OUTCOMES = {
    Purpose.PICKUP: Outcome.PICKED_UP,
    Purpose.SUPPLEMENT: Outcome.SUPPLEMENT_COLLECTED,
    Purpose.RETURN: Outcome.DELIVERED,
    Purpose.GUIDANCE: Outcome.GUIDED,
}


class Cause(StrEnum):
    """On whose side the reason lies; it decides who bears the cost and whose figures it enters."""

    CITIZEN = "citizen"
    POST = "post"
    AGENCY = "agency"
    FORCE_MAJEURE = "force_majeure"


class FailureReason(StrEnum):
    """Why nobody could be served."""

    NOT_HOME = "not_home"
    WRONG_ADDRESS = "wrong_address"
    PHONE_OFF = "phone_off"
    REFUSED = "refused"
    PAPERS_NOT_READY = "papers_not_ready"
    PAYMENT_NOT_READY = "payment_not_ready"
    IDENTITY_MISMATCH = "identity_mismatch"
    UNSAFE = "unsafe"
    DOG = "dog"
    WORKER_BREAKDOWN = "worker_breakdown"
    OUT_OF_TIME = "out_of_time"

    @property
    def label(self) -> str:
        """The reason as the worker picks it."""
        return _REASONS[self][0]

    @property
    def cause(self) -> Cause:
        """Whose side it lies on."""
        return _REASONS[self][1]


_REASONS = {
    FailureReason.NOT_HOME: ("Không có người ở nhà", Cause.CITIZEN),
    FailureReason.WRONG_ADDRESS: ("Sai địa chỉ", Cause.CITIZEN),
    FailureReason.PHONE_OFF: ("Không liên lạc được", Cause.CITIZEN),
    FailureReason.REFUSED: ("Người dân từ chối", Cause.CITIZEN),
    FailureReason.PAPERS_NOT_READY: ("Giấy tờ chưa sẵn sàng", Cause.CITIZEN),
    FailureReason.PAYMENT_NOT_READY: ("Chưa có tiền nộp", Cause.CITIZEN),
    FailureReason.IDENTITY_MISMATCH: ("Giấy tờ tuỳ thân không khớp", Cause.CITIZEN),
    FailureReason.UNSAFE: ("Mưa lũ, đường không đi được", Cause.FORCE_MAJEURE),
    FailureReason.DOG: ("Chó dữ", Cause.CITIZEN),
    FailureReason.WORKER_BREAKDOWN: ("Xe hỏng hoặc nhân viên gặp sự cố", Cause.POST),
    FailureReason.OUT_OF_TIME: ("Không kịp giờ", Cause.POST),
}


@dataclass(frozen=True)
class Terms:
    """What this visit is held to, frozen when the worker sets off: a later catalogue changes nothing.

    `papers` is the list to count (published list, or the items asked for), `withdraw` the old papers to
    take back, `tariff` what may be charged, `exempt_groups` whom the procedure frees of its fee.
    """

    papers: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    tariff: Tariff = field(default_factory=Tariff)
    exempt_groups: tuple[str, ...] = ()

    @property
    def exemptions(self) -> tuple[Exemption, ...]:
        """The choices at the door: nobody, the procedure's groups, and who travels free by the fare table."""
        always = {Exemption.NONE, Exemption.HEROIC_MOTHER}
        return tuple(group for group in Exemption if group in always or group.value in self.exempt_groups)


@dataclass(frozen=True)
class Visit:
    """One visit: its purpose, its terms, the steps taken, and whether it failed or was cancelled."""

    visit_id: str
    purpose: Purpose
    terms: Terms
    taken: tuple[tuple[Step, StepData], ...] = ()
    stopped: VisitState | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of this visit in order, as far as is known now."""
        return tuple(self._sequence())

    @property
    def next_step(self) -> Step | None:
        """The only step that is allowed now; None when the visit is over."""
        if self.stopped is not None or len(self.taken) >= len(self.steps):
            return None
        return self.steps[len(self.taken)]

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it goes on or when it was stopped."""
        if self.stopped is not None or self.next_step is not None:
            return None
        return Outcome.PAPERS_INCOMPLETE if self.missing else _OUTCOMES[self.purpose]

    @property
    def state(self) -> VisitState:
        """Where it stands."""
        if self.stopped is not None:
            return self.stopped
        if self.outcome is not None:
            return VisitState.COMPLETED
        return (VisitState.PLANNED, VisitState.EN_ROUTE, VisitState.AT_DOOR)[min(len(self.taken), 2)]

    @property
    def missing(self) -> tuple[str, ...]:
        """Papers still to bring."""
        return self._counted(PaperState.MISSING)

    @property
    def paper_count(self) -> int:
        """Papers that go into the envelope."""
        return len(self._counted(PaperState.PRESENT))

    @property
    def seal(self) -> str | None:
        """The serial of the envelope."""
        data = self._data(Step.SEAL)
        return data.serial if isinstance(data, SealApplied) else None

    @property
    def charge(self) -> Charge:
        """What was charged, or would be without an exemption."""
        data = self._data(Step.COLLECT_FEE)
        return self.terms.tariff.charge(data if isinstance(data, FeeTaken) else FeeTaken())

    def take(self, step: Step, data: StepData) -> Visit:
        """The visit after one more step. Raises RuleBroken out of order, Invalid for an incomplete list."""
        if self.state.over:
            raise RuleBroken("Lượt đến nhà này đã kết thúc.", code="visit.over")
        if step is not self.next_step:
            assert self.next_step is not None  # noqa: S101 - a visit that is not over has a next step
            raise RuleBroken(
                f"Chưa được làm bước “{step.label}”.",
                code="visit.step_out_of_order",
                hints=(f"Bước phải làm bây giờ: {self.next_step.label}.",),
            )
        if not isinstance(data, DATA_OF[step]):
            raise TypeError(f"{step} writes down {DATA_OF[step].__name__}")
        self._check_lists(data)
        return replace(self, taken=(*self.taken, (step, data)))

    def fail(self, reason: FailureReason, call_attempts: int) -> Visit:
        """The visit given up. Raises RuleBroken without a call, before setting off, or once money was taken.

        A reason on the side of the post may stop a visit that never started.
        """
        if self.state.over:
            raise RuleBroken("Lượt đến nhà này đã kết thúc.", code="visit.over")
        if self._data(Step.COLLECT_FEE) is not None:
            raise RuleBroken(
                "Đã thu tiền và xuất biên lai, phải làm xong lượt này.", code="visit.money_taken"
            )
        if reason.cause is not Cause.POST:
            if not self.taken:
                raise RuleBroken("Chưa lên đường thì chưa thể báo thất bại.", code="visit.not_started")
            if call_attempts < 1:
                message = "Phải gọi cho người dân ít nhất một lần trước khi báo không thành công."
                raise RuleBroken(message, code="visit.no_call", fields={"call_attempts": message})
        return replace(self, stopped=VisitState.FAILED)

    def cancel(self) -> Visit:
        """The visit called off by the citizen; a worker already at the door finishes or fails it."""
        if self.state in {VisitState.PLANNED, VisitState.EN_ROUTE}:
            return replace(self, stopped=VisitState.CANCELLED)
        return self

    def _sequence(self) -> Iterator[Step]:
        yield Step.START
        yield Step.ARRIVE
        if self.purpose is Purpose.GUIDANCE:
            yield Step.GUIDED
            return
        yield Step.IDENTITY
        if self.purpose is Purpose.RETURN:
            yield from self._return_steps()
            return
        yield Step.COUNT_PAPERS
        if self.missing or self._counted(PaperState.WAIVED):
            yield Step.EXPLAIN_MISSING
        if self.missing:
            return
        yield Step.SIGN
        yield Step.SEAL
        if self.purpose is Purpose.PICKUP or self.terms.tariff.total:
            yield Step.COLLECT_FEE

    def _return_steps(self) -> Iterator[Step]:
        if self.terms.withdraw:
            yield Step.WITHDRAW_PAPERS
        if self.terms.tariff.total:
            yield Step.COLLECT_FEE
        yield Step.SIGN
        yield Step.HAND_OVER

    def _check_lists(self, data: StepData) -> None:
        """The list at the door is the published one: nothing added, nothing left out."""
        if isinstance(data, PapersCounted):
            _same_list(self.terms.papers, tuple(line.name for line in data.papers))
            if not data.names(PaperState.PRESENT) and not data.names(PaperState.MISSING):
                message = "Không có giấy tờ nào để thu gom."
                raise Invalid(message, code="visit.nothing_to_seal", fields={"papers": message})
        if isinstance(data, PapersWithdrawn):
            _same_list(self.terms.withdraw, tuple(line.name for line in data.papers))
        if isinstance(data, FeeTaken) and data.exemption not in self.terms.exemptions:
            message = "Thủ tục này không miễn phí cho nhóm đã chọn."
            raise Invalid(message, code="fee.exemption_unknown", fields={"exemption": message})

    def _counted(self, state: PaperState) -> tuple[str, ...]:
        data = self._data(Step.COUNT_PAPERS)
        return data.names(state) if isinstance(data, PapersCounted) else ()

    def _data(self, step: Step) -> StepData | None:
        return next((data for taken, data in self.taken if taken is step), None)


def _same_list(published: tuple[str, ...], given: tuple[str, ...]) -> None:
    if sorted(published) == sorted(given):
        return
    unknown = [name for name in given if name not in published]
    if unknown:
        message = f"“{unknown[0]}” không có trong danh mục đã công bố."
        raise Invalid(message, code="visit.paper_not_listed", fields={"papers": message})
    left_out = [name for name in published if name not in given]
    message = f"Chưa đếm: {', '.join(left_out)}." if left_out else "Có giấy tờ được ghi hai lần."
    raise Invalid(message, code="visit.paper_not_counted", fields={"papers": message})
