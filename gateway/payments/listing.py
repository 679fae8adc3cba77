"""Collections as the office lists them: of one part of the network, the newest first, a page at a time.

A page is quick whatever a database holds: each mutuelle's newest are read by its own index and put together, and where
a way or a state has to be looked for among many others, so many rows are looked through and no more; the page then says
from where to go on. A part of a mutuelle has no books of its own: its collections are found by its households.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Select, String, bindparam, func, select, tuple_, union_all

from gateway.kernel.money import Money
from gateway.membership.several import among
from gateway.network.organisations import Organisation, Tree
from gateway.payments.receipts import names_receipt, show_receipt
from gateway.payments.states import UNDECIDED, State
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import collection, household, organisation, payer_group

Standing = Literal["waiting", "paid", "nothing", "back"]
# How collections stand, in the four words that a list knows, and the states that each is made of.
STANDINGS: dict[Standing, tuple[State, ...]] = {
    "waiting": tuple(sorted(UNDECIDED)),
    "paid": (State.PAID,),
    "nothing": (State.EXPIRED, State.REFUSED),
    "back": (State.REVERSED,),
}
WAYS = ("push", "reference", "cash")
A_PAGE = 50
LOOKED_THROUGH = 1_000  # rows of each mutuelle, where most may be of another way or state
_MOST_TERMS = 400  # of one compound query; SQLite takes 500


@dataclass(frozen=True)
class Only:
    """Which collections are asked for: all, or those that stand so, came this way, were made on this day."""

    standing: Standing | None = None
    way: str | None = None
    day: date | None = None
    household_id: int | None = None


EVERY = Only()


@dataclass(frozen=True)
class Listed:
    """A collection on a list. ``amount`` is what came, or what was asked for while nothing has.

    ``receipt``: its number and code, as soon as it is paid. Of a group ``whose`` is its name and ``card`` nothing.
    """

    id: int
    made_at: datetime
    state: State
    reason: str | None
    way: str
    amount: Money
    receipt: str
    card: str
    whose: str
    household_id: int | None


@dataclass(frozen=True)
class Listing:
    """A page of a list; ``after``: the id from which the next one goes on, None where this is the last."""

    rows: tuple[Listed, ...]
    after: int | None


def listed(
    connection: Connection,
    tree: Tree,
    at: Organisation,
    only: Only = EVERY,
    after: int | None = None,
    limit: int = A_PAGE,
) -> Listing:
    """The newest collections of the part of the network at or below ``at``, those after a page's last one.

    A day is that of ``at``.
    """
    which = _which(connection, at, only, after)
    books = [one.id for one in tree.by_id.values() if one.books_id == one.id and one.under(at)]
    sparse = False  # may what is looked for be rare among what is read?
    if only.household_id is not None:
        # Its own index leads to the few that it has, whatever is asked of them.
        query = _newest([*which, *_of_states(only), *_of_way(only), _below(tree, at)]).limit(limit + 1)
        rows = list(connection.execute(query))
    elif not books:
        own = select(household.c.id).where(household.c.section_id.in_(among(_sections(tree, at))))
        query = _newest([*which, *_of_states(only), *_of_way(only), collection.c.household_id.in_(own)])
        rows = list(connection.execute(query.limit(limit + 1)))
    elif only.standing == "waiting":
        # Few are waiting at any moment, and they have an index.
        own_books = collection.c.organisation_id.in_(among(books))
        query = _newest([*which, *_of_states(only), *_of_way(only), own_books]).limit(limit + 1)
        rows = list(connection.execute(query))
    else:
        by_index = only.standing in ("nothing", "back")
        sparse = only.way is not None or only.standing is not None
        most = LOOKED_THROUGH if sparse else limit + 1
        rows = _of_books(connection, books, [*which, *(_came_to_nothing() if by_index else [])], most)
    cut = len(rows) > limit
    if sparse:
        whole = len(rows) >= LOOKED_THROUGH
        states = {state.value for state in STANDINGS[only.standing]} if only.standing else None
        found = [row for row in rows if (states is None or row.state in states) and only.way in (None, row.way)]
        cut = whole or len(found) > limit
        end = found[limit - 1].id if len(found) > limit else rows[-1].id if rows else None
        rows = found
    else:
        end = rows[limit - 1].id if cut else None
    return Listing(_details(connection, [row.id for row in rows[:limit]]), end if cut else None)


# --- which ------------------------------------------------------------------------------------------------------------


def _which(connection: Connection, at: Organisation, only: Only, after: int | None) -> list[ColumnElement[bool]]:
    which: list[ColumnElement[bool]] = []
    if only.household_id is not None:
        which.append(collection.c.household_id == only.household_id)
    if only.day is not None:
        zone = ZoneInfo(at.time_zone)
        begins = datetime.combine(only.day, time.min, zone)
        which += [
            collection.c.created_at >= begins,
            collection.c.created_at < datetime.combine(only.day + timedelta(days=1), time.min, zone),
        ]
    last = connection.scalar(select(collection.c.created_at).where(collection.c.id == after)) if after else None
    if last is not None:
        # Said twice: the index is entered at the moment, and the few of that very moment are told apart by their ids.
        which += [
            collection.c.created_at <= last,
            tuple_(collection.c.created_at, collection.c.id) < tuple_(_moment(last), bindparam(None, after)),
        ]
    return which


def _moment(at: datetime) -> ColumnElement[datetime]:
    return bindparam(None, at, collection.c.created_at.type)


def _of_states(only: Only) -> list[ColumnElement[bool]]:
    if only.standing is None:
        return []
    return [collection.c.state.in_(_written([state.value for state in STANDINGS[only.standing]]))]


def _came_to_nothing() -> list[ColumnElement[bool]]:
    """As the partial index has it, so that it serves; of the two words that it knows, the list keeps one."""
    states = [State.REFUSED.value, State.EXPIRED.value, State.REVERSED.value]
    return [collection.c.state.in_(_written(states))]


def _written(values: Sequence[str]) -> Any:
    """Written out in the statement: a partial index serves only where the database sees that its condition holds."""
    return bindparam(None, list(values), String, literal_execute=True, expanding=True)


def _of_way(only: Only) -> list[ColumnElement[bool]]:
    return [collection.c.way == only.way] if only.way is not None else []


def _sections(tree: Tree, at: Organisation) -> list[int]:
    return [one.id for one in tree.by_id.values() if one.under(at)]


def _below(tree: Tree, at: Organisation) -> ColumnElement[bool]:
    """Is a household's collection below ``at``, by where the household is?"""
    own = select(household.c.id).where(
        household.c.id == collection.c.household_id, household.c.section_id.in_(among(_sections(tree, at)))
    )
    return own.exists()


