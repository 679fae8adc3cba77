"""My family: who is in it, who joins and who leaves, with the day it happened; and the new membership year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import ClassVar

from gateway.kernel.dates import BadDay, read_day
from gateway.kernel.money import Money
from gateway.locale import Say, mark
from gateway.membership.family import Beneficiary, Joins, Leaves
from gateway.membership.people import BadName, BadYear, Person, read_birth_year, read_name
from gateway.ussd.effects.family import AddPerson, FamilyChanged, RemovePerson, Renew, Renewed
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, Word, screen, word
from gateway.ussd.screens.kin import KIN, bad_name
from gateway.ussd.screens.pay import PayWhat, pay_what

REFUSED = {
    "future": word("This day lies ahead."),
    "before-birth": word("This is before the birth."),
    "birth-year": word("This is not in the year of birth."),
    "old": word("This is more than a year ago. See your office."),
    "full": word("The card is full."),
    "head": word("The member can't be removed here. See your office."),
}


def refused(because: str) -> Word:
    """Why nothing was changed."""
    return REFUSED.get(because, word("This did not work. Nothing was changed."))


def my_family(card: str, see: See, staff: int | None = None) -> MyFamily:
    """A household's people as they are now."""
    return MyFamily(card, tuple(see.roster(card)), staff)


@screen
class MyFamily:
    """Everybody on the card."""

    card: str
    people: tuple[Beneficiary, ...]
    staff: int | None = None

    def _choices(self, see: See) -> list[str]:
        household = see.household(self.card)
        open_now = household is not None and see.standing(household).renewable
        return ["add", *(["remove"] if len(self.people) > 1 else []), *(["renew"] if open_now else [])]

    def show(self, say: Say, see: See) -> Page:
        labels = {
            "add": say("Add someone"),
            "remove": say("Someone died or left"),
            "renew": say("Renew for a new year"),
        }
        names = [f"{one.name} {one.birth_year}" for one in self.people]
        lines = [say.many("{count} person:", "{count} people:", len(names)), *names]
        return Page("\n".join(lines), [labels[each] for each in self._choices(see)])

    def take(self, choice: Choice, see: See) -> WhyJoin | WhoLeaves | RenewYear:
        choices = self._choices(see)
        # Another phone of the family may have renewed meanwhile: the screen of the new year says so.
        match choices[choice - 1] if choice <= len(choices) else "renew":
            case "add":
                return WhyJoin(self.card, self.staff)
            case "remove":
                return WhoLeaves(self.card, self.people, self.staff)
        return RenewYear(self.card, self.staff)


# --- somebody joins ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Joining:
    """Somebody while they are being told of."""

    card: str
    staff: int | None
    because: Joins
    relation: str = ""
    sex: str = ""
    name: str = ""
    birth_year: int = 0
    happened_on: date | None = None

    def person(self) -> Person:
        return Person(self.name, self.sex, self.birth_year, self.relation)


@dataclass(frozen=True)
class _OfJoining:
    """A screen about somebody who joins: it is theirs whose family that is."""

    joining: Joining

    @property
    def card(self) -> str:
        return self.joining.card

    @property
    def staff(self) -> int | None:
        return self.joining.staff


@screen
class WhyJoin:
    """A birth, a wedding, or somebody who comes to live here."""

    card: str
    staff: int | None = None

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Add someone:"), [say("A birth"), say("A wedding"), say("Somebody who lives with us")])

    def take(self, choice: Choice, see: See) -> JoinKin | JoinName:
        if choice == 1:
            return JoinKin(Joining(self.card, self.staff, "birth"))
        if choice == 3:
            return JoinKin(Joining(self.card, self.staff, "arrival"))
        household = see.household(self.card)
        sex = "M" if household is not None and household.sex == "F" else "F"
        return JoinName(Joining(self.card, self.staff, "marriage", "spouse", sex))


@screen
class JoinKin(_OfJoining):
    """Who is it to the family? A baby is a son or a daughter, or somebody else's."""

    def _kin(self) -> list[tuple[str, str, str]]:
        relations = ("child", "other") if self.joining.because == "birth" else ("child", "parent", "other")
        return [(one.name, one.relation, one.sex) for one in KIN if one.relation in relations]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Who joins the family?"), [say(name) for name, _, _ in self._kin()])

    def take(self, choice: Choice, see: See) -> JoinName:
        _, relation, sex = self._kin()[choice - 1]
        return JoinName(replace(self.joining, relation=relation, sex=sex))


