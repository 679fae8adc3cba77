"""Takings: what payments brought in, read from the ledger; every posting is in exactly one closing's totals.

A day's takings are those of the entries that happened on it, where the mutuelle is, as the books have them. A closing
totals what was posted since the closing before it, whatever day that counts for: what an operator tells of late, and
cash recorded after a closing, belong to the next one.

A closing is all that has been posted so far less what earlier closings have totalled. No clock takes part in it: what
was being posted while somebody closed, or was posted by a machine whose clock is wrong, is in this one or in the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, extract, func, insert, literal, or_, select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.network.organisations import Tree
from gateway.network.staff import Member
from gateway.payments.cash import handovers_below
from gateway.payments.receipts import receipt_number
from gateway.payments.states import State
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import (
    account,
    cash_taking,
    closing,
    collection,
    entry,
    household,
    line,
    organisation,
)
from gateway.store.unit import Unit

# The accounts on which a payment may stand first: the wallet, the box, the animators' hands.
MONEY_ROLES = ("wallet", "cash", "collectors")
# The way of what an operator took back.
REVERSED = "reversed"
# The way of what people gave back: two of them decided it, and it was paid out.
REFUNDED = "refunded"
_ORDER = ("push", "reference", "cash", REVERSED, REFUNDED)
_JOURNALS = ("collections", "cash")


@dataclass(frozen=True)
class Takings:
    """What came in. ``rows``: the way, how many payments, their sum; ``totals``: the sum in each currency.

    Ways are ``push``, ``reference`` and ``cash``; what an operator took back, or a person corrected, has the way
    ``reversed``, what was paid back the way ``refunded``, each with a sum below zero.
    """

    day: date
    rows: tuple[tuple[str, int, Money], ...]
    totals: tuple[Money, ...]


_Key = tuple[str, str]  # way, currency


@dataclass
class _Sums:
    """Counts and sums; not yet Money, as all that was ever posted may be more than one amount can be."""

    counts: Counter[_Key] = field(default_factory=Counter)
    minor: Counter[_Key] = field(default_factory=Counter)

    def add(self, way: str, currency: str, count: int, minor: int) -> None:
        self.counts[way, currency] += count
        self.minor[way, currency] += minor

    def read(self, totals: list[dict[str, Any]]) -> None:
        """Add what a closing totalled."""
        for one in totals:
            self.add(one["way"], one["currency"], one["count"], one["minor"])

    def take_off(self, other: _Sums) -> None:
        self.counts.subtract(other.counts)
        self.minor.subtract(other.minor)

    def shown(self, day: date) -> Takings:
        known = [key for key in self.counts if self.counts[key] or self.minor[key]]
        known.sort(key=lambda key: (_ORDER.index(key[0]) if key[0] in _ORDER else len(_ORDER), key))
        rows = tuple((key[0], self.counts[key], Money(self.minor[key], key[1])) for key in known)
        return Takings(day, rows, _totals(amount for _, _, amount in rows))


def _totals(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """The sum in each currency."""
    sums: Counter[str] = Counter()
    for each in amounts:
        sums[each.currency] += each.minor
    return tuple(Money(sums[currency], currency) for currency in sorted(sums))


def takings(connection: Connection, tree: Tree, organisation_id: int, day: date) -> Takings:
    """What the books at or below an organisation took in on a day.

    An organisation whose books are kept above it has none of its own, and takes in nothing.
    """
    return _posted(connection, tree, organisation_id, entry.c.happened_on == day).shown(day)


def takings_by_hour(
    connection: Connection, tree: Tree, organisation_id: int, day: date
) -> tuple[Takings, dict[tuple[int, str, str], int]]:
    """The same, and beside it what came in each hour of the day where the organisation is: by hour, way and currency.

    The hour is the operator's or the office's own; money that nobody has identified yet has that of its posting.
    """
    at = func.coalesce(collection.c.paid_at, entry.c.recorded_at)
    hour = extract("hour", func.timezone("UTC", at) if connection.dialect.name == "postgresql" else at)
    sums, hours = _Sums(), Counter[tuple[int, str, str]]()
    # No zone of the gateway's countries is off by half an hour.
    midnight = datetime.combine(day, time(), ZoneInfo(tree[organisation_id].time_zone))
    ahead = int((midnight.utcoffset() or timedelta()).total_seconds() // 3600)
    for row in connection.execute(_ask(tree, organisation_id, (entry.c.happened_on == day,), hour.label("hour"))):
        sums.add(row[0], row[1], int(row[2]), int(row[3]))
        hours[(int(row.hour) + ahead) % 24, row[0], row[1]] += int(row[3])
    return sums.shown(day), dict(hours)


def to_close(connection: Connection, tree: Tree, organisation_id: int, day: date) -> Takings:
    """What a closing on ``day`` would total: all that was posted since the last, or since the books began."""
    # What is closed is read first: were a closing written in between, this would show it once more, never too little.
    closed = _closed(connection, organisation_id)
    sums = _posted(connection, tree, organisation_id)
    sums.take_off(closed)
    return sums.shown(day)


_original = entry.alias("original")
# An entry of a payment bears the key of its collection; a reversal's is found by the entry that it reverses. Money that
# nobody has identified yet has no collection: it came by itself, and is counted when it came.
_CAUSE = func.coalesce(_original.c.key, entry.c.key)
_COLLECTION_KEY = func.substr(_CAUSE, len("collection:") + 1)
_UNIDENTIFIED = _CAUSE.like("incoming:%")
_PAID_BACK = entry.c.key.like("refund:%")
_REST = _CAUSE.like("rest:%")  # what of a group's payment isn't divided, where that moves money


def _ask(
    tree: Tree, organisation_id: int, which: Sequence[ColumnElement[bool]], *by: ColumnElement[Any]
) -> Select[Any]:
    """Way, currency, count, sum, and what else they are told apart by."""
    by_itself = func.coalesce(collection.c.way, literal("reference"))
    way = case(
        (_PAID_BACK, literal(REFUNDED)), (entry.c.reverses_id.is_(None), by_itself), else_=literal(REVERSED)
    ).label("came_by")
    return (
        select(way, entry.c.currency, func.count(), func.sum(line.c.amount_minor), *by)
        .select_from(entry)
        .join(line, line.c.entry_id == entry.c.id)
        .join(account, and_(account.c.id == line.c.account_id, account.c.role.in_(MONEY_ROLES)))
        .outerjoin(_original, _original.c.id == entry.c.reverses_id)
        .outerjoin(collection, collection.c.key == _COLLECTION_KEY)
        .where(
            or_(collection.c.id.is_not(None), _UNIDENTIFIED, _PAID_BACK, _REST),
            entry.c.organisation_id.in_(_books_below(tree, organisation_id)),
            or_(entry.c.journal.in_(_JOURNALS), entry.c.reverses_id.is_not(None), _PAID_BACK),
            *which,
        )
        .group_by(way, entry.c.currency, *by)
    )


def _posted(connection: Connection, tree: Tree, organisation_id: int, *which: ColumnElement[bool]) -> _Sums:
    sums = _Sums()
    for row in connection.execute(_ask(tree, organisation_id, which)):
        sums.add(row[0], row[1], int(row[2]), int(row[3]))
    return sums


def _books_below(tree: Tree, organisation_id: int) -> list[int]:
    above = tree[organisation_id]
    return [one.id for one in tree.by_id.values() if one.under(above) and one.books_id == one.id]


# --- closing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Closed:
    """A day that was closed now, and what its closing totals."""

    day: date
    takings: Takings


@dataclass(frozen=True)
class AlreadyClosed:
    """The day was closed before; what comes after that counts in the next day's closing."""

    day: date
    takings: Takings


