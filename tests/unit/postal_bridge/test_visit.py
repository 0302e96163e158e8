"""The order of steps at the door, and every way it is refused."""

from __future__ import annotations

import pytest

from services.postal_bridge.domain.money import Tariff
from services.postal_bridge.domain.steps import (
    Arrived,
    Exemption,
    FeeTaken,
    GuidanceGiven,
    HandedOver,
    IdentityDocument,
    IdentityShown,
    MissingExplained,
    OldPaperLine,
    OldPaperState,
    PaperLine,
    PapersCounted,
    PaperState,
    PapersWithdrawn,
    SealApplied,
    SetOff,
    Signed,
    Step,
    StepData,
)
from services.postal_bridge.domain.visit import (
    Cause,
    FailureReason,
    Outcome,
    Purpose,
    Terms,
    Visit,
    VisitState,
)
from shared.errors import Invalid, RuleBroken

PAPERS = ("Tờ khai", "Bản án ly hôn (nếu có)")
TERMS = Terms(papers=PAPERS, tariff=Tariff(fee=10_000, fare=28_000, fee_transfer=8_000))
IDENTITY = IdentityShown(IdentityDocument.CITIZEN_CARD, "…0123")


def counted(*states: PaperState) -> PapersCounted:
    """The count of the two papers."""
    return PapersCounted(
        tuple(PaperLine(name, state, "không áp dụng") for name, state in zip(PAPERS, states, strict=True))
    )


ALL_THERE = counted(PaperState.PRESENT, PaperState.PRESENT)
PICKUP: list[tuple[Step, StepData]] = [
    (Step.START, SetOff()),
    (Step.ARRIVE, Arrived()),
    (Step.IDENTITY, IDENTITY),
    (Step.COUNT_PAPERS, ALL_THERE),
    (Step.SIGN, Signed("NTS", "LVT")),
    (Step.SEAL, SealApplied("SEAL-1")),
    (Step.COLLECT_FEE, FeeTaken()),
]
ONE_OF_EACH: dict[Step, StepData] = dict(PICKUP) | {
    Step.EXPLAIN_MISSING: MissingExplained(),
    Step.WITHDRAW_PAPERS: PapersWithdrawn(()),
    Step.HAND_OVER: HandedOver(),
    Step.GUIDED: GuidanceGiven("cách điền tờ khai"),
}


def visit(purpose: Purpose = Purpose.PICKUP, terms: Terms = TERMS) -> Visit:
    """A visit not begun."""
    return Visit("visit-1", purpose, terms)


def after(steps: list[tuple[Step, StepData]], start: Visit | None = None) -> Visit:
    """A visit after some steps."""
    current = start or visit()
    for step, data in steps:
        current = current.take(step, data)
    return current


def test_a_pickup_takes_its_seven_steps() -> None:
    """If this fails a complete pickup does not end as picked up, or its sums are wrong."""
    done = after(PICKUP)
    assert done.outcome is Outcome.PICKED_UP
    assert done.state is VisitState.COMPLETED
    assert (done.charge.fee, done.charge.fare) == (10_000, 36_000)
    assert done.paper_count == 2


@pytest.mark.parametrize("taken", range(len(PICKUP)))
@pytest.mark.parametrize("step", list(Step))
def test_every_other_step_is_refused(taken: int, step: Step) -> None:
    """If this fails a worker can skip, repeat or swap one of the mandatory acts at the door."""
    current = after(PICKUP[:taken])
    if step is current.next_step:
        assert current.take(step, ONE_OF_EACH[step])
        return
    with pytest.raises(RuleBroken) as refused:
        current.take(step, ONE_OF_EACH[step])
    assert refused.value.problem_code == "visit.step_out_of_order"
    assert current.next_step is not None
    assert current.next_step.label in refused.value.hints[0]


def test_nothing_follows_the_end() -> None:
    """If this fails a finished visit can be changed."""
    with pytest.raises(RuleBroken, match="kết thúc"):
        after(PICKUP).take(Step.COLLECT_FEE, FeeTaken())


def test_missing_papers_end_without_seal_and_money() -> None:
    """If this fails an incomplete dossier is taken away, or paid for."""
    current = after([*PICKUP[:3], (Step.COUNT_PAPERS, counted(PaperState.MISSING, PaperState.PRESENT))])
    assert current.next_step is Step.EXPLAIN_MISSING
    done = current.take(Step.EXPLAIN_MISSING, MissingExplained())
    assert done.outcome is Outcome.PAPERS_INCOMPLETE
    assert done.missing == ("Tờ khai",)
    assert done.seal is None


def test_a_waived_paper_is_explained_and_not_counted() -> None:
    """If this fails a paper that does not apply stops the pickup, or is counted as present."""
    current = after([*PICKUP[:3], (Step.COUNT_PAPERS, counted(PaperState.PRESENT, PaperState.WAIVED))])
    current = current.take(Step.EXPLAIN_MISSING, MissingExplained())
    assert current.next_step is Step.SIGN
    assert current.paper_count == 1


def test_the_list_is_the_published_one() -> None:
    """If this fails a worker can demand a paper beyond the list, or forget one."""
    current = after(PICKUP[:3])
    extra = PapersCounted((*ALL_THERE.papers, PaperLine("Sổ hộ khẩu", PaperState.PRESENT)))
    with pytest.raises(Invalid, match="không có trong danh mục"):
        current.take(Step.COUNT_PAPERS, extra)
    with pytest.raises(Invalid, match="Chưa đếm: Bản án"):
        current.take(Step.COUNT_PAPERS, PapersCounted(ALL_THERE.papers[:1]))
    with pytest.raises(Invalid, match="hai lần"):
        current.take(Step.COUNT_PAPERS, PapersCounted((*ALL_THERE.papers, ALL_THERE.papers[0])))
    with pytest.raises(Invalid, match="Không có giấy tờ nào"):
        current.take(Step.COUNT_PAPERS, counted(PaperState.WAIVED, PaperState.WAIVED))


