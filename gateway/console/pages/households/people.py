"""Who is on the card changes: somebody joins or leaves, another becomes the head, a name was written wrongly."""

from __future__ import annotations

from functools import partial

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import (
    JOINS,
    LEAVES,
    SEXES,
    by_of,
    household_page,
    options,
    refused_day,
    relations,
    somebody_of,
    tell_household,
    typed_birth_year,
    typed_name,
    typed_person,
)
from gateway.console.pages.households.forms import Field, form_page, is_sure, sure_page
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.masking import mask_name
from gateway.membership import family
from gateway.membership.correcting import Facts, correct_person, facts_of, refuse_merged
from gateway.membership.households import Household
from gateway.membership.leaving import heads_to_be, new_head
from gateway.membership.people import Beneficiary
from gateway.membership.registers import RELATIONS
from gateway.sms import notices
from gateway.store.unit import Unit

AREA = Area("household_people")


def _roster(visit: Visit, one: Household) -> list[Beneficiary]:
    with visit.store.read() as connection:
        return family.roster(connection, one.id)


def _named(people: list[Beneficiary]) -> list[tuple[str, str]]:
    return [(str(each.id), f"{each.name}, {each.birth_year}") for each in people]


def _day(visit: Visit, one: Household, label: str) -> Field:
    return Field("text", "day", label, type="date", value=visit.today(one.section_id).isoformat())


# --- somebody joins ---------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/add", Right.CHANGE_HOUSEHOLDS)
def add_page(visit: Visit, one: Household) -> Answer:
    """Somebody is born, marries into the family, or moves in."""
    say = visit.say
    fields = [
        Field("radios", "because", say("What happened"), options(visit, JOINS)),
        Field("text", "name", say("First and last name")),
        Field("select", "sex", say("Sex"), options(visit, SEXES)),
        Field("text", "born", say("Born in, or age"), most=4),
        Field("select", "relation", say("Relation to the head"), relations(visit)),
        _day(visit, one, say("On which day")),
    ]
    return form_page(visit, one, say("Add somebody"), "add", fields, say("See what it costs"))


@AREA.post("/households/<household>/add", Right.CHANGE_HOUSEHOLDS)
def add(visit: Visit, one: Household) -> Answer:
    """What it would cost first, then the adding itself."""
    say, person = visit.say, typed_person(visit)
    because: family.Joins = visit.choice("because", tuple(JOINS))  # type: ignore[assignment]
    day = visit.day("day")
    if not is_sure(visit):
        with visit.store.read() as connection:
            try:
                price = family.price(connection, one, person, because, day, visit.today(one.section_id))
            except family.Refused as why:
                raise refused_day(visit, why) from why
        facts: list[tuple[str, object]] = [
            (say("Name"), person.name),
            (say("Relation"), say(RELATIONS[person.relation])),
            (say("Born in"), person.birth_year),
            (say("What happened"), ", ".join((say(JOINS[because]), say.show(day)))),
            (say("To pay for it"), say.show(price.due) if price.due else say("Nothing")),
            (
                say("Covered"),
                say("from {date}", date=price.covered_from) if price.covered_from else say("as the family"),
            ),
        ]
        return sure_page(visit, one, say("Add {name}?", name=person.name), "add", facts, say("Add to the card"))

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        try:
            added = family.add(
                unit, visit.tree, visit.parts.services.chart, one, person, because, day, by_of(visit, one.section_id)
            )
        except family.Refused as why:
            raise refused_day(visit, why) from why
        if added.known:
            return Done(f"/households/{one.id}", say("{name} was on the card already.", name=person.name))
        write = partial(notices.added, name=person.name, due=added.due, covered_from=added.covered_from)
        tell_household(unit, visit, "family", one, write)
        note = say("{name} is on the card. To pay for it: {amount}.", name=person.name, amount=added.due)
        after = {"name": mask_name(person.name), "because": because, "day": day, "due": added.due}
        return Done(f"/households/{one.id}", note, after=after)

    return visit.do("household.person_added", act, about=f"household:{one.id}", place=one.section_id)


# --- somebody leaves --------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/remove", Right.CHANGE_HOUSEHOLDS)
def remove_page(visit: Visit, one: Household) -> Answer:
    """Somebody has died, is divorced, or moved away; for the head there is another page."""
    say = visit.say
    people = [each for each in _roster(visit, one) if each.relation != "head"]
    warning = "" if people else say("Only the head is on this card: let the household leave.")
    fields = [
        Field("select", "person", say("Who"), _named(people)),
        Field("radios", "because", say("What happened"), options(visit, LEAVES)),
        _day(visit, one, say("On which day")),
    ]
    intro = [
        say("What was due for them stays due; the next year counts one less. They are told by SMS."),
        say("If it is the head, choose a new head instead."),
    ]
    title = say("Take somebody off the card")
    return form_page(visit, one, title, "remove", fields if people else [], say("Take off the card"), intro=intro,
                     warning=warning, kind="danger")  # fmt: skip