_KEY = (collection.c.id, collection.c.created_at, collection.c.state, collection.c.way)


def _newest(which: Sequence[ColumnElement[bool]]) -> Select[Any]:
    return select(*_KEY).where(*which).order_by(collection.c.created_at.desc(), collection.c.id.desc())


def _of_books(
    connection: Connection, books: Sequence[int], which: Sequence[ColumnElement[bool]], most: int
) -> list[Row[Any]]:
    """The newest of several mutuelles: the newest of each by its index, put together."""
    if len(books) == 1:
        return list(connection.execute(_newest([*which, collection.c.organisation_id == books[0]]).limit(most)))
    if connection.dialect.name == "postgresql":
        own = _newest([*which, collection.c.organisation_id == organisation.c.id]).limit(most).lateral("own")
        query = select(own).select_from(organisation.join(own, own.c.id.is_not(None)))
        query = query.where(organisation.c.id.in_(among(books)))
        return list(connection.execute(query.order_by(own.c.created_at.desc(), own.c.id.desc()).limit(most)))
    rows: list[Row[Any]] = []
    for begin in range(0, len(books), _MOST_TERMS):
        terms = [
            select(_newest([*which, collection.c.organisation_id == its_id]).limit(most).subquery())
            for its_id in books[begin : begin + _MOST_TERMS]
        ]
        rows += connection.execute(union_all(*terms)).all()
    return sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)[:most]


# --- as they are shown ------------------------------------------------------------------------------------------------

_DETAILS = (
    select(
        collection,
        household.c.card,
        func.coalesce(HEAD_NAME, payer_group.c.name).label("whose"),
    )
    .outerjoin(household, household.c.id == collection.c.household_id)
    .outerjoin(payer_group, payer_group.c.id == collection.c.group_id)
)


def _details(connection: Connection, ids: Sequence[int]) -> tuple[Listed, ...]:
    if not ids:
        return ()
    rows = {row.id: row for row in connection.execute(_DETAILS.where(collection.c.id.in_(among(ids))))}
    return tuple(_listed(rows[its_id]) for its_id in ids)


def _listed(row: Row[Any]) -> Listed:
    paid = row.paid_minor is not None
    amount = Money(row.paid_minor, row.paid_currency) if paid else Money(row.amount_minor, row.currency)
    return Listed(
        row.id,
        row.created_at,
        State(row.state),
        row.reason,
        row.way,
        amount,
        show_receipt(row.id, row.receipt_code) if paid else "",
        row.card or "",
        row.whose or row.card or "",
        row.household_id,
    )


def listed_by_id(connection: Connection, ids: Sequence[int]) -> tuple[Listed, ...]:
    """Some collections, in this order; the ids are known to exist."""
    return _details(connection, ids)


def found_by_number(connection: Connection, typed: str) -> int | None:
    """The id of the collection that a receipt's number names, typed with its code or without."""
    return connection.scalar(select(collection.c.id).where(names_receipt(typed)))