@dataclass(frozen=True)
class OpenHandovers:
    """Cash that animators have handed over waits for the treasurer's word: that comes first."""

    count: int


def close_day(unit: Unit, tree: Tree, staff: Member, organisation_id: int) -> Closed | AlreadyClosed | OpenHandovers:
    """Close today for the books at or below an organisation, once: what was posted since the last closing is totalled.

    Raises ValueError for an organisation that isn't at or below the treasurer's own.
    """
    office = tree[organisation_id]
    if not office.under(tree[staff.organisation_id]):
        raise ValueError(f"staff {staff.id} closes nothing in organisation {organisation_id}")
    # Of two who close at the same moment, the second sees the first one's totals.
    unit.connection.execute(
        select(organisation.c.id).where(organisation.c.id == organisation_id).with_for_update(key_share=True)
    )
    today = day_in(office.time_zone, unit.now)
    before = unit.connection.execute(
        select(closing.c.totals).where(closing.c.organisation_id == organisation_id, closing.c.day == today)
    ).first()
    if before is not None:
        closed = _Sums()
        closed.read(before.totals)
        return AlreadyClosed(today, closed.shown(today))
    waiting = handovers_below(unit.connection, tree, organisation_id, staff)
    if waiting:
        return OpenHandovers(len(waiting))
    total = to_close(unit.connection, tree, organisation_id, today)
    unit.connection.execute(
        insert(closing).values(
            organisation_id=organisation_id,
            day=today,
            staff_id=staff.id,
            closed_at=unit.now,
            totals=[
                {"way": way, "currency": amount.currency, "count": count, "minor": amount.minor}
                for way, count, amount in total.rows
            ],
        )
    )
    return Closed(today, total)


