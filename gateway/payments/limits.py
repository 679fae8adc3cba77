"""What one payment, and the cash in one animator's hands, may be at most: errors and losses must stop here."""

from __future__ import annotations

from gateway.kernel.money import EXPONENT, Money

# In major units; near what wallets of these countries let through in one go. Deliberately generous.
_LARGEST = {
    "XOF": 2_000_000,
    "XAF": 2_000_000,
    "BIF": 5_000_000,
    "GNF": 20_000_000,
    "CDF": 5_000_000,
    "RWF": 2_000_000,
    "KES": 250_000,
    "USD": 2_500,
    "EUR": 2_500,
}


def largest_payment(currency: str) -> Money:
    """The largest single payment that is asked for in a currency."""
    return Money(_LARGEST[currency] * 10 ** EXPONENT[currency], currency)


# In major units; what an animator gathers on a few days of collecting, and what a mutuelle could bear to lose.
_FLOAT = {
    "XOF": 500_000,
    "XAF": 500_000,
    "BIF": 1_500_000,
    "GNF": 5_000_000,
    "CDF": 1_500_000,
    "RWF": 500_000,
    "KES": 75_000,
    "USD": 750,
    "EUR": 750,
}


def largest_float(currency: str) -> Money:
    """The most cash that an animator may hold before the treasurer has it."""
    return Money(_FLOAT[currency] * 10 ** EXPONENT[currency], currency)
