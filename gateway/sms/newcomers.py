"""Tells households that a register from a file brought of their card: by day, each once, behind all that is urgent."""

from __future__ import annotations

from datetime import timedelta

from gateway.kernel.clock import Clock
from gateway.locale import Say
from gateway.membership.importing.taking import Newcomer
from gateway.network.organisations import Organisation, Tree
from gateway.sms.consent_notice import tell_consent
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.quiet import quiet_for
from gateway.sms.templates.wording import Wording
from gateway.store.unit import Unit

EVENT = "family"  # as gateway.sms.optout knows it: about their own household, though they didn't ask for it
QUEUE = "reminders"  # thousands of them must not stand before a receipt


class Welcome:
    """Writes to newcomers in the words that a mutuelle has for those who register."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait(self, place: Organisation) -> timedelta:
        """How long it is quiet there still."""
        return quiet_for(self._clock.now(), place)

    def tell(self, unit: Unit, tree: Tree, one: Newcomer) -> None:
        """The card, what the year costs, and what is due now."""
        mutuelle = tree.books_of(one.section_id)
        language = one.language or mutuelle.languages[0]
        wording = Wording(unit.connection, tree, mutuelle.id)
        text = wording.registered(Say(language), one.card, one.head, one.total, one.first)
        queue_messages(
            unit, QUEUE, Outgoing(EVENT, one.msisdn, language, text, mutuelle.id, one.household_id, one.key)
        )  # fmt: skip
        tell_consent(unit, tree, one.household_id, one.section_id, one.msisdn, language)
