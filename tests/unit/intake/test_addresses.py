"""Addresses as people write them: resolved, or asked with the right answer among the first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.adapters.gazetteer import load_gazetteer
from services.intake.domain.addresses import Resolution, resolve
from services.intake.domain.gazetteer import Point

GAZETTEER = load_gazetteer()

TWENTY = [
    ("tổ 3 thôn Đông Gia xã Duy Vinh, Duy Xuyên, QNam", "Xã Nam Phước"),
    ("So nha 45 duong Phan Chu Trinh, P. Minh An, Hoi An, Quang Nam", "Phường Hội An"),
    ("K12/3 Huỳnh Thúc Kháng, phường An Xuân, Tam Kỳ, QN", "Phường Tam Kỳ"),
    ("thon 2 xa Binh Trieu huyen Thang Binh tinh Quang Nam", "Xã Thăng An"),
    ("Khối phố Hà Dừa, P Điện Ngọc, TX Điện Bàn, Q.Nam", "Phường Điện Bàn Đông"),
    ("thôn Bồng Miêu, Tam Lãnh, Phú Ninh", "Xã Phú Ninh"),
    ("Lac Thanh, Tam Loc, Phu Ninh, QNam", "Xã Tây Hồ"),
    ("Thôn Lộc Trung xã Quế Lộc Nông Sơn Quảng Nam", "Xã Nông Sơn"),
    ("tt Ai Nghia, Dai Loc", "Xã Đại Lộc"),
    ("Khu 5, thị trấn Núi Thành, h. Núi Thành, tỉnh Quảng Nam", "Xã Núi Thành"),
    ("xa tra mai huyen nam tra my", "Xã Nam Trà My"),
    ("TT Khâm Đức, Phước Sơn, Quảng Nam", "Xã Khâm Đức"),
    ("xã A Tiêng, Tây Giang, Qnam", "Xã Tây Giang"),
    ("tổ 10, TT Hà Lam (gần chợ Được), TB, Quảng Nam", "Xã Thăng Bình"),
    ("nhà ông Bảy, cạnh UBND xã Tam Thăng, TP Tam Kỳ", "Phường Bàn Thạch"),
    ("thôn Thanh Nhứt - Cẩm Thanh - Hội An", "Phường Hội An Đông"),
    ("Đội 4, Đại Hiệp, Đại lộc, qnam", "Xã Đại Lộc"),
    ("Nam Phuoc Duy Xuyen", "Xã Nam Phước"),
    ("Que Son, Que Phu, Huong An gan cau Huong An", "Xã Xuân Phú"),
    ("Thôn Dùng, TT Thạnh Mỹ, Nam Giang, Q Nam", "Xã Thạnh Mỹ"),
]

HELD_OUT = [
    ("số 7 đường Trần Cao Vân, phường Tam Kỳ, TP Đà Nẵng", "Phường Tam Kỳ"),
    ("xóm 5, thôn Thuận Trì, xã Bình An, huyện Thăng Bình", "Xã Thăng Điền"),
    ("Điện Phong, Điện Bàn, Đà Nẵng", "Xã Gò Nổi"),
    ("thon Tra Nho, xa Tra Leng, Nam Tra My", "Xã Trà Leng"),
    ("Khoi pho 3, Vinh Dien, TX Dien Ban", "Phường Điện Bàn"),
    ("xã Zuôih, Nam Giang", "Xã Nam Giang"),
    ("xa Axan huyen Tay Giang", "Xã Hùng Sơn"),
    ("Tam Xuân 1, Núi Thành", "Xã Tam Xuân"),
    ("Tiên Cảnh, Tiên Phước, Quảng Nam", "Xã Thạnh Bình"),
    ("thôn Bãi Làng, xã Tân Hiệp, Hội An", "Xã Tân Hiệp"),
    ("xã Duy Vinh (cũ), nay là xã Nam Phước, Đà Nẵng", "Xã Nam Phước"),
    ("xã Nam Phước, Đà Nẵng, Việt Nam", "Xã Nam Phước"),
    ("sau lưng trường tiểu học, thôn 4, xã Tam Mỹ, Đà Nẵng", "Xã Tam Mỹ"),
]


def _answers(resolution: Resolution) -> list[str]:
    return [candidate.unit.full_name for candidate in resolution.candidates[:3]]


@pytest.mark.parametrize(("text", "unit"), TWENTY)
def test_messy_addresses_never_go_wrong(text: str, unit: str) -> None:
    """A dossier would travel to the desk of another commune."""
    resolution = resolve(text, GAZETTEER)
    assert unit in _answers(resolution)
    assert resolution.chosen is None or resolution.chosen.unit.full_name == unit


def test_nearly_all_messy_addresses_need_no_operator() -> None:
    """Every caller would be asked what they just said."""
    chosen = [resolve(text, GAZETTEER).chosen for text, _ in TWENTY]
    assert sum(choice is not None for choice in chosen) >= 19


@pytest.mark.parametrize(("text", "unit"), HELD_OUT)
def test_addresses_written_after_the_rules(text: str, unit: str) -> None:
    """The rules would only know the addresses they were made from."""
    resolution = resolve(text, GAZETTEER)
    assert resolution.chosen is not None, resolution
    assert resolution.chosen.unit.full_name == unit


def test_street_and_landmark_are_kept_for_the_worker() -> None:
    """The worker would know the commune and not the door."""
    resolution = resolve("tổ 10, TT Hà Lam (gần chợ Được), TB, Quảng Nam", GAZETTEER)
    assert (resolution.street, resolution.landmark) == ("tổ 10", "gần chợ Được")
    assert (
        resolve("K12/3 Huỳnh Thúc Kháng, phường An Xuân, Tam Kỳ", GAZETTEER).street
        == "K12/3 Huỳnh Thúc Kháng"
    )
    assert resolution.text == "tổ 10, TT Hà Lam (gần chợ Được), TB, Quảng Nam"


def test_an_old_name_is_confirmed_with_the_new_one() -> None:
    """People do not know yet how their commune is called today."""
    resolution = resolve("xã Duy Vinh, huyện Duy Xuyên, Đà Nẵng", GAZETTEER)
    assert resolution.question == "Xã Duy Vinh (cũ), nay thuộc Xã Nam Phước – đúng không?"
    assert resolve("xã Duy Xuyên, Đà Nẵng", GAZETTEER).question is None


@pytest.mark.parametrize(
    "text",
    [
        "xã Tân Hiệp, huyện Hóc Môn, TP Hồ Chí Minh",
        "Tân Hiệp, Hóc Môn",
        "Thủ Dầu Một, Bình Dương",
        "phường Phú Cường, tỉnh Bình Dương",
        "xã Bình Định, tỉnh Gia Lai",
        "Hòa Minh, Liên Chiểu, Đà Nẵng",
        "phường Hòa Minh, quận Liên Chiểu, Đà Nẵng",
        "An Khê, Gia Lai",
        "Xã Bình An, Huyện Bình Sơn",
        "thi tran tan thanh huyen tan thanh",
        "phuong tan thanh quan duong kinh",
        "phường Hòa Cường Nam, Đà Nẵng",
        "12 Trần Hưng Đạo, Hà Nội",
    ],
)
def test_addresses_elsewhere_are_never_chosen(text: str) -> None:
    """A stranger's address would silently become a commune of ours."""
    resolution = resolve(text, GAZETTEER)
    assert resolution.chosen is None
    assert resolution.question


