"""Registering a household: the head, the section, the family one by one, and a look at everything before it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

from gateway.kernel.money import Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn, show_national
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership.dues import closed_until, dues_for
from gateway.membership.people import MOST_PEOPLE, BadName, BadYear, Person, read_birth_year, read_name
from gateway.membership.plans import Plan
from gateway.network.organisations import Organisation
from gateway.ussd.effects.registering import RegisteredAs, RegisterHousehold
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, screen, word
from gateway.ussd.screens.cash import CashWhat, cash_what
from gateway.ussd.screens.kin import KIN, Kin, bad_name
from gateway.ussd.screens.pay import PayWhat, pay_what

MOST_SECTIONS_LISTED = 9
MOST_SECTIONS_FOUND = 20  # more than anybody reads; and the number 98 must stay free for reading on


@dataclass(frozen=True)
class Registrar:
    """Who registers: the head from their own phone, or staff for a family with another ``phone``, or with none ("")."""

    staff: int | None = None
    phone: str = ""


OWN = Registrar()


@dataclass(frozen=True)
class Draft:
    """A household while it is being told: nothing is stored before it is confirmed."""

    people: tuple[Person, ...]
    section_id: int = 0
    plan_id: int = 0
    by: Registrar = OWN

    @property
    def staff(self) -> int | None:
        return self.by.staff

    def sections(self, see: See) -> Sequence[Organisation]:
        """Where the household may belong: for staff, below their own organisation."""
        return see.sections() if self.by.staff is None else see.sections_of_staff(self.by.staff)

    def kin(self) -> list[Kin]:
        """Who may be added: a woman's husband, a man's wives, and everybody else."""
        return [each for each in KIN if each.relation != "spouse" or each.sex != self.people[0].sex]

    def plan(self, see: See) -> Plan | None:
        """The chosen one, as long as it is open."""
        return next((one for one in see.plans(self.section_id) if one.id == self.plan_id), None)

    def room(self, see: See) -> int:
        """How many people the card takes."""
        plan = self.plan(see)
        return plan.terms.room if plan is not None else MOST_PEOPLE

    def total(self, plan: Plan, see: See) -> Money:
        """What the first year would cost."""
        year = dues_for(plan.terms, plan.currency, see.today, len(self.people), newcomer=True)
        return Money(sum(amount for _, amount in year.dues), plan.currency)


@dataclass(frozen=True)
class _OfDraft:
    """A screen about a household that is being told: where staff tell it, it is theirs."""

    draft: Draft

    @property
    def staff(self) -> int | None:
        return self.draft.staff


@screen
class RegisterFor:
    """Staff register a family: the family's own phone, if it has one."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The family's phone number?"), [say("They have no phone")])

    def take(self, choice: Choice, see: See) -> HeadName:
        return HeadName(Registrar(self.staff))

    def typed(self, typed: Typed, see: See) -> HeadName | Again:
        try:
            return HeadName(Registrar(self.staff, read_msisdn(typed, see.root.country)))
        except BadMsisdn:
            return Again(
                word("This is not a mobile number. Write it like {example}.", example=show_national(see.caller))
            )


@screen
class HeadName:
    """Who is the member?"""

    by: Registrar = OWN

    @property
    def staff(self) -> int | None:
        return self.by.staff

    def show(self, say: Say, see: See) -> Page:
        if self.by.staff is not None:
            return Page(say("First and last name of the member?"))
        return Page(say("Your first and last name?"))

    def take(self, typed: Typed, see: See) -> HeadSex | Again:
        try:
            return HeadSex(read_name(typed), self.by)
        except BadName as bad:
            return Again(bad_name(bad))


@screen
class HeadSex:
    """As it stands on the card."""

    RESUMES: ClassVar[bool] = True

    name: str
    by: Registrar = OWN

    @property
    def staff(self) -> int | None:
        return self.by.staff

    def show(self, say: Say, see: See) -> Page:
        return Page(say("{name}: woman or man?", name=self.name), [say("Woman"), say("Man")])

    def take(self, choice: Choice, see: See) -> HeadYear:
        return HeadYear(self.name, "F" if choice == 1 else "M", self.by)


@screen
class HeadYear:
    """A year of birth, or an age for those who don't know it."""

    RESUMES: ClassVar[bool] = True

    name: str
    sex: str
    by: Registrar = OWN

    @property
    def staff(self) -> int | None:
        return self.by.staff

    def show(self, say: Say, see: See) -> Page:
        return Page(say("{name}: year of birth, or age?", name=self.name))

    def take(self, typed: Typed, see: See) -> PickSection | FindSection | PickPlan | Family | OpensLater | Again:
        try:
            year = read_birth_year(typed, see.today.year)
        except BadYear:
            return Again(word("Write a year like 1985, or an age like 40."))
        draft = Draft((Person(self.name, self.sex, year, "head"),), by=self.by)
        sections = draft.sections(see)
        if len(sections) == 1:
            return _after_section(draft, sections[0], see)
        if len(sections) <= MOST_SECTIONS_LISTED:
            return PickSection(draft, tuple(one.id for one in sections))
        return FindSection(draft)


