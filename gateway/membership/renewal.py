"""Renewing: what the next membership year would be and cost, and enrolling a household for it, once.

The rules, with examples: docs/membership.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.rules import position
from gateway.membership.categories import tariff_for
from gateway.membership.changes import By, write_change
from gateway.membership.charging import enrol
from gateway.membership.dues import Tariff, next_year, renewal_is_open
from gateway.membership.households import (
    Enrolment,
    Household,
    ask_enrolments,
    ask_roster,
    last_of,
    lock_household,
    read_enrolments,
)
from gateway.membership.plans import Plan, plans_for
from gateway.network.organisations import Tree
from gateway.store.together import together
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Renewal:
    """The year that a household can enrol for now; amounts are what it pays itself.

    ``first`` is to pay by its first day (or today), once the ``advance`` that it uses up is taken off.
    """

    plan: Plan
    starts_on: date
    ends_on: date
    people: int
    total: Money
    first: Money
    advance: Money


@dataclass(frozen=True)
class Renewed:
    """The year that a household is enrolled for; ``known``: it was before, and nothing new was made.

    ``first`` is still to pay of it by its first day, or today.
    """

    starts_on: date
    total: Money
    first: Money
    known: bool


@dataclass(frozen=True)
class _Now:
    """What renewing depends on, as it is now."""

    enrolments: Sequence[Enrolment]
    lines: Statement
    people: int

    @property
    def last(self) -> Enrolment | None:
        return last_of(self.enrolments)

    def is_open(self, on: date) -> bool:
        return self.last is None or renewal_is_open(self.last.last_day, on)


def renewal_for(connection: Connection, tree: Tree, one: Household, on: date) -> Renewal | None:
    """The year that a household can enrol for on a day; None when that is enrolled, too early, or no plan is open.

    The plan is the same as last year's in the version that is open now; where it is gone, the first that is open.
    """
    offers = offers_for(connection, tree, one, on)
    return offers[0] if offers else None


def offers_for(connection: Connection, tree: Tree, one: Household, on: date) -> list[Renewal]:
    """The same of every plan that is open, for who may choose: first the one that :func:`renewal_for` takes."""
    now = _now(connection, one)
    plans = plans_for(connection, tree, one.section_id, on)
    if not now.is_open(on):
        return []
    same = [plan for plan in plans if now.last is not None and plan.code == now.last.plan_code]
    ordered = [*same, *(plan for plan in plans if plan not in same)]
    return [_offer(plan, tariff_for(connection, plan, one.id, on).tariff, now, on) for plan in ordered]


def renew(unit: Unit, tree: Tree, chart: Chart, one: Household, plan_id: int, by: By) -> Renewed | None:
    """Enrol a household for its next year in a plan that is open; None when the plan isn't (any more).

    The people counted are those on the card. Of two that ask at once the second gets what the first one enrolled.
    """
    lock_household(unit, one.id)
    today = day_in(one.time_zone, unit.now)
    now = _now(unit.connection, one)
    if now.last is not None and not now.is_open(today):
        return _enrolled(now.last, now.lines, today)
    open_plans = plans_for(unit.connection, tree, one.section_id, today)
    chosen = next((plan for plan in open_plans if plan.id == plan_id), None)
    if chosen is None:
        return None
    offer = _offer(chosen, tariff_for(unit.connection, chosen, one.id, today).tariff, now, today)
    enrol(unit, tree, chart, one.id, one.section_id, chosen, now.people, today, offer.starts_on)
    write_change(unit, one.id, "renewed", by, happened_on=offer.starts_on)
    return Renewed(offer.starts_on, offer.total, offer.first, known=False)


def _now(connection: Connection, one: Household) -> _Now:
    enrolments, lines, people = together(connection, ask_enrolments(one.id), ask_statement(one.id), ask_roster(one.id))
    return _Now(read_enrolments(enrolments, one.time_zone), read_statement(lines), len(people))


def _offer(chosen: Plan, tariff: Tariff, now: _Now, on: date) -> Renewal:
    last_day = now.last.last_day if now.last else None
    year = next_year(chosen.terms, chosen.currency, last_day, now.people, on, tariff)
    total = sum(amount for _, amount in year.dues)
    advance = min(position(now.lines.dues, now.lines.credits).advance_minor, total)
    first = sum(amount for due_on, amount in year.dues if due_on <= max(on, year.starts_on))
    return Renewal(
        chosen,
        year.starts_on,
        year.ends_on,
        now.people,
        Money(total, chosen.currency),
        Money(max(0, first - advance), chosen.currency),
        Money(advance, chosen.currency),
    )


def _enrolled(last: Enrolment, lines: Statement, on: date) -> Renewed:
    its = last.membership
    own = [filled for filled in position(lines.dues, lines.credits).filled if filled.due.membership_id == its.id]
    first = [filled for filled in own if filled.due.due_on <= max(on, its.starts_on)]
    return Renewed(
        its.starts_on,
        Money(sum(filled.due.amount_minor for filled in own), last.currency),
        Money(sum(filled.left_minor for filled in first), last.currency),
        known=True,
    )
