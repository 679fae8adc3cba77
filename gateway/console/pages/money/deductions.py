"""Groups' lists, cash and statements: the list of households edited, what was kept back at harvest time divided."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from gateway.console.answers import Answer, Done, File, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.households.files import pdf_file, sheet_file
from gateway.console.pages.money import groups
from gateway.console.pages.money.words import tabs, when
from gateway.console.rights import Right
from gateway.console.second_person import asked_it
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.kernel.dates import iso_day
from gateway.kernel.faults import Fault
from gateway.kernel.persons import same_person
from gateway.locale import mark
from gateway.membership.paper import register_pdf
from gateway.payments.payers import deduction_lists, dividing, group_lists
from gateway.payments.payers import deductions as handing
from gateway.payments.payers.deduction_lists import Deduction, State, deduction_with, lines_of, parts_of
from gateway.payments.payers.deduction_reading import MOST_BYTES, read_deductions
from gateway.payments.payers.group_account import correct_group_cash, record_group_cash
from gateway.payments.payers.group_statements import SHARES, statement_of_group, statement_sheet
from gateway.payments.payers.groups import read_list
from gateway.payments.payers.shares import group_by_id
from gateway.payments.push.limits import largest_alone
from gateway.payments.receipts import receipt_number
from gateway.payments.statements.plain_tables import tables
from gateway.store.effects import effect_key
from gateway.store.unit import Unit

AREA = Area("group_lists")
A_PAGE = 100
_FORM_BYTES = 256 * 1024
STATES = {
    State.READ: (mark("Looked at, not taken in"), "wait"),
    State.WAITING: (mark("Waits for its payment"), "wait"),
    State.PROPOSED: (mark("Another person has to approve"), "wait"),
    State.POSTED: (mark("Divided"), "good"),
    State.WITHDRAWN: (mark("Withdrawn"), "quiet"),
}


def _group_page(visit: Visit, row: Row[Any]) -> Page:
    return groups.page_of(visit, row)


# --- the group's households -------------------------------------------------------------------------------------------


@AREA.post("/collections/groups/<group>/add", Right.DECIDE_MONEY, shown_by=_group_page)
def add_household(visit: Visit, row: Row[Any]) -> Answer:
    """Add a household to the group's list; another group that has it is told of."""
    card = visit.card("card")
    amount = visit.amount("own", visit.tree.books_of(row.organisation_id).currency) if row.rule == "fixed" else None

    def act(unit: Unit) -> Done:
        group = group_by_id(unit.connection, row.id)
        family, others = group_lists.add_member(unit, visit.tree, group, card, amount)
        note = visit.say("{name} is on the list.", name=family.head)
        if others:
            said = visit.say("This household stands on other lists too: {names}.", names=", ".join(others))
            note = f"{note} {said}"
        return Done(f"/collections/groups/{row.id}", note, after={"household": family.id})

    return visit.do("group.household_added", act, about=f"group:{row.id}", place=row.organisation_id)


@AREA.post("/collections/groups/<group>/remove", Right.DECIDE_MONEY, shown_by=_group_page)
def remove_household(visit: Visit, row: Row[Any]) -> Answer:
    """Take a household off the group's list."""
    household_id = visit.count("household", least=1, most=10**17)

    def act(unit: Unit) -> Done:
        group_lists.remove_member(unit, group_by_id(unit.connection, row.id), household_id)
        note = visit.say("The household is off the list.")
        return Done(f"/collections/groups/{row.id}", note, before={"household": household_id})

    return visit.do("group.household_removed", act, about=f"group:{row.id}", place=row.organisation_id)


@AREA.post(
    "/collections/groups/<group>/list", Right.DECIDE_MONEY, shown_by=_group_page, largest=MOST_BYTES + _FORM_BYTES
)
def look_at_list(visit: Visit, row: Row[Any]) -> Answer:
    """Read a list from a file and show what it would change; nothing is changed yet."""
    upload = visit.upload("list")
    try:
        with visit.store.read() as connection:
            group = group_by_id(connection, row.id)
            rows = group_lists.list_in(tables(upload.content, MOST_BYTES))
            looked = group_lists.look_at(connection, visit.tree, group, rows)
    except Fault as fault:
        raise Refused(fault.said(visit.say), "list") from fault
    values = {
        "tabs": tabs(visit),
        "group": group,
        "looked": looked,
        "rows": "\n".join(f"{one.card};{one.amount or ''}" for one in looked.rows),
        "card": show_card,
    }
    return Page("money/group_list.html", group.name, values)


