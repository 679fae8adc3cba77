"""Registers of members from files: shown row by row before anything is written, taken in, and perhaps undone."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from gateway.console.answers import Answer, Done, File, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.common import area_tabs
from gateway.console.pages.households.files import sheet_file
from gateway.console.pages.money.words import when
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.importing import keeping
from gateway.membership.importing.headings import FIELDS
from gateway.membership.importing.keeping import Import, KeptRow
from gateway.membership.importing.reading import MOST_BYTES, read_register
from gateway.membership.plans import plans_for
from gateway.membership.several import among
from gateway.payments.statements.plain_tables import tables
from gateway.store.schema import household
from gateway.store.unit import Unit

AREA = Area("register_imports")
A_PAGE = 50
MOST_ROWS = 20_000  # checked while somebody waits: some ten seconds
_FORM_BYTES = 256 * 1024  # what a browser sends around a file
STATES = {
    "read": (mark("Looked at, not taken in"), "wait"),
    "running": (mark("Being taken in"), "wait"),
    "done": (mark("Taken in"), "good"),
    "undoing": (mark("Being undone"), "wait"),
    "undone": (mark("Undone"), "quiet"),
    "dropped": (mark("Thrown away"), "quiet"),
}
# A household of the file: how it stands, and the kind of badge.
ROWS = {
    "good": (mark("To be taken in"), "good"),
    "wrong": (mark("Wrong"), "bad"),
    "known": (mark("Registered already"), "quiet"),
    "taken": (mark("Registered"), "good"),
    "undone": (mark("Taken out again"), "quiet"),
    "kept": (mark("Kept"), "wait"),
}
_COLUMNS = {
    "family": mark("Family number"),
    "card": mark("Old card number"),
    "name": mark("Name"),
    "first_name": mark("First name"),
    "sex": mark("Sex"),
    "born": mark("Year of birth"),
    "age": mark("Age"),
    "relation": mark("Relation"),
    "phone": mark("Phone"),
    "section": mark("Section"),
    "plan": mark("Plan"),
    "language": mark("Language"),
}


@AREA.get("/households/imports", Right.IMPORT_HOUSEHOLDS)
def imports_page(visit: Visit) -> Answer:
    """The box for a file, and the newest imports."""
    return _list(visit)


def _list(visit: Visit) -> Page:
    typed = visit.asked.get("before")
    before = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None
    with visit.store.read() as connection:
        found = keeping.newest(connection, visit.tree, visit.at.path, A_PAGE, before)
        sections = visit.tree.sections_under(visit.at.id)
        plans = plans_for(connection, visit.tree, sections[0].id, visit.today()) if sections else []
    values = {
        "tabs": area_tabs(visit),
        "imports": [
            (when(visit, one.at, one.organisation_id), one, visit.tree[one.organisation_id].name, STATES[one.state])
            for one in found
        ],
        "more": f"/households/imports?before={found[-1].id}" if len(found) == A_PAGE else "",
        "places": [(one.code, one.name) for one in visit.vantages()],
        "chosen_place": visit.at.code,
        "plans": [(one.code, one.name) for one in plans],
        "columns": [(key, visit.say(text)) for key, text in _COLUMNS.items() if key in FIELDS],
    }
    return Page("households/imports.html", visit.say("Imports of registers"), values)


@AREA.post("/households/imports", Right.IMPORT_HOUSEHOLDS, largest=MOST_BYTES + _FORM_BYTES)
def hand_in(visit: Visit) -> Answer:
    """Read the file and check every row; nothing is registered yet."""
    say = visit.say
    at, plan_code = visit.place("place"), visit.sent.get("plan") or None
    upload = visit.upload("file")
    chosen = {field: visit.text(f"column-{field}", most=80) for field in _COLUMNS if visit.sent.get(f"column-{field}")}
    roots = [one.path for one in visit.roots()]
    try:
        file = read_register(tables(upload.content, MOST_BYTES), chosen)
        if sum(len(one.lines) for one in file.families) > MOST_ROWS:
            raise Refused(say("More than {most} rows: divide the file.", most=MOST_ROWS), "file")
        with visit.store.read() as connection:
            checked, _ = keeping.check(connection, visit.tree, at, file, visit.now, roots, plan_code)
    except Fault as fault:
        raise Refused(fault.said(say), "file") from fault

    def act(unit: Unit) -> Done:
        its_id = keeping.keep(unit, at, upload.name, upload.content, file, checked, visit.who.name)
        again = keeping.same_file(unit.connection, at, upload.content)
        note = ""
        if again is not None:
            note = say("This very file was taken in before, as import {number}.", number=again.id)
        after = {"households": len(checked), "at": at.code}
        return Done(f"/households/imports/{its_id}", note, after=after, about=f"import:{its_id}")

    return visit.do("register.read", act, place=at.id)


# --- one of them ------------------------------------------------------------------------------------------------------


@AREA.get("/households/imports/<register>", Right.IMPORT_HOUSEHOLDS)
def import_page(visit: Visit, row: Any) -> Answer:
    """How far it has come, what is wrong row by row, and what can be done."""
    return _one(visit, row)


def _one(visit: Visit, row: Any) -> Page:
    say = visit.say
    typed = visit.asked.get("after")
    after = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else 0
    shown = next((one for one in ROWS if one == visit.asked.get("rows")), None)
    with visit.store.read() as connection:
        one = keeping.by_id(connection, row.id)
        place = visit.tree[one.organisation_id]
        states = (shown,) if shown is not None else ("wrong", "known", "kept") if one.counts else ()
        rows = keeping.rows_of(connection, one.id, states, after, A_PAGE)  # type: ignore[arg-type]
        if not rows and shown is None and not after:
            rows = keeping.rows_of(connection, one.id, (), 0, A_PAGE)
        preview = (
            keeping.preview_of(connection, one, place.time_zone, visit.now)
            if one.state == "read" and one.counts.get("good")
            else None
        )
        known = [each.household_id for each in rows if each.household_id is not None]
        asked = select(household.c.id, household.c.card).where(household.c.id.in_(among(known)))
        cards = {each.id: show_card(each.card) for each in connection.execute(asked)}
    kept = f"&rows={shown}" if shown else ""
    values = {
        "import_": one,
        "place": place.name,
        "at": when(visit, one.at, one.organisation_id),
        "finished": when(visit, one.finished_at, one.organisation_id) if one.finished_at else "",
        "state": STATES[one.state],
        "counts": [
            (name, say(text), kind, one.counts[name]) for name, (text, kind) in ROWS.items() if one.counts.get(name)
        ],
        "preview": preview,
        "dues": [say.show(each) for each in preview.dues] if preview is not None else [],
        "left_out": [(heading, say(why) if why else say("not known")) for heading, why in one.left_out],
        "rows": [(each, ROWS[each.state], _said(visit, each), cards.get(each.household_id or 0)) for each in rows],
        "more": f"/households/imports/{one.id}?after={rows[-1].number}{kept}" if len(rows) == A_PAGE else "",
        "working": one.state in ("running", "undoing"),
        "done": one.households - one.to_do,
    }
    return Page("households/import.html", say("Import {number}", number=one.id), values)


def _said(visit: Visit, each: KeptRow) -> list[tuple[int, str, bool]]:
    """What is told of a household: of which row, in words, and is it a warning alone?"""
    return [(told.row or each.number, told.said(visit.say), told.warns) for told in each.told]


@AREA.post("/households/imports/<register>/start", Right.IMPORT_HOUSEHOLDS, shown_by=_one)
def start(visit: Visit, row: Any) -> Answer:
    """Let a worker take the good households in."""
    tells = visit.sent.get("tells") == "yes"

    def act(unit: Unit) -> Done:
        one = keeping.start(unit, row.id, tells)
        note = visit.say("It is being taken in. You needn't wait.")
        return Done(_path(one), note, before={"state": "read"}, after={"households": one.to_do, "tells": tells})

    return visit.do("register.started", act, about=f"import:{row.id}", place=row.organisation_id)


@AREA.post("/households/imports/<register>/drop", Right.IMPORT_HOUSEHOLDS, shown_by=_one)
def throw_away(visit: Visit, row: Any) -> Answer:
    """Throw away what was only looked at."""

    def act(unit: Unit) -> Done:
        keeping.drop(unit, row.id)
        return Done("/households/imports", visit.say("The import is thrown away."), before={"state": "read"})

    return visit.do("register.dropped", act, about=f"import:{row.id}", place=row.organisation_id)


@AREA.post("/households/imports/<register>/undo", Right.IMPORT_HOUSEHOLDS, shown_by=_one)
def undo(visit: Visit, row: Any) -> Answer:
    """Let a worker take out again whoever has had nothing since."""
    if visit.sent.get("sure") != "yes":
        raise Refused(visit.say("Tick that you are sure."), "sure")

    def act(unit: Unit) -> Done:
        one = keeping.undo(unit, row.id, visit.who.name)
        note = visit.say("It is being undone. You needn't wait.")
        return Done(_path(one), note, before={"state": row.state}, after={"households": one.to_do})

    return visit.do("register.undone", act, about=f"import:{row.id}", place=row.organisation_id)


@AREA.post("/households/imports/<register>/wrong", Right.IMPORT_HOUSEHOLDS, shown_by=_one)
def wrong_rows(visit: Visit, row: Any) -> File:
    """The rows that are wrong, as they were, with why: to be corrected and handed in again."""
    with visit.store.write() as unit:
        visit.trace(unit, "register.wrong_rows", about=f"import:{row.id}", place=row.organisation_id)
    with visit.store.read() as connection:
        one = keeping.by_id(connection, row.id)
        stem = re.sub(r"\.\w{1,5}$", "", one.file_name)
        name = visit.say("{file}-to-correct", file=stem) + ".csv"
        return sheet_file(keeping.wrong_rows(connection, one, visit.say), name, "csv")


def _path(one: Import) -> str:
    return f"/households/imports/{one.id}"
