"""The GSM 7-bit alphabet (3GPP TS 23.038): what a letter costs, and what it becomes when it would cost too much.

One letter outside the alphabet turns a whole SMS into UCS-2 (70 letters a part instead of 160), and a USSD screen
into something that no two phones show alike. So every text is folded before it leaves: letters of the alphabet stay
(of French, é è à ù and capital Ç, but neither ç nor ê), others lose their accent, stroke or hook, digits of any script
become 0 to 9, and what has no Latin letter to stand for it (an emoji) is left out.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from gateway.kernel.spelling import unhooked

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "^{}\\[~]|€\f"  # each costs an escape and itself: two septets

PART_ALONE, PART_JOINED = 160, 153

# Signs that decomposition doesn't know how to simplify, written as people would.
_SPELLED = {
    "«": '"', "»": '"', "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "‚": "'", "ʼ": "'", "–": "-", "—": "-",
    "‐": "-", "‑": "-", "−": "-", "…": "...", "°": "o", "º": "o", "ª": "a", "•": "-", "·": ".", "\t": " ", "×": "x",
    "÷": "/", "⁄": "/", "`": "'", "´": "'", "ẞ": "SS",
}  # fmt: skip

_BASIC = frozenset(BASIC)
_EXTENSION = frozenset(EXTENSION)
_KNOWN = _BASIC | _EXTENSION


@lru_cache(maxsize=4096)
def _fold_letter(letter: str) -> str:
    if letter in _KNOWN:
        return letter
    if letter in _SPELLED:
        return _SPELLED[letter]
    if unicodedata.category(letter) in ("Zs", "Zl", "Zp"):
        return " "
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    kept = "".join(c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c))
    if kept != letter:
        return "".join(_fold_letter(c) for c in kept)
    return unhooked(letter) or ""


def fold(text: str) -> str:
    """``text`` in letters of the GSM alphabet only; French keeps its é è à ù, loses its other accents."""
    if _KNOWN.issuperset(text):
        return text
    return "".join(map(_fold_letter, unicodedata.normalize("NFC", text)))


def septets(text: str) -> int:
    """What a folded text costs, extension letters twice; raises ValueError for one that isn't folded."""
    if _BASIC.issuperset(text):
        return len(text)
    if not _KNOWN.issuperset(text):
        raise ValueError("text has letters outside the GSM alphabet")
    return len(text) + sum(letter in _EXTENSION for letter in text)


def parts(text: str) -> int:
    """How many SMS a folded text is sent as: 160 septets alone, 153 each when joined; no escape leaves its letter."""
    if septets(text) <= PART_ALONE:
        return 1
    count, room = 1, PART_JOINED
    for letter in text:
        cost = 2 if letter in _EXTENSION else 1
        if cost > room:
            count, room = count + 1, PART_JOINED
        room -= cost
    return count
