"""Names and years as people type them, and the relations that make a household."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

NAME_CHARACTERS = 60
OLDEST_YEARS = 120

RELATIONS = ("head", "spouse", "child", "parent", "other")


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
        if character in " -'.":
            continue
        if not character.isalpha() or not unicodedata.name(character, "").startswith("LATIN"):
            raise BadName("letters")
    if sum(character.isalpha() for character in text) < 2:
        raise BadName("short")
    return text if not (text.islower() or text.isupper()) else text.title().replace("'S ", "'s ")


def read_birth_year(typed: str, this_year: int) -> int:
    """A year of birth: four digits, or an age up to 120; raises :class:`BadYear`."""
    text = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in typed.strip())
    if not re.fullmatch(r"\d{1,4}", text):
        raise BadYear
    number = int(text)
    year = number if number > OLDEST_YEARS else this_year - number
    if not this_year - OLDEST_YEARS <= year <= this_year:
        raise BadYear
    return year
