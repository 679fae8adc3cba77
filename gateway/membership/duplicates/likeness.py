"""How much two households look like one family, of 100, and why: a pure function of who is on their cards.

Nothing here decides: a score orders a list for a person. The figures it was measured with: docs/duplicates.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rapidfuzz import fuzz

from gateway.kernel.sounds import sounds_of
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark

LEAST = 52  # below it a pair isn't shown to anybody
_PEOPLE_WITH_KEYS = 4  # the oldest on a card: by each of them it is compared with others
_YEARS_WITH_KEYS = 2
_NAMES_ALIKE = 84  # of 100: two spellings of one name
_NAMES_KEPT = 100_000  # as they are compared: some 30 MB
# How much a pair counts for of each thing that its households have in common.
_ALL_PEOPLE, _SMALLER_CARD, _HEAD, _HEADS_NAME, _PHONE, _SECTION, _BOOKS = 45, 10, 20, 10, 20, 10, 5


@dataclass(frozen=True)
class Somebody:
    """Somebody on a card, as compared: how the name is written plainly, and how it sounds."""

    name: str
    heard: str
    birth_year: int
    sex: str


@dataclass(frozen=True)
class Family:
    """A household as it is compared, the head first; ``books_id`` of the mutuelle, ``root_id`` of the network."""

    id: int
    section_id: int
    books_id: int
    root_id: int
    people: tuple[Somebody, ...]
    phones: frozenset[str]


@dataclass(frozen=True)
class Reason:
    """Why two households look like one: a text in the code's language with its values."""

    text: str
    values: dict[str, int]

    def said(self, say: Say) -> str:
        """In the language of ``say``."""
        return say(self.text, **self.values)

    def kept(self) -> list[Any]:
        """As it is kept with the pair."""
        return [self.text, self.values]


@dataclass(frozen=True)
class Likeness:
    """How much two households look like one, of 100, and why, what counts most first."""

    score: int
    reasons: tuple[Reason, ...]


def somebody(name: str, birth_year: int, sex: str) -> Somebody:
    """Somebody, with the name as it is compared: which word comes first doesn't matter."""
    return Somebody(*_compared(name), birth_year, sex)


@lru_cache(_NAMES_KEPT)
def _compared(name: str) -> tuple[str, str]:
    """A name written plainly, and how it sounds: people are met again, and many are called the same."""
    return " ".join(sorted(plain(name).split())), " ".join(sorted(sounds_of(name)))


def digest(one: Family, other: Family) -> str:
    """What was compared, as a digest: the same until something about either household has changed."""
    of = [
        (each.section_id, sorted((who.name, who.birth_year) for who in each.people), sorted(each.phones))
        for each in sorted((one, other), key=lambda each: each.id)
    ]
    return hashlib.blake2b(repr(of).encode(), digest_size=16).hexdigest()


def keys(one: Family) -> set[int]:
    """What a household is compared by: whoever has one of these too is compared with it.

    A phone; the head's name in the mutuelle, whatever the year; each of the oldest with their year in the mutuelle;
    the two oldest together in the whole network; and in the section, for those of whom a word was written otherwise,
    each word of the head's name with the head's year and that of each of the two oldest others.
    """
    found = {_key("phone", each) for each in one.phones}
    if not one.people:
        return found
    head, oldest = one.people[0], sorted(one.people, key=lambda who: (who.birth_year, who.heard))
    found.add(_key("head", one.books_id, head.heard))
    found |= {_key("who", one.books_id, who.heard, who.birth_year) for who in oldest[:_PEOPLE_WITH_KEYS]}
    if len(oldest) > 1:
        found.add(_key("two", one.root_id, *sorted(f"{who.heard}:{who.birth_year}" for who in oldest[:2])))
    # With the years of others: of a large section a hundred heads share a word and a year.
    years = [who.birth_year for who in oldest if who is not head][:_YEARS_WITH_KEYS] or [0]
    found |= {
        _key("word", one.section_id, word, head.birth_year, year) for word in head.heard.split() for year in years
    }
    return found


