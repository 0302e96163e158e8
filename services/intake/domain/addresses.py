"""From an address in people's words to a unit of today, without ever guessing in silence.

Candidates come from old and new names; each is weighed by the word before it ("xã", "phường"), by
the district and province beside it, by accents, by earlier addresses and by a pin. One clear
winner is chosen (an old name is still confirmed with the citizen); everything else is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from services.intake.domain.address_reading import Level, Mention, Reading, read
from services.intake.domain.gazetteer import (
    KIND_NAMES,
    District,
    Elsewhere,
    Gazetteer,
    Name,
    Point,
    Precision,
    ProvinceName,
    Unit,
    name_key,
)
from shared.vietnamese.matching import misspelling_of
from shared.vietnamese.text import tone_key

MARGIN = 1.0
"""How far the best unit must lead the second before it is chosen without asking."""
MOST_BUTTONS = 5
NEAR_KM = 12.0
FAR_KM = 30.0
_LEVEL_KINDS = {
    Level.COMMUNE: "commune",
    Level.WARD: "ward",
    Level.TOWNSHIP: "township",
    Level.SPECIAL_ZONE: "special_zone",
}


@dataclass(frozen=True)
class Located:
    """A point found for an address, how precise it is and what it stands for."""

    point: Point
    precision: Precision
    label: str


class Geocoder(Protocol):
    """Finds a point for an address in a known unit."""

    def locate(self, street: str, unit: Unit) -> Located:
        """The best point in or near `unit`; the unit's own point (precision unit) when none is known."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A unit that may be meant: as said (old or new), as it is today, why, and how strongly."""

    said: Unit
    unit: Unit
    reason: str
    score: float

    @property
    def label(self) -> str:
        """For a button: "Xã Duy Vinh (cũ), nay thuộc Xã Nam Phước"."""
        if not self.said.is_old:
            return self.unit.full_name
        if self.said.full_name == self.unit.full_name:
            return f"{self.unit.full_name} (giữ tên, địa bàn rộng hơn trước)"
        return f"{self.said.full_name} (cũ), nay thuộc {self.unit.full_name}"


@dataclass(frozen=True)
class Resolution:
    """What an address means. `chosen` is None when the citizen must be asked; `question` is what to ask.

    A question beside a chosen unit only wants a confirmation ("… đúng không?").
    """

    text: str
    street: str
    landmark: str
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    question: str | None


def resolve(
    text: str, gazetteer: Gazetteer, *, earlier_units: Collection[str] = (), pin: Point | None = None
) -> Resolution:
    """Read `text` and weigh every unit it may name.

    `earlier_units` are ids of present units of the citizen's earlier addresses; `pin` is a location
    the citizen sent. Never chooses a unit when a name in the text belongs elsewhere or is unknown.
    """
    reading = read(text, gazetteer)
    evidence = _Evidence.of(reading)
    weighed = [
        _with_context(candidate, earlier_units, pin)
        for mention in evidence.unit_mentions
        for candidate in _weigh(mention, reading, evidence, gazetteer)
    ]
    candidates = _best_by_unit(weighed)
    if not candidates:
        candidates = _fallback(reading, evidence, gazetteer, pin)
        return _asked(reading, candidates, _question_without_unit(evidence, candidates))
    if _sure(candidates, reading, evidence, gazetteer, pin):
        best = candidates[0]
        question = f"{best.label} – đúng không?" if best.said.is_old else None
        return Resolution(
            reading.text, reading.street, reading.landmark, tuple(candidates[:MOST_BUTTONS]), best, question
        )
    if reading.strangers or _bare_district(evidence.unit_mentions):
        candidates = _best_by_unit([*candidates, *_fallback(reading, evidence, gazetteer, pin)])
    return _asked(reading, candidates, _question_with_units(reading, evidence, candidates))


@dataclass(frozen=True)
class _Evidence:
    """The mentions sorted by what they tell."""

    unit_mentions: tuple[Mention, ...]
    districts: tuple[tuple[Mention, District], ...]
    provinces: frozenset[ProvinceName]
    elsewhere: bool

    @classmethod
    def of(cls, reading: Reading) -> _Evidence:
        spoken = [mention for mention in reading.mentions if not mention.in_street]
        districts = tuple(
            (mention, name.place)
            for mention in spoken
            if not mention.commune_level and not mention.in_landmark
            for name in mention.names
            if isinstance(name.place, District)
        )
        used = {
            mention.first
            for mention, district in districts
            if any(
                other is not mention and _is_in(district, unit)
                for other in spoken
                for unit in _units(other)
                if not other.in_street
            )
        }
        return cls(
            unit_mentions=tuple(
                mention
                for mention in spoken
                if mention.first not in used
                and mention.level not in (Level.DISTRICT, Level.PROVINCE)
                and any(True for _ in _units(mention))
            ),
            districts=districts,
            provinces=frozenset(
                name.place
                for mention in spoken
                if not mention.commune_level
                for name in mention.names
                if isinstance(name.place, ProvinceName)
            ),
            elsewhere=any(_only_elsewhere(mention) for mention in spoken if not mention.in_landmark),
        )

    def districts_beside(self, mention: Mention) -> list[District]:
        return [district for other, district in self.districts if other is not mention]


