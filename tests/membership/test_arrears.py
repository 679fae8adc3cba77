"""Who has something to pay by a day: the one query says of everybody what the rules say of each."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger.accounts import statement_of
from gateway.ledger.rules import position
from gateway.membership.arrears import DueRow, in_section_due
from gateway.membership.households import enrol
from gateway.network.organisations import add_organisation
from tests.membership.money import put_money
from tests.payments.village import FAMILY, FIRST_DUE, NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village, francs

TODAY = date(2026, 11, 22)
NUMBERS = itertools.count()
SPRING = date(2027, 2, 22)  # the second instalment
SUMMER = date(2027, 5, 22)  # and the third


def due(village: Village, until: date, limit: int = 50, sections: tuple[int, ...] | None = None) -> list[DueRow]:
    with village.store.read() as connection:
        return in_section_due(connection, sections or (village.place.section_id,), until, limit)


def test_the_oldest_due_comes_first(village: Village) -> None:
    unpaid, paid, behind = village.register(), village.register(NEIGHBOUR), village.register(None)
    village.add_phone(unpaid.household_id, "+2290100000100", main=False)
    put_money(village, paid.household_id, YEAR_DUE, TODAY)
    put_money(village, behind.household_id, FIRST_DUE + 900, TODAY)
    head = FAMILY[0].name
    assert due(village, TODAY - timedelta(days=1)) == []
    first = DueRow(unpaid.card, head, PAYER, francs(FIRST_DUE), TODAY)
    assert due(village, TODAY) == due(village, SPRING - timedelta(days=1)) == [first]
    assert due(village, SUMMER) == [
        DueRow(unpaid.card, head, PAYER, francs(FIRST_DUE + 5_800), TODAY),
        DueRow(behind.card, head, None, francs(4_900), SPRING),
    ]
    assert len(due(village, SUMMER, limit=1)) == 1


@ON_SQLITE
def test_other_sections_are_not_in_it(village: Village) -> None:
    village.register()
    books = village.place.books
    with village.store.write() as unit:
        other, _ = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Kadolassi")
    village.network.forget()
    village.place = replace(village.place, section_id=other)
    there = village.register(NEIGHBOUR)
    assert [one.card for one in due(village, TODAY)] == [there.card]
    assert len(due(village, TODAY, sections=(other, other - 1, other - 2))) == 2


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payments=st.lists(st.tuples(st.integers(0, 500), st.integers(1, 9_000)), max_size=4, unique=True),
    until=st.integers(-10, 800),
)
@ON_SQLITE
def test_it_is_what_the_rules_say(village: Village, payments: list[tuple[int, int]], until: int) -> None:
    """Two years of dues, advances used at the second, and any payments at all."""
    # Another family each time: the database is the same for all examples.
    made = village.register(None, people=(replace(FAMILY[0], name=f"Adjara {next(NUMBERS)}"), *FAMILY[1:]))
    home, place = made.household_id, village.place
    for days, amount in payments:
        put_money(village, home, amount, TODAY + timedelta(days=days))
    with village.store.write() as unit:
        tree, next_year = village.network.tree(), date(2027, 11, 22)
        enrol(unit, tree, village.chart, home, place.section_id, place.plan, 4, next_year)
    day = TODAY + timedelta(days=until)
    with village.store.read() as connection:
        lines = statement_of(connection, home)
    left = [one for one in position(lines.dues, lines.credits).filled if one.left_minor and one.due.due_on <= day]
    expected = (francs(sum(one.left_minor for one in left)), left[0].due.due_on) if left else None
    found = [(one.amount, one.due_on) for one in due(village, day, limit=10_000) if one.card == made.card]
    assert found == ([expected] if expected else [])
