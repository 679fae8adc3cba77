"""A household's people change: what it costs, when it covers, what stands in the books and in the household's story."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import pytest
from sqlalchemy import select

from gateway.membership import family, renewal
from gateway.membership.family import Added, By, Refused
from gateway.membership.people import MOST_PEOPLE, Person
from gateway.membership.rules import State
from gateway.store.schema import beneficiary, household_change, membership
from gateway.store.unit import Store
from tests.membership.money import put_money
from tests.payments.village import FAMILY, FIRST_DUE, ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, at_once, francs

TODAY = date(2026, 11, 22)
HALF_WAY = date(2027, 5, 22)  # six months of the year are left
BY = By(PAYER)
BABY = Person("Chabi Tchédré", "M", 2027, "child")
WIFE = Person("Assana Orou", "F", 1995, "spouse")


@pytest.fixture
def home(village: Village) -> int:
    """A family of four that has paid its year on the first day."""
    made = village.register()
    put_money(village, made.household_id, YEAR_DUE, TODAY)
    return made.household_id


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def add(
    village: Village,
    home: int,
    person: Person = WIFE,
    because: Literal["birth", "marriage", "arrival"] = "marriage",
    happened_on: date | None = None,
    by: By = BY,
) -> Added:
    day = happened_on or village.clock.now().date()
    with village.store.write() as unit:
        return family.add(unit, village.network.tree(), village.chart, village.family(home), person, because, day, by)


def remove(
    village: Village,
    home: int,
    beneficiary_id: int,
    because: Literal["death", "divorce", "departure"] = "departure",
    happened_on: date | None = None,
) -> str | None:
    with village.store.write() as unit:
        day = happened_on or village.clock.now().date()
        return family.remove(unit, village.family(home), beneficiary_id, because, day, BY)


def names(store: Store, home: int) -> list[str]:
    with store.read() as connection:
        return [one.name for one in family.roster(connection, home)]


def ids(store: Store, home: int) -> dict[str, int]:
    with store.read() as connection:
        return {one.name: one.id for one in family.roster(connection, home)}


def story(store: Store, home: int) -> list[tuple[object, ...]]:
    with store.read() as connection:
        rows = connection.execute(
            select(household_change).where(household_change.c.household_id == home).order_by(household_change.c.id)
        )
        return [(row.kind, row.msisdn, row.staff_id, row.beneficiary_id, row.happened_on) for row in rows]


# Joining


def test_a_wife_joins_half_way_through_the_year(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    added = add(village, home, happened_on=date(2027, 5, 1))
    assert (added.due, added.covered_from, added.known) == (francs(1_200), date(2027, 6, 21), False)
    with village.store.read() as connection:
        last = family.roster(connection, home)[-1]
    assert (last.id, last.name, last.sex, last.birth_year, last.relation, last.covered_from) == (
        added.beneficiary_id, "Assana Orou", "F", 1995, "spouse", date(2027, 6, 21),
    )  # fmt: skip
    stands = village.stands(home)
    # What was paid ahead for the last instalment goes to her first; so it is that one which is short now, for her.
    assert (stands.left, stands.due, stands.cover.due_on) == (francs(1_200), francs(1_200), date(2027, 8, 22))
    assert (stands.cover.state, stands.beneficiaries) == (State.ACTIVE, 4)  # what the year's own dues were counted for
    assert village.balance() == {"receivable": 1_200, "income": -YEAR_DUE - 1_200, "cash": YEAR_DUE}
    assert story(village.store, home) == [("marriage", PAYER, None, added.beneficiary_id, date(2027, 5, 1))]


def test_what_is_due_for_a_joiner_is_paid_like_everything_else(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    add(village, home)
    put_money(village, home, 1_200, HALF_WAY)
    assert village.stands(home).left == francs(0)
    assert village.stands(home, HALF_WAY + timedelta(days=60)).cover.state is State.ACTIVE


def test_an_advance_pays_for_who_joins(village: Village, home: int) -> None:
    put_money(village, home, 1_000, TODAY)
    on(village, HALF_WAY)
    add(village, home)
    assert village.stands(home).left == francs(200)
    assert village.balance() == {"receivable": 200, "income": -YEAR_DUE - 1_200, "cash": YEAR_DUE + 1_000}


def test_a_newborn_costs_nothing_and_is_covered_at_once(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    added = add(village, home, BABY, "birth", HALF_WAY - timedelta(days=90))
    assert (added.due, added.covered_from) == (francs(0), None)
    assert village.stands(home).left == francs(0)
    assert village.balance() == {"income": -YEAR_DUE, "cash": YEAR_DUE}


@ON_SQLITE
def test_joining_early_the_household_and_the_joiner_wait_together(village: Village, home: int) -> None:
    assert add(village, home).covered_from is None  # the household itself waits from today
    on(village, TODAY + timedelta(days=1))
    assert add(village, home, replace(WIFE, name="Bona Orou")).covered_from == TODAY + timedelta(days=31)


@ON_SQLITE
def test_who_joins_a_household_that_has_not_paid_yet_waits_with_it(village: Village) -> None:
    home = village.register().household_id
    on(village, TODAY + timedelta(days=40))
    assert add(village, home).covered_from is None
    put_money(village, home, 5_000, TODAY + timedelta(days=40))
    assert village.stands(home).cover.begins_on == TODAY + timedelta(days=70)


@ON_SQLITE
def test_joining_closes_no_cover_that_was_open(village: Village) -> None:
    """A quarter of the year's dues opened it; the joiner's are more than that, and raise nothing."""
    home = village.register().household_id
    put_money(village, home, FIRST_DUE, TODAY)
    on(village, date(2026, 12, 23))
    assert village.stands(home).cover.state is State.ACTIVE
    for number in range(3):
        add(village, home, replace(WIFE, name=f"Assana {'ABC'[number]}"))
    for day in (date(2026, 12, 23), date(2026, 12, 24), date(2027, 2, 22)):
        assert village.stands(home, day).cover.state is State.ACTIVE
    assert village.stands(home, date(2027, 3, 25)).cover.state is State.SUSPENDED  # their own second instalment
    assert village.stands(home).left == francs(YEAR_DUE - FIRST_DUE + 3 * 2_200)


@pytest.mark.parametrize("grace_days", [0, 30])
@ON_SQLITE
def test_whoever_adds_somebody_unpaid_closes_nobodys_cover(village: Village, grace_days: int) -> None:
    """One instalment, all of it paid: no day of the year is taken from the family, and the joiner gets none."""
    terms = replace(TERMS, instalments=1, activation_percent=100, grace_days=grace_days)
    village.place = replace(village.place, plan=replace(village.place.plan, terms=terms))
    home = village.register().household_id
    put_money(village, home, YEAR_DUE, TODAY)
    on(village, HALF_WAY)
    joined = add(village, home).beneficiary_id
    for day in (HALF_WAY, HALF_WAY + timedelta(days=grace_days + 1), date(2027, 11, 21)):
        stands = village.stands(home, day)
        assert (stands.cover.state, stands.cover.until) == (State.ACTIVE, date(2027, 11, 21))
        assert (stands.left, stands.unpaid) == (francs(1_200), frozenset({joined}))
    put_money(village, home, 1_200, HALF_WAY)
    assert village.stands(home).unpaid == frozenset()


@ON_SQLITE
def test_between_two_years_nothing_is_owed_and_the_renewal_counts_all(village: Village, home: int) -> None:
    on(village, date(2027, 12, 1))
    assert add(village, home).due == francs(0)
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        made = renewal.renew(unit, tree, village.chart, one, village.place.plan.id, BY)
    assert made is not None
    assert made.total == francs(2_000 + 5 * 2_400)


@pytest.mark.parametrize(("because", "due"), [("arrival", 200 + 2_400), ("birth", 2_400)])
@ON_SQLITE
def test_a_year_that_is_enrolled_ahead_is_owed_too(
    village: Village, home: int, because: Literal["arrival", "birth"], due: int
) -> None:
    on(village, date(2027, 11, 1))
    with village.store.write() as unit:
        tree, one = village.network.tree(), village.family(home)
        renewal.renew(unit, tree, village.chart, one, village.place.plan.id, BY)
    assert add(village, home, BABY, because).due == francs(due)
    stands = village.stands(home, date(2027, 11, 22))
    assert stands.left == francs(11_600 + due)


def test_the_same_person_is_added_once(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    first = add(village, home)
    again = add(village, home, replace(WIFE, name="ASSANA OROU"))
    assert again == Added(first.beneficiary_id, francs(0), first.covered_from, known=True)
    assert add(village, home, FAMILY[2]).known
    assert names(village.store, home).count("Assana Orou") == 1
    assert village.stands(home).left == francs(1_200)
    assert len(story(village.store, home)) == 1
    assert not add(village, home, replace(WIFE, birth_year=1996)).known  # her namesake


def test_of_two_phones_at_once_one_adds(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    made = at_once(2, lambda: add(village, home))
    assert sorted(one.known for one in made if isinstance(one, Added)) == [False, True]
    assert village.stands(home).left == francs(1_200)


@pytest.mark.parametrize(
    ("person", "because", "happened_on", "why"),
    [
        (WIFE, "marriage", HALF_WAY + timedelta(days=1), "future"),
        (WIFE, "marriage", date(2026, 5, 21), "old"),
        (BABY, "arrival", date(2026, 12, 31), "before-birth"),
        (BABY, "birth", date(2026, 12, 31), "before-birth"),
        (replace(BABY, birth_year=2026), "birth", date(2027, 1, 1), "birth-year"),
    ],
)
@ON_SQLITE
def test_what_is_refused(
    village: Village, home: int, person: Person, because: Literal["birth", "marriage"], happened_on: date, why: str
) -> None:
    on(village, HALF_WAY)
    with pytest.raises(Refused, match=f"^{why}$"):
        add(village, home, person, because, happened_on)
    assert len(names(village.store, home)) == 4
    assert story(village.store, home) == []


@ON_SQLITE
def test_a_card_is_full_until_somebody_leaves(village: Village) -> None:
    children = [replace(FAMILY[3], birth_year=2000 + number) for number in range(MOST_PEOPLE - 1)]
    home = village.register(people=[FAMILY[0], *children]).household_id
    with pytest.raises(Refused, match=r"^full$"):
        add(village, home)
    assert remove(village, home, ids(village.store, home)["Rahina Tchédré"]) is not None
    assert not add(village, home).known


@ON_SQLITE
def test_staff_who_add_somebody_stand_in_the_story(village: Village, home: int) -> None:
    animator = village.hire("animator")
    added = add(village, home, by=By(animator.msisdn, animator.id))
    assert story(village.store, home) == [("marriage", animator.msisdn, animator.id, added.beneficiary_id, TODAY)]


# Leaving


def test_who_leaves_is_counted_no_more_and_what_was_due_stays(village: Village, home: int) -> None:
    on(village, HALF_WAY)
    gone = ids(village.store, home)["Moussa Tchédré"]
    assert remove(village, home, gone, "death", date(2027, 3, 3)) == "Moussa Tchédré"
    assert names(village.store, home) == ["Adjara Tchédré", "Idrissou Tchédré", "Rahina Tchédré"]
    assert remove(village, home, gone, "death", date(2027, 3, 3)) is None
    assert story(village.store, home) == [("death", PAYER, None, gone, date(2027, 3, 3))]
    with village.store.read() as connection:
        row = connection.execute(beneficiary.select().where(beneficiary.c.id == gone)).one()
        assert (row.left_on, row.left_because) == (date(2027, 3, 3), "death")
        assert connection.scalar(select(membership.c.beneficiaries)) == 4
    assert village.balance() == {"income": -YEAR_DUE, "cash": YEAR_DUE}
    stands = village.stands(home)
    assert (stands.left, stands.cover.state) == (francs(0), State.ACTIVE)


@ON_SQLITE
def test_the_head_and_strangers_are_not_removed(village: Village, home: int) -> None:
    neighbours = village.register(None).household_id
    assert remove(village, home, ids(village.store, home)["Adjara Tchédré"]) is None
    assert remove(village, home, ids(village.store, neighbours)["Moussa Tchédré"]) is None
    assert remove(village, home, 999_999) is None
    assert len(names(village.store, home)) == len(names(village.store, neighbours)) == 4
    assert story(village.store, home) == []


@pytest.mark.parametrize(
    ("happened_on", "why"),
    [(TODAY + timedelta(days=1), "future"), (date(2025, 11, 21), "old")],
)
@ON_SQLITE
def test_a_removal_on_an_impossible_day_is_refused(village: Village, home: int, happened_on: date, why: str) -> None:
    with pytest.raises(Refused, match=f"^{why}$"):
        remove(village, home, ids(village.store, home)["Rahina Tchédré"], "departure", happened_on)
    assert len(names(village.store, home)) == 4


@ON_SQLITE
def test_who_left_may_come_back(village: Village, home: int) -> None:
    assert remove(village, home, ids(village.store, home)["Rahina Tchédré"]) is not None
    assert not add(village, home, FAMILY[3], "arrival").known
    assert names(village.store, home)[-1] == "Rahina Tchédré"
