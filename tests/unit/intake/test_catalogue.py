"""The catalogue: thirty rows, fee formulas, finding by people's words, and what cannot be at home."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from services.intake.adapters.reference_files import load_fares, load_procedures
from services.intake.domain.catalogue import (
    Fee,
    FeeKind,
    HomeClass,
    Keep,
    Presence,
    check_pickup_at_home,
    fare_on,
    fee_for,
    find_procedures,
    home_service,
    procedure_on,
)
from shared.errors import Invalid, NotFound
from shared.vietnamese.calendar import LimitUnit
from shared.vietnamese.text import fold

PROCEDURES = load_procedures()
FARES = load_fares()
TODAY = date(2026, 11, 25)
BY_CODE = {procedure.code: procedure for procedure in PROCEDURES}
CERTIFIED_COPY, BIRTH, EXTRACT = BY_CODE["2.000815"], BY_CODE["1.001193"], BY_CODE["2.000635"]


def test_thirty_rows_cover_each_kind_of_case() -> None:
    """A kind of procedure would have no row to be tried with."""
    assert len(PROCEDURES) == len(BY_CODE) == 30
    assert {procedure.home_class for procedure in PROCEDURES} == set(HomeClass)
    assert {paper.keep for procedure in PROCEDURES for paper in procedure.documents} == set(Keep)
    assert {procedure.fee.kind for procedure in PROCEDURES} == set(FeeKind)
    assert {procedure.limit.unit for procedure in PROCEDURES} >= {LimitUnit.SAME_DAY, LimitUnit.WORKING_DAYS}
    assert {1, 0, 2} == {procedure.sensitivity for procedure in PROCEDURES}


def test_messages_never_carry_the_title_of_a_sensitive_procedure() -> None:
    """A neighbour reading the phone would learn about a divorce or a disability."""
    for procedure in PROCEDURES:
        assert fold(procedure.neutral_title) != fold(procedure.title_vi)
        assert "khuyết tật" not in procedure.neutral_title
        assert "hôn nhân" not in procedure.neutral_title


@pytest.mark.parametrize(
    ("pages", "copies", "amount"),
    [(1, 1, 2_000), (2, 1, 4_000), (3, 1, 5_000), (5, 1, 7_000), (300, 1, 200_000), (5, 3, 21_000)],
)
def test_certified_copies(pages: int, copies: int, amount: int) -> None:
    """The commonest fee would be collected wrongly thousands of times."""
    assert fee_for(CERTIFIED_COPY, pages=pages, copies=copies) == amount


@pytest.mark.parametrize(("days", "amount"), [(0, 0), (60, 0), (61, 8_000)])
def test_birth_is_free_for_sixty_days(days: int, amount: int) -> None:
    """Parents in time would pay, or late ones would not."""
    assert fee_for(BIRTH, days_since_event=days) == amount


def test_fixed_and_per_copy_fees() -> None:
    """A mortgage change costs 80.000 đ however many pages; extracts cost by the copy."""
    mortgage = replace(EXTRACT, fee=Fee(FeeKind.FIXED, amount=80_000))
    assert fee_for(mortgage, pages=9, copies=2) == 80_000
    assert fee_for(EXTRACT, copies=3) == 24_000


def test_exempt_groups_pay_nothing_and_others_are_refused() -> None:
    """A poor household would pay, or a made-up group would not."""
    assert fee_for(EXTRACT, copies=3, exemption="poor_household") == 0
    with pytest.raises(Invalid):
        fee_for(CERTIFIED_COPY, exemption="poor_household")


@pytest.mark.parametrize(("pages", "copies", "days"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_impossible_counts_are_refused(pages: int, copies: int, days: int) -> None:
    """A fee would become zero or negative by a slip."""
    with pytest.raises(Invalid):
        fee_for(CERTIFIED_COPY, pages=pages, copies=copies, days_since_event=days)


def test_fares_and_their_exemption() -> None:
    """The worker would collect a fare that nobody published."""
    assert fare_on(TODAY, "fee_transfer", FARES) == 8_000
    assert fare_on(TODAY, "pickup", FARES) == fare_on(TODAY, "return", FARES) == 26_000
    assert fare_on(TODAY, "pickup", FARES, exemption="heroic_mother") == 0
    with pytest.raises(NotFound):
        fare_on(date(2020, 1, 1), "pickup", FARES)


def test_the_version_in_force_on_the_day_is_used() -> None:
    """A dossier of next March would be accepted under the old law."""
    old = replace(BIRTH, valid_to=date(2027, 2, 28))
    new = replace(BIRTH, version=2, valid_from=date(2027, 3, 1))
    assert procedure_on(date(2027, 2, 28), BIRTH.code, [old, new]) == old
    assert procedure_on(date(2027, 3, 1), BIRTH.code, [old, new]) == new
    with pytest.raises(NotFound):
        procedure_on(TODAY, "9.999999", PROCEDURES)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("làm giấy khai sinh cho con", "1.001193"),
        ("lam khai sinh", "1.001193"),
        ("mất giấy khai sinh", "1.004884"),
        ("doi ten trong giay khai sinh", "1.004859"),
        ("trich luc khai sinh", "2.000635"),
        ("đăng ký hộ kinh doanh", "1.001612"),
        ("mo quan ca phe", "1.001612"),
        ("đóng cửa tiệm", "1.001266"),
        ("muốn xây nhà", "1.013225"),
        ("sang tên sổ đỏ cho con", "DD-BIEN-DONG"),
        ("tiền cho người già", "1.014027"),
        ("can cuoc", "CA-CAN-CUOC"),
        ("bằng lái xe hết hạn", "CA-DOI-GPLX"),
        ("sao y giay to", "2.000815"),
        ("xin giấy độc thân", "1.004873"),
        ("ba tôi mới mất", "1.000656"),
        ("lam the bao hiem y te cho be", "3.000722"),
        ("2.000635", "2.000635"),
    ],
)
def test_people_find_the_procedure_in_their_words(text: str, code: str) -> None:
    """People do not know official titles; the wrong list of papers would be brought."""
    assert find_procedures(text, PROCEDURES)[0].procedure.code == code


@pytest.mark.parametrize("text", ["", "   ", "thời tiết hôm nay", "mua xe máy"])
def test_other_talk_finds_nothing(text: str) -> None:
    """Any small talk would start a procedure."""
    assert find_procedures(text, PROCEDURES) == []


def test_what_cannot_be_done_at_home_says_why_and_what_is_possible() -> None:
    """A pickup would be planned that ends at the door with "we may not take this"."""
    for procedure in PROCEDURES:
        service = home_service(procedure)
        assert (service.why_not is None) == (procedure.home_class is HomeClass.BOTH_WAYS)
        if service.pickup:
            check_pickup_at_home(procedure)
            continue
        with pytest.raises(Invalid) as refusal:
            check_pickup_at_home(procedure)
        assert refusal.value.hints
        assert refusal.value.problem_code == "procedure.not_at_home"


def test_presence_follows_the_home_class() -> None:
    """A marriage certificate would be handed to one partner, or a certification done by the post."""
    assert BY_CODE["1.000894"].presence_at_return is Presence.BOTH_PARTNERS
    for procedure in PROCEDURES:
        if procedure.home_class is HomeClass.WITH_OFFICER:
            assert procedure.presence_at_pickup is Presence.OFFICER
    assert Counter(procedure.home_class for procedure in PROCEDURES)[HomeClass.BOTH_WAYS] >= 18


@pytest.mark.parametrize(
    "change", [{"service_minutes": 0}, {"sensitivity": 3}, {"valid_to": date(2020, 1, 1)}], ids=str
)
def test_nonsense_rows_are_refused(change: dict[str, object]) -> None:
    """A typing error in the data would surface at a citizen's door."""
    with pytest.raises(ValueError, match=r"minute|sensitivity|version"):
        replace(BIRTH, **change)  # type: ignore[arg-type]
