"""Registering and enrolling: a household gets one card, its dues stand in the ledger, and its standing follows."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.card import read_card
from gateway.ledger.accounts import statement_of
from gateway.membership import households
from gateway.membership.charging import enrol
from gateway.membership.dues import Year, add_months
from gateway.membership.households import beneficiaries_of, by_card, by_phone
from gateway.membership.people import Person
from gateway.membership.plans import add_plan, plans_for
from gateway.membership.rules import Cover, Membership, State, cover
from gateway.network.organisations import add_organisation
from gateway.store.schema import household, membership
from tests.membership.money import put_money
from tests.payments.village import (
    FAMILY,
    FIRST_DUE,
    NEIGHBOUR,
    ON_SQLITE,
    PAYER,
    TERMS,
    YEAR_DUE,
    Village,
    found,
    francs,
)

TODAY = date(2026, 11, 22)
NUMBERS = itertools.count()


def renew(village: Village, household_id: int, on: date, people: int = 4) -> Year:
    place = village.place
    with village.store.write() as unit:
        return enrol(
            unit, village.network.tree(), village.chart, household_id, place.section_id, place.plan, people, on
        )


def test_a_family_gets_a_card_and_its_dues(village: Village) -> None:
    made = village.register()
    assert read_card(made.card) == made.card
    assert (made.total, made.first, made.known) == (francs(YEAR_DUE), francs(FIRST_DUE), False)
    assert village.balance() == {"receivable": YEAR_DUE, "income": -YEAR_DUE}
    tree = village.network.tree()
    with village.store.read() as connection:
        assert by_card(connection, tree, made.card) == village.family(made.household_id)
        assert [one.card for one in by_phone(connection, tree, PAYER)] == [made.card]
        assert by_phone(connection, tree, NEIGHBOUR) == []
        assert by_card(connection, tree, "123456782") is None
        assert beneficiaries_of(connection, made.household_id) == [one.name for one in FAMILY]
    stands = village.stands(made.household_id)
    assert (stands.cover.state, stands.left, stands.due) == (State.UNPAID, francs(YEAR_DUE), francs(FIRST_DUE))
    assert (stands.to_start, stands.least, stands.beneficiaries) == (francs(3_150), francs(200), 4)


def test_registering_again_from_the_same_phone_gives_the_card_that_is_there(village: Village) -> None:
    first = village.register()
    put_money(village, first.household_id, FIRST_DUE, TODAY)
    again = village.register(people=(replace(FAMILY[0], name="ADJARA TCHÉDRÉ"), *FAMILY[1:2]))
    assert (again.card, again.household_id, again.known) == (first.card, first.household_id, True)
    assert (again.total, again.first) == (francs(YEAR_DUE - FIRST_DUE), francs(2_900))
    assert village.balance()["income"] == -YEAR_DUE


def test_another_head_on_the_same_phone_is_another_household(village: Village) -> None:
    first = village.register()
    second = village.register(people=(Person("Bio Sarre", "M", 1970, "head"),))
    assert not second.known
    assert second.card != first.card
    with village.store.read() as connection:
        cards = {one.card for one in by_phone(connection, village.network.tree(), PAYER)}
    assert cards == {first.card, second.card}


def test_a_father_and_his_son_of_one_name_are_two_families(village: Village) -> None:
    father = village.register()
    son = village.register(people=(replace(FAMILY[0], birth_year=FAMILY[0].birth_year + 25),))
    assert (son.known, son.card != father.card) == (False, True)


def test_a_family_of_another_network_is_not_told_of(village: Village) -> None:
    here = village.register()
    village.place = found(village.store, village.network, code="abroad", treasurer=NEIGHBOUR)
    abroad = village.register()
    assert (abroad.known, abroad.card != here.card) == (False, True)
    assert village.register() == replace(abroad, known=True)


@pytest.mark.parametrize(
    ("days", "head", "known"),
    [
        (0, FAMILY[0], True),
        (30, replace(FAMILY[0], name="ADJARA TCHÉDRÉ"), True),
        (31, FAMILY[0], False),
        (0, replace(FAMILY[0], birth_year=1990), False),
        (0, replace(FAMILY[0], name="Adjara Bio"), False),
    ],
)
def test_a_family_without_a_phone_that_is_registered_again(
    village: Village, days: int, head: Person, known: bool
) -> None:
    """Staff whose answer was lost register the family once more."""
    first = village.register(None)
    village.clock.move(timedelta(days=days))
    again = village.register(None, people=(head, *FAMILY[1:]))
    assert (again.known, again.card == first.card) == (known, known)
    assert village.balance()["income"] == -YEAR_DUE * (1 if known else 2)


@ON_SQLITE
def test_without_a_phone_another_section_and_who_has_a_phone_are_others(village: Village) -> None:
    cards = {village.register().card, village.register(None).card}
    with village.store.write() as unit:
        books = village.place.books
        section_id, _ = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Pélébina")
    village.network.forget()
    village.place = replace(village.place, section_id=section_id)
    cards.add(village.register(None).card)
    assert len(cards) == 3


def test_a_fault_in_the_middle_leaves_nothing_behind(village: Village) -> None:
    with pytest.raises(IntegrityError):
        village.register(people=(FAMILY[0], replace(FAMILY[1], sex="X")))
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(household)) == 0
    assert village.balance() == {}


@ON_SQLITE
def test_the_day_of_registration_is_the_mutuelles_own(village: Village) -> None:
    village.clock.at = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)  # New Year in Ouaké
    made = village.register()
    with village.store.read() as connection:
        assert connection.scalar(select(membership.c.starts_on)) == date(2027, 1, 1)
        assert statement_of(connection, made.household_id).dues[0].due_on == date(2027, 1, 1)


# Years


def test_an_advance_is_used_at_renewal(village: Village) -> None:
    home = village.register().household_id
    put_money(village, home, YEAR_DUE + 3_000, TODAY)
    assert village.balance()["advance"] == -3_000
    year = renew(village, home, add_months(TODAY, 12))
    assert sum(amount for _, amount in year.dues) == 11_600  # no registration fee the second time
    assert village.balance().get("advance", 0) == 0
    assert village.balance()["receivable"] == 11_600 - 3_000
    stands = village.stands(home, add_months(TODAY, 12))
    assert (stands.cover.state, stands.left) == (State.ACTIVE, francs(8_600))


def test_an_advance_larger_than_the_year_stays_an_advance(village: Village) -> None:
    home = village.register().household_id
    put_money(village, home, YEAR_DUE + 11_600 + 500, TODAY)
    renew(village, home, add_months(TODAY, 12))
    assert village.balance()["advance"] == -500
    assert "receivable" not in village.balance()


@pytest.mark.parametrize(
    ("grace_days", "days_after_the_end", "waiting_days"),
    [(30, 1, 0), (30, 30, 0), (30, 31, 30), (0, 1, 0), (0, 2, 30)],
)
@ON_SQLITE
def test_who_renews_in_time_does_not_wait_again(
    village: Village, grace_days: int, days_after_the_end: int, waiting_days: int
) -> None:
    place = village.place
    village.place = replace(place, plan=replace(place.plan, terms=replace(TERMS, grace_days=grace_days)))
    home = village.register().household_id
    last_day = add_months(TODAY, 12) - timedelta(days=1)
    renew(village, home, last_day + timedelta(days=days_after_the_end))
    with village.store.read() as connection:
        found = list(connection.scalars(select(membership.c.waiting_days).order_by(membership.c.id)))
    assert found == [30, waiting_days]


def test_the_same_year_is_enrolled_for_once(village: Village) -> None:
    home = village.register().household_id
    with pytest.raises(IntegrityError):
        renew(village, home, TODAY)
    assert village.balance()["income"] == -YEAR_DUE


def test_a_new_version_of_a_plan_changes_nothing_for_who_is_enrolled(village: Village) -> None:
    home = village.register().household_id
    before = village.stands(home)
    dearer = replace(TERMS, household_minor=9_000, activation_percent=100)
    with village.store.write() as unit:
        add_plan(unit, village.place.books.id, "famille", "Famille", "XOF", dearer, TODAY, version=2)
    assert village.stands(home) == before
    tree = village.network.tree()
    with village.store.read() as connection:
        now = plans_for(connection, tree, village.place.section_id, TODAY)
        earlier = plans_for(connection, tree, village.place.section_id, TODAY - timedelta(days=1))
    assert [(one.version, one.terms.household_minor) for one in now] == [(2, 9_000)]
    assert [(one.version, one.terms.household_minor) for one in earlier] == [(1, 2_000)]


# Standing


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payments=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 9_000)), max_size=4, unique=True),
    renewed_after=st.one_of(st.none(), st.integers(0, 60)),
    on=st.integers(0, 800),
)
@ON_SQLITE
def test_standing_is_the_pure_function_of_the_ledger_the_plan_and_the_day(
    village: Village, payments: list[tuple[int, int]], renewed_after: int | None, on: int
) -> None:
    """What the database gives is what the rules give for the same lines; nobody sets cover by hand."""
    # Another family each time: the database is the same for all examples.
    home = village.register(None, people=(replace(FAMILY[0], name=f"Adjara {next(NUMBERS)}"), *FAMILY[1:])).household_id
    for days, amount in payments:
        put_money(village, home, amount, TODAY + timedelta(days=days))
    if renewed_after is not None:
        renew(village, home, add_months(TODAY, 12) + timedelta(days=renewed_after))
    day = TODAY + timedelta(days=on)
    with village.store.read() as connection:
        rows = connection.execute(
            select(membership).where(membership.c.household_id == home).order_by(membership.c.id)
        ).all()
        lines = statement_of(connection, home)
    years = [
        Membership(row.id, row.starts_on, row.ends_on, row.waiting_days, TERMS.grace_days, TERMS.activation_percent)
        for row in rows
    ]
    expected: Cover = cover(years, lines.dues, lines.credits, day)
    assert village.stands(home, day).cover == expected
    paid = sum(amount for _, amount in payments)
    owed = sum(due.amount_minor for due in lines.dues)
    assert sum(credit.amount_minor for credit in lines.credits) == paid
    assert village.stands(home, TODAY + timedelta(days=800)).left == francs(max(0, owed - paid))


def test_of_two_families_each_has_its_own_money(village: Village) -> None:
    first, second = village.register().household_id, village.register(NEIGHBOUR).household_id
    put_money(village, first, YEAR_DUE, TODAY)
    assert village.stands(first).left == francs(0)
    assert village.stands(second).left == francs(YEAR_DUE)


def test_there_is_no_way_to_set_cover_by_hand() -> None:
    columns = {column.name for table in (household, membership) for column in table.columns}
    assert not {name for name in columns if "cover" in name or "state" in name or "status" in name}
    assert not [name for name in vars(households) if name.startswith("set_")]
