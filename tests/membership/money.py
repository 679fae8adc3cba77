"""Money in the books of a village, without anybody who asks for it."""

from __future__ import annotations

from datetime import date

from gateway.ledger.accounts import statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import split_payment
from gateway.store.unit import Unit
from tests.payments.village import Village


def put_money(village: Village, household_id: int, amount: int, on: date, books: str | None = None) -> None:
    """A payment in the books (of the mutuelle with a code), split as the rules say."""
    books_id = village.network.tree().named(books).id if books else village.place.books.id
    with village.store.write() as unit:
        put_money_in(unit, village.chart, books_id, household_id, amount, on)


def put_money_in(unit: Unit, chart: Chart, books_id: int, household_id: int, amount: int, on: date) -> None:
    """The same in books that are named by their id."""
    accounts = chart.of(unit, books_id, "XOF")
    before = statement_of(unit.connection, household_id)
    to_dues, to_advance = split_payment(before.dues, before.credits, amount)
    parts = (("receivable", to_dues), ("advance", to_advance))
    lines = tuple(Line(accounts[role], -part, household_id) for role, part in parts if part)
    key = f"cash:{household_id}:{on}:{amount}:{books_id}"
    record(unit, Entry(key, books_id, "cash", "XOF", on, (Line(accounts["cash"], amount), *lines)))