def _units(mention: Mention) -> Iterable[Unit]:
    return (name.place for name in mention.names if isinstance(name.place, Unit))


def _is_in(district: District, unit: Unit) -> bool:
    return unit.district == district.full_name if unit.is_old else unit.id in district.new_units


def _only_elsewhere(mention: Mention) -> bool:
    """A foreign province, or a name of ours announced as a province ("tỉnh Bình Dương")."""
    foreign = any(isinstance(name.place, Elsewhere) for name in mention.names)
    ours = any(not isinstance(name.place, Elsewhere) for name in mention.names)
    return foreign and (not ours or mention.level in (Level.PROVINCE, Level.DISTRICT))


def _weigh(
    mention: Mention, reading: Reading, evidence: _Evidence, gazetteer: Gazetteer
) -> Iterable[Candidate]:
    for name in mention.names:
        if isinstance(name.place, Unit):
            score, reasons = _score(name, name.place, mention, reading, evidence)
            for unit in gazetteer.current(name.place):
                yield Candidate(name.place, unit, "; ".join(reasons), score)


def _score(
    name: Name, unit: Unit, mention: Mention, reading: Reading, evidence: _Evidence
) -> tuple[float, list[str]]:
    score, reasons = 1.0, [f"nhắc tên “{mention.surface}”"]
    if mention.commune_level and mention.level is not None:
        exact = _LEVEL_KINDS[mention.level] == unit.kind.value
        score += 2.0 if exact else 1.0
        if exact:
            reasons.append(f"ghi rõ {KIND_NAMES[unit.kind].lower()}")
    beside = evidence.districts_beside(mention)
    if any(_is_in(district, unit) for district in beside):
        score += 2.0 if unit.is_old else 1.0
        reasons.append("khớp tên huyện cũ" if unit.is_old else "thuộc địa bàn huyện cũ đã ghi")
    elif beside:
        score -= 2.0
    own = ProvinceName.QUANG_NAM if unit.is_old else ProvinceName.DA_NANG
    if own in evidence.provinces:
        score += 1.0
        reasons.append(f"ghi {own.value}")
    elif evidence.provinces:
        score += 0.5
    if reading.accented:
        same = _spelled_alike(mention.surface, name.spelled)
        score += 1.0 if same else -1.5
    if name.alias:
        score -= 0.75
        reasons.append(f"tên gọi khác của {unit.full_name}")
    if mention.in_landmark:
        score -= 1.0
        reasons.append("chỉ nhắc trong mốc gần nhà")
    return score, reasons


def _spelled_alike(surface: str, spelled: str) -> bool:
    return tone_key(surface).replace(" ", "") == tone_key(spelled).replace(" ", "")


def _with_context(candidate: Candidate, earlier_units: Collection[str], pin: Point | None) -> Candidate:
    if candidate.unit.id in earlier_units:
        candidate = replace(
            candidate, score=candidate.score + 1.0, reason=f"{candidate.reason}; nơi đã dùng trước đây"
        )
    if pin is not None:
        distance = candidate.unit.point.kilometres_to(pin)
        if distance <= NEAR_KM:
            candidate = replace(
                candidate, score=candidate.score + 1.0, reason=f"{candidate.reason}; gần vị trí đã gửi"
            )
        elif distance > FAR_KM:
            candidate = replace(
                candidate, score=candidate.score - 2.0, reason=f"{candidate.reason}; xa vị trí đã gửi"
            )
    return candidate


def _best_by_unit(weighed: Iterable[Candidate]) -> list[Candidate]:
    """One candidate for each unit of today, the strongest first."""
    best: dict[str, Candidate] = {}
    for candidate in weighed:
        known = best.get(candidate.unit.id)
        if known is None or candidate.score > known.score:
            best[candidate.unit.id] = candidate
    return sorted(best.values(), key=lambda candidate: (-candidate.score, candidate.unit.id))


def _sure(
    candidates: Sequence[Candidate],
    reading: Reading,
    evidence: _Evidence,
    gazetteer: Gazetteer,
    pin: Point | None,
) -> bool:
    """Whether the first candidate may be chosen; every doubt means asking."""
    best = candidates[0]
    own = [m for m in evidence.unit_mentions if _may_mean(m, best.unit, gazetteer)]
    if evidence.elsewhere or reading.strangers or all(mention.in_landmark for mention in own):
        return False
    if len(candidates) > 1 and best.score - candidates[1].score < MARGIN:
        return False
    if any(not m.in_landmark and m not in own for m in evidence.unit_mentions):
        return False
    last = max(mention.last for mention in own)
    if any(place > last for place in reading.loose_words):
        return False
    if pin is not None and best.unit.point.kilometres_to(pin) > FAR_KM:
        return False
    return _supported(own, best, reading, evidence)


