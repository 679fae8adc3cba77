"""Lists of households for other categories: proposed, printed for the meeting, validated, applied by another person."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from gateway.console.answers import Answer, Done, File, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import area_tabs
from gateway.console.pages.households.files import pdf_file
from gateway.console.pages.money.words import when
from gateway.console.rights import Right
from gateway.console.second_person import asked_it
from gateway.console.visit import Visit
from gateway.kernel.card import BadCard, read_card, show_card
from gateway.kernel.faults import Fault
from gateway.kernel.persons import same_person
from gateway.locale import mark
from gateway.membership.categories import Category, categories_for
from gateway.membership.proposals.applying import (
    SKIPPED,
    Decided,
    counts_of,
    from_next_year,
    printed,
    start,
    validate,
)
from gateway.membership.proposals.impact import impact_of, totals_of
from gateway.membership.proposals.lists import Proposal, ProposedRow, proposal_with, proposals, rows_of, story_of
from gateway.membership.proposals.paper import proposal_pdf
from gateway.membership.proposals.proposing import (
    MOST_BYTES,
    TITLE_CHARACTERS,
    Wanted,
    WrongRows,
    add_rows,
    code_of,
    propose,
    read_list,
    remove_row,
    withdraw,
)
from gateway.membership.proposals.states import State
from gateway.payments.statements.plain_tables import tables
from gateway.store.unit import Unit

AREA = Area("categories")
A_PAGE = 50
MOST_SUMMED = 500  # households of which what changes is worked out while somebody waits
_FORM_BYTES = 256 * 1024
MOST_FAULTS = 10
STATES = {
    State.PROPOSED: (mark("Proposed"), "wait"),
    State.PRINTED: (mark("Printed for the meeting"), "wait"),
    State.VALIDATED: (mark("Validated by the meeting"), "wait"),
    State.APPLYING: (mark("Being applied"), "wait"),
    State.APPLIED: (mark("Applied"), "good"),
    State.WITHDRAWN: (mark("Withdrawn"), "quiet"),
}
DECISIONS = {
    "accepted": mark("accepted by the meeting"),
    "changed": mark("changed by the meeting"),
    "refused": mark("refused by the meeting"),
}
_ROWS = {
    "open": mark("not applied yet"),
    "applied": mark("in its category"),
    "kept": mark("stays as it was"),
}


@AREA.get("/households/categories", Right.SEE_HOUSEHOLDS)
def list_page(visit: Visit) -> Answer:
    """The lists of this part of the network, and making one."""
    return _list(visit)


def _list(visit: Visit) -> Page:
    typed = visit.asked.get("before")
    before = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None
    with visit.store.read() as connection:
        found = proposals(connection, visit.at.path, A_PAGE, before)
    places = (
        [(one.code, one.name) for one in visit.places(Right.CHANGE_HOUSEHOLDS)][: A_PAGE * 4] if _may(visit) else []
    )
    values = {
        "tabs": area_tabs(visit),
        "rows": [
            (
                one,
                visit.tree[one.organisation_id].name,
                STATES[one.state],
                when(visit, one.made_at, one.organisation_id),
            )
            for one in found
        ],
        "more": f"/households/categories?before={found[-1].id}" if len(found) == A_PAGE else "",
        "places": places,
        "chosen_place": visit.at.code,
        "most_title": TITLE_CHARACTERS,
    }
    return Page("households/categories.html", visit.say("Categories by the community"), values)


def _may(visit: Visit, organisation_id: int | None = None) -> bool:
    return visit.may(Right.CHANGE_HOUSEHOLDS, organisation_id)


@AREA.post("/households/categories", Right.CHANGE_HOUSEHOLDS)
def make(visit: Visit) -> Answer:
    """Make an empty list."""
    title, at = visit.text("title", most=TITLE_CHARACTERS), visit.place("place")

    def act(unit: Unit) -> Done:
        its_id = propose(unit, visit.tree, at.id, title, visit.who.name)
        note = visit.say("Add households to the list.")
        return Done(_path(its_id), note, after={"title": title}, about=f"categories:{its_id}")

    return visit.do("categories.proposed", act, place=at.id)


def _path(its_id: int) -> str:
    return f"/households/categories/{its_id}"


# --- one of them ------------------------------------------------------------------------------------------------------


@AREA.get("/households/categories/<proposal>", Right.SEE_HOUSEHOLDS)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """A list: its households, what it changes, where it stands, and what can be done."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any]) -> Page:
    say = visit.say
    after = visit.asked.get("after")
    after = after if after.isascii() and after.isdigit() and len(after) < 12 else ""
    with visit.store.read() as connection:
        one = proposal_with(connection, row.id)
        shown = rows_of(connection, one.id, A_PAGE, after)
        today = visit.today(one.organisation_id)
        on = one.applies_on or from_next_year(connection, visit.tree, one.organisation_id, today)
        every = rows_of(connection, one.id) if one.rows <= MOST_SUMMED else []
        impacts = {each.row.household_id: each for each in impact_of(connection, visit.tree, shown, on)}
        totals = totals_of(impact_of(connection, visit.tree, every, on)) if every else None
        known = _known(connection, visit, one, shown)
        counts, story = counts_of(connection, one.id), story_of(connection, one.id)
        mine = _validated_it(connection, visit, one)
    names = {each.code: each.name for each in known}
    may = _may(visit, one.organisation_id)
    values = {
        "tabs": area_tabs(visit),
        "one": one,
        "place": visit.tree[one.organisation_id].name,
        "state": STATES[one.state],
        "rows": [(each, impacts[each.household_id], _said(visit, each)) for each in shown],
        "named": lambda code: names.get(code, code) if code is not None else say("none"),
        "card": show_card,
        "totals": totals,
        "on": on,
        "today": today,
        "counts": [(say(_ROWS[state]), count) for state, count in sorted(counts.items()) if state in _ROWS]
        + ([(say("skipped"), counts["skipped"])] if "skipped" in counts else []),
        "story": [(when(visit, step.at, one.organisation_id), say(STATES[step.state][0]), step) for step in story],
        "categories": [*((each.code, each.name) for each in known), ("-", say("none"))],
        "may": may,
        "mine": mine,
        "more": f"{_path(one.id)}?after={shown[-1].card}" if len(shown) == A_PAGE else "",
        "path_of": _path(one.id),
    }
    return Page("households/category_list.html", one.title, values)


