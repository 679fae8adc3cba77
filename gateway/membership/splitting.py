"""Some people of a household become a household of their own: a new card, their own dues, nothing charged twice.

The rules: docs/decisions/0014-merging-households.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, statement_of
from gateway.ledger.chart import Chart
from gateway.ledger.entries import Entry, Line, record
from gateway.ledger.rules import Due, position, split_payment
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.charging import Debt, charge
from gateway.membership.dues import Parts, months_left, part_of_year, shared, year_of
from gateway.membership.family import remove
from gateway.membership.households import (
    Enrolment,
    Household,
    Standing,
    add_phone,
    ask_enrolments,
    drop_phone,
    last_of,
    lock_household,
    new_household,
    phones_of,
    read_enrolments,
    standing_and_roster,
)
from gateway.membership.leaving import heads_to_be
from gateway.membership.people import Beneficiary, Person
from gateway.membership.recomputing import SPLIT, SPLIT_OFF
from gateway.membership.rules import State
from gateway.network.organisations import Tree
from gateway.store.schema import beneficiary, household, household_category, membership, plan
from gateway.store.unit import Unit

CHILD_YEARS = 15  # so much younger than the new head, somebody is taken for their child


@dataclass(frozen=True)
class Split:
    """The new household: what it owes for the rest of the year, what it brought of that, and what the old is let off.

    ``due`` is before ``brought`` is taken off.
    """

    household_id: int
    card: str
    head: str
    due: Money
    brought: Money
    let_off: Money


def split(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    one: Household,
    going: Collection[int],
    head_id: int,
    by: By,
    msisdn: str | None = None,
) -> Split:
    """Let some people on a card (ids of beneficiaries), one of them the new head, have a card of their own from today.

    They are enrolled in the same plan for the months that are left of the running year, without a registration fee and
    without waiting anew; the old card is let off what it owes for them for these months. ``msisdn`` becomes the new
    household's phone, and none of the old one's any more. Raises :class:`Fault`.
    """
    lock_household(unit, one.id)
    today = day_in(one.time_zone, unit.now)
    stands, people = standing_and_roster(unit.connection, one, today)
    leaving = _who_goes(people, going, head_id, today)
    if unit.connection.scalar(select(household.c.merged_into_id).where(household.c.id == one.id)) is not None:
        raise Fault(mark("card {card} was merged before"), card=show_card(one.card))
    year = _running(unit, one, stands, today)
    before = statement_of(unit.connection, one.id)
    head = leaving[0]
    persons = [_person(each, head) for each in leaving]
    new_id, card = new_household(unit, one.section_id, one.language, persons, today)
    for each in leaving:
        remove(unit, one, each.id, "departure", today, by)
        if each.covered_from is not None and each.covered_from > today:
            same = (beneficiary.c.household_id == new_id) & (beneficiary.c.name == each.name)
            same &= beneficiary.c.birth_year == each.birth_year
            unit.connection.execute(update(beneficiary).where(same).values(covered_from=each.covered_from))
    _copy_category(unit, one.id, new_id, by)
    write_change(unit, one.id, SPLIT, by, happened_on=today, note=card)
    write_change(unit, new_id, SPLIT_OFF, by, happened_on=today, note=one.card)
    if msisdn is not None:
        if any(each.msisdn == msisdn for each in phones_of(unit.connection, one.id)):
            drop_phone(unit, one.id, msisdn, by)
        add_phone(unit, new_id, msisdn, by, main=True)
    nothing = Money(0, one.currency)
    if year is None:
        return Split(new_id, card, head.name, nothing, nothing, nothing)
    due = _enrol(unit, tree, chart, one, new_id, year, len(leaving), stands, today)
    off, brought = _let_off(unit, tree, chart, one, new_id, year, leaving, before, today)
    return Split(new_id, card, head.name, due, Money(brought, year.currency), Money(off, year.currency))


def _who_goes(people: Sequence[Beneficiary], going: Collection[int], head_id: int, today: date) -> list[Beneficiary]:
    """Those who go, the new head first."""
    found = [each for each in people if each.id in going]
    if not found or len(found) < len(set(going)) or head_id not in going:
        raise Fault(mark("who goes must be on the card, and the new head among them"))
    if any(each.relation == "head" for each in found):
        raise Fault(mark("the head of the household stays on its card"))
    head = next((each for each in heads_to_be(found, today.year) if each.id == head_id), None)
    if head is None:
        raise Fault(mark("the head of the new household must be an adult"))
    return [head, *(each for each in found if each.id != head_id)]


def _person(each: Beneficiary, head: Beneficiary) -> Person:
    relation = "child" if each.birth_year - head.birth_year >= CHILD_YEARS else "other"
    return Person(each.name, each.sex, each.birth_year, "head" if each is head else relation)


def _running(unit: Unit, one: Household, stands: Standing, today: date) -> Enrolment | None:
    """The year that runs today, if one does that can still give cover."""
    years = read_enrolments(unit.connection.execute(*ask_enrolments(one.id)).all(), one.time_zone)
    last = last_of(years)
    if last is None or last.last_day < today or stands.cover.state is State.LAPSED:
        return None
    if last.membership.starts_on > today:
        raise Fault(
            mark("card {card} is enrolled for its next year already: split it once that has begun"),
            card=show_card(one.card),
        )
    if stands.cover.state is State.UNPAID:
        raise Fault(
            mark("card {card} hasn't paid enough for its cover to begin: it pays first"), card=show_card(one.card)
        )
    return last


def _copy_category(unit: Unit, old_id: int, new_id: int, by: By) -> None:
    row = unit.connection.execute(
        select(household_category)
        .where(household_category.c.household_id == old_id)
        .order_by(household_category.c.since.desc(), household_category.c.id.desc())
        .limit(1)
    ).first()
    if row is not None:
        values: dict[str, Any] = {"household_id": new_id, "category_id": row.category_id, "since": row.since}
        values |= {"by_name": by.name or row.by_name, "reason": row.reason, "written_at": unit.now}
        unit.connection.execute(insert(household_category).values(values))


def _enrol(
    unit: Unit, tree: Tree, chart: Chart, one: Household, new_id: int, year: Enrolment, people: int, stands: Standing,
    today: date,
) -> Money:  # fmt: skip
    """Enrol the new household for the months that are left of the old one's year; what it owes itself."""
    its = year.membership
    row = unit.connection.execute(
        select(plan.c.id, plan.c.instalments, membership.c.tariff_id)
        .join(membership, membership.c.plan_id == plan.c.id)
        .where(membership.c.id == its.id)
    ).one()
    months = months_left(its.starts_on, today)
    begins_on = stands.cover.begins_on
    made = unit.connection.execute(
        insert(membership).values(
            household_id=new_id,
            plan_id=row.id,
            starts_on=its.starts_on,
            ends_on=its.ends_on,
            waiting_days=max(0, (begins_on - today).days) if begins_on is not None else 0,
            beneficiaries=people,
            enrolled_at=unit.now,
            months=months,
            tariff_id=row.tariff_id,
        )
    )
    new_year = int(made.inserted_primary_key[0])  # type: ignore[index]
    found = year_of(year.tariff, row.instalments, its.starts_on, months, today, people, False, year.currency)
    debt = Debt(
        f"dues:{new_year}",
        [Due(new_year, due_on, amount) for due_on, amount in found.dues],
        [Due(new_year, due_on, amount) for due_on, amount in found.subsidies],
    )
    charge(unit, tree, chart, new_id, one.section_id, year.currency, today, debt)
    return Money(sum(amount for _, amount in found.dues), year.currency)


