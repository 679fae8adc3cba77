"""Card and phone numbers for samples: each place in a sample has its own, so none is drawn twice and none is stored.

Multiplying by a number that shares no factor with the size of a range walks through all of it, once, in no visible
order. Phones lie in ranges that the numbering plan accepts; an accepted number may be somebody's tomorrow, so nothing
may ever be sent to a sample.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from gateway.kernel.card import new_card_number
from gateway.store.schema import household

# Places of the samples: the Burundian network at its largest scale needs fewer than 1.9 million.
PLACES = 4_000_000
OUAKE_PLACE = 3_000_000
_CARD_STEP, _CARD_START = 27_644_437, 16_180_339

# Burundi: 63 and 64 are valid mobile ranges (phonenumbers gives both to Lumitel) that we know no use of.
_BI_RANGES = ("63", "64")
_BI_SIZE = 2_000_000
_BI_STEP, _BI_START = 514_229, 271_828
BI_STAFF_PLACE = 1_950_000
BI_FACILITY_PLACE = 1_960_000


def card_of(place: int) -> str:
    """The card number of a place in the samples."""
    return new_card_number(lambda below: (place * _CARD_STEP + _CARD_START) % below)


def free_cards(connection: Connection, places: Sequence[int]) -> list[str]:
    """A card for each place; one that somebody else drew gives way to the same place in the next stretch of places."""
    cards = [card_of(place) for place in places]
    stretch = 0
    waiting = list(range(len(places)))
    while True:
        taken = set(
            connection.scalars(select(household.c.card).where(household.c.card.in_([cards[one] for one in waiting])))
        )
        waiting = [one for one in waiting if cards[one] in taken]
        if not waiting:
            return cards
        stretch += 1
        for one in waiting:
            cards[one] = card_of(places[one] + stretch * PLACES)


def burundian_mobile(place: int) -> str:
    """The E.164 number of a place (below two million) in the Burundian sample."""
    which, digits = divmod((place * _BI_STEP + _BI_START) % _BI_SIZE, 1_000_000)
    return f"+257{_BI_RANGES[which]}{digits:06d}"


def beninese_mobile(place: int, prefix: str) -> str:
    """The E.164 number of a place (below a thousand) behind four digits of Benin's plan: 0150 is MTN, 0155 is Moov."""
    return f"+229{prefix}000{place:03d}"
