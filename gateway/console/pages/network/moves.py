"""A branch moves below another organisation, short codes come and go, the directory is kept as a file."""

from __future__ import annotations

from datetime import date
from typing import Literal

from gateway.console.answers import Answer, Done, NotThere, Page, Refused
from gateway.console.doors import Area
from gateway.console.files import sheet_file
from gateway.console.pages.network import words
from gateway.console.pages.network.tree import SETTINGS, tree_page
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.ledger.exports import Sheet
from gateway.membership.moves.branches import Would, move_branch, would_move
from gateway.network.directory import COLUMNS, directory
from gateway.network.organisations import Organisation, kinds_below, own_of
from gateway.network.own import SEPTETS, add_code, remove_code
from gateway.store.unit import Unit

AREA = Area("network_moves")
CODE_CHARACTERS = 40


# --- moving -----------------------------------------------------------------------------------------------------------


@AREA.get("/network/<organisation>/move", Right.CHANGE_NETWORK)
def move_page(visit: Visit, one: Organisation) -> Answer:
    """Below which other organisation, and from when."""
    return _page(visit, one, None)


def _page(visit: Visit, one: Organisation, would: Would | None) -> Page:
    _check_both(visit, one)
    places = [
        (each.code, " · ".join((each.name, visit.say(words.KINDS[each.kind]))))
        for each in visit.places(Right.CHANGE_NETWORK)
        if one.kind in kinds_below(each) and each.id != one.parent_id and not each.under(one)
    ]
    say = visit.say
    values = {
        "one": one,
        "above": visit.tree.by_id.get(one.parent_id or 0),
        "places": places,
        "to": words.typed(visit, "to", ""),
        "since": words.typed(visit, "since", visit.today(one.id).isoformat()),
        "would": would,
        "changes": [(say(SETTINGS[each.name]), each.before or "—", each.after or "—") for each in would.changes]
        if would
        else [],
        "plans": (", ".join(would.had_plans) or "—", ", ".join(would.plans) or "—") if would else (),
        "others": [(section.name, books.name, new.name) for section, books, new in would.others] if would else [],
    }
    return Page("network/move.html", visit.say("Move {name}", name=one.name), values)


def _check_both(visit: Visit, one: Organisation) -> None:
    """Whoever moves a branch has the right where it stands as well as where it goes."""
    if one.parent_id is None or not visit.may(Right.CHANGE_NETWORK, one.parent_id):
        raise NotThere


@AREA.post("/network/<organisation>/move/look", Right.CHANGE_NETWORK, shown_by=move_page)
def look(visit: Visit, one: Organisation) -> Answer:
    """What it would change; nothing is done."""
    _check_both(visit, one)
    to, since = _asked(visit)
    try:
        with visit.store.read() as connection:
            would = would_move(connection, visit.parts.services.defaults, one.id, to.id, since, visit.now)
    except Fault as fault:
        raise Refused(fault.said(visit.say), "to") from fault
    return _page(visit, one, would)


@AREA.post("/network/<organisation>/move", Right.CHANGE_NETWORK)
def move(visit: Visit, one: Organisation) -> Answer:
    """Move it, with all that is below it."""
    _check_both(visit, one)
    to, since = _asked(visit)
    parts = visit.parts.services

    def act(unit: Unit) -> Done:
        done = move_branch(unit, parts.defaults, parts.chart, one.id, to.id, since, visit.who.name)
        above = done.would.above
        after = {"under": to.code, "since": since, "carried": sum(each.households for each in done.carried)}
        text = visit.say("{name} is below {place} now.", name=one.name, place=to.name)
        return Done(f"/network/{one.id}", text, {"under": above.code if above else None}, after)

    done = visit.do("network.moved", act, about=f"organisation:{one.id}", place=one.id)
    parts.network.forget()
    return done


def _asked(visit: Visit) -> tuple[Organisation, date]:
    return visit.place("to", Right.CHANGE_NETWORK), visit.day("since")


# --- short codes ------------------------------------------------------------------------------------------------------


@AREA.get("/network/<organisation>/codes", Right.CHANGE_NETWORK)
def codes_page(visit: Visit, one: Organisation) -> Answer:
    """The short codes that lead here, and those of the organisations above."""
    with visit.store.read() as connection:
        own = own_of(connection, one.id).short_codes
    above = [
        (code, visit.tree[each.organisation_id].name)
        for code, each in sorted(visit.tree.codes.items())
        if each.organisation_id != one.id and one.under(visit.tree[each.organisation_id])
    ]
    values = {
        "one": one,
        "own": [(code, visit.tree.codes[code].septets if code in visit.tree.codes else "") for code in own],
        "above": above,
        "most": CODE_CHARACTERS,
        "septets": SEPTETS,
    }
    return Page("network/codes.html", visit.say("Short codes of {name}", name=one.name), values)


@AREA.post("/network/<organisation>/codes", Right.CHANGE_NETWORK)
def add(visit: Visit, one: Organisation) -> Answer:
    """Let a short code lead here."""
    code = visit.text("code", most=CODE_CHARACTERS)
    letters = visit.count("letters", least=SEPTETS[0], most=SEPTETS[1]) if visit.sent.get("letters") else None

    def act(unit: Unit) -> Done:
        add_code(unit, visit.tree, one, code, letters)
        text = visit.say("{code} leads to {name} now.", code=code, name=one.name)
        return Done(f"/network/{one.id}/codes", text, after={"code": code, "letters": letters})

    done = visit.do("network.code_added", act, about=f"organisation:{one.id}", place=one.id)
    visit.parts.services.network.forget()
    return done


@AREA.post("/network/<organisation>/codes/remove", Right.CHANGE_NETWORK, shown_by=codes_page)
def remove(visit: Visit, one: Organisation) -> Answer:
    """Let a short code lead nowhere any more."""
    code = visit.text("code", most=CODE_CHARACTERS)

    def act(unit: Unit) -> Done:
        remove_code(unit, one, code)
        text = visit.say("{code} leads nowhere now.", code=code)
        return Done(f"/network/{one.id}/codes", text, before={"code": code})

    done = visit.do("network.code_removed", act, about=f"organisation:{one.id}", place=one.id)
    visit.parts.services.network.forget()
    return done


# --- the directory ----------------------------------------------------------------------------------------------------


@AREA.post("/network/directory", Right.SEE_NETWORK, shown_by=tree_page)
def directory_file(visit: Visit) -> Answer:
    """The directory of the part that is looked at; its phones in full only for who may see them."""
    form: Literal["csv", "xlsx"] = "xlsx" if visit.sent.get("form") == "xlsx" else "csv"
    whole = visit.sent.get("whole") == "yes" and visit.may(Right.UNMASK, visit.at.id)
    with visit.store.write() as unit:
        visit.trace(unit, "network.directory_kept", place=visit.at.id, after={"form": form, "whole_numbers": whole})
    with visit.store.read() as connection:
        found = directory(connection, visit.at.path, whole_numbers=whole)
        rows = [tuple(row[name] for name in COLUMNS) for row in found]
    # The columns bear the names that a list is taken in by.
    return sheet_file(Sheet(visit.say("Directory"), COLUMNS, rows), visit.say("directory"), form)
