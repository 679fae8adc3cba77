"""Writes many households with their years and payments in few statements: the same rows as one at a time would make.

What a household owes comes from :func:`gateway.membership.dues.dues_for`, as at a registration, and every entry is
built as an :class:`~gateway.ledger.entries.Entry`, so it nets to zero before the database looks at it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select

from gateway.ledger.entries import Entry, Line
from gateway.membership.categories import OwnTariff
from gateway.membership.dues import Year, dues_for
from gateway.membership.people import Person
from gateway.membership.plans import Plan
from gateway.membership.sounding import keys_of
from gateway.store.schema import beneficiary, entry, household, line, membership, name_key, phone
from gateway.store.unit import Unit

BLOCK = 1000  # households that are drawn and written, and ids that are taken, at a time

# In the order that foreign keys and the ledger's guards ask for: lines stand before the entry that seals them.
_COLUMNS: dict[Table, tuple[str, ...]] = {
    household: ("id", "card", "section_id", "language", "registered_at"),
    beneficiary: ("household_id", "name", "sex", "birth_year", "relation", "joined_on"),
    name_key: ("key", "household_id"),
    phone: ("msisdn", "household_id", "main"),
    membership: (
        "id", "household_id", "plan_id", "starts_on", "ends_on", "waiting_days", "beneficiaries", "enrolled_at",
        "months", "tariff_id",
    ),
    line: ("entry_id", "account_id", "household_id", "membership_id", "due_on", "amount_minor"),
    entry: ("id", "key", "organisation_id", "journal", "currency", "happened_on", "recorded_at"),
}  # fmt: skip


@dataclass(frozen=True)
class Books:
    """A section, with the books that its households' money goes into: account ids by role."""

    section_id: int
    organisation_id: int
    accounts: dict[str, int]


@dataclass(frozen=True)
class Enrolled:
    """A household's year as it was written: what its payments refer to."""

    household_id: int
    membership_id: int
    year: Year


class Bulk:
    """Rows on their way into one transaction; :meth:`flush` writes what has gathered.

    On PostgreSQL ids come from the tables' own sequences, so whoever registers at the same moment gets others; on
    SQLite the transaction is the only writer and counts on from the highest. ``expected``: about how many households
    will come, so that few ids are taken in vain.
    """

    def __init__(self, unit: Unit, expected: int) -> None:
        self._unit = unit
        self._rows: dict[Table, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}
        self._household_ids = _ids(unit.connection, household, expected)
        self._membership_ids = _ids(unit.connection, membership, expected)

    def register(
        self,
        section_id: int,
        card: str,
        language: str | None,
        people: Sequence[Person],
        phones: Iterable[str],
        on: date,
    ) -> int:
        """A new household; returns its id."""
        new_id = next(self._household_ids)
        self._rows[household].append((new_id, card, section_id, language, _moment(on)))
        self._rows[beneficiary].extend((new_id, one.name, one.sex, one.birth_year, one.relation, on) for one in people)
        self._rows[name_key].extend((key, new_id) for key in keys_of(one.name for one in people))
        self._rows[phone].extend((msisdn, new_id, True) for msisdn in phones)
        return new_id

    def enrol(
        self,
        household_id: int,
        books: Books,
        chosen: Plan,
        beneficiaries: int,
        on: date,
        *,
        newcomer: bool,
        waiting_days: int,
        own: OwnTariff | None = None,
    ) -> Enrolled:
        """A household's year with its dues, as :func:`gateway.membership.charging.enrol` writes them.

        ``own``: what its category pays, where it is in one.
        """
        tariff = own.tariff if own is not None else None
        year = dues_for(chosen.terms, chosen.currency, on, beneficiaries, newcomer=newcomer, tariff=tariff)
        membership_id = next(self._membership_ids)
        self._rows[membership].append(
            (
                membership_id,
                household_id,
                chosen.id,
                year.starts_on,
                year.ends_on,
                waiting_days,
                beneficiaries,
                _moment(on),
                year.months,
                own.id if own is not None else None,
            )
        )
        lines: list[Line] = []
        for dues, owed, earned in ((year.dues, "receivable", "income"), (year.subsidies, "subsidiser", "subsidies")):
            lines += [
                Line(books.accounts[owed], amount, household_id, membership_id, due_on) for due_on, amount in dues
            ]
            if dues:
                lines.append(Line(books.accounts[earned], -sum(amount for _, amount in dues), household_id))
        self._record(Entry(f"dues:{membership_id}", books.organisation_id, "dues", chosen.currency, on, tuple(lines)))
        return Enrolled(household_id, membership_id, year)

    def pay(self, enrolled: Enrolled, books: Books, currency: str, paid: Iterable[tuple[date, int]]) -> int:
        """What a household paid in cash, never more than it owes; returns how much that is."""
        total = 0
        for number, (on, amount) in enumerate(paid, 1):
            total += amount
            self._record(
                Entry(
                    f"sample:{enrolled.membership_id}:{number}",
                    books.organisation_id,
                    "cash",
                    currency,
                    on,
                    (
                        Line(books.accounts["cash"], amount),
                        Line(books.accounts["receivable"], -amount, enrolled.household_id),
                    ),
                )
            )
        return total

    def _record(self, one: Entry) -> None:
        self._rows[line].extend(
            (one.id, each.account_id, each.household_id, each.membership_id, each.due_on, each.amount_minor)
            for each in one.lines
        )
        self._rows[entry].append(
            (one.id, one.key, one.organisation_id, one.journal, one.currency, one.happened_on, _moment(one.happened_on))
        )

    def flush(self) -> None:
        """Write everything that has gathered."""
        write = _copy if self._unit.connection.dialect.name == "postgresql" else _insert
        for table, rows in self._rows.items():
            if rows:
                write(self._unit.connection, table, rows)
                rows.clear()


def _moment(day: date) -> datetime:
    """When something of a past day was written down: in the morning, in UTC."""
    return datetime.combine(day, time(9), UTC)


def _ids(connection: Connection, table: Table, expected: int) -> Iterator[int]:
    if connection.dialect.name != "postgresql":
        last = connection.scalar(select(func.max(table.c.id))) or 0
        while True:
            last += 1
            yield last
    sequence = func.pg_get_serial_sequence(table.name, "id")
    some = func.generate_series(1, min(expected, BLOCK))
    while True:
        yield from connection.scalars(select(func.nextval(sequence)).select_from(some)).all()


def _copy(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    columns = ", ".join(_COLUMNS[table])
    with driver.cursor() as cursor, cursor.copy(f"copy {table.name} ({columns}) from stdin") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(connection: Connection, table: Table, rows: list[tuple[Any, ...]]) -> None:
    columns = _COLUMNS[table]
    connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
