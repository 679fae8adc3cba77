"""The registers a leaf at a time, for whoever looks at them on a screen: the same figures, without all the past.

What stood on an account before is taken from the last month that is closed, whose totals are kept and never change, and
only what came after is added up; where no month is closed, all that stands on it is. The whole registers are read by
:mod:`gateway.ledger.registers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from gateway.ledger.registers import (
    Movement,
    TrialRow,
    booked_column,
    books_joined,
    movement,
    movements,
    shown,
)
from gateway.ledger.rules import ClosedMonth, next_month
from gateway.store.schema import account, entry, line, period, seal


@dataclass(frozen=True)
class Leaf:
    """Some lines of a register, and whether there are more behind them."""

    movements: tuple[Movement, ...]
    more: bool


@dataclass(frozen=True)
class BookLeaf:
    """A leaf of an account's book, with what stood on the account before the first day and after the last."""

    opening_minor: int
    closing_minor: int
    leaf: Leaf


def trial_balance(
    connection: Connection, organisation_id: int, closed: Sequence[ClosedMonth], first: date, last: date
) -> list[TrialRow]:
    """As :func:`gateway.ledger.registers.trial_balance`."""
    before = _before(connection, organisation_id, closed, first)
    amount = line.c.amount_minor
    within = {
        row.account_id: (int(row.debit), -int(row.credit))
        for row in connection.execute(
            select(
                line.c.account_id,
                func.sum(case((amount > 0, amount), else_=0)).label("debit"),
                func.sum(case((amount < 0, amount), else_=0)).label("credit"),
            )
            .select_from(books_joined())
            .where(entry.c.organisation_id == organisation_id, *_booked(closed, first, last))
            .group_by(line.c.account_id)
        )
    }
    accounts = connection.execute(
        select(account.c.id, account.c.code, account.c.role, account.c.currency)
        .where(account.c.organisation_id == organisation_id)
        .order_by(account.c.currency, account.c.code, account.c.id)
    )
    return [
        TrialRow(row.code, row.role, row.currency, before.get(row.id, 0), *within.get(row.id, (0, 0)))
        for row in accounts
        if row.id in before or row.id in within
    ]


def book_leaf(
    connection: Connection,
    organisation_id: int,
    closed: Sequence[ClosedMonth],
    role: str,
    currency: str,
    first: date,
    last: date,
    after: int,
    limit: int,
) -> BookLeaf:
    """Up to ``limit`` lines of an account's book behind the first ``after``, each with what stands after it."""
    own = (account.c.role == role, account.c.currency == currency)
    opening = sum(_before(connection, organisation_id, closed, first, *own).values())
    within = connection.scalar(
        select(func.sum(line.c.amount_minor))
        .select_from(books_joined())
        .where(entry.c.organisation_id == organisation_id, *own, *_booked(closed, first, last))
    )
    inner = movements(organisation_id, closed, *own, *_booked(closed, first, last))
    rows = connection.execute(shown(inner.offset(after).limit(limit + 1), first, last)).all()
    found = tuple(movement(row, opening) for row in rows)
    return BookLeaf(opening, opening + int(within or 0), Leaf(found[:limit], len(found) > limit))


def journal_leaf(
    connection: Connection,
    organisation_id: int,
    closed: Sequence[ClosedMonth],
    currency: str,
    first: date,
    last: date,
    journal: str | None,
    after: int,
    limit: int,
) -> Leaf:
    """Up to ``limit`` lines of a time behind the first ``after``, in the books' order; of one journal if named."""
    which = [entry.c.currency == currency]
    if journal is not None:
        which.append(entry.c.journal == journal)
    inner = movements(organisation_id, closed, *which, *_booked(closed, first, last), balances=False)
    rows = connection.execute(shown(inner.offset(after).limit(limit + 1), first, last)).all()
    return Leaf(tuple(movement(row) for row in rows[:limit]), len(rows) > limit)


# --- what stood before ------------------------------------------------------------------------------------------------


def _before(
    connection: Connection, organisation_id: int, closed: Sequence[ClosedMonth], first: date, *own: ColumnElement[bool]
) -> dict[int, int]:
    """What stood before a day on each account that had moved by then."""
    over = [one.month for one in closed if next_month(one.month) <= first]
    if not over:
        return _all_but_since(connection, organisation_id, closed, first, *own)
    found = _kept(connection, organisation_id, max(over), *own)
    since = next_month(max(over))
    if since < first:
        for row in connection.execute(
            select(line.c.account_id, func.sum(line.c.amount_minor).label("minor"))
            .select_from(books_joined())
            .where(entry.c.organisation_id == organisation_id, *own, *_booked(closed, since, first - timedelta(days=1)))
            .group_by(line.c.account_id)
        ):
            found[row.account_id] = found.get(row.account_id, 0) + int(row.minor)
    return found


def _all_but_since(
    connection: Connection, organisation_id: int, closed: Sequence[ClosedMonth], first: date, *own: ColumnElement[bool]
) -> dict[int, int]:
    """All that stands on the accounts, less what came on the day or after it: mostly few lines against many.

    An entry stands on accounts of its own organisation: the database sees to it.
    """
    since = (
        select(line.c.account_id, func.sum(line.c.amount_minor).label("minor"), func.count().label("lines"))
        .select_from(books_joined())
        .where(entry.c.organisation_id == organisation_id, *own, *_booked(closed, first, date.max))
        .group_by(line.c.account_id)
        .subquery()
    )
    whole = (
        select(line.c.account_id, func.sum(line.c.amount_minor).label("minor"), func.count().label("lines"))
        .where(line.c.account_id.in_(select(account.c.id).where(account.c.organisation_id == organisation_id, *own)))
        .group_by(line.c.account_id)
        .subquery()
    )
    rows = connection.execute(
        select(
            whole.c.account_id,
            (whole.c.minor - func.coalesce(since.c.minor, 0)).label("minor"),
        )
        .select_from(whole.outerjoin(since, since.c.account_id == whole.c.account_id))
        .where(whole.c.lines > func.coalesce(since.c.lines, 0))
    )
    return {row.account_id: int(row.minor) for row in rows}


def _kept(connection: Connection, organisation_id: int, month: date, *own: ColumnElement[bool]) -> dict[int, int]:
    """What stood on each account at the end of a month, as it was kept when the month was closed."""
    totals = connection.scalar(
        select(period.c.totals).where(period.c.organisation_id == organisation_id, period.c.month == month)
    )
    assert totals is not None
    stood = {(each["role"], each["currency"]): int(each["closing_minor"]) for each in totals["accounts"]}
    accounts = connection.execute(
        select(account.c.id, account.c.role, account.c.currency).where(
            account.c.organisation_id == organisation_id, *own
        )
    )
    return {row.id: stood[row.role, row.currency] for row in accounts if (row.role, row.currency) in stood}


def _booked(closed: Sequence[ClosedMonth], first: date, last: date) -> list[ColumnElement[bool]]:
    """Entries whose day in the books is one of these, said so that an index over their own days serves."""
    booked = booked_column(closed)
    own = entry.c.happened_on >= first
    # What came for a closed month after its closing is on the first day of the next: on one of these days?
    turned = [one.through for one in closed if first <= next_month(one.month) <= last]
    late = or_(own, seal.c.id > min(turned), seal.c.id.is_(None)) if turned else own
    return [entry.c.happened_on <= last, late, booked >= first, booked <= last]
