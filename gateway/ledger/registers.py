"""The registers that a mutuelle keeps, read from its ledger: trial balance, account books, a household's own, journals.

A register is of one organisation's books, from a day to a day. An entry stands there under the day that
:func:`gateway.ledger.rules.booked_on` gives: what came for a closed month is on the first day of the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Row,
    Select,
    and_,
    case,
    func,
    literal,
    or_,
    select,
)

from gateway.kernel.numbers import with_check_digit
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.ledger.rules import ClosedMonth, next_month
from gateway.locale import mark
from gateway.store.heads import HEAD_NAME
from gateway.store.schema import account, collection, entry, household, line, period, seal

# Behind every number in the chain: where entries stand that are not sealed yet.
LAST_PLACE = 2**62
_COLLECTION = "collection:"

# What an entry is, told by how its key begins; a payment is told from one that nobody has identified.
_WORDINGS = {
    "collection": mark("Contribution"),
    "sample": mark("Contribution"),
    "dues": mark("Dues"),
    "joined": mark("Dues"),
    "penalty": mark("Penalty"),
    "cancelled": mark("Dues cancelled"),
    "freed": mark("Paid in advance"),
    "subsidy": mark("Subsidy received"),
    "advance": mark("Advance used"),
    "incoming": mark("Payment to identify"),
    "assigned": mark("Payment identified"),
    "returned": mark("Payment taken back"),
    "reversal": mark("Payment taken back"),
    "refund": mark("Refund"),
    "correction": mark("Correction"),
    "handover": mark("Cash handed over"),
    "fee": mark("Operator's fee"),
    "moved": mark("Moved to another mutuelle"),
    "rest": mark("Put on the group's account"),
}
JOURNALS = {
    "dues": ("CO", mark("Dues")),
    "collections": ("MM", mark("Mobile money")),
    "cash": ("CA", mark("Cash")),
    "bank": ("BQ", mark("Bank")),
    "corrections": ("OD", mark("Corrections")),
}
ROLE_NAMES = {
    "receivable": mark("Members"),
    "advance": mark("Members in credit"),
    "groups": mark("Groups in credit"),
    "subsidiser": mark("Subsidies to be received"),
    "between": mark("Between mutuelles"),
    "unexplained": mark("Money out to explain"),
    "suspense": mark("Payments to identify"),
    "bank": mark("Bank"),
    "wallet": mark("Mobile money"),
    "cash": mark("Cash"),
    "collectors": mark("Cash with animators"),
    "transfer": mark("Transfers of funds"),
    "fees": mark("Operators' fees"),
    "losses": mark("Losses"),
    "income": mark("Members' contributions"),
    "subsidies": mark("Subsidies"),
    "penalties": mark("Penalties"),
}


def wording(key: str, journal: str) -> str:
    """What an entry is, as a text of the catalogues."""
    return _WORDINGS.get(key.partition(":")[0]) or JOURNALS[journal][1]


def closed_months(connection: Connection, organisation_id: int) -> list[ClosedMonth]:
    """The months of an organisation's books that are closed, the oldest first."""
    rows = connection.execute(
        select(period.c.month, period.c.totals)
        .where(period.c.organisation_id == organisation_id)
        .order_by(period.c.month)
    )
    return [ClosedMonth(row.month, int(row.totals["through"])) for row in rows]


def booked_column(closed: Sequence[ClosedMonth]) -> ColumnElement[date]:
    """:func:`gateway.ledger.rules.booked_on` in SQL, over ``entry`` joined with its ``seal`` where it has one."""
    if not closed:
        return entry.c.happened_on
    newest_first = sorted(closed, key=lambda one: one.month, reverse=True)
    opens = case(
        *(
            (or_(seal.c.id.is_(None), seal.c.id > one.through), literal(next_month(one.month), Date))
            for one in newest_first
        ),
        else_=literal(date.min, Date),
    )
    return case((entry.c.happened_on < opens, opens), else_=entry.c.happened_on)


def books_joined() -> FromClause:
    """Lines with their entry, account and seal."""
    return (
        line.join(entry, entry.c.id == line.c.entry_id)
        .join(account, account.c.id == line.c.account_id)
        .outerjoin(seal, seal.c.entry_id == entry.c.id)
    )


# --- the trial balance ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TrialRow:
    """An account over a time, in minor units: debit positive, ``credit_minor`` without a sign."""

    code: str
    role: str
    currency: str
    opening_minor: int
    debit_minor: int
    credit_minor: int

    @property
    def closing_minor(self) -> int:
        return self.opening_minor + self.debit_minor - self.credit_minor


