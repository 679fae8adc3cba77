"""Books to write in by hand, and ways to edit a database behind the program's back."""

from __future__ import annotations

import itertools
import sqlite3
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.ledger.chain import seal_all
from gateway.ledger.chart import Chart
from gateway.ledger.closing import Closed, OpenCases, close_month
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.registers import TrialRow, closed_months, trial_balance
from gateway.ledger.rules import next_month
from gateway.network.organisations import Defaults, Organisation, Tree, add_organisation, read_tree
from gateway.store.unit import Store
from tests.conftest import DEFAULTS


@dataclass
class Books:
    """One organisation's books: a new one's, or those with an id; ``cash`` writes an entry."""

    store: Store
    code: str = "m"
    defaults: Defaults = DEFAULTS
    id: int = 0
    keys: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        if not self.id:
            with self.store.write() as unit:
                self.id, _ = add_organisation(
                    unit, None, kind="mutuelle", code=self.code, name="Mutuelle", keeps_books=True
                )

    @property
    def tree(self) -> Tree:
        return read_tree(self.store, self.defaults)

    @property
    def organisation(self) -> Organisation:
        return self.tree[self.id]

    def entry(self, on: date, amount: int = 500, key: str | None = None) -> Entry:
        with self.store.write() as unit:
            accounts = Chart().of(unit, self.id, "XOF")
        lines = (Line(accounts["cash"], amount), Line(accounts["income"], -amount))
        return Entry(key or f"k{next(self.keys)}", self.id, "cash", "XOF", on, lines)

    def cash(self, on: date, amount: int = 500, key: str | None = None) -> Entry:
        one = self.entry(on, amount, key)
        with self.store.write() as unit:
            record(unit, one)
        return one

    def seal(self) -> int:
        return seal_all(self.store)

    def close(self, month: date, despite: str | None = None) -> Closed | OpenCases:
        return close_month(self.store, self.tree, self.organisation, month, "Bio Sarre", despite)

    def trial(self, month: date) -> list[TrialRow]:
        with self.store.read() as connection:
            closed = closed_months(connection, self.id)
            return trial_balance(connection, self.id, closed, month, last_day(month))


def last_day(month: date) -> date:
    return date.fromordinal(next_month(month).toordinal() - 1)


GUARDED = ("entry", "line", "seal", "period")


def behind_the_back(store: Store, *statements: str) -> None:
    """What an administrator of the database can do: no trigger and no reference stands in the way."""
    if not store.is_postgresql:
        with sqlite3.connect(str(store.engine.url.database)) as own:  # its references are off unless told
            for (name,) in own.execute("select name from sqlite_master where type = 'trigger'").fetchall():
                own.execute(f"drop trigger {name}")
            for statement in statements:
                own.execute(statement)
        own.close()
        return
    with store.write() as unit:
        for name in GUARDED:
            unit.connection.exec_driver_sql(f"alter table {name} disable trigger all")
        for statement in statements:
            unit.connection.exec_driver_sql(statement)
