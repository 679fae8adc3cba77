"""Health facilities (FOSA): which have an agreement with whom, until when, who their agents are, and new agreements."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.files import sheet_file
from gateway.console.pages.network import words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.msisdn import show_national
from gateway.ledger.exports import Sheet
from gateway.locale import mark
from gateway.network.facilities import (
    COVERS_CHARACTERS,
    KINDS,
    NAME_CHARACTERS,
    OWNERSHIPS,
    TARIFF_CHARACTERS,
    TERMS_CHARACTERS,
    Agreement,
    Facility,
    Terms,
    add_facility,
    agree,
    by_id,
    districts_known,
    end_agreement,
    find,
    history,
    in_network,
    renew_agreement,
    with_code,
)
from gateway.network.facility_lists import COLUMNS, facility_list
from gateway.network.organisations import CODE_CHARACTERS, Organisation
from gateway.network.staff import agents_at
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

AREA = Area("facilities")
ROWS = 50
MOST_AGENTS = 50


# --- looking ----------------------------------------------------------------------------------------------------------


@AREA.get("/network/facilities", Right.SEE_NETWORK)
def list_page(visit: Visit) -> Answer:
    """The facilities of the whole network, district by district: a member of one mutuelle may go to all of them."""
    district, today = visit.asked.get("district"), visit.today()
    with visit.store.read() as connection:
        known = districts_known(connection, visit.at.path)
        district = district if district in known else ""
        last = find(connection, words.after(visit))
        after = (last.district, last.name, last.id) if last is not None else None
        found = in_network(connection, visit.at.path, district=district, after=after, limit=ROWS + 1)
    shown = found[:ROWS]
    values = {
        "tabs": words.tabs(visit),
        "districts": [(one, one) for one in known],
        "district": district,
        "rows": [_row(visit, one, today) for one in shown],
        "after": shown[-1].id if len(found) > ROWS else 0,
        "may_add": visit.may(Right.CHANGE_NETWORK),
    }
    return Page("network/facilities.html", visit.say("Health facilities"), values)


def _row(visit: Visit, one: Facility, today: date) -> dict[str, Any]:
    return {
        "one": one,
        "kind": visit.say(words.FACILITY_KINDS[one.kind]),
        "ownership": visit.say(words.OWNERSHIPS[one.ownership]),
        "owner": visit.tree[one.organisation_id].name,
        "may_open": visit.may(Right.SEE_NETWORK, one.organisation_id),
        "stands": _stands(visit, one, today),
    }


def _stands(visit: Visit, one: Facility, today: date) -> tuple[str, str]:
    """How an agreement stands on a day: a word and the kind of its badge."""
    say = visit.say
    if today < one.agreed_on:
        return say("begins on {day}", day=one.agreed_on), "wait"
    if one.agreed_until is None:
        return say("agreement without end"), "good"
    if one.agreed(today):
        return say("agreement until {day}", day=one.agreed_until), "good"
    return say("over since {day}", day=one.agreed_until), "bad"


@AREA.get("/network/facilities/<facility>", Right.SEE_NETWORK)
def one_page(visit: Visit, row: Any) -> Answer:
    """One facility, its agreement and its agents."""
    with visit.store.read() as connection:
        one = by_id(connection, row.id)
        agents = agents_at(connection, one.id, MOST_AGENTS)
        agreements = history(connection, one.id)
    say, today = visit.say, visit.today(one.organisation_id)
    facts = [
        (say("Code"), one.code),
        (say("Kind"), say(words.FACILITY_KINDS[one.kind])),
        (say("Who runs it"), say(words.OWNERSHIPS[one.ownership])),
        (say("District"), one.district),
        # Members are shown it on their phones: it is nobody's own number.
        (say("Phone"), show_national(one.msisdn) if one.msisdn else "—"),
        (say("Agreement with"), visit.tree[one.organisation_id].name),
        (say("Agreed from"), say.show(one.agreed_on)),
        (say("Agreed until"), say.show(one.agreed_until) if one.agreed_until else say("without end")),
    ]
    may_change = visit.may(Right.CHANGE_NETWORK, one.organisation_id)
    values = {
        "one": one,
        "facts": facts,
        "stands": _stands(visit, one, today),
        "agents": [(each.name, visit.number(each.msisdn), visit.tree[each.organisation_id].name) for each in agents],
        "agreements": [_agreement(visit, each) for each in reversed(agreements)],
        "may_agree": may_change,
        "agreed_from": words.typed(visit, "from", _next_day(one, today)),
        "agreed_to": words.typed(visit, "to", ""),
        "most": (TERMS_CHARACTERS, TARIFF_CHARACTERS, COVERS_CHARACTERS),
        "may_end": may_change and (one.agreed_until is None or one.agreed_until > max(today, one.agreed_on)),
        "may_renew": may_change and one.agreed_until is not None,
        "last_day": words.typed(visit, "last_day", ""),
        "begins_on": words.typed(visit, "begins_on", _next_day(one, today)),
        "until": words.typed(visit, "until", ""),
    }
    return Page("network/facility.html", one.name, values)


AGREED = {"agreed": mark("New agreement"), "renewed": mark("Agreement renewed"), "ended": mark("Agreement ended")}


def _agreement(visit: Visit, one: Agreement) -> tuple[str, str, str, str, str, str, str]:
    """A row of what was agreed: what, from, until, the prices, what is covered, the terms, by whom."""
    say = visit.say
    ends = say.show(one.ends_on) if one.ends_on else say("without end")
    terms = one.terms
    return (
        say(AGREED[one.kind]), say.show(one.begins_on), ends, terms.tariff or "—", terms.covers or "—",
        terms.text or "—", one.by_name or "—",
    )  # fmt: skip


@AREA.post("/network/facilities/<facility>/agree", Right.CHANGE_NETWORK, shown_by=one_page)
def agree_anew(visit: Visit, row: Any) -> Answer:
    """What is agreed from a day on, on which terms; what was agreed before stays in the history."""
    begins_on = visit.day("from")
    until = visit.day("to") if visit.sent.get("to") else None
    terms = Terms(
        visit.text("terms", most=TERMS_CHARACTERS, needed=False) or None,
        visit.text("tariff", most=TARIFF_CHARACTERS, needed=False) or None,
        visit.text("covers", most=COVERS_CHARACTERS, needed=False) or None,
    )

    def act(unit: Unit) -> Done:
        before = by_id(unit.connection, row.id)
        today = visit.today(row.organisation_id)
        after = agree(unit, row.id, begins_on, until, terms, visit.who.name, today)
        text = visit.say("The agreement with {name} is written down.", name=after.name)
        return Done(f"/network/facilities/{row.id}", text, _days(before), {**_days(after), "tariff": terms.tariff})

    return visit.do("facility.agreed", act, about=f"facility:{row.id}", place=row.organisation_id)


@AREA.post("/network/facilities/file", Right.SEE_NETWORK, shown_by=list_page)
def list_file(visit: Visit) -> Answer:
    """The facilities of the part that is looked at, with the agreement of each, as a list to be taken in again."""
    form: Literal["csv", "xlsx"] = "xlsx" if visit.sent.get("form") == "xlsx" else "csv"
    with visit.store.write() as unit:
        visit.trace(unit, "facility.list_kept", place=visit.at.id, after={"form": form})
    with visit.store.read() as connection:
        # Members are shown these phones: they are nobody's own.
        found = facility_list(connection, visit.tree, visit.at.path, whole_numbers=True)
        rows = [tuple(row[name] for name in COLUMNS) for row in found]
    return sheet_file(Sheet(visit.say("Health facilities"), COLUMNS, rows), visit.say("facilities"), form)


def _next_day(one: Facility, today: date) -> str:
    """From when an agreement is renewed, as long as nobody says otherwise: without a gap where it still runs."""
    if one.agreed_until is None or one.agreed_until < today:
        return today.isoformat()
    return date.fromordinal(one.agreed_until.toordinal() + 1).isoformat()


# --- agreements -------------------------------------------------------------------------------------------------------


@AREA.post("/network/facilities/<facility>/end", Right.CHANGE_NETWORK, shown_by=one_page)
def end(visit: Visit, row: Any) -> Answer:
    """The agreement is over after a day."""
    last_day = visit.day("last_day")

    def act(unit: Unit) -> Done:
        before = by_id(unit.connection, row.id)
        after = end_agreement(unit, row.id, last_day, visit.who.name)
        text = visit.say("The agreement with {name} ends on {day}.", name=after.name, day=last_day)
        return Done(f"/network/facilities/{row.id}", text, _days(before), _days(after))

    return visit.do("facility.agreement_ended", act, about=f"facility:{row.id}", place=row.organisation_id)


@AREA.post("/network/facilities/<facility>/renew", Right.CHANGE_NETWORK, shown_by=one_page)
def renew(visit: Visit, row: Any) -> Answer:
    """The agreement goes on, or begins again."""
    begins_on = visit.day("begins_on")
    until = visit.day("until") if visit.sent.get("until") else None

    def act(unit: Unit) -> Done:
        before = by_id(unit.connection, row.id)
        after = renew_agreement(unit, row.id, begins_on, until, visit.who.name)
        text = visit.say("The agreement with {name} is renewed.", name=after.name)
        return Done(f"/network/facilities/{row.id}", text, _days(before), _days(after))

    return visit.do("facility.agreement_renewed", act, about=f"facility:{row.id}", place=row.organisation_id)


def _days(one: Facility) -> dict[str, Any]:
    return {
        "agreed_on": one.agreed_on.isoformat(),
        "agreed_until": one.agreed_until.isoformat() if one.agreed_until else None,
    }


@AREA.get("/network/facilities/new", Right.CHANGE_NETWORK)
def new_page(visit: Visit) -> Answer:
    """The form of a facility and the agreement with it."""
    with visit.store.read() as connection:
        known = districts_known(connection, visit.at.path)
    places = _places(visit)
    own = next((one.code for one in places if one.id == visit.at.id), places[0].code)
    values = {
        "places": [(one.code, one.name) for one in places],
        "place": words.typed(visit, "organisation", own),
        "kinds": words.named(visit.say, words.FACILITY_KINDS),
        "ownerships": words.named(visit.say, words.OWNERSHIPS),
        "districts": known,
        "district": words.typed(visit, "district", visit.at.district or ""),
        "today": words.typed(visit, "agreed_on", visit.today().isoformat()),
        "most": (NAME_CHARACTERS, CODE_CHARACTERS),
    }
    return Page("network/facility_new.html", visit.say("New agreement with a health facility"), values)


def _places(visit: Visit) -> list[Organisation]:
    """Who may have an agreement: mutuelles and what is above them; sections only where there is nothing else."""
    every = visit.places(Right.CHANGE_NETWORK)
    return [one for one in every if one.kind != "section"] or every


@AREA.post("/network/facilities/new", Right.CHANGE_NETWORK)
def new(visit: Visit) -> Answer:
    """Add a facility with its agreement."""
    place = visit.place("organisation", Right.CHANGE_NETWORK)
    name, code = visit.text("name", most=NAME_CHARACTERS), visit.text("code", most=CODE_CHARACTERS).lower()
    kind, ownership = visit.choice("kind", KINDS), visit.choice("ownership", OWNERSHIPS)
    district = visit.text("district", most=NAME_CHARACTERS)
    msisdn = visit.msisdn("phone", place.country) if visit.sent.get("phone") else None
    agreed_on = visit.day("agreed_on")
    agreed_until = visit.day("agreed_until") if visit.sent.get("agreed_until") else None

    def act(unit: Unit) -> Done:
        take_turn(unit, "facility codes")
        if with_code(unit.connection, code) is not None:
            raise Refused(visit.say("There is a facility with this code already."), "code")
        new_id = add_facility(
            unit, place.id, code, name, kind, ownership, district, msisdn,
            agreed_on=agreed_on, agreed_until=agreed_until, by_name=visit.who.name,
        )  # fmt: skip
        after = {"code": code, "name": name, **_days(by_id(unit.connection, new_id))}
        text = visit.say("Added: {name}", name=name)
        return Done(f"/network/facilities/{new_id}", text, after=after, about=f"facility:{new_id}")

    return visit.do("facility.added", act, place=place.id)
