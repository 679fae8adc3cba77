"""Registering a household, by its own head or by staff for them, and choosing a language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.consents import Agreed
from gateway.membership.households import NotTaken, choose_language, register
from gateway.membership.people import Person
from gateway.sms.consent_notice import tell_consent
from gateway.sms.templates.wording import Wording
from gateway.ussd.effects.doing import Doing, NotAllowed


@dataclass(frozen=True)
class LanguageSet:
    """The language was remembered."""


@dataclass(frozen=True)
class SetLanguage:
    """Speak this language with the caller from now on."""

    OUTCOME: ClassVar[type] = LanguageSet
    QUIET: ClassVar[bool] = False

    language: str

    def do(self, doing: Doing) -> LanguageSet:
        choose_language(doing.unit, doing.caller, self.language)
        return LanguageSet()


@dataclass(frozen=True)
class RegisteredAs:
    """A registration's answer. ``known`` when the same head was registered from this phone before.

    ``refused``: nothing was done, as the plan is ``closed`` to newcomers until ``opens_on``, or its card too small
    (``full``).
    """

    card: str
    total: Money
    first: Money
    known: bool = False
    refused: str = ""
    opens_on: date | None = None


@dataclass(frozen=True)
class RegisterHousehold:
    """Register a household with its head first, in a section, in a plan.

    By the caller for their own family, or by staff for a family with another phone, or with none.
    """

    OUTCOME: ClassVar[type] = RegisteredAs
    QUIET: ClassVar[bool] = False

    section_id: int
    plan_id: int
    people: tuple[Person, ...]
    staff: int | None = None
    phone: str | None = None

    def do(self, doing: Doing) -> RegisteredAs:
        tree, unit = doing.tree, doing.unit
        phone, agreed = doing.caller, Agreed("ussd")
        if self.staff is not None:
            member = doing.staff(self.staff, "animator", "treasurer")
            if not tree[self.section_id].under(tree[member.organisation_id]):
                raise NotAllowed
            phone, agreed = self.phone or "", Agreed("ussd", member.name)
        plan = doing.services.plan(unit.connection, self.plan_id)
        try:
            made = register(
                unit,
                tree,
                doing.services.chart,
                self.section_id,
                plan,
                self.people,
                phone or None,
                doing.language if phone == doing.caller else None,
                agreed,
            )
        except NotTaken as why:
            nothing = Money(0, plan.currency)
            return RegisteredAs("", nothing, nothing, refused=why.args[0], opens_on=why.opens_on)
        if not made.known and phone:
            mutuelle = tree.books_of(self.section_id)
            own = Wording(unit.connection, tree, mutuelle.id)
            text = own.registered(Say(doing.language), made.card, self.people[0].name, made.total, made.first)
            doing.tell("registered", phone, doing.language, text, mutuelle.id, made.household_id)
            tell_consent(unit, tree, made.household_id, self.section_id, phone, doing.language)
        return RegisteredAs(made.card, made.total, made.first, made.known)