def _known(connection: Connection, visit: Visit, one: Proposal, rows: list[ProposedRow]) -> list[Category]:
    """The categories of the list's place: of its first section where it has several."""
    sections = sorted({row.section_id for row in rows}) or [
        each.id for each in visit.tree.sections_under(one.organisation_id)
    ]
    return categories_for(connection, visit.tree, sections[0]) if sections else []


def _said(visit: Visit, row: ProposedRow) -> str:
    say = visit.say
    words = [say(DECISIONS[row.decision])] if row.decision else []
    if row.state == "skipped":
        words.append(say("skipped: {why}", why=say(SKIPPED[row.skipped_because or "left"])))
    elif row.decision:
        words.append(say(_ROWS[row.state]))
    return ", ".join(words)


def _validated_it(connection: Connection, visit: Visit, one: Proposal) -> bool:
    """Is it the very person who wrote down what the meeting decided?"""
    if one.validated_by is None or one.validated_at is None:
        return False
    return same_person(visit.who.name, one.validated_by) or asked_it(
        connection, visit.who, "categories.validated", f"categories:{one.id}", one.validated_at
    )


@AREA.post("/households/categories/<proposal>/add", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def add_one(visit: Visit, row: Row[Any]) -> Answer:
    """Add a household by its card."""
    card, category = visit.card("card"), visit.text("category", most=60)
    wanted = Wanted(1, card, category, visit.text("reason", most=200), visit.text("by", most=60))

    def act(unit: Unit) -> Done:
        try:
            add_rows(unit, visit.tree, row.id, [wanted])
        except WrongRows as wrong:
            raise Refused(wrong.rows[0].fault.said(visit.say), "card") from None
        return Done(_path(row.id), visit.say("The household is on the list."), after={"category": category})

    return visit.do("categories.added", act, about=f"categories:{row.id}", place=row.organisation_id)


@AREA.post(
    "/households/categories/<proposal>/file", Right.CHANGE_HOUSEHOLDS, shown_by=_one, largest=MOST_BYTES + _FORM_BYTES
)
def add_file(visit: Visit, row: Row[Any]) -> Answer:
    """Add the households of a file, all or none; what is wrong is told row by row."""
    upload = visit.upload("file")
    try:
        wanted = read_list(tables(upload.content, MOST_BYTES), visit.who.name)
    except Fault as fault:
        raise Refused(fault.said(visit.say), "file") from fault

    def act(unit: Unit) -> Done:
        try:
            count = add_rows(unit, visit.tree, row.id, wanted)
        except WrongRows as wrong:
            told = "; ".join(each.said(visit.say) for each in wrong.rows[:MOST_FAULTS])
            more = len(wrong.rows) - MOST_FAULTS
            if more > 0:
                told += " " + visit.say.many("and {count} more row", "and {count} more rows", more)
            raise Refused(visit.say("Nothing was added. {told}", told=told), "file") from None
        note = visit.say.many("{count} household is on the list.", "{count} households are on the list.", count)
        return Done(_path(row.id), note, after={"households": len(wanted)})

    return visit.do("categories.added", act, about=f"categories:{row.id}", place=row.organisation_id)


@AREA.post("/households/categories/<proposal>/remove", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def take_out(visit: Visit, row: Row[Any]) -> Answer:
    """Take a household off the list."""
    household_id = visit.count("household", least=1, most=10**17)

    def act(unit: Unit) -> Done:
        remove_row(unit, row.id, household_id)
        return Done(_path(row.id), visit.say("The household is off the list."), before={"household": household_id})

    return visit.do("categories.removed", act, about=f"categories:{row.id}", place=row.organisation_id)


@AREA.post("/households/categories/<proposal>/print", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def print_it(visit: Visit, row: Row[Any]) -> File:
    """The list on paper; names stand on it, so it is written down who printed it."""
    try:
        with visit.store.write() as unit:
            printed(unit, row.id, visit.who.name)
            visit.trace(unit, "categories.printed", about=f"categories:{row.id}", place=row.organisation_id)
    except Fault as fault:
        raise Refused(fault.said(visit.say)) from fault
    with visit.store.read() as connection:
        one, rows = proposal_with(connection, row.id), rows_of(connection, row.id)
        sections = {each.section_id for each in rows}
        names = {each.code: each.name for its in sections for each in categories_for(connection, visit.tree, its)}
    place = visit.tree[one.organisation_id]
    content = proposal_pdf(one, rows, names, place.name, visit.today(place.id), visit.say)
    return pdf_file(content, visit.say("categories-{number}", number=one.id) + ".pdf")


@AREA.post("/households/categories/<proposal>/validate", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def validate_it(visit: Visit, row: Row[Any]) -> Answer:
    """Write down what the meeting decided: all were accepted but those that are named."""
    met_on = visit.day("met_on")
    witnesses = visit.text("witnesses", most=800).replace(",", "\n").split("\n")
    exceptions = visit.text("exceptions", most=40_000, needed=False)

    def act(unit: Unit) -> Done:
        one, rows = proposal_with(unit.connection, row.id), rows_of(unit.connection, row.id)
        decisions = _decisions(visit, rows, exceptions, _known(unit.connection, visit, one, rows))
        validate(unit, visit.tree, row.id, visit.who.name, met_on, witnesses, decisions)
        said = [each.decision for each in decisions.values()]
        counted = {word: said.count(word) for word in ("accepted", "changed", "refused")}
        note = visit.say("Written down. Another person applies it.")
        return Done(_path(row.id), note, after={"met_on": met_on, **counted})

    return visit.do("categories.validated", act, about=f"categories:{row.id}", place=row.organisation_id)


def _decisions(visit: Visit, rows: list[ProposedRow], typed: str, known: list[Category]) -> dict[int, Decided]:
    """A line for each exception: a card, and the word "no", or the category that the meeting chose."""
    by_card = {row.card: row for row in rows}
    found = {row.household_id: Decided("accepted") for row in rows}
    no = {"no", "non", visit.say("refused").casefold()}
    for line in filter(None, (each.strip() for each in typed.split("\n"))):
        card, word = line[:11].strip(), line[11:].strip(" :;=,")
        if line[:9].isdigit():
            card, word = line[:9], line[9:].strip(" :;=,")
        try:
            row = by_card[read_card(card)]
        except (BadCard, KeyError):
            said = visit.say("{line}: this is no card of the list.", line=line[:30])
            raise Refused(said, "exceptions") from None
        if word.casefold() in no:
            found[row.household_id] = Decided("refused")
            continue
        try:
            code = code_of(known, word)
        except Fault as fault:
            raise Refused(f"{line[:30]}: {fault.said(visit.say)}", "exceptions") from None
        found[row.household_id] = Decided("accepted") if code == row.to_code else Decided("changed", code)
    return found


@AREA.post("/households/categories/<proposal>/apply", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def apply_it(visit: Visit, row: Row[Any]) -> Answer:
    """Another person than who wrote down the meeting's word lets a worker apply it."""
    on = visit.day("applies_on")

    def act(unit: Unit) -> Done:
        one = proposal_with(unit.connection, row.id)
        if _validated_it(unit.connection, visit, one):
            raise Refused(visit.say("You wrote down what the meeting decided: another person applies it."))
        start(unit, visit.tree, row.id, visit.who.name, on)
        note = visit.say("It is being applied. You needn't wait.")
        return Done(_path(row.id), note, before={"state": "validated"}, after={"applies_on": on})

    return visit.do("categories.applied", act, about=f"categories:{row.id}", place=row.organisation_id)


@AREA.post("/households/categories/<proposal>/withdraw", Right.CHANGE_HOUSEHOLDS, shown_by=_one)
def withdraw_it(visit: Visit, row: Row[Any]) -> Answer:
    """The list comes to nothing."""
    why = visit.text("why", most=150)

    def act(unit: Unit) -> Done:
        withdraw(unit, row.id, visit.who.name, why)
        return Done(_path(row.id), visit.say("The list is withdrawn."), before={"state": row.state}, after={"why": why})

    return visit.do("categories.withdrawn", act, about=f"categories:{row.id}", place=row.organisation_id)
