"""Says to who has just registered what their mutuelle keeps about them, where it has a text about that."""

from __future__ import annotations

from gateway.membership.consents import text_for
from gateway.network.organisations import Tree
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.unit import Unit


def tell_consent(unit: Unit, tree: Tree, household_id: int, section_id: int, msisdn: str, language: str) -> None:
    """The text in force, once, in the language in which the household is told of its card."""
    own = text_for(unit.connection, tree, section_id, language)
    if own is not None and msisdn:
        books = tree.books_of(section_id)
        key = f"consent:{household_id}:{own.id}"
        queue_messages(unit, "reminders", Outgoing("family", msisdn, language, own.text, books.id, household_id, key))