def _key(*parts: object) -> int:
    """A signed number of 64 bits: two different things have the same one in no file of people that there is."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def compare(one: Family, other: Family) -> Likeness:
    """How much they look like one family: who is on both cards counts most, then the head, phone and village.

    The same name with years far apart is father and son, or a namesake: it counts little. A shared phone alone says
    that two families are neighbours; a husband on the cards of two wives, that they are two households.
    """
    if not one.people or not other.people:
        return Likeness(0, ())
    pairs = _who_is_whom(one.people, other.people)
    most, least = max(len(one.people), len(other.people)), min(len(one.people), len(other.people))
    alike = sum(pairs.values())
    # One namesake of the same year may be chance; two are hardly, and three aren't.
    certain = 1 - 0.35 ** max(1, len(pairs))
    points = (_ALL_PEOPLE * alike / most + _SMALLER_CARD * alike / least) * certain
    reasons: list[tuple[float, Reason]] = []
    if len(pairs) > 1:
        text = mark("{count} of {all} people the same")
        reasons.append((points, Reason(text, {"count": len(pairs), "all": most})))
    ours, theirs = one.people[0], other.people[0]
    likeness = _names(ours, theirs)
    if likeness >= _NAMES_ALIKE:
        close = _years(ours.birth_year, theirs.birth_year)
        far = abs(ours.birth_year - theirs.birth_year) > 12
        gain = _HEAD * close if close else 0 if far else _HEADS_NAME
        points += gain
        if ours.name == theirs.name:
            reasons.append((gain + 1, Reason(mark("the heads have the same name"), {})))
        else:
            text = mark("the heads' names sound alike: {percent} %")
            reasons.append((gain + 1, Reason(text, {"percent": round(likeness)})))
        if ours.birth_year == theirs.birth_year:
            reasons.append((gain, Reason(mark("same birth year"), {})))
        else:
            apart = abs(ours.birth_year - theirs.birth_year)
            reasons.append((0, Reason(mark("birth years {years} apart"), {"years": apart})))
    if one.phones & other.phones:
        points += _PHONE
        reasons.append((_PHONE, Reason(mark("same phone"), {})))
    if one.section_id == other.section_id:
        points += _SECTION
        reasons.append((_SECTION, Reason(mark("same village"), {})))
    elif one.books_id == other.books_id:
        points += _BOOKS
        reasons.append((_BOOKS, Reason(mark("same mutuelle"), {})))
    reasons.sort(key=lambda each: -each[0])
    return Likeness(min(99, round(points)), tuple(each for _, each in reasons))


def _who_is_whom(ours: Sequence[Somebody], theirs: Sequence[Somebody]) -> dict[tuple[int, int], float]:
    """Who on one card is whom on the other, each once, and how surely; the surest first."""
    tries = []
    for place, one in enumerate(ours):
        for other_place, other in enumerate(theirs):
            close = _years(one.birth_year, other.birth_year) if one.sex == other.sex else 0.0
            if close and (likeness := _names(one, other)) >= _NAMES_ALIKE:
                tries.append((close * likeness / 100, place, other_place))
    found: dict[tuple[int, int], float] = {}
    taken, others = set(), set()
    for sure, place, other_place in sorted(tries, key=lambda each: (-each[0], each[1], each[2])):
        if place not in taken and other_place not in others:
            found[place, other_place] = sure
            taken.add(place)
            others.add(other_place)
    return found


def _names(one: Somebody, other: Somebody) -> float:
    """How alike two names are, of 100, as they are written or as they sound."""
    if one.heard == other.heard:
        return 100.0 if one.name == other.name else 97.0
    written = fuzz.ratio(one.name, other.name, score_cutoff=_NAMES_ALIKE)
    return max(written, fuzz.ratio(one.heard, other.heard, score_cutoff=_NAMES_ALIKE))


def _years(one: int, other: int) -> float:
    """How surely two years are of one birth: ages are told roundly, and digits are swapped or off by ten."""
    apart = abs(one - other)
    if apart <= 2:
        return (1.0, 0.9, 0.75)[apart]
    swapped = str(one)[:2] == str(other)[:2] and str(one)[2:] == str(other)[:1:-1]
    return 0.6 if apart == 10 or swapped else 0.0