def _bare_district(mentions: Sequence[Mention]) -> bool:
    """Whether only a name stands there that a district bore too: "Duy Xuyên" may be either."""
    also_district = any(isinstance(name.place, District) for mention in mentions for name in mention.names)
    return also_district and not any(mention.commune_level for mention in mentions)


def _may_mean(mention: Mention, unit: Unit, gazetteer: Gazetteer) -> bool:
    return any(unit in gazetteer.current(named) for named in _units(mention))


def _supported(own: Sequence[Mention], best: Candidate, reading: Reading, evidence: _Evidence) -> bool:
    """A bare name is not enough: something beside it must say that this unit is meant."""
    beside = [district for mention in own for district in evidence.districts_beside(mention)]
    in_district = any(_is_in(district, best.said) for district in beside)
    if beside and not in_district:
        return False
    if _bare_district(own):
        return False
    announced = any(mention.commune_level for mention in own)
    exact = not reading.accented or any(_spelled_alike(m.surface, best.said.name) for m in own)
    return in_district or (exact and (announced or bool(evidence.provinces)))


def _fallback(
    reading: Reading, evidence: _Evidence, gazetteer: Gazetteer, pin: Point | None
) -> list[Candidate]:
    """When no unit is named: those of a named district, likely misspellings, or those near the pin."""
    guesses = _misspelled(reading, evidence, gazetteer)
    for mention, district in evidence.districts:
        reason = f"thuộc địa bàn {district.full_name} (cũ)"
        for unit_id in district.new_units:
            unit = gazetteer.unit(unit_id)
            same = name_key(unit.name) == name_key(mention.surface)
            guesses.append(Candidate(unit, unit, reason, 0.4 if same else 0.2))
    if not guesses and pin is not None:
        guesses = [Candidate(unit, unit, "gần vị trí đã gửi", 0.1) for unit in gazetteer.nearest(pin, 3)]
    return _best_by_unit(guesses)


def _misspelled(reading: Reading, evidence: _Evidence, gazetteer: Gazetteer) -> list[Candidate]:
    runs = [*reading.strangers, *_loose_pairs(reading)]
    names = sorted({name for run in runs for name in misspelling_of(run, gazetteer.unit_names())})
    guesses = []
    for unit in (unit for name in names for unit in gazetteer.units_named(name)):
        fits = any(_is_in(district, unit) for _, district in evidence.districts)
        score = 3.0 if fits else 0.3
        guesses += [
            Candidate(unit, now, f"có thể viết nhầm của {unit.full_name}", score)
            for now in gazetteer.current(unit)
        ]
    return guesses


def _loose_pairs(reading: Reading) -> list[str]:
    """Neighbouring unknown words, two and three at a time."""
    runs = []
    for width in (2, 3):
        for first in reading.loose_words:
            places = range(first, first + width)
            if all(place in reading.loose_words for place in places):
                runs.append(" ".join(reading.words[place].text for place in places))
    return runs


def _asked(reading: Reading, candidates: Sequence[Candidate], question: str) -> Resolution:
    return Resolution(
        reading.text, reading.street, reading.landmark, tuple(candidates[:MOST_BUTTONS]), None, question
    )


def _question_without_unit(evidence: _Evidence, candidates: Sequence[Candidate]) -> str:
    if evidence.elsewhere:
        return "Địa chỉ này có vẻ ở tỉnh khác. Ông/Bà cho biết xã, phường tại Quảng Nam hoặc Đà Nẵng?"
    if evidence.districts and candidates:
        district = evidence.districts[0][1]
        return f"{district.full_name} (cũ) nay gồm nhiều xã, phường. Ông/Bà ở nơi nào?"
    if candidates:
        return "Có phải Ông/Bà ở một trong các nơi này không?"
    return "Ông/Bà ở xã, phường nào? Tên cũ hay tên mới đều được."


def _question_with_units(reading: Reading, evidence: _Evidence, candidates: Sequence[Candidate]) -> str:
    if evidence.elsewhere:
        return "Địa chỉ có nhắc tên tỉnh khác. Có phải Ông/Bà ở một trong các nơi này không?"
    if reading.strangers:
        return f"Chưa rõ “{reading.strangers[0]}” là nơi nào. Có phải Ông/Bà ở một trong các nơi này không?"
    if len(candidates) == 1:
        return f"{candidates[0].label} – đúng không?"
    return "Có phải Ông/Bà ở một trong các nơi này không?"
