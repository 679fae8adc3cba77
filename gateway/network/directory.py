"""The directory of a network: who is in it and how each is reached; written to a list and taken in from one.

A row names an organisation by its code. What is new is added below its parent, what is known is changed where a cell
says something else; an empty cell leaves it as it is. A list is taken in whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, select

from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number
from gateway.locale import mark
from gateway.network.lists import BadList, Outcome, twice
from gateway.network.organisations import BadOrganisation, Defaults, Organisation, add_below, tree_in
from gateway.network.own import keep_own
from gateway.store.schema import organisation
from gateway.store.unit import Unit

COLUMNS = (
    "code", "name", "kind", "parent", "district", "contact", "phone", "address", "languages", "keeps_books",
)  # fmt: skip
NEEDED = ("code", "name", "kind", "parent")
_SETTING = {"contact": "contact_name", "phone": "contact_msisdn"}


def directory(connection: Connection, under_path: str, *, whole_numbers: bool) -> Iterator[dict[str, str]]:
    """A row for each organisation at or below a path, from the top down; what it says itself, not what it inherits.

    Without ``whole_numbers`` the phones are masked, and a list with them can still be taken in again.
    """
    codes = {row.id: row.code for row in connection.execute(select(organisation.c.id, organisation.c.code))}
    rows = connection.execute(select(organisation).where(organisation.c.path.like(f"{under_path}%"))).all()
    for row in sorted(rows, key=lambda each: [int(step) for step in each.path.strip("/").split("/")]):
        yield _cells(row, codes, whole_numbers)


def _cells(row: Any, codes: dict[int, str], whole_numbers: bool) -> dict[str, str]:
    number = row.contact_msisdn or ""
    return {
        "code": row.code,
        "name": row.name,
        "kind": row.kind,
        "parent": codes.get(row.parent_id, ""),
        "district": row.district or "",
        "contact": row.contact_name or "",
        "phone": number if whole_numbers or not number else mask_number(number),
        "address": row.address or "",
        "languages": ",".join(row.languages.split(",")) if row.languages else "",
        "keeps_books": "yes" if row.keeps_books else "no",
    }


def take_in(
    unit: Unit, defaults: Defaults, rows: Sequence[tuple[int, dict[str, str]]], at: Organisation | None
) -> list[Outcome]:
    """Take a list in below ``at`` (None: anywhere), row by row; what each did.

    Nothing may be kept where a row is wrong: the caller rolls back then, and where this was only to look.
    """
    double = twice(rows)
    found = []
    for number, values in rows:
        code = values.get("code", "")
        try:
            if number in double:
                raise double[number]
            found.append(_take(unit, defaults, number, code, values, at))
        except Fault as fault:
            found.append(Outcome(number, code, "wrong", fault=fault))
    return found


def _take(
    unit: Unit, defaults: Defaults, number: int, code: str, values: dict[str, str], at: Organisation | None
) -> Outcome:
    row = unit.connection.execute(select(organisation).where(organisation.c.code == code)).first()
    if row is None:
        above_code = values.get("parent", "")
        above = tree_in(unit.connection, defaults).by_code.get(above_code)
        if above is None or (at is not None and not above.under(at)):
            raise BadOrganisation(mark("there is no organisation {code} here to stand below"), code=above_code[:40])
        new_id = add_below(
            unit, above, code=code, name=values.get("name", ""), kind=values.get("kind", ""),
            keeps_books=_yes(values.get("keeps_books", "")),
        )  # fmt: skip
        changes = _changes(values, None)
        changes.pop("name", None)
        keep_own(unit, defaults, new_id, changes)
        return Outcome(number, code, "new", {name: value for name, value in values.items() if value})
    if at is not None and not row.path.startswith(at.path):
        raise BadOrganisation(mark("this isn't an organisation here"))
    parent = unit.connection.scalar(select(organisation.c.code).where(organisation.c.id == row.parent_id))
    parents = {row.parent_id: parent or ""}
    known = _cells(row, parents, whole_numbers=True)
    for name in ("kind", "parent", "keeps_books"):
        if values.get(name) and values[name] != known[name]:
            raise BadList(
                mark("{column} is {known} and isn't changed by a list"), column=name, known=known[name] or "-"
            )
    _, after = keep_own(unit, defaults, row.id, _changes(values, row))
    return Outcome(number, code, "changed" if after else "same", after)


def _changes(values: dict[str, str], row: Any | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("name", "district", "contact", "phone", "address", "languages"):
        value = values.get(name)
        if not value:
            continue
        if name == "phone" and row is not None and row.contact_msisdn and value == mask_number(row.contact_msisdn):
            continue
        changes[_SETTING.get(name, name)] = (
            [each.strip() for each in value.split(",")] if name == "languages" else value
        )
    return changes


def _yes(cell: str) -> bool:
    if cell in ("yes", "oui", "1"):
        return True
    if cell in ("", "no", "non", "0"):
        return False
    raise BadList(mark("keeps_books is yes or no"))