@screen
class JoinName(_OfJoining):
    """The name as it will stand on the card."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("First and last name?"))

    def take(self, typed: Typed, see: See) -> JoinYear | JoinDay | Again:
        try:
            named = replace(self.joining, name=read_name(typed))
        except BadName as bad:
            return Again(bad_name(bad))
        return JoinDay(named) if named.because == "birth" else JoinYear(named)


@screen
class JoinYear(_OfJoining):
    """The year of birth, or the age."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        return Page(say("{name}: year of birth, or age?", name=self.joining.name))

    def take(self, typed: Typed, see: See) -> JoinDay | ConfirmJoin | Again:
        try:
            told = replace(self.joining, birth_year=read_birth_year(typed, see.today.year))
        except BadYear:
            return Again(word("Write a year like 1985, or an age like 40."))
        if told.because == "arrival":
            return ConfirmJoin(replace(told, happened_on=see.today))
        return JoinDay(told)


@screen
class JoinDay(_OfJoining):
    """The day of the birth or the wedding."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        birth = self.joining.because == "birth"
        text = say("Day of the birth? Like 25/12.") if birth else say("Day of the wedding? Like 25/12.")
        return Page(text, [say("Today"), say("Yesterday")])

    def take(self, choice: Choice, see: See) -> ConfirmJoin:
        return self._on(see.today - timedelta(days=choice - 1))

    def typed(self, typed: Typed, see: See) -> ConfirmJoin | Again:
        day = day_from(typed, see.today)
        return day if isinstance(day, Again) else self._on(day)

    def _on(self, day: date) -> ConfirmJoin:
        year = day.year if self.joining.because == "birth" else self.joining.birth_year
        return ConfirmJoin(replace(self.joining, happened_on=day, birth_year=year))


def covered_from(say: Say, due: Money | None, day: date | None) -> list[str]:
    """A joiner's own first day, where they have one; what is due for them must be paid by then."""
    if day is None:
        return []
    return [say("Covered from {date}, if paid", date=day) if due else say("Covered from {date}", date=day)]


def day_from(typed: str, today: date) -> date | Again:
    """A day as typed, or what is wrong with it."""
    try:
        return read_day(typed, today)
    except BadDay as bad:
        return Again(REFUSED["future"] if bad.args[0] == "future" else word("Write day and month, like 25/12."))


DAYS = {"birth": mark("Born on {date}"), "marriage": mark("Wedding on {date}")}


@screen
class ConfirmJoin(_OfJoining):
    """Everything once more, with what it costs; this answer adds."""

    RESUMES: ClassVar[bool] = True

    def show(self, say: Say, see: See) -> Page:
        one = self.joining
        lines = [say("Add {name}, {year}?", name=one.name, year=one.birth_year)]
        if one.happened_on is not None and one.because in DAYS:
            lines.append(say(DAYS[one.because], date=one.happened_on))
        price = see.price_of_joining(one.card, one.person(), one.because, one.happened_on or see.today)
        if price is not None:
            lines.append(say("To pay: {amount}", amount=price.due) if price.due else say("Nothing to pay now."))
            lines.extend(covered_from(say, price.due, price.covered_from))
        return Page("\n".join(lines), [say("Add")])

    def take(self, choice: Choice, see: See) -> Do:
        one = self.joining
        return Do(AddPerson(one.card, one.person(), one.because, one.happened_on or see.today, one.staff))

    def done(self, outcome: FamilyChanged, see: See) -> FamilyIsNow | Again:
        if outcome.refused:
            return Again(refused(outcome.refused))
        return FamilyIsNow(self.joining.card, self.joining.staff, outcome, True)


@screen
class FamilyIsNow:
    """What was changed."""

    card: str
    staff: int | None
    change: FamilyChanged
    joined: bool

    def show(self, say: Say, see: See) -> Page:
        name = self.change.name
        lines = [say("{name} is on the card.", name=name) if self.joined else say("{name} is off the card.", name=name)]
        if self.change.due:
            lines.append(say("To pay: {amount}", amount=self.change.due))
        lines.extend(covered_from(say, self.change.due, self.change.covered_from))
        pay = [say("Pay now")] if self._pays() else []
        return Page("\n".join(lines), [*pay, say("The family")])

    def _pays(self) -> bool:
        return self.staff is None and bool(self.change.due)

    def take(self, choice: Choice, see: See) -> PayWhat | MyFamily:
        household = see.household(self.card)
        if self._pays() and choice == 1 and household is not None:
            return pay_what(household, see)
        return my_family(self.card, see, self.staff)


# --- somebody leaves --------------------------------------------------------------------------------------------------

WHY_LEAVE: tuple[tuple[Leaves, str], ...] = (
    ("death", mark("Died")),
    ("departure", mark("Lives elsewhere now")),
    ("divorce", mark("Divorced")),
)