def _let_off(
    unit: Unit, tree: Tree, chart: Chart, one: Household, new_id: int, year: Enrolment,
    leaving: Sequence[Beneficiary], before: Statement, today: date,
) -> tuple[int, int]:  # fmt: skip
    """Let the old household off what it owes for who went for the months left; the part paid already goes along.

    Returns both, in minor units.
    """
    its = year.membership
    joined = {due.added for due in before.dues if due.added is not None and due.membership_id == its.id}
    charged_before = _charged(unit, leaving, year, joined)
    people = year.beneficiaries + len(joined)
    fewer = year.tariff.charged(people) - year.tariff.charged(max(0, people - charged_before))
    months = months_left(its.starts_on, today)
    off = _share(year, fewer, months)
    paid = min(off.members_minor, _share(year, fewer, _months_paid(year, before, today)).members_minor)
    if not off.members_minor and not off.subsidised_minor:
        return 0, 0
    books = tree.books_of(one.section_id)
    accounts = chart.of(unit, books.id, year.currency)
    kept = off.members_minor - paid
    to_old = split_payment(before.dues, before.credits, kept)
    theirs = statement_of(unit.connection, new_id)
    to_new = split_payment(theirs.dues, theirs.credits, paid)
    moves = [
        (accounts["income"], off.members_minor, one.id),
        *zip((accounts["receivable"], accounts["advance"]), (-part for part in to_old), (one.id, one.id), strict=True),
        *zip((accounts["receivable"], accounts["advance"]), (-part for part in to_new), (new_id, new_id), strict=True),
        (accounts["subsidies"], off.subsidised_minor, one.id),
    ]
    lines = [Line(account_id, amount, whose) for account_id, amount, whose in moves if amount]
    if off.subsidised_minor:
        lines.append(Line(accounts["subsidiser"], -off.subsidised_minor, one.id, its.id, today))
    record(unit, Entry(f"{SPLIT}:{new_id}", books.id, "corrections", year.currency, today, tuple(lines)))
    return off.members_minor, paid


def _charged(unit: Unit, leaving: Sequence[Beneficiary], year: Enrolment, joined: Collection[int]) -> int:
    """How many of those who go the year's dues count: who was on the card when it was enrolled, or paid to join."""
    ids = [each.id for each in leaving]
    rows = unit.connection.execute(
        select(beneficiary.c.id, beneficiary.c.joined_on).where(beneficiary.c.id.in_(ids))
    ).all()
    return sum(row.id in joined or row.joined_on <= year.membership.enrolled_on for row in rows)


def _share(year: Enrolment, people: int, months: int) -> Parts:
    amount = part_of_year(year.tariff.beneficiary_minor * people, months, year.currency)
    return shared(amount, year.tariff.subsidy_percent, year.currency)


def _months_paid(year: Enrolment, before: Statement, today: date) -> int:
    """For how many of the months left, the one begun included, the old household has paid ahead."""
    its = year.membership
    unpaid = next(
        (
            filled.due.due_on
            for filled in position(before.dues, before.credits).filled
            if filled.left_minor and filled.due.membership_id == its.id
        ),
        None,
    )
    months = months_left(its.starts_on, today)
    if unpaid is None:
        return months
    return max(0, months - months_left(its.starts_on, unpaid)) if unpaid > today else 0