def _closed(connection: Connection, organisation_id: int) -> _Sums:
    """All that the closings of an organisation have totalled."""
    sums = _Sums()
    for totals in connection.scalars(select(closing.c.totals).where(closing.c.organisation_id == organisation_id)):
        sums.read(totals)
    return sums


# --- lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Payment:
    """A payment as lists show it: what came, the day it counts for, and whose it is.

    ``reversed`` when the operator has taken the money back since.
    """

    number: str
    code: str | None
    amount: Money
    on: date
    way: str
    card: str
    head: str
    reversed: bool


_PAYMENTS: Select[Any] = (
    select(
        collection.c.id,
        collection.c.receipt_code,
        collection.c.paid_minor,
        collection.c.paid_currency,
        collection.c.way,
        collection.c.state,
        entry.c.happened_on,
        household.c.card,
        func.coalesce(HEAD_NAME, household.c.card).label("head"),
    )
    .select_from(collection)
    .join(household, household.c.id == collection.c.household_id)
    # Said from either side, so that the index of either serves.
    .join(
        entry,
        and_(
            entry.c.key == literal("collection:") + collection.c.key,
            collection.c.key == func.substr(entry.c.key, len("collection:") + 1),
        ),
    )
)
_NEWEST_FIRST = (entry.c.happened_on.desc(), entry.c.recorded_at.desc(), collection.c.id.desc())


def _payment(row: Row[Any]) -> Payment:
    return Payment(
        receipt_number(row.id),
        row.receipt_code,
        Money(row.paid_minor, row.paid_currency),
        row.happened_on,
        row.way,
        row.card,
        row.head,
        row.state == State.REVERSED,
    )


def last_payments(connection: Connection, tree: Tree, organisation_id: int, limit: int) -> list[Payment]:
    """The latest payments in the books at or below an organisation, the newest day first."""
    newest = (
        select(entry.c.id)
        .where(
            entry.c.organisation_id.in_(_books_below(tree, organisation_id)),
            entry.c.journal.in_(_JOURNALS),
            entry.c.key.like("collection:%"),
        )
        .order_by(entry.c.happened_on.desc(), entry.c.recorded_at.desc(), entry.c.id.desc())
        .limit(limit)
    )
    query = _PAYMENTS.where(entry.c.id.in_(newest)).order_by(*_NEWEST_FIRST)
    return [_payment(row) for row in connection.execute(query)]


def payments_of(connection: Connection, household_id: int, limit: int = 5) -> list[Payment]:
    """A household's latest payments, the newest day first."""
    query = _PAYMENTS.where(collection.c.household_id == household_id)
    return [_payment(row) for row in connection.execute(query.order_by(*_NEWEST_FIRST).limit(limit))]


@dataclass(frozen=True)
class Collected:
    """The cash that one person took on a day: each payment, the newest first, and the sum in each currency."""

    day: date
    payments: tuple[Payment, ...]
    totals: tuple[Money, ...]


def collected_by(connection: Connection, staff_id: int, day: date) -> Collected:
    """The cash that an animator or a treasurer took on a day, where the mutuelle is, less what was corrected."""
    query = _PAYMENTS.join(cash_taking, cash_taking.c.collection_id == collection.c.id).where(
        cash_taking.c.staff_id == staff_id, entry.c.happened_on == day, collection.c.state == State.PAID.value
    )
    payments = tuple(_payment(row) for row in connection.execute(query.order_by(*_NEWEST_FIRST)))
    return Collected(day, payments, _totals(one.amount for one in payments))
