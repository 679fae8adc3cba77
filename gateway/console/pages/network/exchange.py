"""What was changed both here and in the mutuelle's software: side by side, until somebody chooses one."""

from __future__ import annotations

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import by_of
from gateway.console.pages.money.words import when
from gateway.console.pages.network import words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.exchange.software.conflicts import Conflict, Side, open_below, settle
from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.locale import mark
from gateway.membership.registers import RELATIONS
from gateway.store.unit import Unit

AREA = Area("exchange")
ROWS = 50
SIDES: tuple[Side, ...] = ("ours", "theirs")
FIELDS = {
    "name": mark("Name"),
    "sex": mark("Sex"),
    "birth_year": mark("Year of birth"),
    "relation": mark("Relation"),
    "phone": mark("Phone"),
    "section": mark("Section"),
}


@AREA.get("/network/exchange", Right.CHANGE_NETWORK)
def list_page(visit: Visit) -> Answer:
    """The conflicts of the part that is looked at, the oldest first."""
    with visit.store.read() as connection:
        found = open_below(connection, visit.at.path, words.after(visit), ROWS + 1)
    shown = found[:ROWS]
    values = {
        "tabs": words.tabs(visit),
        "rows": [(one, visit.say(FIELDS[one.field])) for one in shown],
        "after": shown[-1].id if len(found) > ROWS else 0,
    }
    return Page("network/exchange.html", visit.say("Changed on both sides"), values)


@AREA.get("/network/exchange/<conflict>", Right.CHANGE_NETWORK)
def one_page(visit: Visit, one: Conflict) -> Answer:
    """One field as each side has it, and what both said before."""
    say = visit.say
    values = {
        "tabs": words.tabs(visit),
        "one": one,
        "field": say(FIELDS[one.field]),
        "facts": [
            (say("Card"), say.card(one.card)),
            (say("Section"), visit.tree[one.section_id].name),
            (say("What changed"), say(FIELDS[one.field])),
            (say("When both agreed"), when(visit, one.agreed_at, one.section_id) if one.agreed_at else say("never")),
            (say("What both said then"), _shown(visit, one, one.agreed)),
            (say("Seen"), when(visit, one.seen_at, one.section_id)),
        ],
        "sides": [
            ("ours", say("Here"), _shown(visit, one, one.ours), say("Keep what stands here")),
            ("theirs", say("In the software"), _shown(visit, one, one.theirs), say("Take what stands there")),
        ],
        "open": one.state == "open",
    }
    return Page("network/exchange_one.html", one.name, values)


def _shown(visit: Visit, one: Conflict, value: str | None) -> str:
    """A value as somebody may read it: of a phone number not all of it."""
    if not value:
        return "—"
    if one.field == "phone":
        return visit.number(f"+{value}")
    if one.field == "relation":
        return visit.say(RELATIONS[value]) if value in RELATIONS else value
    return value


@AREA.post("/network/exchange/<conflict>", Right.CHANGE_NETWORK, shown_by=one_page)
def choose(visit: Visit, one: Conflict) -> Answer:
    """One of the two sides is right; the other is told, or put right here."""
    said = visit.choice("said", SIDES)
    side: Side = "ours" if said == "ours" else "theirs"

    def act(unit: Unit) -> Done:
        try:
            after = settle(
                unit, visit.tree, Chart(), visit.tree[one.section_id], one.id, side, by_of(visit, one.section_id)
            )
        except Fault as fault:
            raise Refused(fault.said(visit.say)) from fault
        text = visit.say("What you chose for {name} is written down.", name=after.name)
        return Done("/network/exchange", text, {"state": "open"}, {"state": side})

    return visit.do("exchange.settled", act, about=f"household:{one.household_id}", place=one.section_id)