def test_guidance_has_no_papers_and_no_money() -> None:
    """If this fails a guidance visit asks for papers or a fee."""
    done = after([(Step.START, SetOff()), (Step.ARRIVE, Arrived())], visit(Purpose.GUIDANCE, Terms()))
    done = done.take(Step.GUIDED, GuidanceGiven("cách điền tờ khai"))
    assert done.outcome is Outcome.GUIDED


@pytest.mark.parametrize("fare", [0, 28_000])
def test_a_supplement_is_free_when_the_post_missed_it(fare: int) -> None:
    """If this fails a citizen pays for a way that the post's own mistake caused, or never pays."""
    start = visit(Purpose.SUPPLEMENT, Terms(papers=PAPERS, tariff=Tariff(fare=fare)))
    done = after(PICKUP[:6], start)
    assert (done.outcome is Outcome.SUPPLEMENT_COLLECTED) == (fare == 0)
    assert (done.next_step is Step.COLLECT_FEE) == (fare > 0)


def test_a_result_is_handed_over_last() -> None:
    """If this fails a result leaves the worker's hand before old papers, money and signature."""
    old = ("Giấy hộ tịch cũ",)
    current = after(PICKUP[:3], visit(Purpose.RETURN, Terms(withdraw=old, tariff=Tariff(fare=28_000))))
    order = (Step.WITHDRAW_PAPERS, Step.COLLECT_FEE, Step.SIGN, Step.HAND_OVER)
    assert current.steps[3:] == order
    with pytest.raises(Invalid, match="Chưa đếm"):
        current.take(Step.WITHDRAW_PAPERS, PapersWithdrawn(()))
    taken = PapersWithdrawn((OldPaperLine(old[0], OldPaperState.TAKEN),))
    current = current.take(Step.WITHDRAW_PAPERS, taken).take(Step.COLLECT_FEE, FeeTaken())
    done = current.take(Step.SIGN, Signed("NTS", "LVT")).take(Step.HAND_OVER, HandedOver())
    assert done.outcome is Outcome.DELIVERED


def test_nothing_due_and_nothing_to_withdraw_shortens_a_return() -> None:
    """If this fails a worker is asked to take zero đồng or no papers."""
    current = visit(Purpose.RETURN, Terms())
    assert current.steps == (Step.START, Step.ARRIVE, Step.IDENTITY, Step.SIGN, Step.HAND_OVER)


def test_failing_needs_a_call_and_a_way() -> None:
    """If this fails a worker can write a home off from the office or without calling."""
    with pytest.raises(RuleBroken, match="Chưa lên đường"):
        visit().fail(FailureReason.NOT_HOME, 1)
    with pytest.raises(RuleBroken, match="gọi cho người dân"):
        after(PICKUP[:2]).fail(FailureReason.NOT_HOME, 0)
    assert after(PICKUP[:2]).fail(FailureReason.NOT_HOME, 1).state is VisitState.FAILED
    assert visit().fail(FailureReason.WORKER_BREAKDOWN, 0).state is VisitState.FAILED


def test_no_failing_after_money_was_taken() -> None:
    """If this fails money is kept for a visit that says it did not take place."""
    paid = after(
        [*PICKUP[:3], (Step.COLLECT_FEE, FeeTaken())], visit(Purpose.RETURN, Terms(tariff=Tariff(fare=1)))
    )
    with pytest.raises(RuleBroken, match="Đã thu tiền"):
        paid.fail(FailureReason.REFUSED, 1)


def test_after_sealing_it_can_still_fail() -> None:
    """If this fails a citizen who cannot pay after sealing loses the papers or blocks the worker."""
    assert after(PICKUP[:6]).fail(FailureReason.PAYMENT_NOT_READY, 1).state is VisitState.FAILED


def test_cancelling_stops_only_who_is_not_there_yet() -> None:
    """If this fails a cancellation pulls a visit away from under the worker at the door."""
    assert visit().cancel().state is VisitState.CANCELLED
    assert after(PICKUP[:1]).cancel().state is VisitState.CANCELLED
    assert after(PICKUP[:4]).cancel().state is VisitState.AT_DOOR
    assert after(PICKUP).cancel().state is VisitState.COMPLETED


def test_every_reason_has_a_side() -> None:
    """If this fails a reason has no words for the worker or no side that bears the cost."""
    assert {reason.cause for reason in FailureReason} == {Cause.CITIZEN, Cause.POST, Cause.FORCE_MAJEURE}
    assert all(reason.label for reason in FailureReason)


def test_values_refuse_what_must_not_be_written_down() -> None:
    """If this fails full identity numbers, unsigned slips or unproven exemptions are stored."""
    with pytest.raises(Invalid, match="4 số cuối"):
        IdentityShown(IdentityDocument.CITIZEN_CARD, "049203001234")
    with pytest.raises(Invalid, match="uỷ quyền"):
        IdentityShown(IdentityDocument.CITIZEN_CARD, "1234", authorised=True)
    with pytest.raises(Invalid, match="lý do không cần"):
        PaperLine("Tờ khai", PaperState.WAIVED)
    with pytest.raises(Invalid, match="khai mất"):
        OldPaperLine("Giấy cũ", OldPaperState.LOST)
    with pytest.raises(Invalid, match="người dân"):
        Signed(" ", "LVT")
    with pytest.raises(Invalid, match="chứng minh"):
        FeeTaken(Exemption.ELDERLY)
    with pytest.raises(Invalid, match="hướng dẫn"):
        GuidanceGiven("")