@AREA.post("/collections/groups/<group>/replace", Right.DECIDE_MONEY, shown_by=_group_page)
def replace_list(visit: Visit, row: Row[Any]) -> Answer:
    """Let the list that was looked at take the place of the group's."""
    typed = visit.text("rows", most=40_000)

    def act(unit: Unit) -> Done:
        rows = read_list(typed)
        group_lists.replace_list(unit, visit.tree, group_by_id(unit.connection, row.id), rows)
        note = visit.say.many("The list has {count} household now.", "The list has {count} households now.", len(rows))
        return Done(f"/collections/groups/{row.id}", note, after={"households": len(rows)})

    return visit.do("group.list_replaced", act, about=f"group:{row.id}", place=row.organisation_id)


# --- cash and statements ----------------------------------------------------------------------------------------------


@AREA.post("/collections/groups/<group>/cash", Right.TAKE_CASH, shown_by=_group_page)
def take_cash(visit: Visit, row: Row[Any]) -> Answer:
    """Cash of a group: into the treasurer's box, onto the group's account."""
    amount = visit.amount("cash", visit.tree.books_of(row.organisation_id).currency)
    who = visit.member(row.organisation_id)

    def act(unit: Unit) -> Done:
        key = effect_key("office-group-cash", str(visit.who.login_id), visit.sent.get("once"))
        group = group_by_id(unit.connection, row.id)
        one = record_group_cash(
            unit, visit.tree, visit.parts.services.chart, effect_key=key, group=group, who=who, amount=amount
        )
        note = visit.say("{amount} in cash: receipt {number}.", amount=amount, number=receipt_number(one.id))
        return Done(f"/collections/groups/{row.id}", note, after={"amount": amount})

    return visit.do("group.cash_recorded", act, about=f"group:{row.id}", place=row.organisation_id)


@AREA.post("/collections/groups/<group>/correct", Right.DECIDE_MONEY, shown_by=_group_page)
def correct_cash(visit: Visit, row: Row[Any]) -> Answer:
    """Another person says that a group's cash was recorded by mistake."""
    its_id, why = visit.count("collection", least=1, most=10**17), visit.text("why", most=150)

    def act(unit: Unit) -> Done:
        one = correct_group_cash(unit, visit.tree, group_by_id(unit.connection, row.id), its_id, visit.who.name, why)
        note = visit.say("It no longer counts: receipt {number}.", number=receipt_number(one.id))
        return Done(f"/collections/groups/{row.id}", note, before={"receipt": receipt_number(one.id)})

    return visit.do("group.cash_corrected", act, about=f"group:{row.id}", place=row.organisation_id)


@AREA.get("/collections/groups/<group>/statement", Right.SEE_MONEY)
def statement_page(visit: Visit, row: Row[Any]) -> Answer:
    """What a group paid in a time, how it was divided, and what stands on its account."""
    first, last = _days(visit, row.organisation_id)
    with visit.store.read() as connection:
        group = group_by_id(connection, row.id)
        one = statement_of_group(connection, visit.tree, group, first, last)
    values = {"tabs": tabs(visit), "group": group, "one": one, "card": show_card, "number": receipt_number}
    return Page("money/group_statement.html", visit.say("Statement of {name}", name=group.name), values)


def _days(visit: Visit, organisation_id: int) -> tuple[date, date]:
    today = visit.today(organisation_id)
    asked = visit.sent if "from" in visit.sent else visit.asked
    first = iso_day(asked.get("from")) or date(today.year, 1, 1)
    return first, max(first, iso_day(asked.get("to")) or today)


