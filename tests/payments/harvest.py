"""A cooperative of three families at harvest time, and what is done with its lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.locale import Say
from gateway.payments.payers import deduction_lists, deductions, dividing, group_account
from gateway.payments.payers.deduction_lists import Deduction, State, said_of
from gateway.payments.payers.deduction_reading import MOST_BYTES, read_deductions
from gateway.payments.payers.shares import Group
from gateway.payments.statements.plain_tables import tables
from tests.payments.village import Village


@dataclass
class Harvest:
    """A cooperative of three families, and what is done with its lists."""

    office: Village
    homes: list[int]
    group: Group

    @property
    def tree(self) -> Any:
        return self.office.network.tree()

    def write(self, do: Callable[..., Any], *given: Any, **named: Any) -> Any:
        with self.office.store.write() as unit:
            return do(unit, *given, **named)

    def file(self, *amounts: int, more: str = "") -> bytes:
        rows = "".join(
            f"{self.office.family(home).card};{amount}\n" for home, amount in zip(self.homes, amounts, strict=False)
        )
        return f"Carte;Montant retenu\n{rows}{more}".encode()

    def hand_in(self, content: bytes, label: str = "Café 2026", **named: Any) -> Deduction:
        with self.office.store.write() as unit:
            file = read_deductions(unit.connection, self.tree, self.group, tables(content, MOST_BYTES))
            return deductions.hand_in(unit, self.tree, self.group, label, "retenues.csv", file, "Idrissou Bio", **named)

    def waiting(self, *amounts: int, label: str = "Café 2026") -> Deduction:
        one = self.hand_in(self.file(*amounts), label)
        return self.accept(one)

    def accept(self, one: Deduction) -> Deduction:
        found: Deduction = self.write(deductions.accept, one.id, "Idrissou Bio")
        return found

    def paid_with(self, one: Deduction, *incoming_ids: int) -> None:
        for its_id in incoming_ids:
            self.write(deductions.add_payment, self.tree, one.id, its_id, "Bio Sarre")

    def divide(self, one: Deduction, by: str = "Bio Sarre", **named: Any) -> Deduction:
        found: Deduction = self.write(
            dividing.divide_now, self.tree, self.office.chart, one.id, by, "their bank slip", **named
        )
        return found

    def state(self, one: Deduction) -> State:
        with self.office.store.read() as connection:
            return deduction_lists.deduction_with(connection, one.id).state

    def said(self, one: Deduction) -> list[tuple[int, list[str]]]:
        with self.office.store.read() as connection:
            rows = deduction_lists.lines_of(connection, one)
        return [(row.number, said_of(Say("en"), (*row.faults, *row.warnings))) for row in rows]

    def account(self) -> int:
        """What stands on the group's account: the same by its movements and in the ledger."""
        with self.office.store.read() as connection:
            found = group_account.balance(connection, self.group, "XOF").minor
        assert -self.office.balance().get("groups", 0) == found
        return found

    def left(self) -> list[int]:
        return [self.office.stands(home).left.minor for home in self.homes]

    def match(self) -> None:
        list(dividing.matching(self.office.store, self.office.network, self.office.chart))
