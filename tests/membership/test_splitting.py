"""Some people of a household get a card of their own: nothing is charged twice, and nobody is covered for nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.ledger.accounts import first_difference, statement_of
from gateway.ledger.rules import position
from gateway.membership import renewal
from gateway.membership.changes import By
from gateway.membership.dues import Terms
from gateway.membership.family import roster
from gateway.membership.households import phones_of
from gateway.membership.leaving import heads_to_be
from gateway.membership.people import Person
from gateway.membership.recomputing import first_wrong_due
from gateway.membership.rules import State
from gateway.membership.searching import find
from gateway.membership.splitting import Split, split
from gateway.store.schema import household_change
from tests.membership import test_recomputing as history
from tests.membership.money import put_money
from tests.membership.test_cover import TERMS as ANY_TERMS
from tests.payments.village import FAMILY, NEIGHBOUR, ON_SQLITE, PAYER, TERMS, YEAR_DUE, Village, found, francs

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")
SON = Person("Sani Tchédré", "M", 2000, "child")
WIFE = Person("Zénabou Orou", "F", 2003, "other")


def on(village: Village, day: date) -> None:
    village.clock.move(day - village.clock.now().date())


def home(village: Village) -> int:
    """Six people: 1 000 once, 16 400 a year, 4 100 a quarter."""
    return village.register(people=(*FAMILY, SON, WIFE)).household_id


def do(village: Village, household_id: int, *names: str, msisdn: str | None = None) -> Split:
    with village.store.write() as unit:
        people = {each.name: each.id for each in roster(unit.connection, household_id)}
        ids = [people[name] for name in names]
        tree, one = village.network.tree(), village.family(household_id)
        return split(unit, tree, village.chart, one, ids, ids[0], BY, msisdn)


def is_right(village: Village) -> None:
    with village.store.read() as connection:
        assert first_difference(connection) is None
        assert first_wrong_due(connection) is None


def test_a_year_that_is_paid_goes_along(village: Village) -> None:
    one = home(village)
    put_money(village, one, 17_400, TODAY)
    on(village, date(2027, 5, 22))
    done = do(village, one, SON.name, WIFE.name)
    # Six months of the plan for two; of that they bring what was paid for them: only the household's part is new.
    assert (done.due, done.brought, done.let_off) == (francs(3_400), francs(2_400), francs(2_400))
    old, new = village.stands(one), village.stands(done.household_id)
    assert (old.cover.state, old.left, old.advance) == (State.ACTIVE, francs(0), francs(0))
    assert (new.cover.state, new.left) == (State.ACTIVE, francs(1_000))
    assert new.cover.begins_on == date(2027, 5, 22)
    is_right(village)
    with village.store.read() as connection:
        tree = village.network.tree()
        assert [each.name for each in roster(connection, done.household_id)] == [SON.name, WIFE.name]
        assert [each.name for each in roster(connection, one)] == [each.name for each in FAMILY]
        assert find(connection, tree, "zenabou").found[0].household_id == done.household_id
        kinds = connection.execute(select(household_change.c.household_id, household_change.c.kind)).all()
    assert (one, "split") in kinds
    assert (done.household_id, "split-off") in kinds


def test_what_is_paid_by_quarters_is_charged_once(village: Village) -> None:
    one = home(village)
    put_money(village, one, 5_100, TODAY)
    put_money(village, one, 4_100, date(2027, 2, 22))
    on(village, date(2027, 4, 22))
    done = do(village, one, SON.name, WIFE.name)
    # Seven months are left, and one of them was paid for.
    assert (done.due, done.let_off, done.brought) == (francs(3_967), francs(2_800), francs(400))
    old = village.stands(one)
    assert old.left == francs(8_200 - 2_400)
    # Together they owe the year of six as it was, and the household's part of the new card.
    assert village.stands(done.household_id).left == francs(3_967 - 400)
    is_right(village)


def test_the_next_year_is_each_ones_own(village: Village) -> None:
    one = home(village)
    put_money(village, one, 17_400, TODAY)
    on(village, date(2027, 5, 22))
    done = do(village, one, SON.name, WIFE.name)
    on(village, date(2027, 10, 1))
    for household_id, total in ((one, 11_600), (done.household_id, 6_800)):
        with village.store.write() as unit:
            tree, own = village.network.tree(), village.family(household_id)
            made = renewal.renew(unit, tree, village.chart, own, village.place.plan.id, BY)
        assert made is not None
        assert made.total == francs(total)  # and no registration fee
    is_right(village)


def test_who_waits_goes_on_waiting(village: Village) -> None:
    one = home(village)
    put_money(village, one, 17_400, TODAY)
    on(village, date(2026, 12, 2))
    done = do(village, one, SON.name)
    put_money(village, done.household_id, 5_000, date(2026, 12, 2))
    cover = village.stands(done.household_id).cover
    assert (cover.state, cover.begins_on) == (State.WAITING, village.stands(one).cover.begins_on)
    is_right(village)


def test_a_phone_goes_with_them(village: Village) -> None:
    one = home(village)
    village.add_phone(one, NEIGHBOUR)
    put_money(village, one, 17_400, TODAY)
    done = do(village, one, SON.name, msisdn=NEIGHBOUR)
    with village.store.read() as connection:
        assert [each.msisdn for each in phones_of(connection, one)] == [PAYER]
        assert [(each.msisdn, each.main) for each in phones_of(connection, done.household_id)] == [(NEIGHBOUR, True)]


@ON_SQLITE
def test_when_no_year_runs_there_is_a_card_and_nothing_to_pay(village: Village) -> None:
    one = home(village)
    on(village, date(2028, 6, 1))
    done = do(village, one, SON.name)
    assert done.due == francs(0)
    assert village.stands(done.household_id).cover.state is State.NONE
    is_right(village)


@ON_SQLITE
def test_refused_with_a_clear_line(village: Village) -> None:
    one = home(village)
    with pytest.raises(Fault, match="pays first"):  # or their share would open a cover that nobody paid
        do(village, one, SON.name)
    put_money(village, one, YEAR_DUE, TODAY)
    with pytest.raises(Fault, match="stays on its card"):
        do(village, one, SON.name, FAMILY[0].name)
    with pytest.raises(Fault, match="an adult"):
        do(village, one, FAMILY[2].name)
    with pytest.raises(Fault, match="must be on the card"), village.store.write() as unit:
        split(unit, village.network.tree(), village.chart, village.family(one), [99], 99, BY)


@ON_SQLITE
def test_a_plan_that_asks_the_same_of_all_lets_nobody_off(village: Village) -> None:
    terms = replace(TERMS, beneficiary_minor=0)
    village.place = found(village.store, village.network, terms, code="flat", treasurer="+2290100000903")
    one = home(village)
    put_money(village, one, 3_000, TODAY)
    done = do(village, one, SON.name)
    assert (done.due, done.let_off) == (francs(2_000), francs(0))
    is_right(village)


STEPS = (history.pay, history.join, history.remove, history.renew, history.categorise, history.leave, history.penalise)


@ON_SQLITE
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate]
)  # fmt: skip
@given(
    terms=ANY_TERMS,
    percent=st.sampled_from([0, 33, 100]),
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 5_000)), max_size=6),
)
def test_after_any_history_the_books_are_right_and_nothing_is_charged_twice(
    village: Village, terms: Terms, percent: int, steps: list[tuple[Any, int]]
) -> None:
    one = history.set_up(village, terms, percent, None, True)
    history.pay(one, 4_000)
    for step, amount in steps:
        step(one, amount)
    with village.store.read() as connection:
        able = heads_to_be(roster(connection, one.household_id), village.clock.now().year)
    if not able:
        return
    owed = _owed(village, one.household_id)
    try:
        done = do(village, one.household_id, able[0].name)
    except Fault as why:
        event(f"refused: {str(why)[-30:]}")
        return
    event("let off" if done.let_off else "nothing to let off")
    is_right(village)
    after = _owed(village, one.household_id) + _owed(village, done.household_id)
    assert after == owed + done.due.minor - done.let_off.minor
    assert done.brought <= done.let_off


def _owed(village: Village, household_id: int) -> int:
    """What a household owes, less what it has in advance."""
    with village.store.read() as connection:
        lines = statement_of(connection, household_id)
    found = position(lines.dues, lines.credits)
    return found.left_minor - found.advance_minor
