"""A household's people change: somebody is born, marries into it or moves in; somebody dies, divorces or moves away.

The rules, with examples: docs/membership.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection, insert, update

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import JOINED, ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.rules import Due
from gateway.membership.changes import By, write_change
from gateway.membership.charging import Debt, charge
from gateway.membership.dues import (
    for_joiner,
    in_time,
    is_newborn,
    joiner_covered_from,
    months_left,
    room,
    wrong_day,
)
from gateway.membership.households import (
    Enrolment,
    Household,
    ask_enrolments,
    ask_roster,
    last_of,
    lock_household,
    read_enrolments,
    read_roster,
    standing_of,
)
from gateway.membership.people import Beneficiary, Person
from gateway.membership.rules import Cover, State
from gateway.membership.sounding import write_sounds
from gateway.network.organisations import Tree
from gateway.store.schema import beneficiary
from gateway.store.together import together
from gateway.store.unit import Unit

__all__ = [
    "Added", "Beneficiary", "By", "Joins", "Leaves", "Price", "Refused", "add", "price", "remove", "roster",
]  # fmt: skip


Joins = Literal["birth", "marriage", "arrival"]
Leaves = Literal["death", "divorce", "departure"]


class Refused(ValueError):
    """Nothing was changed; ``args[0]`` is a stable word why.

    ``future``, ``old`` (more than a year ago), ``before-birth``: of the day that was told; ``birth-year``: a birth in
    another year than the child's; ``full``: the card has no room left.
    """


@dataclass(frozen=True)
class Added:
    """Somebody stands on the card. ``due``: what that costs, all of it (also a year that is enrolled ahead).

    ``covered_from`` None: covered as the household is. ``known``: they stood there before, and nothing was changed.
    """

    beneficiary_id: int
    due: Money
    covered_from: date | None
    known: bool


def roster(connection: Connection, household_id: int) -> list[Beneficiary]:
    """Who is on a card, the head first; those who left aren't."""
    return read_roster(connection.execute(*ask_roster(household_id)).all())


@dataclass(frozen=True)
class Price:
    """What it costs to add somebody, all of it, and from when they are covered; None: as the household is."""

    due: Money
    covered_from: date | None


@dataclass(frozen=True)
class _Joining:
    """What adding somebody comes to. ``twin``: they stand on the card already."""

    twin: Beneficiary | None
    dues: Sequence[Due]
    subsidies: Sequence[Due]
    price: Price


def _joining(
    connection: Connection, one: Household, person: Person, because: Joins, happened_on: date, today: date
) -> _Joining:
    people, rows, lines = together(connection, ask_roster(one.id), ask_enrolments(one.id), ask_statement(one.id))
    on_card = read_roster(people)
    enrolments = read_enrolments(rows, one.time_zone)
    last = last_of(enrolments)
    currency = last.currency if last is not None else one.currency
    twin = next((each for each in on_card if _same(each, person)), None)
    if twin is not None:
        return _Joining(twin, (), (), Price(Money(0, currency), twin.covered_from))
    _check(person, because, happened_on, today, len(on_card) < room(last.people_max if last is not None else None))
    newborn = because == "birth" and is_newborn(happened_on, today)
    cover = standing_of(one, enrolments, read_statement(lines), today).cover
    covered_from = None if newborn else _covered_from(enrolments, cover, today)
    dues, subsidies = dues_of_joiner(enrolments, len(on_card), today, newborn)
    return _Joining(None, dues, subsidies, Price(Money(sum(due.amount_minor for due in dues), currency), covered_from))


def price(
    connection: Connection, one: Household, person: Person, because: Joins, happened_on: date, today: date
) -> Price:
    """What adding somebody would come to today, before anything is done; raises :class:`Refused`."""
    return _joining(connection, one, person, because, happened_on, today).price