@screen
class FindSection(_OfDraft):
    """The section by the first letters of its name."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        if self.staff is not None:
            return Page(say("The family's section: the start of its name?"))
        return Page(say("Your section: the start of its name?"))

    def take(self, typed: Typed, see: See) -> PickSection | PickPlan | Family | OpensLater | Again:
        found = find_sections(self.draft.sections(see), typed)
        if not found:
            return Again(word("No section found. Try other letters."))
        if len(found) == 1:
            return _after_section(self.draft, found[0], see)
        if len(found) > MOST_SECTIONS_FOUND:
            return Again(word("Too many sections found. Write more letters."))
        return PickSection(self.draft, tuple(one.id for one in found))


def find_sections(sections: Sequence[Organisation], typed: str) -> list[Organisation]:
    """Sections by name, whatever the accents; those whose name begins so come first."""
    sought = plain(typed)
    if not sought:
        return []
    begins = [one for one in sections if plain(one.name).startswith(sought)]
    within = [one for one in sections if sought in plain(f"{one.name} {one.district or ''}") and one not in begins]
    return begins + within


@screen
class PickSection(_OfDraft):
    """One of the sections that were found."""

    RESUMES: ClassVar[bool] = True

    section_ids: tuple[int, ...]

    def show(self, say: Say, see: See) -> Page:
        found = [see.organisation(each) for each in self.section_ids]
        title = say("Your section?") if self.staff is None else say("The family's section?")
        return Page(title, [one.name for one in found])

    def take(self, choice: Choice, see: See) -> PickPlan | Family | OpensLater | Again:
        return _after_section(self.draft, see.organisation(self.section_ids[choice - 1]), see)


def _after_section(draft: Draft, section: Organisation, see: See) -> PickPlan | Family | OpensLater | Again:
    plans = see.plans(section.id)
    if not plans:
        return Again(word("No plan is open in {section} now.", section=section.name))
    open_now = _open_now(plans, see)
    if not open_now:
        return OpensLater(min(filter(None, (closed_until(one.terms, see.today) for one in plans))), draft.staff)
    placed = replace(draft, section_id=section.id)
    if len(open_now) == 1:
        return Family(replace(placed, plan_id=open_now[0].id))
    return PickPlan(placed)


def _open_now(plans: Sequence[Plan], see: See) -> list[Plan]:
    """Those that take newcomers today."""
    return [one for one in plans if closed_until(one.terms, see.today) is None]


@screen
class OpensLater:
    """Newcomers are taken at another time of the year: on which day it begins."""

    opens_on: date
    staff: int | None = None

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Registration is closed now. It opens on {date}.", date=self.opens_on), [say("Home")])

    def take(self, choice: Choice, see: See) -> GoHome:
        return GoHome()


@screen
class PickPlan(_OfDraft):
    """The plans that are open in the section."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which plan?"), [plan.name for plan in _open_now(see.plans(self.draft.section_id), see)])

    def take(self, choice: Choice, see: See) -> Family:
        chosen = _open_now(see.plans(self.draft.section_id), see)[choice - 1]
        return Family(replace(self.draft, plan_id=chosen.id))


