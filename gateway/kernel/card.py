"""A household's card number: nine digits, the last a Damm check digit, never to be mistaken for a phone number.

Damm's check digit finds every single wrong digit and every swap of neighbours (H. M. Damm, 2004). The first digit is
1 to 5: no mobile number of nine digits in the countries served begins so (Guinea 6; DRC 8, 9; Rwanda, Senegal 7;
Cameroon 6, but for Camtel's 242 and 243), so one field can take "card or phone". The numbers are drawn at random, so
that knowing one tells none.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable

from stdnum import damm

_FIRST, _LAST = 10_000_000, 59_999_999


class BadCard(ValueError):
    """Not a card number: wrong length, or the check digit tells of a typing error."""


def new_card_number(draw: Callable[[int], int] = secrets.randbelow) -> str:
    """Draw a card number; ``draw(n)`` gives an integer below ``n`` (a seeded one for samples)."""
    body = str(_FIRST + draw(_LAST - _FIRST + 1))
    return body + str(damm.calc_check_digit(body))


def read_card(typed: str) -> str:
    """The nine digits of a card as typed with or without separators; raises :class:`BadCard`."""
    text = unicodedata.normalize("NFKC", typed)
    digits = re.sub(r"[\s.\-/]", "", text)
    if not re.fullmatch(r"\d{9}", digits):
        raise BadCard("length")
    digits = "".join(str(unicodedata.digit(c)) for c in digits)
    if digits[0] not in "12345" or not damm.is_valid(digits):
        raise BadCard("check")
    return digits


def show_card(number: str) -> str:
    """The card number as people read it: 123 456 789."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"
