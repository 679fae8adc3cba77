"""What subsidisers owe for members of their categories: invoiced by list, each due once, and written down when paid.

A list names cards, categories and membership years, and no people. It is made of lines of the ledger, so it is the same
whenever it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, Row, Select, exists, func, insert, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.numbers import read_number, with_check_digit
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.membership.categories import NAME_CHARACTERS
from gateway.network.organisations import Tree
from gateway.store.schema import (
    account,
    category,
    entry,
    household,
    line,
    membership,
    organisation,
    subsidiser,
    subsidy_invoice,
    subsidy_invoice_line,
    tariff,
)
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

_BLOCK = 1_000


@dataclass(frozen=True)
class Subsidiser:
    """Who pays what members of a category needn't."""

    id: int
    organisation_id: int
    code: str
    name: str


@dataclass(frozen=True)
class Invoice:
    """A list that was made for a subsidiser of what fell due up to a day, and when it was paid."""

    id: int
    subsidiser: str
    until: date
    made_by: str
    made_at: datetime
    households: int
    amount: Money
    paid_on: date | None
    paid_by: str | None

    @property
    def number(self) -> str:
        """As people read it out, with a check digit."""
        return with_check_digit(self.id)


@dataclass(frozen=True)
class Item:
    """A line of an invoice: a household's year in a category, and what is invoiced of it (below zero: cancelled)."""

    mutuelle: str
    card: str
    category: str
    starts_on: date
    ends_on: date
    amount: Money


def subsidiser_named(connection: Connection, code: str) -> Subsidiser:
    """The one with a code; raises :class:`Fault`."""
    row = connection.execute(select(subsidiser).where(subsidiser.c.code == code)).first()
    if row is None:
        raise Fault(f"no subsidiser has the code {code}")
    return Subsidiser(row.id, row.organisation_id, row.code, row.name)


def subsidisers(connection: Connection) -> list[Subsidiser]:
    """All there are, by code."""
    rows = connection.execute(select(subsidiser).order_by(subsidiser.c.code))
    return [Subsidiser(row.id, row.organisation_id, row.code, row.name) for row in rows]


def _owed(subsidiser_id: int, until: date) -> Select[int, str]:
    """The ledger's lines of what a subsidiser owes by a day that stand on no invoice yet."""
    return (
        select(line.c.id, entry.c.currency)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(account, account.c.id == line.c.account_id)
        .join(membership, membership.c.id == line.c.membership_id)
        .join(tariff, tariff.c.id == membership.c.tariff_id)
        .where(
            account.c.role == "subsidiser",
            tariff.c.subsidiser_id == subsidiser_id,
            line.c.due_on <= until,
            ~exists(select(subsidy_invoice_line.c.line_id).where(subsidy_invoice_line.c.line_id == line.c.id)),
        )
        .order_by(line.c.id)
    )


def make_invoice(unit: Unit, one: Subsidiser, until: date, by: str) -> Invoice:
    """Make the invoice of all that a subsidiser owes by a day and that stands on none yet; raises :class:`Fault`.

    Where money is owed in several currencies the first is invoiced, and the next invoice takes the next.
    """
    if not by.strip() or len(by) > NAME_CHARACTERS:
        raise Fault(f"who makes it must be said, in at most {NAME_CHARACTERS} letters")
    take_turn(unit, f"invoice subsidiser {one.id}")
    rows = unit.connection.execute(_owed(one.id, until)).all()
    if not rows:
        raise Fault(f"{one.code} owes nothing by {until} that isn't invoiced")
    currency = min(row.currency for row in rows)
    made = unit.connection.execute(
        insert(subsidy_invoice).values(
            subsidiser_id=one.id, currency=currency, until=until, made_by=by.strip(), made_at=unit.now
        )
    ).inserted_primary_key
    invoice_id = int(made[0])  # type: ignore[index]
    own = [{"line_id": row.id, "invoice_id": invoice_id} for row in rows if row.currency == currency]
    for first in range(0, len(own), _BLOCK):
        unit.connection.execute(insert(subsidy_invoice_line), own[first : first + _BLOCK])
    return invoice_numbered(unit.connection, with_check_digit(invoice_id))


_INVOICES = (
    select(
        subsidy_invoice.c.id,
        subsidiser.c.code,
        subsidy_invoice.c.until,
        subsidy_invoice.c.made_by,
        subsidy_invoice.c.made_at,
        func.count(line.c.household_id.distinct()).label("households"),
        func.sum(line.c.amount_minor).label("amount_minor"),
        subsidy_invoice.c.currency,
        subsidy_invoice.c.paid_on,
        subsidy_invoice.c.paid_by,
    )
    .join(subsidiser, subsidiser.c.id == subsidy_invoice.c.subsidiser_id)
    .join(subsidy_invoice_line, subsidy_invoice_line.c.invoice_id == subsidy_invoice.c.id)
    .join(line, line.c.id == subsidy_invoice_line.c.line_id)
    .group_by(subsidy_invoice.c.id, subsidiser.c.code)
    .order_by(subsidy_invoice.c.id.desc())
)


