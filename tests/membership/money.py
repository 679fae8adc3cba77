"""Money in the books of a village, without anybody who asks for it."""

from __future__ import annotations

from datetime import date

from gateway.ledger.accounts import statement_of
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import split_payment
from tests.payments.village import Village


def put_money(village: Village, household_id: int, amount: int, on: date) -> None:
    """A payment in the books, split as the rules say."""
    with village.store.write() as unit:
        accounts = village.chart.of(unit, village.place.books.id, "XOF")
        before = statement_of(unit.connection, household_id)
        to_dues, to_advance = split_payment(before.dues, before.credits, amount)
        parts = (("receivable", to_dues), ("advance", to_advance))
        lines = tuple(Line(accounts[role], -part, household_id) for role, part in parts if part)
        key = f"cash:{household_id}:{on}:{amount}"
        record(
            unit,
            Entry(key, village.place.books.id, "cash", "XOF", on, (Line(accounts["cash"], amount), *lines)),
        )