@AREA.post("/collections/groups/<group>/statement", Right.SEE_MONEY)
def statement_as_file(visit: Visit, row: Row[Any]) -> File:
    """The same as a file; names stand in it, so it is written down who took it."""
    form = visit.choice("form", ("pdf", "xlsx", "csv"))
    first, last = _days(visit, row.organisation_id)
    with visit.store.read() as connection:
        group = group_by_id(connection, row.id)
        sheet = statement_sheet(statement_of_group(connection, visit.tree, group, first, last), group, visit.say)
    name = visit.say("statement-{group}", group=group.code).replace("/", "-")
    if form == "pdf":
        place = visit.tree[row.organisation_id].name
        made = pdf_file(register_pdf(sheet, SHARES, place, last, visit.say), f"{name}.pdf")
    else:
        made = sheet_file(sheet, f"{name}.{form}", "csv" if form == "csv" else "xlsx")
    with visit.store.write() as unit:
        visit.trace(unit, "group.statement_taken", about=f"group:{row.id}", place=row.organisation_id)
    return made


# --- what was kept back -----------------------------------------------------------------------------------------------


@AREA.post(
    "/collections/groups/<group>/deductions", Right.DECIDE_MONEY, shown_by=_group_page,
    largest=MOST_BYTES + _FORM_BYTES,
)  # fmt: skip
def hand_in(visit: Visit, row: Row[Any]) -> Answer:
    """Read a list of what was kept back; its rows are shown before it is taken in."""
    label, upload = visit.text("label", most=handing.LABEL_CHARACTERS), visit.upload("file")
    replaces = visit.count("replaces", least=1, most=10**17) if visit.sent.get("replaces") else None
    try:
        with visit.store.read() as connection:
            group = group_by_id(connection, row.id)
            read = read_deductions(connection, visit.tree, group, tables(upload.content, MOST_BYTES))
    except Fault as fault:
        raise Refused(fault.said(visit.say), "file") from fault

    def act(unit: Unit) -> Done:
        one = handing.hand_in(unit, visit.tree, group, label, upload.name, read, visit.who.name, replaces)
        after = {"rows": len(read.rows), "total": one.total}
        return Done(_path(one.id), "", after=after, about=f"deduction:{one.id}")

    return visit.do("group.deductions_read", act, place=row.organisation_id)


def _path(its_id: int) -> str:
    return f"/collections/deductions/{its_id}"


@AREA.get("/collections/deductions/<deduction>", Right.SEE_MONEY)
def deduction_page(visit: Visit, row: Row[Any]) -> Answer:
    """A list: row by row, what pays it, what is missing, and the ways out."""
    return _one(visit, row)


def _one(visit: Visit, row: Row[Any]) -> Page:
    say = visit.say
    typed = visit.asked.get("after")
    after = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 9 else 0
    with visit.store.read() as connection:
        one = deduction_with(connection, row.id)
        group = group_by_id(connection, one.group_id)
        lines, paying = lines_of(connection, one, A_PAGE, after), parts_of(connection, one)
        meant = handing.candidates(connection, visit.tree, one) if one.state is State.WAITING else []
        same = handing.same_amounts(connection, one)
        wrong = handing.faults_in(connection, one)
        mine = _asked(connection, visit, one)
    values = {
        "tabs": tabs(visit),
        "one": one,
        "group": group,
        "state": STATES[one.state],
        "at": when(visit, one.at, one.organisation_id),
        "rows": [
            (each, deduction_lists.said_of(say, each.faults), deduction_lists.said_of(say, each.warnings))
            for each in lines
        ],
        "card": show_card,
        "wrong": wrong,
        "same": same,
        "parts": paying,
        "gap": handing.difference(one, paying),
        "candidates": meant,
        "alone": largest_alone(one.total.currency),
        "mine": mine,
        "may": visit.may(Right.DECIDE_MONEY, one.organisation_id),
        "path_of": _path(one.id),
        "more": f"{_path(one.id)}?after={lines[-1].number}" if len(lines) == A_PAGE else "",
    }
    return Page("money/deduction.html", one.label, values)


