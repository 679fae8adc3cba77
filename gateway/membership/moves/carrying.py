"""Households whose money is counted in other books from now on: what stands on them goes along, by balanced entries.

In the old books each household's accounts are brought to nothing against the account between mutuelles, in the new ones
the same is opened against it: what one mutuelle owes the other for it stands there until they settle it. Both entries
are of one day, so a household's own position, and with it its cover, is the same before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from gateway.kernel.money import Money
from gateway.ledger.chart import HOUSEHOLD_ROLES, Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.network.organisations import Organisation
from gateway.store.schema import account, collection, household, line, refund
from gateway.store.unit import Unit

# As gateway.payments.states has them: an operator may still be about to move this money.
_UNDECIDED = ("created", "sending", "pending", "unclear")
_REFUND_RUNNING = ("asked", "approved", "sent")


@dataclass(frozen=True)
class Carried:
    """What went from one's books to another's: of how many households, and what the first owes the second for it.

    ``owed`` below zero: the second owes the first, since the households owe more than they have in advance.
    """

    from_id: int
    to_id: int
    households: int
    owed: Money


def carry(
    unit: Unit, chart: Chart, which: ColumnElement[bool], books: Organisation, on: date, key: str
) -> tuple[Carried, ...]:
    """Bring what stands on some locked households in anybody else's books into ``books``; ``key`` makes it happen once.

    ``which`` is a condition on households. Nothing where nothing stands elsewhere.
    """
    rows = unit.connection.execute(
        select(
            account.c.organisation_id, account.c.role, line.c.household_id, func.sum(line.c.amount_minor).label("sum")
        )
        .join(account, account.c.id == line.c.account_id)
        .join(household, household.c.id == line.c.household_id)
        .where(
            which,
            account.c.role.in_(HOUSEHOLD_ROLES),
            account.c.currency == books.currency,
            account.c.organisation_id != books.id,
        )
        .group_by(account.c.organisation_id, account.c.role, line.c.household_id)
        .having(func.sum(line.c.amount_minor) != 0)
        .order_by(account.c.organisation_id, line.c.household_id, account.c.role)
    ).all()
    found = []
    for from_id in sorted({row.organisation_id for row in rows}):
        own = [row for row in rows if row.organisation_id == from_id]
        total = sum(int(row.sum) for row in own)
        for side, its_id, sign in (("out", from_id, -1), ("in", books.id, 1)):
            accounts = chart.of(unit, its_id, books.currency)
            lines = [Line(accounts[row.role], sign * int(row.sum), row.household_id) for row in own]
            if total:
                lines.append(Line(accounts["between"], -sign * total))
            record(
                unit, Entry(f"moved:{key}:{from_id}:{side}", its_id, "corrections", books.currency, on, tuple(lines))
            )
        households = len({row.household_id for row in own})
        found.append(Carried(from_id, books.id, households, Money(-total, books.currency)))
    return tuple(found)


def on_its_way(connection: Connection, which: Sequence[ColumnElement[bool]]) -> str | None:
    """The card of a household (of those that fulfil conditions) whose money is on its way, in or back; or None."""
    back = (
        select(refund.c.id)
        .where(refund.c.collection_id == collection.c.id, refund.c.state.in_(_REFUND_RUNNING))
        .correlate(collection)
    )
    query = (
        select(household.c.card)
        .join(collection, collection.c.household_id == household.c.id)
        .where(*which, or_(collection.c.state.in_(_UNDECIDED), exists(back)))
        .order_by(household.c.card)
        .limit(1)
    )
    return connection.scalar(query)