def trial_balance(
    connection: Connection,
    organisation_id: int,
    closed: Sequence[ClosedMonth],
    first: date,
    last: date,
    through: int | None = None,
) -> list[TrialRow]:
    """Every account that has moved by ``last``; ``through``: as the books were when the chain held so many entries."""
    booked, amount = booked_column(closed), line.c.amount_minor

    def total(*which: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(case((and_(*which), amount), else_=0)), 0)

    rows = connection.execute(
        select(
            account.c.code,
            account.c.role,
            account.c.currency,
            total(booked < first),
            total(booked >= first, amount > 0),
            total(booked >= first, amount < 0),
        )
        .select_from(books_joined())
        # A day in the books is never before the entry's own: said for the index.
        .where(entry.c.organisation_id == organisation_id, entry.c.happened_on <= last, booked <= last)
        .where(*((seal.c.id <= through,) if through is not None else ()))
        .group_by(account.c.id, account.c.code, account.c.role, account.c.currency)
        .order_by(account.c.currency, account.c.code, account.c.id)
    )
    return [TrialRow(row[0], row[1], row[2], int(row[3]), int(row[4]), -int(row[5])) for row in rows]


def first_booked(
    connection: Connection, organisation_id: int, closed: Sequence[ClosedMonth], through: int
) -> date | None:
    """The first day in the months that are open under which anything stands, of what the chain holds."""
    opens = max((next_month(one.month) for one in closed), default=date.min)
    booked = booked_column(closed)
    return connection.scalar(
        select(func.min(booked))
        .select_from(entry.outerjoin(seal, seal.c.entry_id == entry.c.id))
        .where(entry.c.organisation_id == organisation_id, booked >= opens, seal.c.id <= through)
    )


# --- lines with all that a register shows -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Movement:
    """A line as registers show it; debit positive.

    ``on`` is its day in the books and ``happened_on`` the day it counts for; ``piece`` the number of a receipt, else
    the entry's own: its place in the chain, or the end of its id while it has none. ``card`` and ``head`` are those of
    the household that it is about. ``balance_minor`` is what stands on the account after it.
    """

    on: date
    happened_on: date
    recorded_at: datetime
    number: int | None
    key: str
    journal: str
    piece: str
    code: str
    role: str
    currency: str
    amount_minor: int
    card: str | None
    head: str | None
    balance_minor: int = 0

    @property
    def wording(self) -> str:
        """What it is, as a text of the catalogues."""
        return wording(self.key, self.journal)


def movements(
    organisation_id: int, closed: Sequence[ClosedMonth], *which: ColumnElement[bool], balances: bool = True
) -> Select[Any]:
    """Lines in the order of the books; ``balances``: with the sum, up to each, of those of its account."""
    booked = booked_column(closed)
    place = func.coalesce(seal.c.id, literal(LAST_PLACE, BigInteger))
    order = (booked, place, entry.c.recorded_at, entry.c.id, line.c.id)
    running = func.sum(line.c.amount_minor).over(partition_by=account.c.id, order_by=order)
    return (
        select(
            booked.label("booked"),
            place.label("place"),
            (running if balances else literal(0, BigInteger)).label("running"),
            line.c.id.label("line_id"),
            line.c.amount_minor,
            account.c.code,
            account.c.role,
            account.c.currency,
            entry.c.id.label("entry_id"),
            entry.c.key,
            entry.c.journal,
            entry.c.happened_on,
            entry.c.recorded_at,
            seal.c.id.label("number"),
            line.c.household_id,
        )
        .select_from(books_joined())
        .where(entry.c.organisation_id == organisation_id, *which)
        .order_by(*order)
    )


def shown(inner: Select[Any], first: date, last: date) -> Select[Any]:
    """The same of some days with what registers show besides: receipts and households."""
    rows, other = inner.subquery(), line.alias("other")
    # A line of cash bears no household: another line of its entry does.
    about = func.coalesce(
        rows.c.household_id,
        select(func.min(other.c.household_id)).where(other.c.entry_id == rows.c.entry_id).scalar_subquery(),
    )
    return (
        select(rows, collection.c.id.label("collection_id"), household.c.card, HEAD_NAME.label("head"))
        .select_from(
            rows.outerjoin(
                collection,
                and_(
                    rows.c.key.like(_COLLECTION + "%"),
                    collection.c.key == func.substr(rows.c.key, len(_COLLECTION) + 1),
                ),
            ).outerjoin(household, household.c.id == about)
        )
        .where(rows.c.booked >= first, rows.c.booked <= last)
        .order_by(rows.c.booked, rows.c.place, rows.c.recorded_at, rows.c.entry_id, rows.c.line_id)
    )


