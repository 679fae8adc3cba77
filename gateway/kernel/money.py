"""Money is an integer of minor units with its currency; no float ever reaches it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

# ISO 4217 exponents of the currencies that mutuelles of the field use (and the EUR of operators' sandboxes).
EXPONENT = {"BIF": 0, "XOF": 0, "XAF": 0, "GNF": 0, "RWF": 0, "CDF": 2, "USD": 2, "KES": 2, "EUR": 2}

# Far above any contribution, far below what a 64-bit column holds: a typing error must not become a debt.
MAX_MINOR = 10**12


class BadAmount(ValueError):
    """What was given can't be read as one definite amount; ``args[0]`` is a stable reason word."""


@dataclass(frozen=True, order=True)
class Money:
    """An exact amount: ``minor`` counts the currency's smallest units (XOF 0 decimals, CDF 2)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in EXPONENT:
            raise BadAmount("currency")
        if type(self.minor) is not int:
            raise BadAmount("not-an-integer")
        if abs(self.minor) > MAX_MINOR:
            raise BadAmount("too-large")

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise BadAmount("currencies-mixed")
        return other.minor

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exactly."""
        return Decimal(self.minor).scaleb(-EXPONENT[self.currency])

    @classmethod
    def from_decimal(cls, amount: str | Decimal | int, currency: str) -> Money:
        """Read an operator's figure ("1500", "1500.00", 1500); more decimals than the currency has is a fault."""
        if currency not in EXPONENT:
            raise BadAmount("currency")
        text = str(amount)
        if not _FIGURE.fullmatch(text):
            raise BadAmount("not-a-number")
        scaled = Decimal(text).scaleb(EXPONENT[currency])
        if scaled != scaled.to_integral_value():
            raise BadAmount("decimals")
        return cls(int(scaled), currency)


# An operator's figure: plain digits of ASCII, a dot before decimals; no exponent, no separators.
_FIGURE = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,10})?")
# Groups of three behind a space, a dot, a comma or an apostrophe: how people here write thousands.
_GROUPED = re.compile(r"\d{1,3}(?:[ .,'’]\d{3})+")
_PLAIN = re.compile(r"\d+")
_DECIMALS = re.compile(r"(.*\d)[.,](\d{1,2})")


def read_amount(typed: str, currency: str) -> Money:
    """Read what a person typed: ``10000``, ``10 000``, ``10.000``, ``10 000 F``; anything doubtful is refused.

    Raises :class:`BadAmount` with ``empty``, ``not-a-number``, ``negative``, ``zero``, ``decimals`` or ``too-large``.
    """
    text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else " " if c.isspace() else c for c in typed)
    text = re.sub(r" {2,}", " ", text).strip()
    text = re.sub(rf"(?i)\s*({currency}|fcfa|cfa|fbu|fc|fg|f|\$)$", "", text).strip()
    if not text:
        raise BadAmount("empty")
    if re.fullmatch(r"[-−–]\s*\d[\d .,]*", text):
        raise BadAmount("negative")
    cents = 0
    if not (_PLAIN.fullmatch(text) or _GROUPED.fullmatch(text)):
        split = _DECIMALS.fullmatch(text)
        if not split or not (_PLAIN.fullmatch(split[1]) or _GROUPED.fullmatch(split[1])):
            raise BadAmount("not-a-number")
        text, decimals = split[1], split[2]
        cents = int(decimals.ljust(2, "0"))
    digits = re.sub(r"\D", "", text).lstrip("0")
    if len(digits) > len(str(MAX_MINOR)):
        raise BadAmount("too-large")
    units = int(digits or "0")
    exponent = EXPONENT[currency]
    if exponent == 0 and cents:
        raise BadAmount("decimals")
    minor = units * 10**exponent + (cents if exponent == 2 else 0)
    if minor == 0:
        raise BadAmount("zero")
    return Money(minor, currency)
