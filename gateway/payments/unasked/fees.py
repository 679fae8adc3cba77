"""An operator's fee for money that came: an entry of its own, once; the household is credited with all that it paid."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.network.organisations import Tree
from gateway.payments.names import operator_number, operator_word
from gateway.store.schema import entry
from gateway.store.turn import take_turn
from gateway.store.unit import Unit


def post_fee(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    *,
    operator: str,
    operator_id: str,
    organisation_id: int,
    fee: Money,
    at: datetime,
) -> bool:
    """Post the fee that an operator kept of a transaction, for the books of the wallet; False when it was done before.

    ``operator`` in any spelling and ``operator_id`` name the transaction, whoever tells of it first; ``at`` is when it
    was paid. Debit 631 (fees), credit 552 (wallet). Raises ValueError for a fee that isn't above zero.
    """
    if fee.minor <= 0:
        raise ValueError("a fee is above zero")
    number = operator_number(operator_id)
    take_turn(unit, number)
    key = f"fee:{operator_word(operator)}:{number}"[:80]
    if unit.connection.scalar(select(entry.c.id).where(entry.c.key == key)) is not None:
        return False
    books = tree.books_of(organisation_id)
    accounts = chart.of(unit, books.id, fee.currency)
    lines = (Line(accounts["fees"], fee.minor), Line(accounts["wallet"], -fee.minor))
    record(unit, Entry(key, books.id, "bank", fee.currency, day_in(books.time_zone, at), lines))
    return True