def _invoice(row: Row[tuple[object, ...]]) -> Invoice:
    return Invoice(
        row.id,
        row.code,
        row.until,
        row.made_by,
        row.made_at,
        row.households,
        Money(int(row.amount_minor), row.currency),
        row.paid_on,
        row.paid_by,
    )


def invoices(connection: Connection, limit: int) -> list[Invoice]:
    """The newest invoices."""
    return [_invoice(row) for row in connection.execute(_INVOICES.limit(limit))]


def invoice_numbered(connection: Connection, number: str) -> Invoice:
    """The invoice with a number, however it is typed; raises :class:`Fault`."""
    invoice_id = read_number(number)
    row = connection.execute(_INVOICES.where(subsidy_invoice.c.id == (invoice_id or 0))).first()
    if row is None:
        raise Fault(f"no invoice has the number {number}")
    return _invoice(row)


def items_of(connection: Connection, one: Invoice) -> Iterator[Item]:
    """The list of an invoice: a line a household and membership year, by mutuelle and card."""
    rows = connection.execute(
        select(
            organisation.c.name,
            household.c.card,
            category.c.code,
            membership.c.starts_on,
            membership.c.ends_on,
            func.sum(line.c.amount_minor).label("amount_minor"),
        )
        .join(line, line.c.id == subsidy_invoice_line.c.line_id)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(organisation, organisation.c.id == entry.c.organisation_id)
        .join(household, household.c.id == line.c.household_id)
        .join(membership, membership.c.id == line.c.membership_id)
        .join(tariff, tariff.c.id == membership.c.tariff_id)
        .join(category, category.c.id == tariff.c.category_id)
        .where(subsidy_invoice_line.c.invoice_id == one.id)
        .group_by(organisation.c.name, household.c.card, category.c.code, membership.c.id)
        .order_by(organisation.c.name, household.c.card, membership.c.starts_on)
    )
    for row in rows:
        amount = Money(int(row.amount_minor), one.amount.currency)
        yield Item(row.name, row.card, row.code, row.starts_on, row.ends_on, amount)


def mark_paid(unit: Unit, tree: Tree, chart: Chart, number: str, by: str, on: date) -> Invoice:
    """Write down that an invoice was paid on a day, whole, into the bank of every mutuelle that stands on it; once.

    Raises :class:`Fault` where it was, for a day that lies ahead, or where nobody is said.
    """
    if not by.strip() or len(by) > NAME_CHARACTERS:
        raise Fault(f"who writes it down must be said, in at most {NAME_CHARACTERS} letters")
    one = invoice_numbered(unit.connection, number)
    shares = _by_books(unit.connection, one.id)
    if any(day_in(tree[organisation_id].time_zone, unit.now) < on for organisation_id, _ in shares):
        raise Fault(f"{on} lies ahead")
    paid = unit.connection.execute(
        update(subsidy_invoice)
        .where(subsidy_invoice.c.id == one.id, subsidy_invoice.c.paid_on.is_(None))
        .values(paid_on=on, paid_by=by.strip())
    )
    if paid.rowcount != 1:
        raise Fault(f"invoice {one.number} is paid already")
    entries = []
    for organisation_id, amount in shares:
        accounts = chart.of(unit, organisation_id, one.amount.currency)
        lines = (Line(accounts["bank"], amount), Line(accounts["subsidiser"], -amount))
        key = f"subsidy:{one.id}:{organisation_id}"
        entries.append(Entry(key, organisation_id, "bank", one.amount.currency, on, lines))
    record(unit, *entries)
    return invoice_numbered(unit.connection, one.number)


def _by_books(connection: Connection, invoice_id: int) -> Sequence[tuple[int, int]]:
    """What of an invoice each organisation's books are owed, where that isn't nothing."""
    rows = connection.execute(
        select(entry.c.organisation_id, func.sum(line.c.amount_minor))
        .join(line, line.c.entry_id == entry.c.id)
        .join(subsidy_invoice_line, subsidy_invoice_line.c.line_id == line.c.id)
        .where(subsidy_invoice_line.c.invoice_id == invoice_id)
        .group_by(entry.c.organisation_id)
        .order_by(entry.c.organisation_id)
    )
    return [(organisation_id, int(amount)) for organisation_id, amount in rows if amount]
