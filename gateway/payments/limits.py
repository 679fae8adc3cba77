"""What one payment may be at most: a typing error must stop here, not at the operator."""

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
