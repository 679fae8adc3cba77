"""Households are found by what one types in one box, and stand in a list; what was typed stands in no address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.console import sought
from gateway.console.answers import Answer, Go, Page, Refused
from gateway.console.doors import Area, Entrance
from gateway.console.pages.households.common import BADGES, area_tabs
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.membership.households import newest
from gateway.membership.searching import Found, Search, find
from gateway.membership.several import standings

AREA = Area("households", Entrance(mark("Households"), "/households", Right.SEE_HOUSEHOLDS))
NEWEST, MOST_TYPED = 20, 80


@dataclass(frozen=True)
class Row:
    """A household on a list: how it stands today, and by what it was found."""

    id: int
    head: str
    card: str
    section: str
    badge: tuple[str, str]
    left: Money | None
    found_by: str


@AREA.get("/households", Right.SEE_HOUSEHOLDS)
def search_page(visit: Visit) -> Answer:
    """The box, and who was registered last; or who was found by what was typed before."""
    typed = sought.kept(visit, "/households")
    if typed:
        rows, found = found_rows(visit, typed)
        return _page(visit, rows, found)
    with visit.store.read() as connection:
        latest = newest(connection, visit.tree, visit.at.path, NEWEST)
        plain = [Found(one.id, one.card, one.head, one.section_id, "place", one.head) for one in latest]
        rows = rows_of(visit, connection, plain)
    return _page(visit, rows, None)


@AREA.post("/households", Right.SEE_HOUSEHOLDS)
def search(visit: Visit) -> Answer:
    """Who is found by what was typed: on a page of its own, in whose address no name and no number stands."""
    typed = visit.text("q", most=MOST_TYPED)
    _, found = found_rows(visit, typed)
    if found.kind == "nothing":
        raise Refused(visit.say("Type a card number, a phone number, or some of a name."), "q")
    return Go(sought.keep(visit, "/households", typed))


def found_rows(visit: Visit, typed: str, right: Right | None = None) -> tuple[list[Row], Search]:
    """The households that are meant by what was typed, of those that somebody may see, the best first."""
    roots = [one.path for one in visit.roots(right)]
    with visit.store.read() as connection:
        found = find(connection, visit.tree, typed, roots)
        return rows_of(visit, connection, found.found), found


def rows_of(visit: Visit, connection: Connection, found: Sequence[Found]) -> list[Row]:
    """Households as a list shows them."""
    stands = standings(
        connection, visit.tree, visit.today(), {one.household_id: one.section_id for one in found}
    )  # fmt: skip
    return [
        Row(
            one.household_id,
            one.head,
            one.card,
            visit.tree[one.section_id].name,
            BADGES[stands[one.household_id].cover.state],
            stands[one.household_id].left or None,
            _found_by(visit, one),
        )
        for one in found
    ]


def _found_by(visit: Visit, one: Found) -> str:
    say = visit.say
    if one.why == "old-card":
        return say("An old card that leads here")
    if one.why == "old-number":
        return say("An old number of theirs")
    if one.why == "phone":
        return say("The phone number")
    if one.why == "card":
        return say("The card")
    if one.left:
        return say("{name}, who is no longer on the card", name=one.matched)
    return one.matched if one.matched != one.head else ""


def _page(visit: Visit, rows: Sequence[Row], found: Search | None) -> Page:
    values = {
        "tabs": area_tabs(visit),
        "rows": rows,
        "found": found,
        "problem": told(visit, found) if found is not None else "",
        "most_typed": MOST_TYPED,
    }
    return Page("households/search.html", visit.say("Households"), values)


def told(visit: Visit, found: Search) -> str:
    """What there is to say about a search: why nobody was found, or that there are more."""
    say = visit.say
    if found.mistyped:
        return say("No card has this number: one of its digits was mistyped. Look at the card again.")
    if found.no_such_card:
        return say("This number could be a card's, but no household here has it.")
    if not found.found and found.kind == "phone":
        return say("No household here has this phone number.")
    if not found.found:
        return say("Nobody here has such a name. Try fewer letters, or only the first name.")
    if found.near:
        return say("Nobody is called just so. These names come near.")
    if found.more:
        return say("There are more: add a word of the name, or the village.")
    return ""
