"""What people give to commands about money: the options that several share, and what they type, read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.settings import LANGUAGES, Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.membership.households import Household
    from gateway.network.organisations import Organisation

NUMBER = click.IntRange(1, 2**63 - 1)  # as a database counts
under_option = click.option("--under", metavar="CODE", help="The code of an organisation: its own and those below it.")
books_option = click.option("--books", "code", required=True, metavar="CODE", help="The organisation whose books.")
limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
by_option = click.option("--by", "name", required=True, metavar="NAME", help="Who decides: it is kept.")
reason_option = click.option("--reason", required=True, help="Why: it is kept.")


def counted(count: int, one: str) -> str:
    """``1 part``, ``2 parts``."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def parts_of() -> Runtime:
    """What a command works with."""
    return Runtime(Settings.from_env(), patient=True)


def path_of(parts: Runtime, under: str | None) -> str:
    """The path of the organisation with a code; all of them for None."""
    return parts.network.tree().named(under).path if under else "/"


def books_of(parts: Runtime, code: str) -> Organisation:
    """The organisation with a code, which keeps its own books; raises :class:`Fault`."""
    one = parts.network.tree().named(code)
    if one.books_id != one.id:
        raise Fault(f"{code}: its books are kept by {parts.network.tree().books_of(one.id).code}")
    return one


def family_of(parts: Runtime, typed: str) -> Household:
    """The household with a card, however it is typed; raises :class:`Fault`."""
    from gateway.membership.households import by_card

    try:
        card = read_card(typed)
    except BadCard:
        raise Fault(f"{typed} is no card number") from None
    with parts.store.read() as connection:
        family = by_card(connection, parts.network.tree(), card)
    if family is None:
        raise Fault(f"no household has the card {show_card(card)}")
    return family


def amount_of(typed: str, currency: str) -> Money:
    """An amount as people type it; raises :class:`Fault`."""
    try:
        return read_amount(typed, currency)
    except BadAmount as wrong:
        raise Fault(f"the amount {typed} can't be read: {wrong.args[0]}") from None


def texts_of(given: tuple[str, ...]) -> dict[str, str]:
    """Texts by language, from ``fr=…``; raises :class:`Fault`."""
    found: dict[str, str] = {}
    for one in given:
        language, equals, text = one.partition("=")
        if not equals or language not in LANGUAGES:
            raise Fault(f"write --text LANGUAGE=TEXT, with a language of {', '.join(LANGUAGES)}: --text 'fr=…'")
        if language in found:
            raise Fault(f"two texts in {language}")
        found[language] = text
    return found
