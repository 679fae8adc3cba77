"""An entry undone by a new one: the same lines the other way round, and the old one stays."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Connection, func, select

from gateway.ledger.entries import Entry, Line, record
from gateway.store.schema import entry, household, line
from gateway.store.unit import Unit


def undo_entry(unit: Unit, key: str, its_key: str, on: date, taken_from: int | None = None) -> None:
    """Undo the entry with ``key`` by one with ``its_key`` that happens on a day.

    ``taken_from`` is the account where the money stands by now, in the place of those that the entry debited. Raises
    NoResultFound for a key that isn't there, IntegrityError for ``its_key`` that is.
    """
    posted = unit.connection.execute(select(entry).where(entry.c.key == key)).one()
    lines = unit.connection.execute(select(line).where(line.c.entry_id == posted.id).order_by(line.c.id)).all()
    now = _merged_since(unit.connection, {each.household_id for each in lines if each.household_id is not None})
    back = tuple(
        Line(
            each.account_id if taken_from is None or each.amount_minor < 0 else taken_from,
            -each.amount_minor,
            now.get(each.household_id, each.household_id),
        )
        for each in lines
    )
    record(
        unit,
        Entry(its_key, posted.organisation_id, "corrections", posted.currency, on, back, reverses=posted.id),
    )


def _merged_since(connection: Connection, ids: set[int]) -> dict[int | None, int]:
    """Into which household each was merged, where it was: its money is there now."""
    rows = connection.execute(
        select(household.c.id, household.c.merged_into_id).where(
            household.c.id.in_(ids), household.c.merged_into_id.is_not(None)
        )
    )
    return {row.id: row.merged_into_id for row in rows}


def undone_of(connection: Connection, key: str) -> int:
    """How much of the entry with ``key`` has been undone, by one entry or by several, in minor units."""
    original = entry.alias()
    total = connection.scalar(
        select(func.sum(line.c.amount_minor))
        .join(entry, entry.c.id == line.c.entry_id)
        .join(original, original.c.id == entry.c.reverses_id)
        .where(original.c.key == key, line.c.amount_minor > 0)
    )
    return int(total or 0)