@screen
class WhoLeaves:
    """One of the family; the member stays."""

    card: str
    people: tuple[Beneficiary, ...]
    staff: int | None = None

    def _others(self) -> list[Beneficiary]:
        return [one for one in self.people if one.relation != "head"]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Who died or left?"), [one.name for one in self._others()])

    def take(self, choice: Choice, see: See) -> WhyLeaves:
        return WhyLeaves(self.card, self._others()[choice - 1], self.staff)


@screen
class WhyLeaves:
    """What happened."""

    card: str
    person: Beneficiary
    staff: int | None = None

    def _reasons(self) -> list[tuple[Leaves, str]]:
        return [one for one in WHY_LEAVE if one[0] != "divorce" or self.person.relation == "spouse"]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("{name}: what happened?", name=self.person.name), [say(label) for _, label in self._reasons()])

    def take(self, choice: Choice, see: See) -> LeaveDay:
        return LeaveDay(self.card, self.person, self._reasons()[choice - 1][0], self.staff)


@screen
class LeaveDay:
    """The day it happened."""

    card: str
    person: Beneficiary
    because: Leaves
    staff: int | None = None

    def show(self, say: Say, see: See) -> Page:
        return Page(say("On which day? Like 25/12."), [say("Today"), say("Yesterday")])

    def take(self, choice: Choice, see: See) -> ConfirmLeave:
        return ConfirmLeave(self.card, self.person, self.because, see.today - timedelta(days=choice - 1), self.staff)

    def typed(self, typed: Typed, see: See) -> ConfirmLeave | Again:
        day = day_from(typed, see.today)
        return day if isinstance(day, Again) else ConfirmLeave(self.card, self.person, self.because, day, self.staff)


@screen
class ConfirmLeave:
    """Once more; this answer takes somebody off the card."""

    RESUMES: ClassVar[bool] = True

    card: str
    person: Beneficiary
    because: Leaves
    day: date
    staff: int | None = None

    def show(self, say: Say, see: See) -> Page:
        text = say("Take {name} off the card, from {date}?", name=self.person.name, date=self.day)
        return Page(text, [say("Take off the card")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(RemovePerson(self.card, self.person.id, self.because, self.day, self.staff))

    def done(self, outcome: FamilyChanged, see: See) -> FamilyIsNow | Again:
        if outcome.refused:
            return Again(refused(outcome.refused))
        return FamilyIsNow(self.card, self.staff, outcome, False)


# --- the new year -----------------------------------------------------------------------------------------------------


@screen
class RenewYear:
    """The next year: for whom, how much; the family can be changed first."""

    card: str
    staff: int | None = None

    def show(self, say: Say, see: See) -> Page:
        household = see.household(self.card)
        year = see.renewal(household) if household is not None else None
        if year is None:
            return Page(say("The new year is not open yet, or is renewed already."), [say("Home")])
        lines = [
            say("New year: {amount}", amount=year.total),
            say("from {start} to {end}", start=year.starts_on, end=year.ends_on),
            say.many("for {count} person.", "for {count} people.", year.people),
        ]
        if year.advance:
            lines.append(say("The advance pays {amount} of it.", amount=year.advance))
        return Page("\n".join(lines), [say("Renew"), say("Change the family first")])

    def take(self, choice: Choice, see: See) -> Do | MyFamily | GoHome:
        household = see.household(self.card)
        year = see.renewal(household) if household is not None else None
        if year is None:
            return GoHome(word("The new year is not open yet, or is renewed already."))
        if choice == 2:
            return my_family(self.card, see, self.staff)
        return Do(Renew(self.card, year.plan.id, self.staff))

    def done(self, outcome: Renewed, see: See) -> YearRenewed | Again:
        if outcome.closed:
            return Again(word("The new year is not open yet, or is renewed already."))
        return YearRenewed(self.card, self.staff, outcome)


@screen
class YearRenewed:
    """What the new year costs, and what is due of it at once."""

    card: str
    staff: int | None
    year: Renewed

    def show(self, say: Say, see: See) -> Page:
        one = self.year
        text = say("Renewed from {date}.", date=one.starts_on)
        if not one.first:
            return Page(text + "\n" + say("The year: {total}. Nothing to pay now.", total=one.total), [say("Home")])
        text += "\n" + say("The year: {total}. Due now: {first}.", total=one.total, first=one.first)
        return Page(text, [say("Home")] if self.staff is not None else [say("Pay now"), say("Later")])

    def take(self, choice: Choice, see: See) -> PayWhat | GoHome:
        household = see.household(self.card)
        if self.staff is not None or choice == 2 or household is None or not self.year.first:
            return GoHome()
        return pay_what(household, see)
