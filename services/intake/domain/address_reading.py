"""Reading an address as people write it: words, what they may name, streets, landmarks.

No decision is taken here; `services.intake.domain.addresses` weighs what was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from services.intake.domain.gazetteer import Gazetteer, Name, Unit, name_key
from shared.vietnamese.text import fold, has_accents, nfc

_WORD = re.compile(r"[^\W_]+(?:['’/][^\W_]+)*")
_BREAK = re.compile(r"[,;\n]|\s[-–—]\s")


def _as_typed(phrases: Iterable[str]) -> frozenset[str]:
    """Each phrase, and as it is typed without any accent ("xa" is "xã", "xả" is not)."""
    return frozenset(spelling for phrase in phrases for spelling in (phrase, fold(phrase)))


class Level(StrEnum):
    """The level that a word such as "xã" or "huyện" announces."""

    COMMUNE = "commune"
    WARD = "ward"
    TOWNSHIP = "township"
    SPECIAL_ZONE = "special_zone"
    DISTRICT = "district"
    PROVINCE = "province"


_COMMUNE_LEVELS = frozenset({Level.COMMUNE, Level.WARD, Level.TOWNSHIP, Level.SPECIAL_ZONE})
_ONE_WORD = {
    "xã": Level.COMMUNE,
    "x": Level.COMMUNE,
    "phường": Level.WARD,
    "p": Level.WARD,
    "tt": Level.TOWNSHIP,
    "huyện": Level.DISTRICT,
    "h": Level.DISTRICT,
    "quận": Level.DISTRICT,
    "tp": Level.DISTRICT,
    "tx": Level.DISTRICT,
    "tỉnh": Level.PROVINCE,
    "t": Level.PROVINCE,
}
_TWO_WORDS = {
    "thị trấn": Level.TOWNSHIP,
    "đặc khu": Level.SPECIAL_ZONE,
    "thành phố": Level.DISTRICT,
    "thị xã": Level.DISTRICT,
}
_LEVEL_SPELLINGS = {
    spelling: level for phrase, level in (_ONE_WORD | _TWO_WORDS).items() for spelling in _as_typed([phrase])
}
_STREET = _as_typed(
    [
        "thôn",
        "tổ",
        "đội",
        "khối",
        "khu",
        "ấp",
        "xóm",
        "bản",
        "nóc",
        "đường",
        "kiệt",
        "hẻm",
        "ngõ",
        "ngách",
        "ql",
        "quốc lộ",
        "tỉnh lộ",
        "số nhà",
        "nhà",
        "ông",
        "chợ",
        "cầu",
        "trường",
    ]
)
_RESIDENTIAL = frozenset({"khoi pho", "khu pho", "dan pho"})
_LANDMARK = _as_typed(
    ["gần", "cạnh", "kề", "kế", "sát", "đối diện", "sau lưng", "trước mặt", "bên cạnh", "phía sau", "cách"]
)
_FILLER = frozenset(
    [
        "vn",
        "cu",
        "moi",
        "nay",
        "la",
        "thuoc",
        "truoc",
        "day",
        "a",
        "nhe",
        "nha",
        "em",
        "anh",
        "chi",
        "o",
        "tai",
        "va",
    ]
)


@dataclass(frozen=True)
class Word:
    """One word of the text with its place and its run between commas."""

    text: str
    start: int
    end: int
    segment: int
    aside: bool = False
    """Inside parentheses."""

    @cached_property
    def folded(self) -> str:
        """The accent-free copy."""
        return fold(self.text)


@dataclass(frozen=True)
class Mention:
    """Words `first` … `last` spell a known name."""

    first: int
    last: int
    surface: str
    names: tuple[Name, ...]
    level: Level | None = None
    level_width: int = 0
    in_street: bool = False
    in_landmark: bool = False
    whole_segment: bool = False

    @property
    def commune_level(self) -> bool:
        """Announced by "xã", "phường", "thị trấn" or "đặc khu"."""
        return self.level in _COMMUNE_LEVELS


@dataclass(frozen=True)
class Reading:
    """What was seen in a text. `strangers` are names announced by "xã", "huyện" … that we do not know."""

    text: str
    words: tuple[Word, ...]
    mentions: tuple[Mention, ...]
    street: str
    landmark: str
    strangers: tuple[str, ...]
    loose_words: tuple[int, ...]
    accented: bool


def read(text: str, gazetteer: Gazetteer) -> Reading:
    """Find the words, the known names with the level announced before them, the street and the landmarks."""
    kept = nfc(text)
    words = _words(kept)
    found = _names_in(words, gazetteer)
    covered = {place for first, last, _ in found for place in range(first, last + 1)}
    landmarks = _runs(words, _starts(words, _LANDMARK, covered), ())
    landmarks |= {place for place, word in enumerate(words) if word.aside}
    announced = {first for first, _, _ in found}
    levels = {place for place in range(len(words)) if _level_at(words, place) is not None} - covered
    streets = _runs(words, _starts(words, _STREET, covered), covered | levels)
    streets |= _runs(
        words, {p for p, w in enumerate(words) if w.text[:1].isdigit()} - covered, covered | levels
    )
    mentions = tuple(_mention(words, *names, landmarks) for names in found)
    mentions = tuple(mention for mention in mentions if _plausible(mention))
    level_words = {p for m in mentions for p in range(m.first - m.level_width, m.first)}
    named = {place for m in mentions for place in range(m.first, m.last + 1)} | level_words
    loose = [
        place
        for place, word in enumerate(words)
        if place not in named | streets | landmarks | levels
        and word.folded not in _FILLER
        and not _country(words, place)
    ]
    return Reading(
        text=kept,
        words=words,
        mentions=mentions,
        street=_street_text(kept, words, mentions, landmarks),
        landmark=_landmark_text(kept, words, landmarks),
        strangers=(
            *_strangers(words, levels - level_words - landmarks - streets, announced),
            *(mention.surface for mention in mentions if _announced_above_its_level(mention)),
        ),
        loose_words=tuple(loose),
        accented=has_accents(kept),
    )


def _words(text: str) -> tuple[Word, ...]:
    breaks = [match.start() for match in _BREAK.finditer(text)]
    breaks += [place for place, character in enumerate(text) if character in "()"]
    words = []
    for match in _WORD.finditer(text):
        before = text[: match.start()]
        segment = sum(1 for place in breaks if place < match.start())
        words.append(
            Word(match.group(), match.start(), match.end(), segment, before.count("(") > before.count(")"))
        )
    return tuple(words)


def _names_in(words: Sequence[Word], gazetteer: Gazetteer) -> list[tuple[int, int, tuple[Name, ...]]]:
    """Spans that spell a known name; of overlapping spans the longer, then the earlier one stays."""
    longest = gazetteer.longest_name
    spans = []
    for first in range(len(words)):
        if _inside_level(words, first):
            continue
        for last in range(first, min(first + longest, len(words))):
            if words[last].segment != words[first].segment:
                break
            names = gazetteer.named(name_key("".join(word.text for word in words[first : last + 1])))
            if names:
                spans.append((first, last, tuple(names)))
    taken: set[int] = set()
    chosen = []
    for first, last, names in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if not taken & set(range(first, last + 1)):
            taken |= set(range(first, last + 1))
            chosen.append((first, last, names))
    return sorted(chosen, key=lambda span: span[0])


def _mention(
    words: Sequence[Word], first: int, last: int, names: tuple[Name, ...], landmarks: set[int]
) -> Mention:
    level, width = _level_before(words, first)
    before = words[first - 1] if first and words[first - 1].segment == words[first].segment else None
    pair = f"{words[first - 2].folded} {before.folded}" if before and first > 1 else ""
    segment = [word for word in words if word.segment == words[first].segment]
    return Mention(
        first=first,
        last=last,
        surface=" ".join(word.text for word in words[first : last + 1]),
        names=names,
        level=level,
        level_width=width,
        in_street=level is None
        and before is not None
        and (before.text.lower() in _STREET or pair in _RESIDENTIAL),
        in_landmark=first in landmarks,
        whole_segment=len(segment) == last - first + 1 + width,
    )


def _plausible(mention: Mention) -> bool:
    """One short word ("Ba", "Tư", "TB") names a place only when announced, alone, or an abbreviation."""
    if mention.first != mention.last or len(mention.surface) > 4:
        return True
    return mention.level is not None or mention.whole_segment or _abbreviates(mention)


def _abbreviates(mention: Mention) -> bool:
    short = all(name.alias or name.spelled != name.spelled.title() for name in mention.names)
    return short and not mention.surface.islower()


def _level_at(words: Sequence[Word], place: int) -> tuple[Level, int] | None:
    """The level announced by the word at `place` (or by it and the next) and how many words that takes."""
    if place + 1 < len(words):
        pair = f"{words[place].text.lower()} {words[place + 1].text.lower()}"
        if level := _LEVEL_SPELLINGS.get(pair):
            return level, 2
    if level := _LEVEL_SPELLINGS.get(words[place].text.lower()):
        return level, 1
    return None


def _country(words: Sequence[Word], place: int) -> bool:
    """Part of "Việt Nam"; a lone "Nam" belongs to a name ("Hòa Cường Nam")."""
    around = words[max(0, place - 1) : place + 2]
    return any(one.folded == "viet" and two.folded == "nam" for one, two in pairwise(around))


def _inside_level(words: Sequence[Word], place: int) -> bool:
    """The second word of "thành phố" begins no name, though "phố Hội" is one."""
    before = _level_at(words, place - 1) if place else None
    return before is not None and before[1] == 2


def _level_before(words: Sequence[Word], first: int) -> tuple[Level | None, int]:
    for width in (2, 1):
        place = first - width
        if place >= 0 and words[place].segment == words[first].segment:
            found = _level_at(words, place)
            if found is not None and found[1] == width:
                return found
    return None, 0


def _starts(words: Sequence[Word], phrases: frozenset[str], covered: set[int]) -> set[int]:
    places = set()
    for place, word in enumerate(words):
        if place in covered:
            continue
        pair = f"{word.text} {words[place + 1].text}" if place + 1 < len(words) else word.text
        if word.text.lower() in phrases or pair.lower() in phrases:
            places.add(place)
    return places


def _runs(words: Sequence[Word], starts: set[int], stops: Sequence[int] | set[int]) -> set[int]:
    """Every word from a start to the end of its segment, or to the next word in `stops`."""
    places = set()
    for start in starts:
        for place in range(start, len(words)):
            if words[place].segment != words[start].segment or place in stops:
                break
            places.add(place)
    return places


def _strangers(words: Sequence[Word], levels: set[int], announced: set[int]) -> tuple[str, ...]:
    """Names after a level word that no place of ours bears ("huyện Hóc Môn"); single letters do not count."""
    found = []
    for place in sorted(levels):
        level = _level_at(words, place)
        after = place + (level[1] if level else 1)
        known = after in announced or (place + 1 in announced)
        if after >= len(words) or known or len(words[place].text) == 1:
            continue
        if words[after].segment == words[place].segment:
            tail = [w.text for w in words[after : after + 2] if w.segment == words[place].segment]
            found.append(" ".join(tail))
    return tuple(found)


def _announced_above_its_level(mention: Mention) -> bool:
    """ "huyện Bình Sơn" when we know only a commune of that name: another place is meant."""
    if mention.in_landmark or mention.level not in (Level.DISTRICT, Level.PROVINCE):
        return False
    return all(isinstance(name.place, Unit) for name in mention.names)


def _street_text(text: str, words: Sequence[Word], mentions: Sequence[Mention], landmarks: set[int]) -> str:
    """What stands before the first unit: house, alley, group, village."""
    places = [mention.first - mention.level_width for mention in mentions if not mention.in_street]
    end = words[min(places)].start if places else len(text)
    first_landmark = min((words[place].start for place in landmarks), default=end)
    return text[: min(end, first_landmark)].strip(" ,;-–—(\n.")


def _landmark_text(text: str, words: Sequence[Word], landmarks: set[int]) -> str:
    runs: list[list[Word]] = []
    for place in sorted(landmarks):
        word = words[place]
        if runs and runs[-1][-1] is words[place - 1] and runs[-1][-1].segment == word.segment:
            runs[-1].append(word)
        else:
            runs.append([word])
    return "; ".join(text[run[0].start : run[-1].end] for run in runs)
