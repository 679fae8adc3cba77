"""What a statement's line makes by itself: the entries that need nobody's decision, each once for ever.

A payment that we didn't know of is posted to the card in its reference or kept on suspense; one that we had given up is
posted late; what the operator took back is taken back; fees are posted a day at a time, sweeps as they stand. Money
that left and that nothing explains stands on an account of its own until somebody says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import select

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.chart import Chart, Role
from gateway.ledger.entries import Entry, Line, record
from gateway.network.organisations import Organisation, Tree
from gateway.payments.collections import by_id
from gateway.payments.names import as_written_by, operator_number
from gateway.payments.providers.base import Paid, keep_said
from gateway.payments.reconciliation.differences.found import (
    Found,
    Kind,
    difference_key,
    open_difference,
    settled_by_rule,
)
from gateway.payments.reconciliation.items import Source, name_by_place
from gateway.payments.reconciliation.wallets import Wallet
from gateway.payments.settle import post_paid
from gateway.payments.unasked.incoming import Known, Posted, Seen, see
from gateway.payments.unasked.taken_back import LeftToPerson, take_back
from gateway.store.schema import collection, entry, incoming
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit


class Row(NamedTuple):
    """A line of a statement, with the statement; see :data:`~gateway.payments.statements.lines.LINES`."""

    statement_id: int
    line: int
    at: datetime
    kind: str
    amount: int
    fee: int
    operator_id: str | None
    our_id: str | None
    reference: str | None
    payer: str | None
    linked: str | None
    said: str | None

    @property
    def number(self) -> str:
        """What names it for ever: the operator's number, or else where it stands."""
        return self.operator_id or name_by_place(self.statement_id, self.line)


def rows_of(statement_id: int, lines: pl.DataFrame) -> Iterator[Row]:
    """Lines as values, one after the other."""
    names = [name for name in Row._fields if name != "statement_id"]
    for values in lines.select(names).iter_rows():
        yield Row(statement_id, *values)


@dataclass(frozen=True)
class Original:
    """The movement of ours that a line takes back."""

    source: Source
    id: int