def add(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    one: Household,
    person: Person,
    because: Joins,
    happened_on: date,
    by: By,
) -> Added:
    """Add somebody to a household from today; raises :class:`Refused`.

    What happened earlier keeps its own day in the household's story, but nobody is covered, or pays, for days before
    the mutuelle was told.
    """
    lock_household(unit, one.id)
    today = day_in(one.time_zone, unit.now)
    found = _joining(unit.connection, one, person, because, happened_on, today)
    due, covered_from = found.price.due, found.price.covered_from
    if found.twin is not None:
        return Added(found.twin.id, due, covered_from, known=True)
    beneficiary_id = _insert(unit, one.id, person, today, covered_from)
    debt = Debt(f"{JOINED}{beneficiary_id}", found.dues, found.subsidies)
    charge(unit, tree, chart, one.id, one.section_id, due.currency, today, debt)
    write_change(unit, one.id, because, by, beneficiary_id=beneficiary_id, happened_on=happened_on)
    return Added(beneficiary_id, due, covered_from, known=False)


def remove(
    unit: Unit,
    one: Household,
    beneficiary_id: int,
    because: Leaves,
    happened_on: date,
    by: By,
) -> str | None:
    """Take somebody off the card; their name, or None for the head and for who isn't on it. Raises :class:`Refused`.

    What was due for them stays due; the next renewal counts one less.
    """
    lock_household(unit, one.id)
    found = next((each for each in roster(unit.connection, one.id) if each.id == beneficiary_id), None)
    if found is None or found.relation == "head":
        return None
    wrong = wrong_day(happened_on, day_in(one.time_zone, unit.now), found.birth_year)
    if wrong is not None:
        raise Refused(wrong)
    unit.connection.execute(
        update(beneficiary).where(beneficiary.c.id == found.id).values(left_on=happened_on, left_because=because)
    )
    write_change(unit, one.id, because, by, beneficiary_id=found.id, happened_on=happened_on)
    return found.name


def _same(each: Beneficiary, person: Person) -> bool:
    return each.name.casefold() == person.name.casefold() and each.birth_year == person.birth_year


def _check(person: Person, because: str, happened_on: date, today: date, has_room: bool) -> None:
    wrong = wrong_day(happened_on, today, person.birth_year)
    if wrong is None and because == "birth" and happened_on.year != person.birth_year:
        wrong = "birth-year"
    if wrong is None and not has_room:
        wrong = "full"
    if wrong is not None:
        raise Refused(wrong)


def _covered_from(enrolments: Sequence[Enrolment], cover: Cover, today: date) -> date | None:
    """The day from which somebody who joins today is covered; None: as the household is."""
    last = last_of(enrolments)
    if last is None:
        return None
    begun = [each for each in enrolments if each.membership.starts_on <= today]
    current = begun[-1] if begun else enrolments[0]
    begins_on = cover.begins_on or today
    if not in_time(last.last_day, last.membership.grace_days, today):
        # A new year waits again, even if it is enrolled today.
        begins_on = today + timedelta(days=current.joiners_wait_days)
    elif cover.state is State.UNPAID:  # even if it pays today
        begins_on = today + timedelta(days=current.membership.waiting_days)
    return joiner_covered_from(today, current.joiners_wait_days, begins_on)


def dues_of_joiner(
    enrolments: Sequence[Enrolment], on_card: int, today: date, newborn: bool
) -> tuple[list[Due], list[Due]]:
    """What is due for who joins ``on_card`` others today, and what a subsidiser owes of it.

    Their part of the running year, and all of a year that is enrolled ahead.
    """
    dues, subsidies = [], []
    for each in enrolments:
        its = each.membership
        if each.last_day < max(today, its.starts_on) or (newborn and its.starts_on <= today):
            continue
        months = 12 if its.starts_on > today else months_left(its.starts_on, today)
        parts = for_joiner(each.tariff, on_card, months, each.currency)
        due_on = max(today, its.starts_on)
        dues.append(Due(its.id, due_on, parts.members_minor))
        subsidies.append(Due(its.id, due_on, parts.subsidised_minor))
    return [due for due in dues if due.amount_minor], [due for due in subsidies if due.amount_minor]


def _insert(unit: Unit, household_id: int, person: Person, today: date, covered_from: date | None) -> int:
    made = unit.connection.execute(
        insert(beneficiary).values(
            household_id=household_id,
            name=person.name,
            sex=person.sex,
            birth_year=person.birth_year,
            relation=person.relation,
            joined_on=today,
            covered_from=covered_from,
        )
    )
    write_sounds(unit, household_id, [person.name])
    return int(made.inserted_primary_key[0])  # type: ignore[index]
