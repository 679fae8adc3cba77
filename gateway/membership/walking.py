"""Every household of a part of the network, a page at a time; or those that have changed since a moment.

A page is quick whatever a database holds: sections are walked one after the other by their index, and of what changed
so many rows are looked through and no more; the page then says from where to go on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, union_all

from gateway.membership.several import among
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import beneficiary, household, household_change

AT_ONCE = 20  # sections that are asked about together
LOOKED_THROUGH = 1_000


@dataclass(frozen=True)
class Known:
    """A household as a list has it. ``people``: on its card; ``merged_into_id``: another has what it had."""

    id: int
    card: str
    section_id: int
    head: str | None
    language: str | None
    registered_at: datetime
    merged_into_id: int | None
    people: int


def walk(
    connection: Connection, section_ids: Collection[int], after: tuple[int, int] | None, limit: int
) -> list[tuple[int, int]]:
    """The next households of some sections, as (section id, household id), in this order, those behind ``after``."""
    found: list[tuple[int, int]] = []
    rest = sorted(section_ids)
    if after is not None:
        if after[0] in section_ids:
            found = _in_section(connection, after[0], after[1], limit)
        rest = [its_id for its_id in rest if its_id > after[0]]
    for begin in range(0, len(rest), AT_ONCE):
        if len(found) >= limit:
            break
        parts = [_of_section(its_id, 0, limit).subquery() for its_id in rest[begin : begin + AT_ONCE]]
        rows = connection.execute(union_all(*(select(part) for part in parts)))
        found += sorted((row.section_id, row.id) for row in rows)
    return found[:limit]


def _of_section(section_id: int, after: int, limit: int) -> Select[Any]:
    own = (household.c.section_id == section_id) & (household.c.id > after)
    query = select(household.c.section_id, household.c.id).where(own)
    return query.order_by(household.c.section_id, household.c.id).limit(limit)


def _in_section(connection: Connection, section_id: int, after: int, limit: int) -> list[tuple[int, int]]:
    return [(row.section_id, row.id) for row in connection.execute(_of_section(section_id, after, limit))]


@dataclass(frozen=True)
class Changed:
    """Some households that changed, in the order of their changes, and from where to go on: None where that is all."""

    ids: tuple[int, ...]
    after: tuple[datetime, int] | None


def changed(
    connection: Connection,
    section_ids: Collection[int],
    since: datetime,
    after: tuple[datetime, int] | None,
    limit: int,
) -> Changed:
    """The next households that were registered or changed from a moment on, or behind ``after``.

    Whatever stands in a household's story counts as a change; money doesn't. Each is there once a page.
    """
    queries = [
        (household_change.c.at, household_change.c.household_id),
        (household.c.registered_at, household.c.id),
    ]
    pairs: list[tuple[datetime, int]] = []
    horizon: tuple[datetime, int] | None = None
    for at, whose in queries:
        query = select(at.label("at"), whose.label("its_id")).where(_behind(at, whose, since, after))
        rows = connection.execute(query.order_by(at, whose).limit(LOOKED_THROUGH)).all()
        pairs += [(row.at, row.its_id) for row in rows]
        if len(rows) == LOOKED_THROUGH:
            last = (rows[-1].at, rows[-1].its_id)
            horizon = last if horizon is None else min(horizon, last)
    seen = sorted({pair for pair in pairs if horizon is None or pair <= horizon})
    own = _within(connection, [its_id for _, its_id in seen], section_ids)
    found: dict[int, None] = {}
    for place, (_, its_id) in enumerate(seen):
        if its_id in own:
            found[its_id] = None
        if len(found) == limit:
            more = place + 1 < len(seen) or horizon is not None
            return Changed(tuple(found), seen[place] if more else None)
    return Changed(tuple(found), horizon)


def _behind(
    at: ColumnElement[datetime], its_id: ColumnElement[int], since: datetime, after: tuple[datetime, int] | None
) -> ColumnElement[bool]:
    if after is None:
        return at >= since
    return and_(at >= after[0], or_(at > after[0], its_id > after[1]))


def _within(connection: Connection, ids: Sequence[int], section_ids: Collection[int]) -> set[int]:
    if not ids:
        return set()
    rows = connection.execute(select(household.c.id, household.c.section_id).where(household.c.id.in_(among(ids))))
    return {row.id for row in rows if row.section_id in section_ids}


_PEOPLE = (
    select(func.count())
    .where(beneficiary.c.household_id == household.c.id, beneficiary.c.left_on.is_(None))
    .scalar_subquery()
)
_KNOWN = select(
    household.c.id,
    household.c.card,
    household.c.section_id,
    HEAD_NAME.label("head"),
    household.c.language,
    household.c.registered_at,
    household.c.merged_into_id,
    _PEOPLE.label("people"),
)


def known(connection: Connection, ids: Sequence[int]) -> list[Known]:
    """Some households, in this order; the ids are known to exist."""
    if not ids:
        return []
    rows = {row.id: row for row in connection.execute(_KNOWN.where(household.c.id.in_(among(ids))))}
    return [Known(*rows[its_id]) for its_id in ids]
