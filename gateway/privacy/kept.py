"""Everything that is kept about a household, table by table, as it stands: what is shown to who asks for it.

A table that says something of somebody is either one of :data:`PARTS` or excused in :data:`EXCUSED`, with its reason.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from gateway.kernel.card import show_card
from gateway.ledger.exports import Cell, Sheet, write
from gateway.locale import Say, mark
from gateway.membership.known import phones_ever
from gateway.store import schema

MOST_ROWS = 10_000  # of one table


@dataclass(frozen=True)
class Whose:
    """A household, those that were merged into it, and the numbers that it has and had."""

    id: int
    ids: tuple[int, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Rows of a table that are about a household; ``without``: columns that are nobody's business but the program's."""

    about: str
    table: Table
    which: Callable[[Whose], ColumnElement[bool]]
    without: tuple[str, ...] = ()


def _own(table: Table) -> Callable[[Whose], ColumnElement[bool]]:
    return lambda whose: table.c.household_id.in_(whose.ids)


def _somebody(table: Table) -> Callable[[Whose], ColumnElement[bool]]:
    own = schema.beneficiary
    return lambda whose: table.c.beneficiary_id.in_(select(own.c.id).where(own.c.household_id.in_(whose.ids)))


def _number(table: Table) -> Callable[[Whose], ColumnElement[bool]]:
    return lambda whose: table.c.msisdn.in_(whose.numbers)


def _paid(table: Table) -> Callable[[Whose], ColumnElement[bool]]:
    own = schema.collection
    return lambda whose: table.c.collection_id.in_(select(own.c.id).where(own.c.household_id.in_(whose.ids)))


def _by_number_too(table: Table) -> Callable[[Whose], ColumnElement[bool]]:
    return lambda whose: or_(
        table.c.household_id.in_(whose.ids), and_(table.c.household_id.is_(None), table.c.msisdn.in_(whose.numbers))
    )


PARTS: tuple[Part, ...] = (
    Part(mark("The household"), schema.household, lambda whose: schema.household.c.id.in_(whose.ids)),
    Part(mark("The people on the card"), schema.beneficiary, _own(schema.beneficiary)),
    Part(mark("Its phones"), schema.phone, _own(schema.phone)),
    Part(mark("What its phones chose"), schema.caller, _number(schema.caller)),
    Part(mark("News that its phones asked for"), schema.news_reader, _number(schema.news_reader)),
    Part(mark("Numbers that nothing reaches"), schema.failing_number, _number(schema.failing_number)),
    Part(mark("Cards that it had"), schema.card_alias, _own(schema.card_alias)),
    Part(mark("Numbers that it had elsewhere"), schema.old_number, _own(schema.old_number)),
    Part(mark("Its PIN: only that there is one"), schema.pin,
         lambda whose: schema.pin.c.holder.in_([f"h:{each}" for each in whose.ids]), ("hash",)),
    Part(mark("Its years"), schema.membership, _own(schema.membership)),
    Part(mark("What was due and paid"), schema.line, _own(schema.line)),
    Part(mark("The entries in which it stands"), schema.entry,
         lambda whose: schema.entry.c.id.in_(
             select(schema.line.c.entry_id).where(schema.line.c.household_id.in_(whose.ids)))),
    Part(mark("Its payments"), schema.collection, _own(schema.collection), ("token", "handle", "effect_key")),
    Part(mark("How its payments went"), schema.collection_event, _paid(schema.collection_event)),
    Part(mark("Cash that was taken of it"), schema.cash_taking, _paid(schema.cash_taking)),
    Part(mark("Money that came from it unasked"), schema.incoming, _paid(schema.incoming)),
    Part(mark("Payments that it told of"), schema.declaration, _own(schema.declaration)),
    Part(mark("Money that was said to be its"), schema.assignment, _own(schema.assignment)),
    Part(mark("What people had to decide about its money"), schema.money_case, _paid(schema.money_case)),
    Part(mark("Money given back"), schema.refund, _paid(schema.refund), ("handle",)),
    Part(mark("Differences with statements"), schema.difference, _paid(schema.difference)),
    Part(mark("Groups that pay for it"), schema.payer_group_member, _own(schema.payer_group_member)),
    Part(mark("What groups kept back from it"), schema.deduction_row, _own(schema.deduction_row)),
    Part(mark("Its categories"), schema.household_category, _own(schema.household_category)),
    Part(mark("Categories proposed for it"), schema.category_proposal_row, _own(schema.category_proposal_row)),
    Part(mark("Messages to it"), schema.message, _by_number_too(schema.message)),
    Part(mark("What it asked or complained of"), schema.request, _by_number_too(schema.request)),
    Part(mark("Its visits to health facilities"), schema.visit, _own(schema.visit)),
    Part(mark("What changed about it"), schema.household_change, _own(schema.household_change)),
    Part(mark("Merges with other households"), schema.household_merge,
         lambda whose: or_(schema.household_merge.c.stays_id.in_(whose.ids),
                           schema.household_merge.c.goes_id.in_(whose.ids)), ("content",)),
    Part(mark("Registers that it came from"), schema.register_import_row, _own(schema.register_import_row)),
    Part(mark("What other software has of its people"), schema.software_agreed, _somebody(schema.software_agreed)),
    Part(mark("What other software says otherwise"), schema.software_conflict, _own(schema.software_conflict)),
    Part(mark("What it agreed to"), schema.consent, _own(schema.consent)),
    Part(mark("Who looked at it"), schema.household_look, _own(schema.household_look)),
    Part(mark("When it asked for its data"), schema.data_request, _own(schema.data_request)),
    Part(mark("When it is to be forgotten"), schema.erasure, _own(schema.erasure)),
    Part(mark("What was done about it in the office"), schema.office_event,
         lambda whose: schema.office_event.c.about.in_([f"household:{each}" for each in whose.ids]), ("address",)),
)  # fmt: skip

