"""What a mutuelle says of money and of new members: in words of its own where it has some, in ours otherwise.

A text of its own that can't be filled in, or is too long with the data of the day, never costs anybody a receipt: ours
is sent, and the log says so once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.households import Household, Standing
from gateway.network.organisations import Tree
from gateway.sms import texts
from gateway.sms.templates.events import (
    EVENTS,
    Values,
    filled,
    not_paid_values,
    receipt_values,
    registered_values,
    treasurer_values,
)
from gateway.sms.templates.kept import words_for
from gateway.sms.templates.placeholders import BadTemplate

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wording:
    """The words of one organisation, as they are while ``connection`` asks."""

    connection: Connection
    tree: Tree
    organisation_id: int

    @property
    def _mutuelle(self) -> str:
        return self.tree[self.organisation_id].name

    def receipt(
        self, say: Say, number: str, amount: Money, now: Standing, asked: Money, advance: Money | None = None
    ) -> str:
        """To whoever paid, and to the member. Where another amount came than was asked for, our words explain it."""
        family = now.household
        own = self._own(say, "receipt") if asked == amount else None
        if own is not None:
            place, whose = self._mutuelle, family.masked if family.head.strip() else ""
            values = receipt_values(say, number, amount, family.card, now.cover, now.left, whose, place)
            said = self._said(say, "receipt", own, values)
            if said is not None:
                return said
        return texts.receipt(say, number, amount, family.card, now.cover, now.left, asked, advance)

    def treasurer(self, say: Say, number: str, amount: Money, way: str, now: Standing, asked: Money) -> str:
        """To the treasurer. Where another amount came than was asked for, our words explain it."""
        family = now.household
        own = self._own(say, "treasurer") if asked == amount else None
        if own is not None:
            values = treasurer_values(say, number, amount, way, family.card, now.left, family.head, self._mutuelle)
            said = self._said(say, "treasurer", own, values)
            if said is not None:
                return said
        return texts.treasurer(say, number, amount, way, family.head, family.card, now.left, asked)

    def registered(self, say: Say, card: str, head: str, total: Money, first: Money) -> str:
        """To a new member."""
        own = self._own(say, "registered")
        if own is not None:
            values = registered_values(say, self._mutuelle, card, head, total, first)
            said = self._said(say, "registered", own, values)
            if said is not None:
                return said
        return texts.registered(say, self._mutuelle, card, total, first)

    def not_paid(self, say: Say, amount: Money, family: Household, reason: str) -> str:
        """To the payer from whom nothing came."""
        own = self._own(say, "not_paid")
        if own is not None:
            values = not_paid_values(say, amount, family.card, reason, self._mutuelle)
            said = self._said(say, "not_paid", own, values)
            if said is not None:
                return said
        return texts.not_paid(say, amount, family.card, reason)

    def _own(self, say: Say, event: str) -> str | None:
        return words_for(self.connection, self.tree, self.organisation_id, event, say.language)

    def _said(self, say: Say, event: str, own: str, values: Values) -> str | None:
        try:
            return filled(EVENTS[event], own, say, values)
        except BadTemplate as why:
            _tell(self.tree[self.organisation_id].code, event, say.language, own, str(why))
            return None


@lru_cache(maxsize=1_000)
def _tell(code: str, event: str, language: str, own: str, why: str) -> None:
    """Told once for each text and reason: the words are the administrator's to shorten."""
    log.error("the text of %s for %s in %s was not used, ours was: %s", code, event, language, why)
