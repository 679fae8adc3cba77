"""A new family is registered: everybody in one form, what it costs shown first, and whether it is there already."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import (
    SEXES,
    area_tabs,
    by_of,
    chosen_section,
    options,
    own_sections,
    relations,
    typed_person,
)
from gateway.console.pages.households.search import Row, rows_of
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.kernel.spelling import plain
from gateway.locale import NAMES, Say
from gateway.membership.consents import Agreed
from gateway.membership.dues import closed_until, dues_for
from gateway.membership.duplicates.finding import look_at
from gateway.membership.households import NotTaken, register
from gateway.membership.people import MOST_PEOPLE, Person
from gateway.membership.plans import Plan, plans_for
from gateway.membership.searching import Found, find
from gateway.network.organisations import Organisation
from gateway.sms.consent_notice import tell_consent
from gateway.sms.failing import forgive_if_counted
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.templates.wording import Wording
from gateway.store.unit import Unit

AREA = Area("registering")
ROWS, MORE_ROWS = 6, 4
_ALIKE = 5  # families of the same name that are shown


@dataclass(frozen=True)
class Typed:
    """A family as it was typed: checked, but not registered."""

    section: Organisation
    people: tuple[Person, ...]
    msisdn: str | None
    language: str | None


@dataclass(frozen=True)
class Cost:
    """What the first year in a plan costs: in all, and at once; ``why`` it can't be had."""

    plan: Plan
    total: Money
    first: Money
    why: str


@AREA.get("/households/register", Right.CHANGE_HOUSEHOLDS)
def register_page(visit: Visit) -> Answer:
    """Rows for a family: the head first."""
    return _form(visit)


def _form(visit: Visit) -> Page:
    say = visit.say
    sections = own_sections(visit)
    here = visit.at.code if visit.at in sections else sections[0].code if len(sections) == 1 else ""
    values = {
        "tabs": area_tabs(visit),
        "sections": [(one.code, one.name) for one in sections],
        "chosen": here,
        "rows": range(_rows(visit)),
        "most": MOST_PEOPLE,
        "sexes": options(visit, SEXES),
        "relations": relations(visit),
        "languages": [(code, NAMES[code]) for code in visit.at.languages if code in NAMES],
        "country": visit.at.country,
    }
    return Page("households/registering.html", say("Register a family"), values)


def _rows(visit: Visit) -> int:
    typed = visit.sent.get("rows")
    rows = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else ROWS
    if visit.sent.get("step") == "more":
        rows += MORE_ROWS
    return max(ROWS, min(rows, MOST_PEOPLE))


@AREA.post("/households/register", Right.CHANGE_HOUSEHOLDS)
def register_family(visit: Visit) -> Answer:
    """More rows, what it would cost, or the registering itself: as the button says."""
    step = visit.sent.get("step")
    if step in ("more", "change"):
        return _form(visit)
    typed = _typed(visit)
    return _register(visit, typed) if step == "register" else _look(visit, typed)


def _typed(visit: Visit) -> Typed:
    section = chosen_section(visit)
    people = []
    for number in range(_rows(visit)):
        if number == 0 or any(visit.sent.get(f"{field}-{number}") for field in ("name", "born", "sex", "relation")):
            people.append(typed_person(visit, f"-{number}", "head" if number == 0 else None))
    names = [(plain(each.name), each.birth_year) for each in people]
    if len(set(names)) < len(names):
        raise Refused(visit.say("The same person stands here twice."))
    msisdn = visit.msisdn("phone", section.country) if visit.sent.get("phone") else None
    language = visit.choice("language", list(NAMES)) if visit.sent.get("language") else None
    return Typed(section, tuple(people), msisdn, language)


# --- looking ----------------------------------------------------------------------------------------------------------


def _look(visit: Visit, typed: Typed) -> Page:
    """Who would be registered, what each plan costs them, and families that may be the same."""
    say = visit.say
    with visit.store.read() as connection:
        costs = _costs(visit, connection, typed)
        alike = _alike(visit, connection, typed)
    open_plans = [one for one in costs if not one.why]
    if not open_plans:
        told = costs[0].why if costs else say("No plan is open in {section} now.", section=typed.section.name)
        raise Refused(told, "section")
    values = {
        "tabs": area_tabs(visit),
        "typed": typed,
        "shown_phone": visit.number(typed.msisdn) if typed.msisdn else say("No phone"),
        "plans": [(str(one.plan.id), _cost_in_words(say, one)) for one in open_plans],
        "chosen": str(open_plans[0].plan.id) if len(open_plans) == 1 else "",
        "closed": [(one.plan.name, one.why) for one in costs if one.why],
        "alike": alike,
        "kept": [(name, value) for name, all_of in visit.sent.fields.items() for value in all_of if _is_kept(name)],
        "sexes": {key: say(text) for key, text in SEXES.items()},
        "relations": dict([("head", say("Head of household")), *relations(visit)]),
    }
    return Page("households/registering_look.html", say("Register this family?"), values)