@screen
class Family(_OfDraft):
    """Who else? One after the other, until that is all."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        count = len(self.draft.people)
        text = say.many("{count} person so far. Add:", "{count} people so far. Add:", count)
        return Page(text, [*(say(kin.name) for kin in self.draft.kin()), say("That is all")])

    def take(self, choice: Choice, see: See) -> KinName | ConfirmFamily | Again:
        if choice > len(self.draft.kin()):
            return ConfirmFamily(self.draft)
        most = self.draft.room(see)
        if len(self.draft.people) >= most:
            return Again(word("A card has room for {most} people.", most=most))
        return KinName(self.draft, self.draft.kin()[choice - 1])


@screen
class KinName(_OfDraft):
    """The name of one dependant."""

    RESUMES: ClassVar[bool] = True

    kin: Kin

    def show(self, say: Say, see: See) -> Page:
        return Page(say("{kin}: first and last name?", kin=say(self.kin.name)))

    def take(self, typed: Typed, see: See) -> KinYear | Again:
        try:
            return KinYear(self.draft, self.kin, read_name(typed))
        except BadName as bad:
            return Again(bad_name(bad))


@screen
class KinYear(_OfDraft):
    """The year of birth of one dependant, or the age."""

    RESUMES: ClassVar[bool] = True

    kin: Kin
    name: str

    def show(self, say: Say, see: See) -> Page:
        # A baby has no age to type: 0 leads back.
        return Page(say("{name}: year of birth, or age? For a baby: {year}", name=self.name, year=see.today.year))

    def take(self, typed: Typed, see: See) -> Family | Again:
        try:
            year = read_birth_year(typed, see.today.year)
        except BadYear:
            return Again(word("Write a year like 1985, or an age like 40."))
        person = Person(self.name, self.kin.sex, year, self.kin.relation)
        return Family(replace(self.draft, people=(*self.draft.people, person)))


@screen
class ConfirmFamily(_OfDraft):
    """Everything once more, with what a year costs; this answer registers."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        plan = self.draft.plan(see)
        section = see.organisation(self.draft.section_id)
        people = [f"{one.name} {one.birth_year}" for one in self.draft.people]
        counted = say.many(
            "{section}. {count} person:", "{section}. {count} people:", len(people), section=section.name
        )
        lines = [counted, *people]
        if plan is not None:
            amount = self.draft.total(plan, see)
            lines.append(say("{plan}: {amount} the first year", plan=plan.name, amount=amount))
        others = [say("Remove someone")] if len(people) > 1 else []
        return Page("\n".join(lines), [say("Register"), say("Add someone"), *others])

    def take(self, choice: Choice, see: See) -> Do | Family | Remove:
        if choice == 2:
            return Family(self.draft)
        if choice == 3:
            return Remove(self.draft)
        one = self.draft
        return Do(RegisterHousehold(one.section_id, one.plan_id, one.people, one.by.staff, one.by.phone or None))

    def done(self, outcome: RegisteredAs, see: See) -> Registered | RegisteredFor | OpensLater | Again:
        if outcome.opens_on is not None:
            return OpensLater(outcome.opens_on, self.draft.staff)
        if outcome.refused:
            return Again(word("A card has room for {most} people.", most=self.draft.room(see)))
        if self.draft.staff is not None:
            return RegisteredFor(self.draft.staff, outcome)
        return Registered(outcome)


@screen
class Remove(_OfDraft):
    """Somebody was told of by mistake; the head stays."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Remove whom?"), [one.name for one in self.draft.people[1:]])

    def take(self, choice: Choice, see: See) -> ConfirmFamily:
        people = tuple(one for place, one in enumerate(self.draft.people) if place != choice)
        return ConfirmFamily(replace(self.draft, people=people))


@screen
class Registered:
    """The card number, what to pay now, and the way to pay it."""

    registered: RegisteredAs

    @property
    def card(self) -> str:
        # It may be one that this phone had before, and that somebody has given a PIN.
        return self.registered.card

    def show(self, say: Say, see: See) -> Page:
        return Page(_what_was_registered(say, self.registered), [say("Pay now"), say("Later")])

    def take(self, choice: Choice, see: See) -> PayWhat | Goodbye | GoHome:
        household = see.household(self.registered.card)
        if household is None:
            return GoHome()
        return pay_what(household, see) if choice == 1 else Goodbye()


def _what_was_registered(say: Say, one: RegisteredAs) -> str:
    card = say.card(one.card)
    if one.known:
        text = say("You are registered already. Card {card}.", card=card)
    else:
        text = say("Registered. Your card: {card}.", card=card)
    return text + _what_it_costs(say, one)


def _what_it_costs(say: Say, one: RegisteredAs) -> str:
    if not one.total:
        return ""
    if one.known:
        return "\n" + say("Left to pay: {amount}", amount=one.total)
    return "\n" + say("The first year: {total}. Due now: {first}.", total=one.total, first=one.first)


@screen
class RegisteredFor:
    """Staff have registered a family: its card number, and what may be paid at once in cash."""

    staff: int
    registered: RegisteredAs

    def show(self, say: Say, see: See) -> Page:
        one = self.registered
        card = say.card(one.card)
        text = (
            say("Known already. Card {card}.", card=card) if one.known else say("Registered. Card {card}.", card=card)
        )
        return Page(text + _what_it_costs(say, one), [say("Take cash"), say("Register another")])

    def take(self, choice: Choice, see: See) -> CashWhat | RegisterFor | GoHome:
        if choice == 2:
            return RegisterFor(self.staff)
        household = see.household(self.registered.card)
        return cash_what(self.staff, household, see) if household is not None else GoHome()


@screen
class Goodbye:
    """The end, when there is nothing more to do now."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Thank you. Dial again whenever you want to pay."), ends=True)