def _asked(connection: Connection, visit: Visit, one: Deduction) -> bool:
    """Is it the very person who asked to have it divided?"""
    if one.asked_by is None or one.asked_at is None:
        return False
    return same_person(visit.who.name, one.asked_by) or asked_it(
        connection, visit.who, "group.deductions_divided", f"deduction:{one.id}", one.asked_at
    )


def _act(visit: Visit, row: Row[Any], what: str, note: str, do: Any) -> Answer:
    def act(unit: Unit) -> Done:
        do(unit)
        now = deduction_with(unit.connection, row.id)
        return Done(_path(row.id), note, before={"state": row.state}, after={"state": now.state.value})

    return visit.do(what, act, about=f"deduction:{row.id}", place=row.organisation_id)


@AREA.post("/collections/deductions/<deduction>/accept", Right.DECIDE_MONEY, shown_by=_one)
def accept(visit: Visit, row: Row[Any]) -> Answer:
    """The list is right, and waits for its payment."""
    note = visit.say("The list waits for its payment.")
    return _act(
        visit, row, "group.deductions_accepted", note, lambda unit: handing.accept(unit, row.id, visit.who.name)
    )


@AREA.post("/collections/deductions/<deduction>/pay", Right.DECIDE_MONEY, shown_by=_one)
def pay(visit: Visit, row: Row[Any]) -> Answer:
    """Say which money pays it: an amount that waits to be identified, or the group's account."""
    name = visit.who.name
    its_id = visit.count("incoming", least=0, most=10**17)

    def do(unit: Unit) -> None:
        if its_id:
            handing.add_payment(unit, visit.tree, row.id, its_id, name)
        else:
            handing.add_from_account(unit, visit.tree, row.id, name)

    note = visit.say("Noted. Nothing is divided yet.")
    return _act(visit, row, "group.deductions_payment", note, do)


@AREA.post("/collections/deductions/<deduction>/unpay", Right.DECIDE_MONEY, shown_by=_one)
def unpay(visit: Visit, row: Row[Any]) -> Answer:
    """This money doesn't pay it after all."""
    part = visit.count("part", least=1, most=10**17)
    note = visit.say("Taken off: this money waits to be identified again.")
    return _act(visit, row, "group.deductions_payment", note, lambda unit: handing.remove_part(unit, row.id, part))


@AREA.post("/collections/deductions/<deduction>/divide", Right.DECIDE_MONEY, shown_by=_one)
def divide(visit: Visit, row: Row[Any]) -> Answer:
    """Divide what pays it exactly by the list; a large sum waits for another person."""
    why, rest = visit.text("why", most=150), visit.sent.get("rest") == "yes"
    chart = visit.parts.services.chart
    return _act(
        visit, row, "group.deductions_divided", visit.say("Done."),
        lambda unit: dividing.divide_now(unit, visit.tree, chart, row.id, visit.who.name, why, rest_to_group=rest),
    )  # fmt: skip


@AREA.post("/collections/deductions/<deduction>/approve", Right.DECIDE_MONEY, shown_by=_one)
def approve(visit: Visit, row: Row[Any]) -> Answer:
    """Another person agrees, or says no: then the list waits again."""
    says = visit.choice("says", ("yes", "no"))

    def do(unit: Unit) -> None:
        if says == "no":
            dividing.refuse(unit, row.id, visit.who.name)
            return
        if _asked(unit.connection, visit, deduction_with(unit.connection, row.id)):
            raise Refused(visit.say("You asked for it: another person approves."))
        dividing.approve(unit, visit.tree, visit.parts.services.chart, row.id, visit.who.name)

    return _act(visit, row, "group.deductions_decided", visit.say("Done."), do)


@AREA.post("/collections/deductions/<deduction>/withdraw", Right.DECIDE_MONEY, shown_by=_one)
def withdraw(visit: Visit, row: Row[Any]) -> Answer:
    """The list comes to nothing."""
    why = visit.text("why_not", most=150)
    note = visit.say("The list is withdrawn.")
    return _act(visit, row, "group.deductions_withdrawn", note,
                lambda unit: handing.withdraw(unit, row.id, visit.who.name, why))  # fmt: skip