def test_two_places_in_one_address_are_asked() -> None:
    """The resolver would take sides when the citizen contradicts themselves."""
    resolution = resolve("Bình Triều, xã Thăng Bình, Đà Nẵng", GAZETTEER)
    assert resolution.chosen is None
    assert {"Xã Thăng Bình", "Xã Thăng An"} <= set(_answers(resolution))


def test_a_hamlet_named_like_a_commune_is_no_commune() -> None:
    """ "thôn Tân An" in Bình Lãnh would be taken for Tân An in Hội An."""
    resolution = resolve("thôn Tân An, xã Bình Lãnh, Thăng Bình", GAZETTEER)
    assert resolution.chosen is not None
    assert resolution.chosen.said.name == "Bình Lãnh"
    assert resolution.street == "thôn Tân An"


def test_a_slip_of_the_finger_is_offered_and_not_taken() -> None:
    """A misspelled commune would end in an empty question."""
    resolution = resolve("xã Duy Vin, Duy Xuyên", GAZETTEER)
    assert resolution.chosen is None
    assert _answers(resolution)[0] == "Xã Nam Phước"


def test_earlier_addresses_and_a_pin_decide_between_namesakes() -> None:
    """A known citizen would be asked again and again."""
    asked = resolve("xa Tam Thanh, Quang Nam", GAZETTEER)
    assert asked.chosen is None
    wanted = next(candidate for candidate in asked.candidates if candidate.said.name == "Tam Thanh")
    again = resolve("xa Tam Thanh, Quang Nam", GAZETTEER, earlier_units={wanted.unit.id})
    pinned = resolve("xa Tam Thanh, Quang Nam", GAZETTEER, pin=wanted.said.point)
    assert again.chosen is not None
    assert again.chosen.unit == wanted.unit
    assert pinned.candidates[0].unit == wanted.unit


def test_a_pin_far_away_forces_a_question() -> None:
    """A pin in Nam Trà My beside an address in Hội An means that one of them is wrong."""
    resolution = resolve("phường Minh An, Hội An", GAZETTEER, pin=Point(15.08, 108.15))
    assert resolution.chosen is None


def test_a_pin_alone_offers_the_nearest_units() -> None:
    """A Zalo location without words would be useless."""
    resolution = resolve("", GAZETTEER, pin=Point(15.848, 108.3356))
    assert resolution.chosen is None
    assert len(resolution.candidates) == 3


@given(st.text(max_size=80))
def test_no_text_breaks_the_resolver(text: str) -> None:
    """One strange message would stop the channel; without our names nothing may be chosen."""
    resolution = resolve(text, GAZETTEER)
    assert len(resolution.candidates) <= 5
    assert resolution.chosen is not None or resolution.question
