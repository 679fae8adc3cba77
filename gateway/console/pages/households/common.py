"""What the pages about households share: their words, what was typed about a person, and trying an act out first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from gateway.console.answers import Page, Refused
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault, Unavailable
from gateway.locale import Say, mark
from gateway.membership import family
from gateway.membership.changes import By
from gateway.membership.households import Household, Standing, main_phones
from gateway.membership.people import BadName, BadYear, Beneficiary, Person, read_birth_year, read_name
from gateway.membership.registers import RELATIONS
from gateway.membership.rules import State
from gateway.network.organisations import Organisation
from gateway.privacy.looking import Looker, looked
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.effects import effect_key
from gateway.store.unit import Unit

# How a household stands, in a word or two, and the kind of badge.
BADGES: Mapping[State, tuple[str, str]] = {
    State.ACTIVE: (mark("Covered"), "good"),
    State.GRACE: (mark("Covered, overdue"), "wait"),
    State.WAITING: (mark("In the waiting period"), "wait"),
    State.UNPAID: (mark("Not covered: too little paid"), "bad"),
    State.SUSPENDED: (mark("Suspended"), "bad"),
    State.LAPSED: (mark("Year over"), "bad"),
    State.NONE: (mark("No membership"), "quiet"),
}
SEXES = {"F": mark("Woman or girl"), "M": mark("Man or boy")}
JOINS = {"birth": mark("Birth"), "marriage": mark("Marriage"), "arrival": mark("Moved in")}
LEAVES = {"death": mark("Death"), "divorce": mark("Divorce"), "departure": mark("Moved away")}
_DAYS = {
    "future": mark("This day lies ahead."),
    "old": mark("This is more than a year ago: look into it with the family, and write a day of the last year."),
    "before-birth": mark("This is before the birth."),
    "birth-year": mark("This is not in the year of birth."),
    "full": mark("The card has no room left."),
}
_NAMES = {
    "empty": mark("Write the name."),
    "letters": mark("Letters only in a name, please."),
    "long": mark("This name is too long: 60 letters at most."),
    "short": mark("Write the full name."),
}
Write = Callable[[Say], str]
_Given = TypeVar("_Given")


def cover_in_words(say: Say, standing: Standing) -> str:
    """How a household stands today, in plain words, with the date or the amount that matters."""
    cover = standing.cover
    if cover.state.covered:
        if standing.must_renew:
            return say("Covered until {date}. The year has to be renewed before then.", date=cover.until)
        if cover.state is State.ACTIVE or not standing.left:
            return say("Covered until {date}.", date=cover.until)
        return say("Covered until {date}, in the grace period: {amount} is overdue.", date=cover.until,
                   amount=standing.due)  # fmt: skip
    if cover.state is State.WAITING:
        return say("In the waiting period: covered from {date}.", date=cover.begins_on)
    if cover.state is State.LAPSED:
        return say("The year is over: only a new year gives cover again.")
    if cover.state is State.SUSPENDED:
        return say("Suspended: an instalment was not paid in time. {amount} gives cover again at once.",
                   amount=standing.due)  # fmt: skip
    if cover.state is State.UNPAID:
        needed = max(standing.to_start, standing.due)
        return say("Not covered yet: {amount} is to be paid before cover can start.", amount=needed)
    return say("Not covered: no membership.")


def person_in_words(say: Say, one: Beneficiary, standing: Standing, today: date) -> tuple[str, str]:
    """Is somebody on the card covered, and from when: the words, and the kind of badge."""
    if one.id in standing.unpaid:
        return say("Not covered: their part isn't paid"), "bad"
    state = standing.cover.state
    if one.covered_from is not None and one.covered_from > today:
        return say("Covered from {date}", date=one.covered_from), "wait"
    if state.covered:
        return say("Covered"), "good"
    if state is State.WAITING and standing.cover.begins_on is not None:
        return say("Covered from {date}", date=standing.cover.begins_on), "wait"
    return say("Not covered"), "bad" if state is not State.NONE else "quiet"


def household_tabs(visit: Visit, one: Household) -> list[tuple[str, str]]:
    """The pages of a household that somebody may open."""
    say, here = visit.say, f"/households/{one.id}"
    every = [(here, say("Overview"), Right.SEE_HOUSEHOLDS), (f"{here}/money", say("Money"), Right.SEE_MONEY)]
    every += [(f"{here}/messages", say("Messages"), Right.SEE_HOUSEHOLDS)]
    every += [(f"{here}/care", say("Complaints and visits"), Right.SEE_REQUESTS)]
    every += [(f"{here}/story", say("Story"), Right.SEE_HOUSEHOLDS)]
    every += [(f"{here}/privacy", say("Own data"), Right.SEE_HOUSEHOLDS)]
    every += [(f"{here}/change", say("Change"), Right.CHANGE_HOUSEHOLDS)]
    return [(path, text) for path, text, right in every if visit.may(right, one.section_id)]


def area_tabs(visit: Visit) -> list[tuple[str, str]]:
    """The pages of the area that somebody may open."""
    say = visit.say
    every = (
        ("/households", say("Search"), Right.SEE_HOUSEHOLDS),
        ("/households/register", say("Register a family"), Right.CHANGE_HOUSEHOLDS),
        ("/households/duplicates", say("Registered twice?"), Right.CHANGE_HOUSEHOLDS),
        ("/households/imports", say("Imports"), Right.IMPORT_HOUSEHOLDS),
        ("/households/print", say("Registers and cards"), Right.EXPORT_HOUSEHOLDS),
        ("/households/categories", say("Categories"), Right.SEE_HOUSEHOLDS),
    )
    return [(path, text) for path, text, right in every if visit.may(right)]


def own_sections(visit: Visit, right: Right | None = None) -> list[Organisation]:
    """The sections below the organisation looked at, those in which somebody may do what the door is for."""
    roots = visit.roots(right)
    return [one for one in visit.tree.sections_under(visit.at.id) if any(one.under(root) for root in roots)]


def chosen_section(visit: Visit, name: str = "section") -> Organisation:
    """The section that was chosen; raises :class:`Refused`."""
    found = visit.place(name)
    if found not in visit.tree.sections:
        raise Refused(visit.say("Choose one of the list."), name)
    return found


def options(visit: Visit, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Words of a table as a field offers them."""
    return [(key, visit.say(text)) for key, text in words.items()]


