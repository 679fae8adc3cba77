"""Which card a text means: the one that it ends with, or the phone's own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from gateway.kernel.card import BadCard, read_card
from gateway.membership.households import Household, leading_to

# What people write around a number.
FILLERS = frozenset(
    (
        "n", "no", "nr", "num", "numero", "number", "id", "ref", "reference", "transaction", "code", "carte", "card",
        "kadi", "ikarata", "le", "la", "the", "pour", "for", "de", "of",
    )
)  # fmt: skip
_CARD_DIGITS = 9


def without_fillers(written: str) -> list[str]:
    """The words and numbers of a text in plain letters, without what stands around them."""
    return [token for token in written.split() if token not in FILLERS]


def split_card(tokens: Sequence[str]) -> tuple[list[str], str | None]:
    """What stands before the card that a text ends with, and that card: nine digits, alone or in three groups.

    It is one only where its check digit says so; else all stands before it.
    """
    for length in (1, 3):
        if (card := _card(tokens[-length:])) is not None:
            return list(tokens[:-length]), card
    return list(tokens), None


def only_a_card(tokens: Sequence[str]) -> bool:
    """Is there nothing, or a card and nothing else?"""
    return not split_card(tokens)[0]


def own(connection: Connection, households: Sequence[Household], card: str | None) -> Household | None:
    """The phone's household with a card, or with an old one that leads to it; without one, the phone's only one."""
    if card is None:
        return households[0] if len(households) == 1 else None
    found = next((one for one in households if one.card == card), None)
    if found is None and households and (old := leading_to(connection, card)) is not None:
        found = next((one for one in households if one.id == old), None)
    return found


def _card(tokens: Sequence[str]) -> str | None:
    if [len(token) for token in tokens] not in ([_CARD_DIGITS], [3, 3, 3]):
        return None
    try:
        return read_card("".join(tokens))
    except BadCard:
        return None
