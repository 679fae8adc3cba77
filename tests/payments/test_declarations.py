"""What a member declares: how a number is read, how often one may try, and what is shown of it afterwards."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select

from gateway.membership.people import Person
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.declarations import (
    NUMBERS_TRIED,
    Confirmed,
    Declared,
    NotANumber,
    Told,
    TooMany,
    declare_by_phone,
    expire,
    told_by,
    typed_number,
)
from gateway.store.schema import declaration
from tests.payments.deeds import came
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, at_once

# What differs between transactions that run side by side, of which SQLite has none.
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
OTHERS = (Person("Bio Sabi", "M", 1970, "head"),)
Answer = Declared | Confirmed | NotANumber | TooMany


def says(office: Village, household_id: int, typed: str, msisdn: str = PAYER) -> Answer:
    with office.store.write() as unit:
        family = office.family(household_id)
        return declare_by_phone(unit, office.network.tree(), office.chart, family, msisdn, "fr", typed)


def shown(office: Village, household_id: int) -> list[Told]:
    with office.store.read() as connection:
        return told_by(connection, office.family(household_id), office.clock.now())


def declared(office: Village) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(declaration)) or 0


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("11005237542", "11005237542"),
        (" 1 100.5237-542\n", "11005237542"),
        ("#11005237542", "11005237542"),
        ("mp260521.2111.c00090", "MP2605212111C00090"),
        ("qkb1xo0z23", "QKB1XO0Z23"),
        ("11OO5237542", "11005237542"),
        ("oo5237542", "005237542"),
        ("１１００５２３７５４２", "11005237542"),
        ("١١٠٠٥٢٣٧٥٤٢", "11005237542"),
        ("OOOOOO", None),
        ("ABCDEF", None),
        ("12345", None),
        ("1" * 31, None),
        ("1" * 30, "1" * 30),
        ("numéro 12345678", None),
        ("عائشة12345", None),
        ("", None),
    ],
)
def test_a_number_as_it_is_typed_on_a_small_keypad(typed: str, number: str | None) -> None:
    assert typed_number(typed) == number


def test_an_o_among_figures_finds_the_money(office: Village, home: int) -> None:
    came(office, operator_id="11005237542")
    assert isinstance(says(office, home, "11 oo5 237 542"), Confirmed)


@ON_SQLITE
def test_the_households_own_card_is_no_number(office: Village, home: int) -> None:
    assert says(office, home, office.family(home).card) == NotANumber()
    assert declared(office) == 0


def test_three_numbers_are_free_and_then_the_wait_grows(office: Village, home: int) -> None:
    for last in range(NUMBERS_TRIED.free + 1):
        assert says(office, home, f"1100523754{last}") == Declared(f"1100523754{last}")
    for number, wait in enumerate(NUMBERS_TRIED.waits):
        next_one = f"2200523754{number}"
        assert says(office, home, next_one) == TooMany(wait)
        office.clock.move(wait - timedelta(seconds=1))
        assert says(office, home, next_one) == TooMany(timedelta(seconds=1))
        office.clock.move(timedelta(seconds=1))
        assert says(office, home, next_one) == Declared(next_one)
    assert declared(office) == NUMBERS_TRIED.free + 1 + len(NUMBERS_TRIED.waits)


def test_it_is_counted_for_the_phone_and_for_the_household(office: Village, home: int) -> None:
    """One phone with two families, and one family with two phones."""
    other = office.register(PAYER, OTHERS).household_id
    for last in "01":
        says(office, home, f"1100523754{last}")
        says(office, other, f"2200523754{last}")
    assert isinstance(says(office, home, "11005237549", PAYER), TooMany)
    assert isinstance(says(office, home, "11005237549", NEIGHBOUR), Declared)
    assert isinstance(says(office, home, "11005237548", NEIGHBOUR), Declared)
    # Four of the household's now: it waits on a third phone too, and the other family on its own doesn't.
    assert isinstance(says(office, home, "11005237547", "+2290100000103"), TooMany)
    assert isinstance(says(office, other, "22005237549", "+2290100000103"), Declared)


def test_the_same_number_says_the_same_and_counts_nothing(office: Village, home: int) -> None:
    for _ in range(9):
        assert says(office, home, "11005237542") == says(office, home, "1100-5237-542") == Declared("11005237542")
    assert declared(office) == 1
    for last in range(NUMBERS_TRIED.free):
        assert says(office, home, f"2200523754{last}") == Declared(f"2200523754{last}")
    assert isinstance(says(office, home, "33005237542"), TooMany)
    assert says(office, home, "11005237542") == Declared("11005237542")
    # While one waits, what has come since is confirmed all the same.
    came(office, operator_id="11005237542")
    assert isinstance(says(office, home, "11005237542"), Confirmed)


@ON_POSTGRESQL
def test_numbers_tried_at_one_moment_are_all_counted(office: Village, home: int) -> None:
    numbers = (f"1100523754{last}" for last in range(8))
    answers = at_once(8, lambda: says(office, home, next(numbers)))
    assert sum(isinstance(one, Declared) for one in answers) == NUMBERS_TRIED.free + 1
    assert sum(isinstance(one, TooMany) for one in answers) == 8 - NUMBERS_TRIED.free - 1


@ON_POSTGRESQL
def test_the_money_and_the_declaration_at_one_moment_count_once(office: Village, home: int) -> None:
    """Whichever is first, the money counts, and nobody has to say it again."""
    for last in range(4):
        number = f"1100523754{last}"
        both = iter((partial(came, office, operator_id=number), partial(says, office, home, number)))
        at_once(2, lambda both=both: next(both)())  # type: ignore[misc]
        assert office.balance()["wallet"] == 2_000 * (last + 1)
        assert "suspense" not in office.balance()
        assert shown(office, home)[0] == Told(number, "seen")
        office.clock.move(timedelta(minutes=30))


def test_what_was_declared_is_shown_with_what_became_of_it(office: Village, home: int) -> None:
    says(office, home, "11005237541")
    office.clock.move(timedelta(days=8))
    expire(office.store)
    says(office, home, "11005237542")
    came(office, operator_id="11005237542")
    office.clock.move(timedelta(minutes=1))
    says(office, home, "11005237543")
    assert shown(office, home) == [
        Told("11005237543", "awaited"),
        Told("11005237542", "seen"),
        Told("11005237541", "unfound"),
    ]


@ON_SQLITE
def test_a_push_that_was_paid_since_is_shown_as_seen(office: Village, home: int) -> None:
    key = office.pay(home, 2_000)
    says(office, home, "MP26.2111.C9")
    assert shown(office, home) == [Told("MP262111C9", "awaited")]
    with office.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)
        paid = Paid(one.amount, "MP26.2111.C9", one.payer, "SUCCESSFUL")
        assert post_paid(unit, office.network.tree(), office.chart, key, paid)
    assert shown(office, home) == [Told("MP262111C9", "seen")]
