"""Tells a household's phones that its card or its section has changed: merged, split off, moved. One part each."""

from __future__ import annotations

from collections.abc import Callable

from gateway.locale import Say
from gateway.membership.households import Household, main_phones
from gateway.network.organisations import Tree
from gateway.sms.gsm7 import fold
from gateway.sms.outgoing import Outgoing, in_key, queue_messages
from gateway.sms.texts import fit
from gateway.store.unit import Unit

EVENT = "family"  # as gateway.sms.optout knows it: about their own household, whoever stopped SMS


def tell_merged(unit: Unit, tree: Tree, family: Household, old_card: str) -> None:
    """The phones of a household into which another was merged: which card is theirs, and that the old one still works.

    Like the others here it writes in the caller's transaction, to the main phones, each in its household's language.
    """

    def text(say: Say) -> str:
        return fold(
            say(
                "Your family has one card now: {card}. The old card {old} leads to it.",
                card=say.card(family.card),
                old=say.card(old_card),
            )
        )

    _tell(unit, tree, family, f"merged:{old_card}", text)


def tell_split(unit: Unit, tree: Tree, family: Household) -> None:
    """The phone of a household that got a card of its own."""

    def text(say: Say) -> str:
        return fold(
            " ".join(
                (
                    say("You have a household card of your own now: {card}.", card=say.card(family.card)),
                    say("To pay, dial the same code."),
                )
            )
        )

    _tell(unit, tree, family, f"split:{family.id}", text)


def tell_moved(unit: Unit, tree: Tree, family: Household) -> None:
    """The phones of a household that belongs to another section now."""

    def text(say: Say) -> str:
        def write(place: str) -> str:
            return " ".join(
                (
                    say("Your card {card} belongs to {place} now.", card=say.card(family.card), place=place),
                    say("Your cover and your payments stay as they are."),
                )
            )

        return fit(write, tree[family.section_id].name)

    _tell(unit, tree, family, f"moved:{family.id}:{family.section_id}:{unit.now:%Y%m%d%H%M%S}", text)


def _tell(unit: Unit, tree: Tree, family: Household, about: str, text: Callable[[Say], str]) -> None:
    books = tree.books_of(family.section_id)
    language = family.language or books.languages[0]
    for msisdn in main_phones(unit.connection, family.id):
        key = f"{EVENT}:{in_key(about)}:{in_key(msisdn)}"
        queue_messages(
            unit, "receipts", Outgoing(EVENT, msisdn, language, text(Say(language)), books.id, family.id, key)
        )
