"""Names and years as people type them, and the relations that make a household."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from gateway.kernel.numbers import in_our_digits

NAME_CHARACTERS = 60
OLDEST_YEARS = 120
MOST_PEOPLE = 20  # on one card


class BadName(ValueError):
    """Not a name that a card can carry; ``args[0]`` is a stable reason word."""


class BadYear(ValueError):
    """Not a year of birth of somebody alive."""


@dataclass(frozen=True)
class Person:
    """Somebody who is covered: ``sex`` is F or M as on the card, ``relation`` is to the head."""

    name: str
    sex: str
    birth_year: int
    relation: str


@dataclass(frozen=True)
class Beneficiary:
    """Somebody on a card. ``covered_from`` None: covered as the household is; else not before this day."""

    id: int
    name: str
    sex: str
    birth_year: int
    relation: str
    covered_from: date | None


def read_name(typed: str) -> str:
    """A name as it will stand on the card; raises :class:`BadName` with ``empty``, ``letters``, ``long`` or ``short``.

    Latin letters with any accents, spaces, hyphens, apostrophes and dots: what an SMS and every phone can show.
    """
    text = unicodedata.normalize("NFC", re.sub(r"\s+", " ", typed)).strip(" .-'")
    text = text.replace("’", "'").replace("‘", "'")
    if not text:
        raise BadName("empty")
    if len(text) > NAME_CHARACTERS:
        raise BadName("long")
    for character in text:
        if character in " -'." or unicodedata.combining(character):  # no single letter for Fon's open o with an accent
            continue
        if not character.isalpha() or not unicodedata.name(character, "").startswith("LATIN"):
            raise BadName("letters")
    if sum(character.isalpha() for character in text) < 2:
        raise BadName("short")
    return _capitalised(text).replace("'S ", "'s ") if text.islower() or text.isupper() else text


def _capitalised(text: str) -> str:
    """Each word with a capital first; an accent that is a character of its own begins no word."""
    return re.sub(r"[^ \-'.]+", lambda word: _as(str.title, word[0][0]) + _as(str.lower, word[0][1:]), text)


def _as(change: Callable[[str], str], letters: str) -> str:
    # What would grow by it (ß, İ) stays as it is: a name's length has been checked.
    return "".join(change(one) if len(change(one)) == 1 else one for one in letters)


def to_strangers(name: str) -> str:
    """What a stranger may see of a name: the first one, and the initial of the last."""
    first, *others = name.split()
    return f"{first} {others[-1][0]}." if others else first


def read_birth_year(typed: str, this_year: int) -> int:
    """A year of birth: four digits, or an age up to 120; raises :class:`BadYear`."""
    text = in_our_digits(typed.strip())
    if not re.fullmatch(r"\d{1,4}", text):
        raise BadYear
    number = int(text)
    year = number if number > OLDEST_YEARS else this_year - number
    if not this_year - OLDEST_YEARS <= year <= this_year:
        raise BadYear
    return year
