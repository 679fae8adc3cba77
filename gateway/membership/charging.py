"""Dues in the books: enrolling a household for a year, charging what is due, and cancelling what is due no more.

A due of a member stands on the receivable; where a subsidiser pays a part of it, that stands on the subsidiser's
account, by the same days. What was paid on a due that is cancelled stays the household's, in advance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, insert, select

from gateway.ledger.accounts import CANCELLED, statement_of
from gateway.ledger.chart import Chart, Role
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import Due, position
from gateway.membership.categories import tariff_for
from gateway.membership.dues import Year, dues_for, waits
from gateway.membership.plans import Plan
from gateway.network.organisations import Tree
from gateway.store.schema import membership
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Debt:
    """What is charged under a key: the household's dues, and what a subsidiser owes of the same."""

    key: str
    dues: Sequence[Due]
    subsidies: Sequence[Due] = ()
    earned: Role = "income"  # as what the household's part is earned


def last_day_of(connection: Connection, household_id: int) -> date | None:
    """The last day of a household's last year, or that on which it left; None where it never was a member."""
    rows = connection.execute(
        select(membership.c.starts_on, membership.c.ends_on, membership.c.left_on).where(
            membership.c.household_id == household_id
        )
    ).all()
    began = (row for row in rows if row.left_on is None or row.left_on >= row.starts_on)
    return max((min(row.ends_on, row.left_on or row.ends_on) for row in began), default=None)


def enrol(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    household_id: int,
    section_id: int,
    chosen: Plan,
    people: int,
    on: date,
    begins_on: date | None = None,
) -> Year:
    """Enrol a household on a day for the year that begins with ``begins_on``, or that day.

    The year's dues go into the ledger by the tariff of the category in which the household is that day, an advance is
    used up. A household whose last year hasn't ended, or ended within the plan's grace period, renews: no waiting.
    """
    last_day = last_day_of(unit.connection, household_id)
    own = tariff_for(unit.connection, chosen, household_id, on)
    year = dues_for(
        chosen.terms,
        chosen.currency,
        on,
        people,
        newcomer=last_day is None,
        begins_on=begins_on,
        last_day=last_day,
        tariff=own.tariff,
    )
    made = unit.connection.execute(
        insert(membership).values(
            household_id=household_id,
            plan_id=chosen.id,
            starts_on=year.starts_on,
            ends_on=year.ends_on,
            waiting_days=waits(chosen.terms, last_day, on),
            beneficiaries=people,
            enrolled_at=unit.now,
            months=year.months,
            tariff_id=own.id,
        )
    )
    membership_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    debt = Debt(
        f"dues:{membership_id}",
        [Due(membership_id, due_on, amount) for due_on, amount in year.dues],
        [Due(membership_id, due_on, amount) for due_on, amount in year.subsidies],
    )
    charge(unit, tree, chart, household_id, section_id, chosen.currency, on, debt)
    return year


def charge(
    unit: Unit, tree: Tree, chart: Chart, household_id: int, section_id: int, currency: str, on: date, debt: Debt
) -> None:
    """Write what is due into the ledger on a day, and use up what the household has paid in advance."""
    total = _total(debt.dues)
    if not total and not debt.subsidies:
        return
    books = tree.books_of(section_id)
    accounts = chart.of(unit, books.id, currency)
    before = statement_of(unit.connection, household_id)
    entries = [
        Entry(debt.key, books.id, "dues", currency, on, tuple(_lines(accounts, household_id, debt, 1))),
    ]
    used = min(position(before.dues, before.credits).advance_minor, total)
    if used:
        key = f"advance:{debt.key.removeprefix('dues:')}"
        entries.append(
            Entry(key, books.id, "corrections", currency, on, _moved(accounts, household_id, "advance", used))
        )
    record(unit, *entries)


def cancel(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    household_id: int,
    section_id: int,
    currency: str,
    on: date,
    debt: Debt,
    reverses: UUID,
) -> None:
    """Write a counter-entry to what stands in the entry ``reverses`` under the debt's key, once; part of it, if so.

    What was paid on it becomes an advance.
    """
    books = tree.books_of(section_id)
    accounts = chart.of(unit, books.id, currency)
    before = statement_of(unit.connection, household_id)
    entries = [
        Entry(
            f"{CANCELLED}{debt.key}",
            books.id,
            "corrections",
            currency,
            on,
            tuple(_lines(accounts, household_id, debt, -1)),
            reverses,
        )
    ]
    gone = [Due(due.membership_id, due.due_on, -due.amount_minor, due.added, due.penalty) for due in debt.dues]
    after = position((*before.dues, *gone), before.credits)
    freed = after.advance_minor - position(before.dues, before.credits).advance_minor
    if freed:
        lines = _moved(accounts, household_id, "receivable", freed)
        entries.append(Entry(f"freed:{debt.key}", books.id, "corrections", currency, on, lines))
    record(unit, *entries)


def _total(dues: Sequence[Due]) -> int:
    return sum(due.amount_minor for due in dues)


def _lines(accounts: dict[str, int], household_id: int, debt: Debt, sign: int) -> list[Line]:
    """Debits where it is due and credits where it is earned; the other way round to cancel."""
    lines = []
    for dues, owed, earned in (
        (debt.dues, "receivable", debt.earned),
        (debt.subsidies, "subsidiser", "subsidies"),
    ):
        lines += [
            Line(accounts[owed], sign * due.amount_minor, household_id, due.membership_id, due.due_on) for due in dues
        ]
        if dues:
            lines.append(Line(accounts[earned], -sign * _total(dues), household_id))
    return lines


def _moved(accounts: dict[str, int], household_id: int, taken_from: Role, amount: int) -> tuple[Line, Line]:
    """A household's own money from one of its two accounts to the other."""
    other = "receivable" if taken_from == "advance" else "advance"
    return Line(accounts[taken_from], amount, household_id), Line(accounts[other], -amount, household_id)