# Tables that lead to somebody and aren't shown, each with why.
EXCUSED = {
    "name_key": "made of the names, which are shown",
    "duplicate_key": "made of the names and numbers, which are shown",
    "duplicate_pair": "says something of two families: the other's is not this one's to see",
    "duplicate_event": "what staff decided of such a pair",
    "subsidy_invoice_line": "points from a line that is shown to a list for whoever subsidises",
    "group_movement": "the money of a group, not of one household",
    "deduction_part": "the money of a group, not of one household",
    "staff": "those who work here, who see their own in the office",
    "login": "those who work here, who see their own in the office",
    "sms_guest": "those who read a text before it is sent: staff",
    "payer_group": "a group's own number",
    "organisation": "an organisation's own contact",
    "facility": "a facility's own number",
    "difference_event": "who settled a difference that is shown, and how",
    "statement_upload": "a file of many people's, thrown away once it is taken in",
}


def whose(connection: Connection, household_id: int) -> Whose:
    """Whose rows are looked for."""
    own = schema.household
    merged = connection.scalars(select(own.c.id).where(own.c.merged_into_id == household_id)).all()
    ids = (household_id, *merged)
    numbers = {number for each in ids for number in phones_ever(connection, each)}
    return Whose(household_id, ids, tuple(sorted(numbers)))


@dataclass(frozen=True)
class Kept:
    """What a part holds: its table's columns and its rows, no more than :data:`MOST_ROWS`."""

    part: Part
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def kept_about(connection: Connection, household_id: int) -> list[Kept]:
    """Everything that is kept about a household, part by part; parts without a row are left out."""
    who, found = whose(connection, household_id), []
    for part in PARTS:
        columns = [one for one in part.table.c if one.name not in part.without]
        order = list(part.table.primary_key.columns)
        asked = select(*columns).where(part.which(who)).order_by(*order).limit(MOST_ROWS)
        rows = [tuple(row) for row in connection.execute(asked)]
        if rows:
            found.append(Kept(part, tuple(one.name for one in columns), rows))
    return found


def as_value(kept: Sequence[Kept], card: str, at: datetime, say: Say) -> dict[str, Any]:
    """The same as plain values, for JSON."""
    return {
        "card": card,
        "made_at": at.isoformat(),
        "kept": {
            each.part.table.name: {
                "about": say(each.part.about),
                "rows": [dict(zip(each.columns, map(_plain, row), strict=True)) for row in each.rows],
            }
            for each in kept
        },
    }


def as_zip(kept: Sequence[Kept], card: str, at: datetime, say: Say) -> bytes:
    """One JSON file with all of it, and a table for each part that spreadsheets open."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as folder:
        whole = json.dumps(as_value(kept, card, at, say), ensure_ascii=False, indent=2)
        archive.writestr("all.json", whole)
        for each in kept:
            rows = (tuple(map(_cell, row)) for row in each.rows)
            path = Path(folder) / "part.csv"
            title = " ".join((say(each.part.about), show_card(card)))
            write(Sheet(title, each.columns, rows), path, "csv", bom=True)
            archive.write(path, f"{each.part.table.name}.csv")
            path.unlink()
    return made.getvalue()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | str | list | dict) else str(value)


def _cell(value: Any) -> Cell:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return value if value is None or (isinstance(value, int) and not isinstance(value, bool)) else str(value)