@AREA.post("/households/<household>/remove", Right.CHANGE_HOUSEHOLDS)
def remove(visit: Visit, one: Household) -> Answer:
    """Take them off the card."""
    say = visit.say
    gone = somebody_of(visit, [each for each in _roster(visit, one) if each.relation != "head"])
    because: family.Leaves = visit.choice("because", tuple(LEAVES))  # type: ignore[assignment]
    day = visit.day("day")

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        try:
            name = family.remove(unit, one, gone.id, because, day, by_of(visit, one.section_id))
        except family.Refused as why:
            raise refused_day(visit, why) from why
        if name is None:
            raise Refused(say("This person isn't on the card any more."), "person")
        tell_household(unit, visit, "family", one, partial(notices.left, name=name))
        before = {"name": mask_name(name)}
        note = say("{name} is off the card.", name=name)
        return Done(f"/households/{one.id}", note, before=before, after={"because": because, "day": day})

    return visit.do("household.person_removed", act, about=f"household:{one.id}", place=one.section_id)


# --- another head -----------------------------------------------------------------------------------------------------


@AREA.get("/households/<household>/head", Right.CHANGE_HOUSEHOLDS)
def head_page(visit: Visit, one: Household) -> Answer:
    """The head has died or left: another adult on the card takes their place."""
    say = visit.say
    able = heads_to_be(_roster(visit, one), visit.today(one.section_id).year)
    warning = (
        "" if able else say("Nobody else on this card is an adult: add somebody first, or let the household leave.")
    )
    fields = [
        Field("select", "person", say("Who is the head now"), _named(able)),
        Field("radios", "because", say("What happened to {name}", name=one.head), options(visit, LEAVES)),
        _day(visit, one, say("On which day")),
    ]
    intro = [say("{name} is taken off the card. The card, the phones and all dues stay as they are.", name=one.head)]
    title = say("A new head")
    return form_page(visit, one, title, "head", fields if able else [], say("Change the head"), intro=intro,
                     warning=warning, kind="danger")  # fmt: skip


@AREA.post("/households/<household>/head", Right.CHANGE_HOUSEHOLDS)
def head(visit: Visit, one: Household) -> Answer:
    """Make somebody else the head."""
    say = visit.say
    heir = somebody_of(visit, heads_to_be(_roster(visit, one), visit.today(one.section_id).year))
    because: family.Leaves = visit.choice("because", tuple(LEAVES))  # type: ignore[assignment]
    day = visit.day("day")

    def act(unit: Unit) -> Done:
        refuse_merged(unit, one)
        try:
            name = new_head(unit, one, heir.id, because, day, by_of(visit, one.section_id))
        except family.Refused as why:
            raise refused_day(visit, why) from why
        tell_household(unit, visit, "family", one, partial(notices.left, name=one.head))
        note = say("{name} is the head now.", name=name)
        return Done(f"/households/{one.id}", note, before={"head": mask_name(one.head)},
                    after={"head": mask_name(name), "because": because, "day": day})  # fmt: skip

    return visit.do("household.new_head", act, about=f"household:{one.id}", place=one.section_id)


# --- what was written wrongly -----------------------------------------------------------------------------------------


@AREA.get("/households/<household>/correct", Right.CHANGE_HOUSEHOLDS)
def correct_page(visit: Visit, one: Household) -> Answer:
    """First who; then what stands on the card about them, to be put right."""
    say, people = visit.say, _roster(visit, one)
    chosen = visit.sent.get("person") or visit.asked.get("person")
    found = next((each for each in people if str(each.id) == chosen), None)
    if found is None:
        return _whom(visit, one, people)
    fields = [
        Field("text", "name", say("First and last name"), value=found.name),
        Field("select", "sex", say("Sex"), options(visit, SEXES), value=found.sex),
        Field("text", "born", say("Year of birth"), value=str(found.birth_year), most=4),
    ]
    intro = [say("What is due and who is covered doesn't change by it. How it was written before is kept.")]
    title = say("Correct what stands on the card")
    to = f"correct?person={found.id}"
    return form_page(visit, one, title, to, fields, say("Correct it"), intro=intro)


def _whom(visit: Visit, one: Household, people: list[Beneficiary]) -> Page:
    title = visit.say("Correct what stands on the card")
    return household_page(visit, one, "households/whom.html", title, people=people)


@AREA.post("/households/<household>/correct", Right.CHANGE_HOUSEHOLDS)
def correct(visit: Visit, one: Household) -> Answer:
    """Put it right."""
    say = visit.say
    chosen = visit.asked.get("person")
    found = next((each for each in _roster(visit, one) if str(each.id) == chosen), None)
    if found is None:
        raise Refused(say("This person isn't on the card any more."))
    to = Facts(typed_name(visit), visit.choice("sex", ("F", "M")), typed_birth_year(visit))
    if to == facts_of(found):
        raise Refused(say("Nothing is different from before."))

    def act(unit: Unit) -> Done:
        before = correct_person(unit, one, found.id, to, by_of(visit, one.section_id))
        # What it was and is stands in the household's own story: what was done in the office outlives names.
        corrected = [name for name, was in vars(before).items() if was != getattr(to, name)]
        return Done(f"/households/{one.id}", say("Corrected."), after={"person": found.id, "corrected": corrected})

    return visit.do("household.corrected", act, about=f"household:{one.id}", place=one.section_id)
