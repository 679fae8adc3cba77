"""Households that other systems register and change, with what the office does beside it: the SMS, and who did it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.api.call import Call
from gateway.api.doors import Area, Made
from gateway.api.households import API as HOUSEHOLDS
from gateway.api.households import HouseholdGiven, LanguageCode, shown
from gateway.api.problems import Problem, not_there
from gateway.api.reading import invalid
from gateway.api.shapes import Code, Name, Taken
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.spelling import plain
from gateway.locale import Say, mark
from gateway.membership.changes import By
from gateway.membership.consents import Agreed
from gateway.membership.correcting import choose_household_language, refuse_merged
from gateway.membership.households import (
    Household,
    NotTaken,
    Registered,
    add_phone,
    by_id,
    lock_household,
    main_phones,
    register,
)
from gateway.membership.people import MOST_PEOPLE, OLDEST_YEARS, BadName, Person, read_name
from gateway.membership.plans import plans_for
from gateway.network.api_keys import Scope
from gateway.network.organisations import Organisation
from gateway.sms import notices
from gateway.sms.consent_notice import tell_consent
from gateway.sms.failing import forgive_if_counted
from gateway.sms.outgoing import Outgoing, in_key, queue_messages
from gateway.sms.templates.wording import Wording
from gateway.store.unit import Unit

API = Area(HOUSEHOLDS.name, HOUSEHOLDS.says)

PhoneTaken = Annotated[
    str,
    StringConstraints(min_length=6, max_length=24, pattern=r"^\+?[0-9 ().-]+$"),
    Field(description="A mobile number of the country, or with its country code.", examples=["+2290150000801"]),
]
_NOT_A_PHONE = mark("This is not a mobile number of this country.")


class PersonTaken(Taken):
    """Somebody to be on the card."""

    name: Name
    sex: Literal["F", "M"]
    birth_year: Annotated[int, Field(ge=1880, le=2200)]
    relation: Literal["head", "spouse", "child", "parent", "other"]


class HouseholdTaken(Taken):
    """A family to be registered: its head first."""

    section: Annotated[Code, Field(description="The code of a section.")]
    plan: Annotated[Code, Field(description="The code of a plan that is open there.")]
    people: Annotated[list[PersonTaken], Field(min_length=1, max_length=MOST_PEOPLE)]
    phone: PhoneTaken | None = None
    language: LanguageCode | None = None


@API.post(
    "/households", Scope.HOUSEHOLDS_WRITE, takes=HouseholdTaken, answers=HouseholdGiven, once=True,
    statuses=(201, 200), also=("conflict",),
)  # fmt: skip
def register_household(call: Call, unit: Unit, sent: HouseholdTaken) -> Made | HouseholdGiven:
    """Register a family and enrol it in a plan from today.

    200 with the household that is there where the same family was registered before: the same head and phone, or
    lately in the same section without a phone. Its phone is told of the card by SMS.
    """
    say, tree = call.say, call.tree
    section = tree.by_code.get(sent.section)
    if section is None or not call.sees(section.id) or section not in tree.sections:
        raise invalid(say, "/section", mark("No section of this key's has this code."))
    people = _people(call, sent)
    msisdn = _msisdn(say, sent.phone, section) if sent.phone is not None else None
    open_plans = plans_for(unit.connection, tree, section.id, call.today(section.id))
    plan = next((one for one in open_plans if one.code == sent.plan), None)
    if plan is None:
        raise invalid(say, "/plan", mark("Choose a plan that is open."))
    try:
        made = register(
            unit, tree, call.parts.services.chart, section.id, plan, people, msisdn, sent.language,
            Agreed("api", call.doer),
        )  # fmt: skip
    except NotTaken:
        raise Problem("refused", mark("The plan {name} takes no such household now."), name=plan.name) from None
    one = by_id(unit.connection, tree, made.household_id)
    if made.known:
        if not call.sees(one.section_id):
            raise Problem("conflict", mark("This family is registered elsewhere in the network."))
        return shown(call, unit.connection, one)
    if msisdn is not None:
        forgive_if_counted(unit, msisdn)
        _welcome(unit, call, one, section, msisdn, made)
        tell_consent(unit, tree, one.id, section.id, msisdn, one.language or tree.books_of(section.id).languages[0])
    after = {"people": len(people), "plan": plan.code, "section": section.code, "phone": msisdn is not None}
    call.trace(unit, "household.registered", about=f"household:{one.id}", place=section.id, after=after)
    return Made(shown(call, unit.connection, one), f"/households/{one.id}")


def _people(call: Call, sent: HouseholdTaken) -> list[Person]:
    people: list[Person] = []
    this_year = call.now.year
    for number, each in enumerate(sent.people):
        here = f"/people/{number}"
        if (each.relation == "head") != (number == 0):
            raise invalid(call.say, f"{here}/relation", mark("The first of them is the head, and nobody else."))
        try:
            name = read_name(each.name)
        except BadName:
            raise invalid(call.say, f"{here}/name", mark("Letters only in a name, please.")) from None
        if not this_year - OLDEST_YEARS <= each.birth_year <= this_year:
            raise invalid(call.say, f"{here}/birth_year", mark("Nobody alive was born in this year."))
        people.append(Person(name, each.sex, each.birth_year, each.relation))
    if len({(plain(each.name), each.birth_year) for each in people}) < len(people):
        raise invalid(call.say, "/people", mark("The same person stands here twice."))
    return people


def _msisdn(say: Say, typed: str, section: Organisation) -> str:
    try:
        return read_msisdn(typed, section.country)
    except BadMsisdn:
        raise invalid(say, "/phone", _NOT_A_PHONE) from None


def _welcome(
    unit: Unit, call: Call, one: Household, section: Organisation, msisdn: str, made: Registered
) -> None:  # fmt: skip
    books = call.tree.books_of(section.id)
    language = one.language or books.languages[0]
    wording = Wording(unit.connection, call.tree, books.id)
    text = wording.registered(Say(language), made.card, one.head, made.total, made.first)
    key = f"registered:api:{one.id}"
    queue_messages(unit, "receipts", Outgoing("registered", msisdn, language, text, books.id, one.id, key))


# --- changing ---------------------------------------------------------------------------------------------------------


class HouseholdChanged(Taken):
    """What is changed about a household; what isn't named stays."""

    language: Annotated[LanguageCode | None, Field(description="The language of its SMS.")] = None
    phone: Annotated[PhoneTaken | None, Field(description="One more phone of its own, which is told of it.")] = None