def _is_kept(name: str) -> bool:
    return name in ("section", "phone", "language", "rows") or name.partition("-")[0] in (
        "name", "sex", "born", "relation",
    )  # fmt: skip


def _cost_in_words(say: Say, one: Cost) -> str:
    return say(
        "{plan}: {total} for the first year, {first} of it now", plan=one.plan.name, total=one.total, first=one.first
    )


def _costs(visit: Visit, connection: Connection, typed: Typed) -> list[Cost]:
    today = visit.today(typed.section.id)
    found = []
    for plan in plans_for(connection, visit.tree, typed.section.id, today):
        year = dues_for(plan.terms, plan.currency, today, len(typed.people), newcomer=True)
        total = sum(amount for _, amount in year.dues)
        first = sum(amount for due_on, amount in year.dues if due_on <= today)
        opens_on = closed_until(plan.terms, today)
        why = ""
        if opens_on is not None:
            why = visit.say("The plan {name} takes newcomers again on {day}.", name=plan.name, day=opens_on)
        elif len(typed.people) > plan.terms.room:
            why = visit.say("A card of the plan {name} takes {most} people.", name=plan.name, most=plan.terms.room)
        found.append(Cost(plan, Money(total, plan.currency), Money(first, plan.currency), why))
    return found


def _alike(visit: Visit, connection: Connection, typed: Typed) -> list[Row]:
    """Families that may be this one: of the same phone, or whose head is called so, in the same mutuelle."""
    roots = [visit.tree.books_of(typed.section.id).path]
    found: dict[int, Found] = {}
    for text in filter(None, (typed.msisdn, typed.people[0].name)):
        for one in find(connection, visit.tree, text, roots, limit=_ALIKE).found:
            near = one.why == "phone" or (one.why == "name" and plain(one.matched) == plain(typed.people[0].name))
            if near and visit.may(Right.SEE_HOUSEHOLDS, one.section_id):
                found.setdefault(one.household_id, one)
    return rows_of(visit, connection, list(found.values())[:_ALIKE])


# --- registering ------------------------------------------------------------------------------------------------------


def _register(visit: Visit, typed: Typed) -> Answer:
    say, section = visit.say, typed.section
    chosen_id = visit.sent.get("plan")
    by_of(visit, section.id)

    def act(unit: Unit) -> Done:
        open_plans = plans_for(unit.connection, visit.tree, section.id, visit.today(section.id))
        plan = next((one for one in open_plans if str(one.id) == chosen_id), None)
        if plan is None:
            raise Refused(say("Choose a plan that is open."), "plan")
        try:
            made = register(
                unit, visit.tree, visit.parts.services.chart, section.id, plan, typed.people, typed.msisdn,
                typed.language, Agreed("office", visit.who.name),
            )  # fmt: skip
        except NotTaken as why:
            told = say("The plan {name} takes no such household now.", name=plan.name)
            raise Refused(told, "plan") from why
        about = f"household:{made.household_id}"
        if made.known:
            note = say("This family was registered before: this is its card. Nothing new was made.")
            return Done(f"/households/{made.household_id}", note, about=about)
        look_at(unit, visit.tree, [made.household_id])  # who looks like them stands on a list
        if typed.msisdn is not None:
            forgive_if_counted(unit, typed.msisdn)
            _welcome(unit, visit, typed, made.household_id, made.card, made.total, made.first)
        note = say("Registered. Card {card}. To pay now: {amount}.", card=say.card(made.card), amount=made.first)
        after = {"people": len(typed.people), "plan": plan.code, "section": section.code, "phone": bool(typed.msisdn)}
        return Done(f"/households/{made.household_id}", note, about=about, after=after)

    return visit.do("household.registered", act, place=section.id)


def _welcome(
    unit: Unit, visit: Visit, typed: Typed, household_id: int, card: str, total: Money, first: Money
) -> None:  # fmt: skip
    books = visit.tree.books_of(typed.section.id)
    language = typed.language or books.languages[0]
    own = Wording(unit.connection, visit.tree, books.id)
    text = own.registered(Say(language), card, typed.people[0].name, total, first)
    message = Outgoing(
        "registered", typed.msisdn or "", language, text, books.id, household_id, f"registered:office:{household_id}"
    )
    queue_messages(unit, "receipts", message)
    tell_consent(unit, visit.tree, household_id, typed.section.id, typed.msisdn or "", language)
