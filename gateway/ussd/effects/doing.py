"""What an effect is given to work with: the transaction, who asked, in which language, and the parts of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from gateway.locale import Say
from gateway.membership.changes import By
from gateway.membership.households import Household, by_card, by_phone, main_phones
from gateway.network import staff
from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import Member
from gateway.services import Services
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.effects import effect_key
from gateway.store.unit import Unit


class NotAllowed(Exception):
    """The caller has no such right (any more); nothing was done."""


@dataclass(frozen=True)
class Doing:
    """One effect's surroundings. ``key`` is the effect's own: whatever is made under it is made once."""

    services: Services
    unit: Unit
    key: str
    caller: str
    language: str
    root: Organisation
    opened: tuple[str, ...] = ()  # the locks whose PIN was typed in this call

    @property
    def tree(self) -> Tree:
        return self.services.network.tree()

    def household(self, card: str) -> Household:
        """The household with a card; raises :class:`NotAllowed` when there is none."""
        found = by_card(self.unit.connection, self.tree, card)
        if found is None:
            raise NotAllowed
        return found

    def own_household(self, card: str) -> Household:
        """The same, when the caller's phone is one of the household's: only they change anything about it."""
        for one in by_phone(self.unit.connection, self.tree, self.caller):
            if one.card == card:
                return one
        raise NotAllowed

    def household_of_staff(self, card: str, member: Member) -> Household:
        """The household with a card, when it is below the organisation that a member of staff works for."""
        found = self.household(card)
        if not self.tree[found.section_id].under(self.tree[member.organisation_id]):
            raise NotAllowed
        return found

    def staff(self, staff_id: int, *roles: str) -> Member:
        """The caller as the member of staff that they said they were; raises :class:`NotAllowed` when they aren't."""
        for one in staff.roles_of(self.unit.connection, self.caller):
            if one.id == staff_id and one.role in roles:
                return one
        raise NotAllowed

    def tell_family(self, event: str, household: Household, write: Callable[[Say], str]) -> None:
        """Write to the household's main phones, each in its language."""
        for msisdn in main_phones(self.unit.connection, household.id):
            language = self.language if msisdn == self.caller else household.language or self.root.languages[0]
            books = self.tree.books_of(household.section_id)
            self.tell(event, msisdn, language, write(Say(language)), books.id, household.id)

    def by(self, staff_id: int | None = None) -> By:
        """Whose act this is, for the household's story."""
        return By(self.caller, staff_id)

    def tell(
        self, event: str, msisdn: str, language: str, text: str, organisation_id: int, household_id: int | None = None
    ) -> None:
        """Queue an SMS that comes of this effect; the same effect writes it once to each phone."""
        key = f"{event}:{effect_key(self.key, msisdn)}"
        queue_messages(
            self.unit, "receipts", Outgoing(event, msisdn, language, text, organisation_id, household_id, key)
        )


class Effect(Protocol):
    """Something that is done once; ``OUTCOME`` is the class of what ``do`` gives, which is stored with it.

    ``QUIET`` effects change nothing that anybody would have to confirm.
    """

    OUTCOME: ClassVar[type[Any]]
    QUIET: ClassVar[bool]

    def do(self, doing: Doing) -> Any:
        """Do it, in the transaction that also stores the outcome."""