@API.patch("/households/{household}", Scope.HOUSEHOLDS_WRITE, takes=HouseholdChanged, answers=HouseholdGiven)
def change_household(call: Call, unit: Unit, one: Household, sent: HouseholdChanged) -> HouseholdGiven:
    """Change the language of a household's SMS, or give it one more phone."""
    lock_household(unit, one.id)
    refuse_merged(unit, one)
    one = by_id(unit.connection, call.tree, one.id)  # as it is now, after whoever held it
    if not call.sees(one.section_id):
        raise not_there()
    call.matches(shown(call, unit.connection, one))
    if sent.language is None and sent.phone is None:
        raise invalid(call.say, "", mark("Nothing to be changed is named."))
    by, about = By(None, name=call.doer), f"household:{one.id}"
    if sent.language is not None:
        before = choose_household_language(unit, one, sent.language, by)
        if before != sent.language:
            call.trace(unit, "household.language", about=about, place=one.section_id, before={"language": before},
                       after={"language": sent.language})  # fmt: skip
    if sent.phone is not None:
        msisdn = _msisdn(call.say, sent.phone, call.tree[one.section_id])
        first = not main_phones(unit.connection, one.id)
        if not add_phone(unit, one.id, msisdn, by, main=first):
            raise invalid(call.say, "/phone", mark("This phone is theirs already."))
        forgive_if_counted(unit, msisdn)
        _tell(unit, call, one, msisdn)
        call.trace(unit, "household.phone_added", about=about, place=one.section_id, after={"main": first})
    return shown(call, unit.connection, by_id(unit.connection, call.tree, one.id))


def _tell(unit: Unit, call: Call, one: Household, added: str) -> None:
    books = call.tree.books_of(one.section_id)
    language = one.language or books.languages[0]
    write = partial(notices.phone_added, phone=added)
    for msisdn in main_phones(unit.connection, one.id):
        key = f"phone:api:{one.id}:{in_key(added)}:{in_key(msisdn)}:{int(unit.now.timestamp())}"
        text = write(Say(language))
        queue_messages(unit, "receipts", Outgoing("phone", msisdn, language, text, books.id, one.id, key))
