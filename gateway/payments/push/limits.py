"""What one payment, a day of payments and prompts, and the cash in one hand may be at most: losses must stop here."""

from __future__ import annotations

from gateway.kernel.money import EXPONENT, Money


def _in_major(units: int, currency: str) -> Money:
    return Money(units * 10 ** EXPONENT[currency], currency)


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
    return _in_major(_LARGEST[currency], currency)


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
    return _in_major(_FLOAT[currency], currency)


# In major units: about what three or four families pay for a year. Up to this one person says whose money is.
_ALONE = {
    "XOF": 50_000,
    "XAF": 50_000,
    "BIF": 150_000,
    "GNF": 700_000,
    "CDF": 200_000,
    "RWF": 100_000,
    "KES": 10_000,
    "USD": 75,
    "EUR": 75,
}


def largest_alone(currency: str) -> Money:
    """The most that one person may take from suspense without another's word."""
    return _in_major(_ALONE[currency], currency)


# What one household may pay by push in a day, and one wallet for whatever households: so many largest payments.
_HOUSEHOLD_A_DAY, _PAYER_A_DAY = 2, 4


def most_for_household(currency: str) -> Money:
    """The most that is asked for one household in a day, of whatever wallets."""
    return Money(largest_payment(currency).minor * _HOUSEHOLD_A_DAY, currency)


def most_from_payer(currency: str) -> Money:
    """The most that one wallet is asked for in a day, for whatever households."""
    return Money(largest_payment(currency).minor * _PAYER_A_DAY, currency)


# PIN prompts on one phone in a day: in all; those that somebody else asked for; and, of these, how many it may refuse
# or leave alone until nobody else's wish reaches it any more that day.
PROMPTS = 100
PROMPTS_BY_OTHERS = 10
UNANSWERED_BY_OTHERS = 3

# The least and the most that an operator lets through in one payment, in major units, where it is known; by the
# provider and its word for the operator. Safaricom takes whole shillings, and 250,000 of them at most (the press on its
# tariff, April 2024; in August 2023 it was 150,000: what it still refuses, it refuses itself). pawaPay tells limits of
# its own for each account, so none are written here.
_SPANS = {("daraja", "safaricomKE"): ("KES", 1, 250_000)}


def span_of(provider: str, environment: str | None, currency: str) -> tuple[Money, Money] | None:
    """The least and the most that an operator lets through in one payment, where that is known."""
    own, least, most = _SPANS.get((provider, environment or ""), ("", 0, 0))
    if own != currency:
        return None
    return _in_major(least, currency), _in_major(most, currency)
