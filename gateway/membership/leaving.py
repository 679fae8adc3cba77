"""A household leaves its mutuelle, or gets another head: what ends, what is due no more, and what stays.

The rules, with examples: docs/membership.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, exists, or_, select, update

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.accounts import PENALTY, statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.rules import Due, position
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.charging import Debt, cancel
from gateway.membership.dues import wrong_day
from gateway.membership.family import Leaves, Refused, roster
from gateway.membership.households import Household, lock_household
from gateway.membership.people import Beneficiary
from gateway.network.organisations import Tree
from gateway.store.schema import account, beneficiary, entry, line, membership
from gateway.store.unit import Unit

ADULT_YEARS = 18  # who can be the head: whoever may have reached this age in this year

LeavesWhole = Literal["death", "departure"]


@dataclass(frozen=True)
class Left:
    """A household has left: what is no longer due (its own part), and what it has in advance now."""

    cancelled: Money
    advance: Money


def leave(unit: Unit, tree: Tree, chart: Chart, one: Household, left_on: date, because: LeavesWhole, by: By) -> Left:
    """End a household's memberships on a day: what falls due after it is cancelled, what was paid on it an advance.

    What was due by that day stays due, and who stood on its card stays in its story. Raises :class:`Refused` for a day
    that can't be, and :class:`Fault` where nothing runs beyond it.
    """
    lock_household(unit, one.id)
    today = day_in(one.time_zone, unit.now)
    wrong = wrong_day(left_on, today, 0)
    if wrong is not None:
        raise Refused(wrong)
    return end_years(unit, tree, chart, one, left_on, because, by)


def end_years(unit: Unit, tree: Tree, chart: Chart, one: Household, left_on: date, because: str, by: By) -> Left:
    """End a locked household's memberships on any day, as :func:`leave` does; raises :class:`Fault` as it does."""
    today = day_in(one.time_zone, unit.now)
    ended = unit.connection.scalars(
        update(membership)
        .where(membership.c.household_id == one.id, membership.c.ends_on > left_on, membership.c.left_on.is_(None))
        .values(left_on=left_on, left_told_on=today)
        .returning(membership.c.id)
    ).all()
    if not ended:
        raise Fault(mark("this household has no membership that goes on after {day}"), day=left_on)
    cancelled, currency = 0, one.currency
    falls_due = line.c.membership_id.in_(ended) & (line.c.due_on > left_on)
    for debt, entry_id, its_currency in _standing(unit.connection, one.id, falls_due):
        cancel(unit, tree, chart, one.id, one.section_id, its_currency, today, debt, entry_id)
        cancelled, currency = cancelled + sum(due.amount_minor for due in debt.dues), its_currency
    write_change(unit, one.id, "left", by, happened_on=left_on, note=because)
    lines = statement_of(unit.connection, one.id)
    advance = position(lines.dues, lines.credits).advance_minor
    return Left(Money(cancelled, currency), Money(advance, currency))


def cancel_unpaid(unit: Unit, tree: Tree, chart: Chart, one: Household) -> None:
    """Cancel every due of a locked household that isn't paid in full; what was paid on it becomes an advance.

    What stands in an entry of which a part was cancelled before stays.
    """
    today = day_in(one.time_zone, unit.now)
    lines = statement_of(unit.connection, one.id)
    unpaid = {
        (filled.due.membership_id, filled.due.due_on)
        for filled in position(lines.dues, lines.credits).filled
        if filled.left_minor
    }
    if not unpaid:
        return
    these = or_(*((line.c.membership_id == its_id) & (line.c.due_on == due_on) for its_id, due_on in sorted(unpaid)))
    for debt, entry_id, currency in _standing(unit.connection, one.id, these & (account.c.role == "receivable")):
        cancel(unit, tree, chart, one.id, one.section_id, currency, today, debt, entry_id)


def _standing(connection: Connection, household_id: int, which: ColumnElement[bool]) -> list[tuple[Debt, Any, str]]:
    """Some of what is due for a household, by the entry in which it stands: with its id and currency."""
    counter = entry.alias()
    rows = connection.execute(
        select(entry.c.id, entry.c.key, entry.c.currency, account.c.role, *_DUE)
        .join(line, line.c.entry_id == entry.c.id)
        .join(account, account.c.id == line.c.account_id)
        .where(
            line.c.household_id == household_id,
            which,
            entry.c.journal == "dues",
            ~exists(select(counter.c.id).where(counter.c.reverses_id == entry.c.id)),
        )
        .order_by(line.c.id)
    ).all()
    by_entry: defaultdict[tuple[Any, str, str], dict[str, list[Due]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        due = Due(row.membership_id, row.due_on, row.amount_minor)
        by_entry[row.id, row.key, row.currency][row.role].append(due)
    return [
        (
            Debt(
                key,
                dues["receivable"],
                dues["subsidiser"],
                "penalties" if key.startswith(PENALTY) else "income",
            ),
            entry_id,
            currency,
        )
        for (entry_id, key, currency), dues in by_entry.items()
    ]


_DUE = (line.c.membership_id, line.c.due_on, line.c.amount_minor)


def heads_to_be(people: Sequence[Beneficiary], this_year: int) -> list[Beneficiary]:
    """Who of those on a card can become its head."""
    return [one for one in people if one.relation != "head" and this_year - one.birth_year >= ADULT_YEARS]


def new_head(unit: Unit, one: Household, beneficiary_id: int, because: Leaves, happened_on: date, by: By) -> str:
    """Make another adult on the card its head, as the head has died or left; returns their name.

    The head is taken off the card as anybody else would be; the card, the phones and all dues stay as they are. Raises
    :class:`Refused` for a day that can't be, and :class:`Fault` where nobody of that id can be the head.
    """
    lock_household(unit, one.id)
    today = day_in(one.time_zone, unit.now)
    people = roster(unit.connection, one.id)
    head = next((each for each in people if each.relation == "head"), None)
    if head is None:
        raise Fault(mark("nobody is the head of this household"))
    heir = next((each for each in heads_to_be(people, today.year) if each.id == beneficiary_id), None)
    if heir is None:
        raise Fault(mark("the new head must be another adult on this card"))
    wrong = wrong_day(happened_on, today, head.birth_year)
    if wrong is not None:
        raise Refused(wrong)
    gone = {"relation": "other", "left_on": happened_on, "left_because": because}
    unit.connection.execute(update(beneficiary).where(beneficiary.c.id == head.id).values(gone))
    unit.connection.execute(update(beneficiary).where(beneficiary.c.id == heir.id).values(relation="head"))
    write_change(unit, one.id, because, by, beneficiary_id=head.id, happened_on=happened_on)
    write_change(unit, one.id, "head", by, beneficiary_id=heir.id, happened_on=happened_on)
    return heir.name
