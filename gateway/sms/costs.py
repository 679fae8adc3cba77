"""What SMS cost: counted in ten-thousandths of a currency's unit, as finely as aggregators bill; never a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from gateway.kernel.money import EXPONENT

E4 = 10_000
_WORDED = re.compile(r"([A-Z]{3}) ?(\d{1,9}(?:\.\d{1,8})?)")


@dataclass(frozen=True)
class Cost:
    """An amount in ten-thousandths of a unit of ``currency``."""

    e4: int
    currency: str

    @property
    def decimal(self) -> Decimal:
        """The amount in whole units."""
        return Decimal(self.e4) / E4


def read_cost(worded: str | None) -> Cost | None:
    """The cost in an aggregator's wording (``"XOF 12.0000"``); None for one that names no currency or can't be read."""
    found = _WORDED.fullmatch(worded or "")
    return Cost(in_e4(Decimal(found[2])), found[1]) if found else None


def in_e4(amount: Decimal) -> int:
    """An amount in whole units as ten-thousandths."""
    return int((amount * E4).quantize(Decimal(1), ROUND_HALF_UP))


def show_cost(e4: int, currency: str) -> str:
    """``12 500 XOF``, with decimals only where there are any, for people who keep accounts."""
    amount = (Decimal(e4) / E4).normalize()
    return f"{amount:,f} {currency}".replace(",", " ")


def about_cost(e4: int, currency: str) -> str:
    """The same for what is only expected: rounded up, to as many decimals as the currency has."""
    finest = E4 // 10 ** min(EXPONENT.get(currency, 2), 4)
    return show_cost(-(-e4 // finest) * finest, currency)
