"""Households that look like one family: the likeliest first, side by side; a person decides, and can undo it.

Somebody sees the pairs of which both households are theirs to see; a pair across two mutuelles is decided above both.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.console.answers import Answer, Done, Go, NotThere, Page
from gateway.console.doors import Area
from gateway.console.pages.households.common import area_tabs, by_of, cover_in_words, household_page, may_see
from gateway.console.pages.households.forms import form_page
from gateway.console.pages.money.words import when
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.changes import By
from gateway.membership.duplicates.deciding import (
    LISTED,
    STATES,
    Face,
    Pair,
    State,
    decide,
    faces,
    listed,
    story,
)
from gateway.membership.households import Household, Standing, by_id, phones_of, standing_and_roster
from gateway.membership.people import Beneficiary
from gateway.membership.registers import RELATIONS
from gateway.membership.unmerging import Undoable, merges_of, unmerge, why_not
from gateway.store.unit import Unit

AREA = Area("duplicates")
_STATES: dict[State, str] = {
    "open": mark("To decide"),
    "unsure": mark("Not sure"),
    "different": mark("Two households"),
    "same": mark("One family"),
}
_SAID = {
    "same": mark("One family, registered twice"),
    "different": mark("Two different households"),
    "unsure": mark("Not sure yet"),
    "undone": mark("Undone: to be decided again"),
    "changed": mark("One of the two was changed: to be decided again"),
}


@dataclass(frozen=True)
class _Row:
    """A pair on the list."""

    pair: Pair
    one: Face
    other: Face
    places: tuple[str, str]
    reasons: str


@AREA.get("/households/duplicates", Right.CHANGE_HOUSEHOLDS)
def list_page(visit: Visit) -> Answer:
    """The pairs that are to be decided, or were, the likeliest first."""
    say, state = visit.say, _state(visit)
    score, _, its_id = visit.asked.get("after").partition("-")
    after = (int(score), int(its_id)) if _number(score) and _number(its_id) else None
    with visit.store.read() as connection:
        pairs = listed(connection, visit.tree, visit.roots(), state, after)
        known = faces(connection, pairs)
    rows = []
    for pair in pairs:
        one, other = known[pair.one_id], known[pair.other_id]
        if _is_theirs(visit, one.section_id) and _is_theirs(visit, other.section_id):
            places = (visit.tree[one.section_id].name, visit.tree[other.section_id].name)
            rows.append(_Row(pair, one, other, places, ", ".join(each.said(say) for each in pair.reasons)))
    last = pairs[-1] if len(pairs) == LISTED else None
    values = {
        "tabs": area_tabs(visit),
        "states": [(f"/households/duplicates?state={key}", say(text)) for key, text in _STATES.items()],
        "rows": rows,
        "more": f"/households/duplicates?state={state}&after={last.score}-{last.id}" if last is not None else "",
        "caption": say(_STATES[state]),
    }
    return Page("households/duplicates.html", say("Perhaps registered twice"), values)


def _state(visit: Visit) -> State:
    asked = visit.asked.get("state")
    return next((each for each in STATES if each == asked), "open")


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _is_theirs(visit: Visit, section_id: int) -> bool:
    return any(visit.tree[section_id].under(root) for root in visit.roots())


@dataclass(frozen=True)
class _Side:
    """One of two households as they are compared."""

    one: Household
    stands: Standing
    people: list[Beneficiary]
    phones: list[str]


@AREA.get("/households/duplicates/<pair>", Right.CHANGE_HOUSEHOLDS)
def pair_page(visit: Visit, pair: Pair) -> Answer:
    """Two households side by side, why they look like one, and what was decided before."""
    say = visit.say
    with visit.store.read() as connection:
        sides = []
        for its_id in (pair.one_id, pair.other_id):
            one = by_id(connection, visit.tree, its_id)
            may_see(visit, one.section_id)
            stands, people = standing_and_roster(connection, one, visit.today(one.section_id))
            phones = [visit.number(each.msisdn) for each in phones_of(connection, its_id)]
            sides.append(_Side(one, stands, people, phones))
        decided = story(connection, pair.id)
    values = {
        "tabs": area_tabs(visit),
        "pair": pair,
        "sides": sides,
        "reasons": [each.said(say) for each in pair.reasons],
        "words": lambda side: cover_in_words(say, side.stands),
        "relation": lambda each: say(RELATIONS[each.relation]),
        "place": lambda side: visit.tree[side.one.section_id].name,
        "state": say(_STATES[pair.state]),
        "decided": [
            (when(visit, each.at, pair.organisation_id), say(_SAID[each.what]), each.by_name or "") for each in decided
        ],
    }
    return Page("households/duplicate.html", say("One family or two?"), values)


@AREA.post("/households/duplicates/<pair>", Right.CHANGE_HOUSEHOLDS)
def decide_pair(visit: Visit, pair: Pair) -> Answer:
    """What somebody says of them; "one family" leads to merging the two."""
    said = visit.choice("said", STATES)
    to = next(each for each in STATES if each == said)
    with visit.store.read() as connection:
        known = faces(connection, [pair])
    for each in known.values():
        may_see(visit, each.section_id)
    back = f"/households/{pair.one_id}/merge?with={pair.other_id}" if to == "same" else "/households/duplicates"

    def act(unit: Unit) -> Done:
        before = decide(unit, pair.id, to, By(None, visit.member(pair.organisation_id).id, visit.who.name))
        note = visit.say("Written down. It can be undone.") if to != "same" else ""
        households = {"households": [pair.one_id, pair.other_id]}
        return Done(back, note, before={"state": before.state, **households}, after={"state": to})

    return visit.do("household.pair_decided", act, about=f"pair:{pair.id}", place=pair.organisation_id)


# --- a merge is undone ------------------------------------------------------------------------------------------------


def _last(visit: Visit, one: Household) -> tuple[Undoable, Fault | None]:
    with visit.store.read() as connection:
        merges = merges_of(connection, one.id, visit.now)
        if not merges:
            raise NotThere
        return merges[0], why_not(connection, merges[0].id, visit.now)


@AREA.get("/households/<household>/unmerge", Right.CHANGE_HOUSEHOLDS)
def unmerge_page(visit: Visit, one: Household) -> Answer:
    """What undoing the last merge gives back, or what prevents it."""
    say = visit.say
    try:
        last, fault = _last(visit, one)
    except NotThere:
        intro = [say("No household was merged into this one in the last 30 days.")]
        return household_page(
            visit, one, "households/form.html", say("Undo a merge"), to="unmerge", fields=[], button="", intro=intro,
            warning=" ", kind="", facts=[], kept=[], step="",
        )  # fmt: skip
    intro = [
        say("Card {card} becomes a household of its own again, with its people, phones, payments and cover as they "
            "were before the merge.", card=say.card(last.old_card)),
        say("It can be undone until {day}.", day=day_in(one.time_zone, last.until)),
    ]  # fmt: skip
    warning = fault.said(say) if fault is not None else ""
    return form_page(
        visit, one, say("Undo a merge"), "unmerge", [], say("Undo the merge"), intro=intro, warning=warning,
        kind="danger",
    )  # fmt: skip


@AREA.post("/households/<household>/unmerge", Right.CHANGE_HOUSEHOLDS)
def unmerge_household(visit: Visit, one: Household) -> Answer:
    """Undo the last merge."""

    def act(unit: Unit) -> Done:
        merges = merges_of(unit.connection, one.id, visit.now)
        if not merges:
            raise Fault(mark("this merge is undone already"))
        done = unmerge(unit, visit.tree, merges[0].id, by_of(visit, one.section_id))
        note = visit.say("Two households again: card {card} is its own.", card=visit.say.card(done.old_card))
        return Done(f"/households/{done.household_id}", note, after={"households": [one.id, done.household_id]})

    answer: Go = visit.do("household.unmerged", act, about=f"household:{one.id}", place=one.section_id)
    return answer
