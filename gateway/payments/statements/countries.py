"""Whether a word in a file names a country: its two or three letters, or its name in French or English."""

from __future__ import annotations

from functools import lru_cache

from babel import Locale

from gateway.kernel.spelling import plain
from gateway.payments.names import THREE_LETTERS


@lru_cache(maxsize=256)
def is_country(word: str, country: str) -> bool:
    """Whether ``word`` names ``country`` (ISO alpha-2)."""
    names = (Locale.parse(language).territories.get(country, country) for language in ("en", "fr"))
    return plain(word) in {country.lower(), THREE_LETTERS.get(country, country).lower(), *map(plain, names)}
