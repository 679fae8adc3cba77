"""What each entry brought to a household, made of the books once and kept for counting.

A million households have some millions of payments a year, and each has to be put together from its lines, its entry,
its collection and what the operator told of it: most of what a count of figures took. The rows say nothing that the
books don't: they may be thrown away at any time. What isn't gathered yet is read from the books at the moment of
counting, so that no figure depends on how far the gathering came.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    and_,
    case,
    cast,
    extract,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.store.schema import account, collection, entry, incoming, indicator_payment, line
from gateway.store.unit import Store

STEP = 5_000  # entries that are gathered in one transaction
# So long after an entry was made its transaction may be committed: what is older than that is gathered, or late.
LATE_COMMIT = timedelta(days=1)
BACK = "back"  # what was taken back, given back or moved, and came by no way
_COLLECTION = len("collection:") + 1
_KEPT = indicator_payment.c

# What came by no payment (taken back, given back, moved between accounts) is below zero or comes to nothing.
WAY: ColumnElement[str] = case(
    (or_(entry.c.reverses_id.is_not(None), entry.c.journal.not_in(("collections", "cash"))), literal(BACK)),
    (collection.c.reason == "group", literal("group")),
    (and_(incoming.c.id.is_not(None), incoming.c.notice_id.is_(None)), literal("statement")),
    (collection.c.way.is_not(None), collection.c.way),
    (entry.c.journal == "cash", literal("cash")),
    else_=literal("reference"),
)
# Whose entry it is: of a payment, its collection; and what the operator told of it.
COLLECTED = collection.c.key == func.substr(entry.c.key, _COLLECTION)
TOLD = incoming.c.collection_id == collection.c.id
# Whose wait is measured: payments by phone or merchant code of one household. Cash counts as it is written.
WAITED = and_(
    entry.c.key.like("collection:%"),
    collection.c.way != "cash",
    collection.c.paid_at.is_not(None),
    collection.c.paid_currency == collection.c.currency,  # what came in another stands on suspense and covers nobody
    collection.c.household_id.is_not(None),
)


def seconds_between(connection: Connection, earlier: Any, later: Any) -> ColumnElement[int]:
    """Whole seconds from one moment's column to another's."""
    if connection.dialect.name == "postgresql":
        return cast(func.floor(extract("epoch", later - earlier)), Integer)
    return cast((func.julianday(later) - func.julianday(earlier)) * 86_400 + 0.5, Integer)


def delay_of(connection: Connection) -> ColumnElement[int]:
    """From when a member paid (of a push: from when they asked to pay) until it counted for their cover, in seconds."""
    paid_at = case((collection.c.way == "push", collection.c.created_at), else_=collection.c.paid_at)
    paid_at.type = collection.c.paid_at.type
    return seconds_between(connection, paid_at, entry.c.recorded_at)


def _minutes(connection: Connection) -> ColumnElement[int]:
    """By the minute up to two hours, by the hour up to three days, then by the day: as people tell it.

    No one looks at seconds, and a year of them would be a million different ones.
    """
    took = delay_of(connection)
    return case(
        (and_(WAITED, took < 0), 0),
        (and_(WAITED, took < 2 * 3600), took // 60),
        (and_(WAITED, took < 72 * 3600), took // 3600 * 60),
        (WAITED, took // 86_400 * 1440),
        else_=None,
    )


def brought(connection: Connection, own: Collection[int]) -> Select[Any]:
    """What each entry brought to each household, from the books: by the day for which it counts, in minor units.

    ``own``: the accounts on which households stand. They are named, as :func:`accounts_of` says.
    """
    return (
        select(
            line.c.household_id,
            entry.c.id.label("entry_id"),
            entry.c.happened_on,
            entry.c.currency,
            WAY.label("came_by"),
            _minutes(connection).label("minutes"),
            func.sum(-line.c.amount_minor).label("minor"),
        )
        .select_from(line)
        .join(entry, entry.c.id == line.c.entry_id)
        .outerjoin(collection, COLLECTED)
        .outerjoin(incoming, TOLD)
        .where(line.c.account_id.in_(own), line.c.due_on.is_(None), line.c.household_id.is_not(None))
        .group_by(line.c.household_id, entry.c.id, entry.c.happened_on, entry.c.currency, "came_by", "minutes")
    )


def accounts_of(connection: Connection, *roles: str) -> dict[int, str]:
    """The accounts of some roles in anybody's books: their currencies by id.

    In anybody's, since what a household paid before it moved stays in the books that it left and counts where it is
    now. They are few, and named in the statements: joined, PostgreSQL takes them for fewer still and looks rows up
    singly.
    """
    found = connection.execute(
        select(account.c.id, account.c.currency).where(account.c.role.in_(roles)).order_by(account.c.id)
    )
    return {row.id: row.currency for row in found}


def gathered_until(connection: Connection) -> uuid.UUID | None:
    """Entries with this id or a lesser one are gathered, as far as they bring anything; None where nothing is."""
    newest: uuid.UUID | None = connection.scalar(select(_KEPT.entry_id).order_by(_KEPT.entry_id.desc()).limit(1))
    if newest is None:
        return None
    made_ms = min(newest.int >> 80, time.time_ns() // 1_000_000)  # a clock may have been ahead
    return uuid.UUID(int=max(0, made_ms - LATE_COMMIT // timedelta(milliseconds=1)) << 80)


def not_gathered(until: uuid.UUID | None) -> ColumnElement[bool]:
    """Which lines of :func:`brought` are behind ``until`` and missing among those that are kept."""
    kept = select(literal(1)).where(_KEPT.entry_id == entry.c.id, _KEPT.household_id == line.c.household_id)
    return ~kept.exists() if until is None else and_(entry.c.id > until, ~kept.exists())


def gathering(store: Store, everything: bool = False) -> Iterator[int]:
    """Gather what is new, in steps; gives how many rows each step added.

    Without ``everything`` it begins a day before the newest that is kept, as transactions aren't committed in the order
    in which their entries were made: one that comes later still is found by a run with ``everything``.
    """
    with store.read() as connection:
        after = None if everything else gathered_until(connection)
    after = after or uuid.UUID(int=0)
    ids = select(entry.c.id).order_by(entry.c.id).limit(STEP)
    while True:
        with store.read() as connection:
            found = connection.scalars(ids.where(entry.c.id > after)).all()
        if not found:
            return
        with store.write() as unit:
            rows = brought(unit.connection, accounts_of(unit.connection, *HOUSEHOLD_ROLES))
            rows = rows.where(not_gathered(after), entry.c.id <= found[-1])
            new = _insert(unit.connection, rows).execution_options(preserve_rowcount=True)
            added = unit.connection.execute(new).rowcount
        after = found[-1]
        yield added
        if len(found) < STEP:
            return


def gathering_late(store: Store) -> Iterator[int]:
    """Everything looked through again, where anything is gathered: only a large network's payments ever are."""
    with store.read() as connection:
        if gathered_until(connection) is None:
            return
    yield from gathering(store, everything=True)


def _insert(connection: Connection, rows: Select[Any]) -> Insert:
    """Rows that aren't there yet."""
    names = [one.name for one in rows.selected_columns]
    if connection.dialect.name == "postgresql":
        return postgresql.insert(indicator_payment).from_select(names, rows).on_conflict_do_nothing()
    return sqlite.insert(indicator_payment).from_select(names, rows).on_conflict_do_nothing()
