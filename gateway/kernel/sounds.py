"""How a name sounds, roughly: names are written down by ear, by many hands, in French spelling and in others.

What is folded together are spellings of one sound that French, and names of Benin, Guinea, Mali, Burundi and the DRC,
write in several ways: ``ou``, ``oo``, ``w`` and ``u``; ``ph`` and ``f``; ``dj`` and ``j``; ``y`` and ``i``; ``l`` and
``r``, which Kirundi doesn't tell apart; doubled letters, and an ``h`` that nobody hears.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gateway.kernel.spelling import plain

LONGEST = 24
_FOLDED = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ph", "f"),
        ("sch|sh|ch|ts|tz|z", "s"),
        ("(?<=[bdgkt])h", ""),
        ("dj|dy(?=[aou])", "j"),
        ("ck|qu|q", "k"),
        ("c(?=[eiy])", "s"),
        ("c", "k"),
        ("x", "ks"),
        ("eau|au", "o"),
        ("ou|oo|w", "u"),
        ("ai|ay|ei|ey", "e"),
        ("y", "i"),
        ("m(?=[bp])", "n"),
        ("l", "r"),
        ("h", ""),
        (r"(.)\1+", r"\1"),
        ("(?<=..)e$", ""),
    )
)


@lru_cache(maxsize=65536)
def sound(word: str) -> str:
    """The sound of one word in small letters a to z, at most :data:`LONGEST` long; empty where nothing is heard."""
    for pattern, heard in _FOLDED:
        word = pattern.sub(heard, word)
    return word[:LONGEST]


def sounds_of(name: str) -> list[str]:
    """The sounds of a name's words, each once, in their order: ``['seidu', 'abdurai']`` for ``Séïdou Abdoulaye``."""
    return list(dict.fromkeys(filter(None, map(sound, plain(name).split()))))