def movement(row: Row[Any], before: int = 0) -> Movement:
    """A line from its row; ``before``: what stood on its account before those that were summed up."""
    return Movement(
        row.booked,
        row.happened_on,
        row.recorded_at,
        row.number,
        row.key,
        row.journal,
        _piece(row),
        row.code,
        row.role,
        row.currency,
        int(row.amount_minor),
        row.card,
        row.head,
        before + int(row.running),
    )


def _piece(row: Row[Any]) -> str:
    if row.collection_id is not None:
        return with_check_digit(row.collection_id)
    return str(row.number) if row.number is not None else row.entry_id.hex[-8:]


@dataclass(frozen=True)
class AccountBook:
    """One account over a time: what stood on it before, what moved it, and what stands on it after."""

    role: str
    currency: str
    opening_minor: int
    movements: tuple[Movement, ...]

    @property
    def closing_minor(self) -> int:
        return self.movements[-1].balance_minor if self.movements else self.opening_minor


def account_book(
    connection: Connection,
    organisation_id: int,
    closed: Sequence[ClosedMonth],
    role: str,
    currency: str,
    first: date,
    last: date,
) -> AccountBook:
    """The book of one account: cash, wallet, bank, or any other role."""
    own = (account.c.role == role, account.c.currency == currency)
    found = connection.execute(shown(movements(organisation_id, closed, *own).order_by(None), first, last))
    rows = tuple(movement(row) for row in found)
    if rows:
        return AccountBook(role, currency, rows[0].balance_minor - rows[0].amount_minor, rows)
    booked = booked_column(closed)
    before = connection.scalar(
        select(func.sum(line.c.amount_minor))
        .select_from(books_joined())
        .where(entry.c.organisation_id == organisation_id, *own, booked < first)
    )
    return AccountBook(role, currency, int(before or 0), ())


def journal_lines(
    connection: Connection,
    organisation_id: int,
    closed: Sequence[ClosedMonth],
    currency: str,
    first: date,
    last: date,
    journal: str | None = None,
) -> Iterator[Movement]:
    """All lines of a time in one currency, entry by entry in the order of the books; of one journal if it is named."""
    which = [entry.c.currency == currency, entry.c.happened_on <= last]
    if journal is not None:
        which.append(entry.c.journal == journal)
    for row in connection.execute(shown(movements(organisation_id, closed, *which).order_by(None), first, last)):
        yield movement(row)


def currencies(connection: Connection, organisation_id: int) -> list[str]:
    """The currencies in which an organisation's books have entries."""
    moved = select(line.c.id).where(line.c.account_id == account.c.id).exists()
    query = select(account.c.currency).where(account.c.organisation_id == organisation_id, moved).distinct()
    return sorted(connection.scalars(query))


# --- a household ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HouseholdRow:
    """A due (positive) or what was paid or credited (negative) of a household, and what it owes after it.

    Below zero it is in credit. ``due_on`` is the day on which a due is to be paid.
    """

    happened_on: date
    due_on: date | None
    piece: str
    key: str
    journal: str
    currency: str
    amount_minor: int
    balance_minor: int

    @property
    def wording(self) -> str:
        return wording(self.key, self.journal)


def household_rows(connection: Connection, household_id: int) -> list[HouseholdRow]:
    """A household's dues and payments by the day they count for; what only moved between its accounts is left out."""
    total = func.sum(line.c.amount_minor)
    query: Select[Any] = (
        select(
            entry.c.happened_on,
            line.c.due_on,
            entry.c.id.label("entry_id"),
            entry.c.key,
            entry.c.journal,
            entry.c.currency,
            seal.c.id.label("number"),
            collection.c.id.label("collection_id"),
            total.label("total"),
        )
        .select_from(
            books_joined().outerjoin(
                collection,
                and_(
                    entry.c.key.like(_COLLECTION + "%"),
                    collection.c.key == func.substr(entry.c.key, len(_COLLECTION) + 1),
                ),
            )
        )
        .where(line.c.household_id == household_id, account.c.role.in_(HOUSEHOLD_ROLES))
        .group_by(
            entry.c.happened_on,
            line.c.due_on,
            entry.c.id,
            entry.c.key,
            entry.c.journal,
            entry.c.currency,
            seal.c.id,
            collection.c.id,
        )
        .having(total != 0)
        .order_by(entry.c.happened_on, entry.c.recorded_at, entry.c.id, line.c.due_on)
    )
    owed: Counter[str] = Counter()
    found = []
    for row in connection.execute(query):
        owed[row.currency] += int(row.total)
        found.append(
            HouseholdRow(
                row.happened_on,
                row.due_on,
                _piece(row),
                row.key,
                row.journal,
                row.currency,
                int(row.total),
                owed[row.currency],
            )
        )
    return found
