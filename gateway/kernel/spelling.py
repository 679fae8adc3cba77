"""Letters without their hooks and accents: for comparing names that people type on a small keypad, and for SMS."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# What Unicode doesn't take apart, spelled as people do; most are letters that names and languages from Guinea to
# Burundi are written with.
_SPELLED = {
    "œ": "oe", "æ": "ae", "ð": "d", "þ": "th", "ı": "i", "ŋ": "ng", "ɲ": "ny", "ɛ": "e", "ɔ": "o", "ɩ": "i", "ʊ": "u",
    "ɣ": "g", "ə": "e", "ǝ": "e",
}  # fmt: skip
# Of "d with tail" and "h with stroke" the plain letter is kept: Unicode decomposes accents, but not these.
_HOOKED = re.compile(r"LATIN (SMALL|CAPITAL) LETTER (?:AFRICAN )?([A-Z])(?: WITH .+)?")


def unhooked(letter: str) -> str | None:
    """What a Latin letter that Unicode doesn't take apart is spelled with: D for Ɖ, ng for ŋ; None for all others."""
    if letter in _SPELLED:
        return _SPELLED[letter]
    if letter.lower() in _SPELLED:
        return _SPELLED[letter.lower()].upper()
    found = _HOOKED.fullmatch(unicodedata.name(letter, ""))
    if found is None:
        return None
    return found[2] if found[1] == "CAPITAL" else found[2].lower()


@lru_cache(maxsize=1024)
def plain(text: str) -> str:
    """``text`` in small letters a to z, digits and single spaces, as it is compared: ``semere 2`` for ``Séméré-2``."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(_plain_letter(one) for one in parts if not unicodedata.combining(one))
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


def _plain_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    return unhooked(letter) or " "


def one_slip(typed: str, meant: str) -> bool:
    """Is one letter too many, missing or wrong, or are two neighbours swapped? Not for words that are the same."""
    at = next((place for place, (one, other) in enumerate(zip(typed, meant, strict=False)) if one != other), None)
    if at is None:
        return abs(len(typed) - len(meant)) == 1
    behind, expected = typed[at:], meant[at:]
    return (
        behind[1:] in (expected, expected[1:])
        or behind == expected[1:]
        or (behind[:2] == expected[1::-1] and behind[2:] == expected[2:])
    )
