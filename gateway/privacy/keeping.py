"""How long a household is kept after it has left: as its organisation says, and whose time is over.

Where no organisation says anything it is :data:`USUAL_YEARS`. That is a default of Cotisa's and no law's: an
organisation writes down its own years with their source.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, exists, func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.dues import add_months
from gateway.network.organisations import Tree
from gateway.store.schema import collection, entry, erasure, household, keeping_time, line, membership
from gateway.store.unit import Unit

USUAL_YEARS = 5
_LOOKED_THROUGH = 5_000  # households at once, of which so many are looked at closely
_LOOKED_AT_CLOSELY = 100


class BadTime(Fault):
    """So many years can't be, or without a source."""


@dataclass(frozen=True)
class Time:
    """``source`` None: nobody above the household has said anything."""

    years: int
    source: str | None
    organisation_id: int | None


@dataclass(frozen=True)
class Due:
    """A household whose time is over: its last movement, and the day from which it could be forgotten."""

    household_id: int
    card: str
    section_id: int
    last_on: date
    due_on: date


def keeping_times(connection: Connection) -> dict[int, Time]:
    """What organisations say themselves, by their ids."""
    newest = select(func.max(keeping_time.c.id)).group_by(keeping_time.c.organisation_id)
    rows = connection.execute(select(keeping_time).where(keeping_time.c.id.in_(newest)))
    return {row.organisation_id: Time(row.years, row.source, row.organisation_id) for row in rows}


def time_for(said: dict[int, Time], tree: Tree, organisation_id: int) -> Time:
    """What counts in an organisation: its own, or the nearest above it."""
    return next((said[one.id] for one in tree.upward(organisation_id) if one.id in said), Time(USUAL_YEARS, None, None))


def keep_for(unit: Unit, organisation_id: int, years: int, source: str, by_name: str) -> None:
    """From now on an organisation and those below it keep who left for so many years; raises :class:`BadTime`."""
    if not 1 <= years <= 30:
        raise BadTime(mark("from 1 to 30 years"))
    if not source.strip():
        raise BadTime(mark("say which law or decision it is"))
    unit.connection.execute(
        insert(keeping_time).values(
            organisation_id=organisation_id, years=years, source=source.strip()[:120], by_name=by_name,
            written_at=unit.now,
        )
    )  # fmt: skip


def last_movement(connection: Connection, ids: tuple[int, ...], zone: str) -> date:
    """The last day on which something of a household was: of its years, in the books, a payment, its registration."""
    years = connection.scalar(
        select(func.max(func.coalesce(membership.c.left_on, membership.c.ends_on))).where(
            membership.c.household_id.in_(ids)
        )
    )
    booked = connection.scalar(
        select(func.max(entry.c.happened_on))
        .join(line, line.c.entry_id == entry.c.id)
        .where(line.c.household_id.in_(ids))
    )
    asked = connection.scalar(select(func.max(collection.c.created_at)).where(collection.c.household_id.in_(ids)))
    since: datetime = connection.execute(
        select(func.min(household.c.registered_at)).where(household.c.id.in_(ids))
    ).scalar_one()
    days = [years, booked, day_in(zone, asked) if asked is not None else None, day_in(zone, since)]
    last: date = max(day for day in days if day is not None)
    return last


def due_on(connection: Connection, tree: Tree, section_id: int, last_on: date) -> date:
    """From which day a household of a section may be forgotten."""
    return add_months(last_on, 12 * time_for(keeping_times(connection), tree, section_id).years)


def ids_of(connection: Connection, household_id: int) -> tuple[int, ...]:
    """A household and those that were merged into it."""
    merged = connection.scalars(select(household.c.id).where(household.c.merged_into_id == household_id))
    return (household_id, *merged)


def due(connection: Connection, tree: Tree, path: str, now: datetime, *, after: int = 0, limit: int = 50) -> list[Due]:
    """Households below a path whose time is over and that aren't nameless yet, by their ids, behind ``after``.

    Goes through all of them: for commands, not for pages.
    """
    found: list[Due] = []
    on: int | None = after
    while on is not None and len(found) < limit:
        some, on = due_from(connection, tree, path, now, after=on, limit=limit - len(found))
        found += some
    return found


def due_from(
    connection: Connection, tree: Tree, path: str, now: datetime, *, after: int = 0, limit: int = 50
) -> tuple[list[Due], int | None]:
    """Those among the next :data:`_LOOKED_THROUGH` households, and behind which id to go on; None: it was the last."""
    said = keeping_times(connection)
    sections = {one.id: one for one in tree.sections if one.path.startswith(path)}
    if not sections:
        return [], None
    newest = add_months(now.date(), -12 * min(time_for(said, tree, each).years for each in sections))
    own = household.c
    window = (
        select(own.id, own.card, own.section_id, own.registered_at, own.merged_into_id)
        .where(own.id > after, own.section_id.in_(sections))
        .order_by(own.id)
        .limit(_LOOKED_THROUGH)
        .subquery()
    )
    count, last = connection.execute(select(func.count(), func.max(window.c.id))).one()
    late = exists().where(
        membership.c.household_id == window.c.id,
        func.coalesce(membership.c.left_on, membership.c.ends_on) > newest,
    )
    done = exists().where(erasure.c.household_id == window.c.id, erasure.c.state == "done")
    old = window.c.registered_at < datetime(newest.year, newest.month, newest.day, tzinfo=now.tzinfo)
    rows = connection.execute(
        select(window.c.id, window.c.card, window.c.section_id)
        .where(old, window.c.merged_into_id.is_(None), ~late, ~done)
        .order_by(window.c.id)
        .limit(_LOOKED_AT_CLOSELY)
    ).all()
    found: list[Due] = []
    for row in rows:
        zone = sections[row.section_id].time_zone
        last_on = last_movement(connection, ids_of(connection, row.id), zone)
        its = add_months(last_on, 12 * time_for(said, tree, row.section_id).years)
        if its <= day_in(zone, now):
            found.append(Due(row.id, row.card, row.section_id, last_on, its))
            if len(found) == limit:
                return found, row.id
    if len(rows) == _LOOKED_AT_CLOSELY:
        return found, rows[-1].id
    return found, last if count == _LOOKED_THROUGH else None