@dataclass(frozen=True)
class Rules:
    """The rules of one wallet."""

    store: Store
    tree: Tree
    chart: Chart
    wallet: Wallet

    @property
    def books(self) -> Organisation:
        return self.tree.books_of(self.wallet.organisation_id)

    def settle(self, row: Row, of: Original | None = None) -> Known | None:
        """What a line that nothing was matched with makes; a second time nothing. ``of``: what it takes back.

        What is known by its number already, with the same amount, where it is.
        """
        with self.store.write() as unit:
            if row.amount > 0 and row.kind != "sweep":
                return self._unknown(unit, row)
            if row.kind == "reversal":
                self._taken_back(unit, row, of)
            elif row.kind == "sweep":
                self._between(unit, row, "sweep", "transfer")
            elif row.kind != "fee" and row.amount < 0:
                self._out(unit, row)
        return None

    def late(self, row: Row, collection_id: int) -> None:
        """A line of what we asked for and hadn't seen paid."""
        with self.store.write() as unit:
            one = by_id(unit.connection, collection_id)
            if one is None:
                return
            paid = Paid(
                self._money(row.amount),
                as_written_by(one.provider, one.environment, row.number),
                row.payer,
                keep_said(row.said or ""),
                row.at,
            )
            before = one.state.value
            if post_paid(unit, self.tree, self.chart, one.key, paid):
                found = self._found("late", row, f"it was {before} with us", collection_id=one.id, theirs=row.amount)
                settled_by_rule(unit, found, "posted as the statement says", f"collection:{one.key}")

    def fees(self, statement_id: int, on: date, minor: int) -> None:
        """The fees of a day in a statement, as one entry."""
        key = f"wallet:{self.wallet.id}:fees:{statement_id}:{on}"
        with self.store.write() as unit:
            self._post(unit, key, on, "fees", -minor)

    # --- each kind of line --------------------------------------------------------------------------------------------

    def _unknown(self, unit: Unit, row: Row) -> Known | None:
        payer = row.payer if row.payer and row.payer.removeprefix("+").isdigit() else None
        done = see(
            unit,
            self.tree,
            self.chart,
            Seen(
                self.wallet.operator,
                row.number,
                self.wallet.organisation_id,
                self._money(row.amount),
                payer,
                row.reference,
                row.at,
                stands_on=self.wallet.role,
            ),
        )
        if isinstance(done, Posted):
            return None
        if isinstance(done, Known):
            if done.case is None:
                return done
            found = self._found("amount", row, "another amount than is known of this number", theirs=row.amount,
                                collection_id=done.collection_id, incoming_id=done.incoming_id)  # fmt: skip
            open_difference(unit, found)
            return None
        said = "no reference names a card" if not row.reference else "its reference names no card of ours"
        open_difference(unit, self._found("unknown", row, said, incoming_id=done.incoming_id, theirs=row.amount))
        return None

    def _taken_back(self, unit: Unit, row: Row, of: Original | None) -> None:
        number = row.linked or row.number
        said = f"taken back in the statement: {row.said or ''}"
        found = self._found(
            "reversed",
            row,
            said,
            theirs=row.amount,
            collection_id=of.id if of and of.source == "collection" else None,
            incoming_id=of.id if of and of.source == "incoming" else None,
        )
        found = replace(found, operator_id=number)
        try:
            done = take_back(
                unit,
                self.tree,
                operator=self.wallet.operator,
                operator_id=self._written(unit, of) or number,
                organisation_id=self.wallet.organisation_id,
                amount=self._money(-row.amount),
                reversal_id=row.operator_id if row.linked else None,
                said=keep_said(said),
            )
        except ValueError:  # more than is left, cash, a group's that went to others
            open_difference(unit, found)
            return
        if isinstance(done, LeftToPerson):
            open_difference(unit, found)
        elif done.done:
            settled_by_rule(unit, found, "taken back in the books")

    @staticmethod
    def _written(unit: Unit, of: Original | None) -> str | None:
        """The number of what is taken back as it was kept, with whatever divides it."""
        if of is None:
            return None
        table = collection if of.source == "collection" else incoming
        return unit.connection.scalar(select(table.c.operator_id).where(table.c.id == of.id))

    def _out(self, unit: Unit, row: Row) -> None:
        if self._between(unit, row, "out", "unexplained"):
            said = f"money left: {row.said or row.kind}"
            open_difference(unit, self._found("out", row, said, theirs=row.amount))

    def _between(self, unit: Unit, row: Row, what: str, role: Role) -> bool:
        """An entry between the wallet and another account, once for each line; False when it was made before."""
        key = f"wallet:{self.wallet.id}:{what}:{operator_number(row.number)}"
        return self._post(unit, key, day_in(self.books.time_zone, row.at), role, row.amount)

    def _post(self, unit: Unit, key: str, on: date, role: Role, amount: int) -> bool:
        take_turn(unit, key)
        if amount == 0 or unit.connection.scalar(select(entry.c.id).where(entry.c.key == key)) is not None:
            return False
        accounts = self.chart.of(unit, self.books.id, self.wallet.currency)
        lines = (Line(accounts[self.wallet.role], amount), Line(accounts[role], -amount))
        record(unit, Entry(key, self.books.id, "bank", self.wallet.currency, on, lines))
        return True

    def _money(self, minor: int) -> Money:
        return Money(minor, self.wallet.currency)

    def _found(
        self,
        kind: Kind,
        row: Row,
        said: str,
        *,
        theirs: int,
        collection_id: int | None = None,
        incoming_id: int | None = None,
    ) -> Found:
        return Found(
            kind,
            difference_key(kind, self.wallet.id, row.number),
            self.wallet.id,
            row.at,
            keep_said(said),
            row.statement_id,
            row.line,
            row.operator_id,
            collection_id,
            incoming_id,
            theirs=self._money(theirs),
        )


def day_of(at: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    """The day on which moments fall in a time zone."""
    return at.dt.convert_time_zone(zone.key).dt.date()