def relations(visit: Visit) -> list[tuple[str, str]]:
    """What somebody can be to the head."""
    return options(visit, {key: text for key, text in RELATIONS.items() if key != "head"})


def by_of(visit: Visit, section_id: int) -> By:
    """Whose act it is, as a household's story has it."""
    return By(None, visit.member(section_id).id, visit.who.name)


# --- what was typed ---------------------------------------------------------------------------------------------------


def typed_name(visit: Visit, field: str = "name") -> str:
    """A name as it will stand on the card; raises :class:`Refused`."""
    try:
        return read_name(visit.sent.get(field))
    except BadName as bad:
        raise Refused(visit.say(_NAMES[bad.args[0]]), field) from None


def typed_birth_year(visit: Visit, field: str = "born") -> int:
    """A year of birth, or an age; raises :class:`Refused`."""
    try:
        return read_birth_year(visit.sent.get(field), visit.now.year)
    except BadYear:
        raise Refused(visit.say("Write a year of birth, like 1991, or an age."), field) from None


def typed_person(visit: Visit, mark_of: str = "", relation: str | None = None) -> Person:
    """Somebody from the fields ``name``, ``sex``, ``born`` and ``relation``; raises :class:`Refused`."""
    name = typed_name(visit, f"name{mark_of}")
    sex = visit.choice(f"sex{mark_of}", ("F", "M"))
    born = typed_birth_year(visit, f"born{mark_of}")
    its = relation or visit.choice(f"relation{mark_of}", [key for key in RELATIONS if key != "head"])
    return Person(name, sex, born, its)


def somebody_of(visit: Visit, people: Sequence[Beneficiary], field: str = "person") -> Beneficiary:
    """The person on the card who was chosen; raises :class:`Refused`."""
    chosen = visit.sent.get(field)
    found = next((each for each in people if str(each.id) == chosen), None)
    if found is None:
        raise Refused(visit.say("Choose one of the list."), field)
    return found


def refused_day(visit: Visit, why: family.Refused, field: str = "day") -> Refused:
    """What a family's change was refused for, as people read it."""
    return Refused(visit.say(_DAYS.get(why.args[0], mark("This can't be done."))), field)


# --- doing ------------------------------------------------------------------------------------------------------------


class _TriedOut(Exception):
    """Everything was only tried."""


def tried_out(visit: Visit, act: Callable[[Unit], _Given]) -> _Given:
    """What an act would give: it is done, and all of it undone. Raises :class:`Refused` where it can't be done."""
    given: list[_Given] = []
    try:
        with visit.store.write() as unit:
            given.append(act(unit))
            raise _TriedOut
    except _TriedOut:
        return given[0]
    except Unavailable:
        raise
    except Fault as fault:
        raise Refused(fault.said(visit.say)) from fault


def tell_household(unit: Unit, visit: Visit, event: str, one: Household, write: Write) -> None:
    """Write to the main phones of a household, in its language; once for the form that it comes of."""
    books = visit.tree.books_of(one.section_id)
    language = one.language or books.languages[0]
    for msisdn in main_phones(unit.connection, one.id):
        key = f"{event}:{effect_key('office', str(visit.who.login_id), visit.sent.get('once'), msisdn)}"
        text = write(Say(language))
        queue_messages(unit, "receipts", Outgoing(event, msisdn, language, text, books.id, one.id, key))


def household_page(visit: Visit, one: Household, template: str, title: str, **values: object) -> Page:
    """A page about one household, with what the head of each shows; it is written down who was shown it."""
    looked(visit.store, Looker.login(visit.who.login_id, visit.who.name), [one.id], visit.now)
    section = visit.tree[one.section_id]
    kept = {"one": one, "section": section, "tabs": household_tabs(visit, one)}
    return Page(template, title, {**kept, **values})


def may_see(visit: Visit, section_id: int, right: Right | None = None) -> None:
    """Raises :class:`~gateway.console.answers.NotThere` where somebody may not do this in a section."""
    visit.member(section_id, right)
