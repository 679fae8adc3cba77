"""The facilities of a network as a list: written with the agreement of each, and taken in whole or not at all.

What is new gets its first agreement; another day, or other terms, of a known one are a new row of its history, and an
empty cell leaves everything as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from sqlalchemy import Connection

from gateway.kernel.dates import iso_day
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.locale import mark
from gateway.network.facilities import (
    KINDS,
    OWNERSHIPS,
    BadFacility,
    Facility,
    Terms,
    add_facility,
    agree,
    change_facility,
    everywhere,
    history,
    same_network,
    with_code,
)
from gateway.network.lists import BadList, Outcome, twice
from gateway.network.organisations import Organisation, Tree
from gateway.store.unit import Unit

COLUMNS = (
    "code", "name", "kind", "ownership", "district", "phone", "organisation", "agreed_on", "agreed_until", "tariff",
    "covers", "terms",
)  # fmt: skip
NEEDED = ("code", "name", "kind", "ownership", "district", "organisation")


def facility_list(
    connection: Connection, tree: Tree, under_path: str, *, whole_numbers: bool
) -> Iterator[dict[str, str]]:
    """A row for each facility that an organisation at or below a path has an agreement with."""
    for one in everywhere(connection):
        if tree[one.organisation_id].path.startswith(under_path):
            yield _cells(connection, tree, one, whole_numbers)


def _cells(connection: Connection, tree: Tree, one: Facility, whole_numbers: bool) -> dict[str, str]:
    terms = current_terms(connection, one.id)
    return {
        "code": one.code,
        "name": one.name,
        "kind": one.kind,
        "ownership": one.ownership,
        "district": one.district,
        "phone": one.msisdn if one.msisdn and whole_numbers else mask_number(one.msisdn) if one.msisdn else "",
        "organisation": tree[one.organisation_id].code,
        "agreed_on": one.agreed_on.isoformat(),
        "agreed_until": one.agreed_until.isoformat() if one.agreed_until else "",
        "tariff": terms.tariff or "",
        "covers": terms.covers or "",
        "terms": terms.text or "",
    }


def current_terms(connection: Connection, facility_id: int) -> Terms:
    """The terms that were agreed last; a renewal goes on with them."""
    said = [each.terms for each in history(connection, facility_id) if each.terms != Terms()]
    return said[-1] if said else Terms()


def take_in(
    unit: Unit,
    tree: Tree,
    rows: Sequence[tuple[int, dict[str, str]]],
    by_name: str,
    today: date,
    at: Organisation | None = None,
) -> list[Outcome]:
    """Take a list in, for organisations at or below ``at`` (None: anywhere); what each row did.

    Nothing may be kept where a row is wrong: the caller rolls back then, and where this was only to look.
    """
    double = twice(rows)
    found = []
    for number, values in rows:
        code = values.get("code", "")
        try:
            if number in double:
                raise double[number]
            found.append(_take(unit, tree, number, code, values, by_name, today, at))
        except Fault as fault:
            found.append(Outcome(number, code, "wrong", fault=fault))
    return found


def _take(
    unit: Unit, tree: Tree, number: int, code: str, values: dict[str, str], by_name: str, today: date,
    at: Organisation | None,
) -> Outcome:  # fmt: skip
    owner = tree.by_code.get(values.get("organisation", ""))
    if owner is None or (at is not None and not owner.under(at)):
        raise BadFacility(mark("there is no organisation {code} here"), code=values.get("organisation", "")[:40])
    kind, ownership = values.get("kind", ""), values.get("ownership", "")
    if kind not in KINDS or ownership not in OWNERSHIPS:
        raise BadFacility(
            mark("a facility is one of {kinds}, and run as {ownerships}"),
            kinds=", ".join(KINDS),
            ownerships=", ".join(OWNERSHIPS),
        )
    one = with_code(unit.connection, code)
    begins, until = _day(values.get("agreed_on", "")), _day(values.get("agreed_until", ""))
    terms = Terms(values.get("terms") or None, values.get("tariff") or None, values.get("covers") or None)
    if one is None:
        add_facility(
            unit, owner.id, code, values.get("name", ""), kind, ownership, values.get("district", ""),
            _phone(values.get("phone", ""), owner, None), agreed_on=begins or today, agreed_until=until,
            by_name=by_name, terms=terms,
        )  # fmt: skip
        return Outcome(number, code, "new", {name: value for name, value in values.items() if value})
    if one.organisation_id != owner.id or not same_network(tree, one.organisation_id, owner.id):
        raise BadList(mark("the code {code} is that of another organisation's facility"), code=code)
    return _change(unit, tree, number, one, owner, values, (begins, until), terms, by_name, today)


def _change(
    unit: Unit, tree: Tree, number: int, one: Facility, owner: Organisation, values: dict[str, str],
    days: tuple[date | None, date | None], terms: Terms, by_name: str, today: date,
) -> Outcome:  # fmt: skip
    known = _cells(unit.connection, tree, one, whole_numbers=True)
    msisdn = _phone(values.get("phone", ""), owner, one.msisdn)
    given = {**{name: value for name, value in values.items() if value}, "phone": msisdn or ""}
    changed = {name: value for name, value in given.items() if value != known[name]}
    if changed.keys() & {"name", "kind", "ownership", "district", "phone"}:
        change_facility(
            unit, one.id, name=given["name"], kind=given["kind"], ownership=given["ownership"],
            district=given["district"], msisdn=msisdn,
        )  # fmt: skip
    if changed.keys() & {"agreed_on", "agreed_until", "tariff", "covers", "terms"}:
        before = current_terms(unit.connection, one.id)
        merged = Terms(terms.text or before.text, terms.tariff or before.tariff, terms.covers or before.covers)
        agree(unit, one.id, days[0] or one.agreed_on, days[1] or one.agreed_until, merged, by_name, today)
    return Outcome(number, one.code, "changed" if changed else "same", changed)


def _day(cell: str) -> date | None:
    if not cell:
        return None
    found = iso_day(cell)
    if found is None:
        raise BadList(mark("{cell} is no day: write it like 2026-12-31"), cell=cell[:20])
    return found


def _phone(cell: str, owner: Organisation, known: str | None) -> str | None:
    if not cell or (known is not None and cell == mask_number(known)):
        return known
    try:
        return read_msisdn(cell, owner.country)
    except BadMsisdn:
        raise BadList(mark("the phone is no mobile number of {country}"), country=owner.country) from None
