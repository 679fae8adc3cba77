"""What a treasurer counts at the end of a day: who took which cash, what the books have in the box, what was closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from gateway.kernel.money import Money
from gateway.membership.several import among
from gateway.network.organisations import Organisation, Tree
from gateway.payments.states import State
from gateway.store.schema import account, cash_taking, closing, collection, entry, line, staff


@dataclass(frozen=True)
class Taken:
    """The cash that one person took on a day, less what was corrected."""

    name: str
    role: str
    count: int
    amount: Money


def cash_by_person(connection: Connection, tree: Tree, organisation_id: int, day: date) -> list[Taken]:
    """Who took how much cash on a day for the books at or below an organisation."""
    above = tree[organisation_id]
    books = [one.id for one in tree.by_id.values() if one.books_id == one.id and one.under(above)]
    rows = connection.execute(
        select(
            staff.c.name, staff.c.role, collection.c.paid_currency, func.count(), func.sum(collection.c.paid_minor)
        )
        .select_from(entry)
        .join(collection, collection.c.key == func.substr(entry.c.key, len("collection:") + 1))
        .join(cash_taking, cash_taking.c.collection_id == collection.c.id)
        .join(staff, staff.c.id == cash_taking.c.staff_id)
        .where(
            entry.c.organisation_id.in_(among(books)),
            entry.c.happened_on == day,
            entry.c.key.like("collection:%"),
            collection.c.state == State.PAID.value,
        )
        .group_by(staff.c.id, staff.c.name, staff.c.role, collection.c.paid_currency)
        .order_by(staff.c.name, staff.c.id)
    )  # fmt: skip
    return [Taken(row[0], row[1], int(row[3]), Money(int(row[4]), row[2])) for row in rows]


def on_account(connection: Connection, books: Organisation, role: str) -> Money:
    """What the books have on one of their own accounts, debit positive, in the mutuelle's currency."""
    total = connection.scalar(
        select(func.sum(line.c.amount_minor))
        .join(account, account.c.id == line.c.account_id)
        .where(
            account.c.organisation_id == books.id, account.c.role == role, account.c.currency == books.currency
        )
    )  # fmt: skip
    return Money(int(total or 0), books.currency)


@dataclass(frozen=True)
class ClosedDay:
    """A day that was closed: when, by whom, and what its closing totals: the way, how many, their sum."""

    day: date
    closed_at: datetime
    by: str
    rows: tuple[tuple[str, int, Money], ...]


def closed_days(
    connection: Connection, organisation_id: int, limit: int = 31, day: date | None = None
) -> list[ClosedDay]:  # fmt: skip
    """The days that an organisation has closed, the latest first, or one of them."""
    query = (
        select(closing, staff.c.name)
        .join(staff, staff.c.id == closing.c.staff_id)
        .where(closing.c.organisation_id == organisation_id)
    )
    if day is not None:
        query = query.where(closing.c.day == day)
    return [
        ClosedDay(
            row.day,
            row.closed_at,
            row.name,
            tuple((one["way"], one["count"], Money(one["minor"], one["currency"])) for one in row.totals),
        )
        for row in connection.execute(query.order_by(closing.c.day.desc()).limit(limit))
    ]
