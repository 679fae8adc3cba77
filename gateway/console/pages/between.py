"""Inter-mutualité in the office: any card of the network is checked, a visit announced, and who owes whom by visits."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.files import sheet_file
from gateway.console.pages.care import tabs
from gateway.console.pages.households.common import BADGES
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.dates import iso_month
from gateway.kernel.numbers import read_number
from gateway.ledger.exports import Cell, Sheet
from gateway.ledger.rules import month_of
from gateway.locale import Say, mark
from gateway.membership import visits
from gateway.membership.between import Between, between
from gateway.membership.households import Household, by_card
from gateway.network import facilities
from gateway.network.facilities import Facility, agreed_below, same_network
from gateway.sms import notices
from gateway.sms.outgoing import Outgoing, in_key, queue_messages
from gateway.store.unit import Unit

AREA = Area("care_between")
MOST_PLACES = 500
NOT_ANNOUNCED = {
    "no-agreement": mark("The network has no agreement with this facility today."),
    "not-on-card": mark("This person is not on the card."),
    "not-covered": mark("This person is not covered today: no visit was written down."),
}


# --- who owes whom ----------------------------------------------------------------------------------------------------


@AREA.get("/care/between", Right.SEE_VISITS)
def between_page(visit: Visit) -> Answer:
    """The table of a month: visits by home mutuelle and by whose agreement it was."""
    month = _month(visit, visit.asked.get("month"))
    with visit.store.read() as connection:
        found = between(connection, visit.tree, visit.at.path, month)
    others = [one for one in found if one.home_id != one.host_id]
    values = {
        "tabs": tabs(visit),
        "month": f"{month:%Y-%m}",
        "rows": [_row(visit, one) for one in found],
        "visits": sum(one.visits for one in found),
        "others": sum(one.visits for one in others),
    }
    return Page("care/between.html", visit.say("Between mutuelles"), values)


def _month(visit: Visit, typed: str) -> date:
    return iso_month(typed) or month_of(visit.today())


def _row(visit: Visit, one: Between) -> tuple[str, str, int, int, bool]:
    return (
        visit.tree[one.home_id].name,
        visit.tree[one.host_id].name,
        one.visits,
        one.people,
        one.home_id != one.host_id,
    )


@AREA.post("/care/between/file", Right.SEE_VISITS, shown_by=between_page)
def between_file(visit: Visit) -> Answer:
    """The same table as a file; that it was made is written down first."""
    form: Literal["csv", "xlsx"] = "xlsx" if visit.sent.get("form") == "xlsx" else "csv"
    month = _month(visit, visit.sent.get("month"))
    with visit.store.write() as unit:
        visit.trace(
            unit, "visits.between_kept", place=visit.at.id, after={"month": f"{month:%Y-%m}", "form": form}
        )  # fmt: skip
    with visit.store.read() as connection:
        found = between(connection, visit.tree, visit.at.path, month)
    say = visit.say
    heads = (say("Home mutuelle"), say("Agreement of"), say("Visits"), say("People"))
    rows: list[tuple[Cell, ...]] = [_row(visit, one)[:4] for one in found]
    name = "-".join((say("visits"), f"{month:%Y-%m}"))
    return sheet_file(Sheet(say("Between mutuelles"), heads, rows), name, form)


# --- checking a card --------------------------------------------------------------------------------------------------


@AREA.get("/care/check", Right.SEE_VISITS)
def check_page(visit: Visit) -> Answer:
    """The number of a card, of whichever mutuelle of the network."""
    return _page(visit, None)


def _page(visit: Visit, values: dict[str, Any] | None) -> Page:
    every = {"tabs": tabs(visit), "found": None, "card": "", **(values or {})}
    return Page("care/check.html", visit.say("Check a card"), every)


@AREA.post("/care/check", Right.SEE_VISITS)
def check(visit: Visit) -> Answer:
    """Who on a card is covered today; that somebody looked is written down, with whose card it was."""
    return _checked(visit)


def _checked(visit: Visit) -> Page:
    one = _household(visit)
    say, today = visit.say, day_in(one.time_zone, visit.now)
    with visit.store.write() as unit:
        visit.trace(unit, "visits.checked", about=f"household:{one.id}", place=one.section_id)
        found = visits.who_is_covered(unit.connection, visit.tree, one, today)
        places = _places(visit, unit.connection)
    word, kind = BADGES[found.state]
    values = {
        "found": found,
        "card": one.card,
        "shown": show_card(one.card),
        "badge": (say(word), kind),
        "people": [(each, _covered(say, each)) for each in found.people],
        "choices": [(str(each.id), f"{each.name}, {each.birth_year}") for each in found.people if each.covered],
        "places": [(str(each.id), f"{each.name}, {each.district}") for each in places],
    }
    return _page(visit, values)


def _covered(say: Say, one: visits.OnCard) -> tuple[str, str]:
    if one.covered:
        return say("Covered today"), "good"
    if one.covered_from is not None:
        return say("Covered from {day}", day=one.covered_from), "wait"
    return say("Not covered today"), "bad"


def _household(visit: Visit) -> Household:
    """The household with a card of a network that they work in; another is answered like one that isn't there."""
    card = visit.card("card")
    with visit.store.read() as connection:
        one = by_card(connection, visit.tree, card)
    if one is None or not any(same_network(visit.tree, one.section_id, root.id) for root in visit.roots()):
        raise Refused(visit.say("No household of this network has this card."), "card")
    return one


def _places(visit: Visit, connection: Connection) -> list[Facility]:
    return agreed_below(connection, [root.path for root in visit.roots()], visit.today(), MOST_PLACES)


def _checked_again(visit: Visit) -> Answer:
    """The card that a refused visit was for, with what was chosen; without one, the empty page."""
    try:
        return _checked(visit)
    except Refused:
        return _page(visit, None)


@AREA.post("/care/check/announce", Right.SEE_VISITS, shown_by=_checked_again)
def announce(visit: Visit) -> Answer:
    """Announce a visit for a facility that telephoned: it gets a number, and the home mutuelle is told."""
    one = _household(visit)
    today = day_in(one.time_zone, visit.now)
    with visit.store.read() as connection:
        people = visits.who_is_covered(connection, visit.tree, one, today).people
        places = {str(each.id): each for each in _places(visit, connection)}
    person = int(visit.choice("person", [str(each.id) for each in people]))
    place = places[visit.choice("facility", list(places))]

    def act(unit: Unit) -> Done:
        by = visit.member(place.organisation_id)
        made = visits.announce_at(unit, visit.tree, place.id, one, person, staff_id=by.id)
        if isinstance(made, visits.NotCovered):
            raise Refused(visit.say(NOT_ANNOUNCED[made.because]), "person")
        if not made.known:
            _tell(visit, unit, one, made, place)
        note = visit.say("Visit {number} is written down for {person}.", number=made.number, person=made.person)
        return Done("/care/check", note, after={"number": made.number})

    return visit.do("visits.announced", act, about=f"facility:{place.id}", place=place.organisation_id)


def _tell(visit: Visit, unit: Unit, one: Household, made: visits.Announced, place: facilities.Facility) -> None:
    """A word to the home mutuelle's adviser and animator, as after a visit that a phone announced."""
    home, its_id = visit.tree.books_of(one.section_id), read_number(made.number)
    for msisdn, language in visits.to_tell(unit.connection, visit.tree, home.id):
        text = notices.visit(Say(language), made.number, made.person, place.name)
        key = f"visit:office:{its_id}:{in_key(msisdn)}"
        queue_messages(unit, "receipts", Outgoing("visit", msisdn, language, text, home.id, one.id, key))
