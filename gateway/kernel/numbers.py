"""Numbers that people read out and type: the id of what they name, with a Damm check digit behind it.

Damm's check digit finds every single wrong digit and every swap of neighbours (H. M. Damm, 2004).
"""

from __future__ import annotations

import re
import unicodedata

from stdnum import damm

_APART = re.compile(r"[\s.\-/–]")
_MOST_DIGITS = 19  # no id of the database is longer


def in_our_digits(typed: str) -> str:
    """A text with the decimal digits of any script as 0 to 9, and all else as it is: ``²`` is no digit."""
    return typed if typed.isascii() else "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in typed)


def with_check_digit(its_id: int) -> str:
    """The number of what has an id: six digits or more, the last one the check digit."""
    body = f"{its_id:05d}"
    return body + str(damm.calc_check_digit(body))


def read_number(typed: str) -> int | None:
    """The id that a number names, as typed with or without separators; None for what is no such number."""
    text = _APART.sub("", unicodedata.normalize("NFKC", typed))
    if not text.isdecimal() or not 2 <= len(text) <= _MOST_DIGITS:
        return None
    digits = in_our_digits(text)
    return int(digits[:-1]) if damm.is_valid(digits) else None
