"""Money of before a move that is taken or given back after it, and what comes late, ends in the right books."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import delete, func, select

from gateway.kernel.clock import FixedClock
from gateway.membership.changes import By
from gateway.membership.moves import late
from gateway.membership.moves.late import carrying_late as round_of
from gateway.membership.moves.moving import move
from gateway.network.organisations import Network
from gateway.payments.refunds import NoRefund, Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from gateway.store.schema import entry, webhook_mark
from gateway.store.unit import Store
from tests.membership.money import put_money
from tests.network.test_branches import BY, TODAY, Unions
from tests.network.test_branches import unions as unions  # the fixture
from tests.payments.village import NEIGHBOUR, ON_SQLITE, YEAR_DUE, at_once, francs


def carry(unions: Unions) -> int:
    """A round of the scheduler; how many entries it wrote."""

    def count() -> int:
        with unions.store.read() as connection:
            return connection.scalar(select(func.count()).select_from(entry)) or 0

    before = count()
    unions.network.forget()
    for _ in round_of(unions.store, unions.network, unions.village.chart):
        pass
    return count() - before


def shift(unions: Unions, household_id: int, to: str) -> None:
    tree = unions.tree
    with unions.store.write() as unit:
        move(unit, tree, unions.village.chart, unions.village.family(household_id), tree.named(to), By(None, name=BY))


def nothing_left(unions: Unions, code: str) -> None:
    assert (unions.stands(code, "receivable"), unions.stands(code, "advance")) == (0, 0)
    assert unions.stands("m", "between") == -unions.stands("o", "between")
    unions.whole()


@pytest.mark.parametrize("how", ["branch", "household"])
@pytest.mark.parametrize("amount", [YEAR_DUE, YEAR_DUE + 2_000, 1_500])
def test_a_payment_of_before_the_move_is_taken_back_after_it(unions: Unions, how: str, amount: int) -> None:
    village = unions.village
    home = village.register()
    key = village.push(home.household_id, amount)
    if how == "branch":
        unions.move("m-1", "o")
    else:
        shift(unions, home.household_id, "o-1")
    with unions.store.write() as unit:
        assert reverse(unit, unions.tree, key, "taken back")
    taken = village.stands(home.household_id)
    assert (taken.left.minor, taken.advance.minor) == (YEAR_DUE, 0)
    assert carry(unions) == 2
    assert village.stands(home.household_id) == taken
    nothing_left(unions, "m")
    assert unions.stands("o", "receivable") == YEAR_DUE
    assert unions.stands("m", "wallet") == 0
    assert carry(unions) == 0  # once


def test_a_payment_of_before_the_move_is_given_back_after_it(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    key = village.push(home.household_id, YEAR_DUE + 2_000)
    shift(unions, home.household_id, "o-1")
    with unions.store.write() as unit:
        one = ask_refund(unit, unions.tree, collection_key=key, amount=francs(3_000), reason="too much", by="Bio")
        assert isinstance(one, Refund)
    with unions.store.write() as unit:
        assert isinstance(approve(unit, one.number, "Fati"), Refund)
    with unions.store.write() as unit:
        done = paid(unit, unions.tree, village.chart, one.number, "MP241122.1030.A12345")
        assert not isinstance(done, NoRefund)
    after = village.stands(home.household_id)
    assert (after.left.minor, after.advance.minor) == (1_000, 0)
    carry(unions)
    assert village.stands(home.household_id) == after
    nothing_left(unions, "m")


def test_there_and_back_on_one_day_and_late_money_both_times(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    put_money(village, home.household_id, 5_000, TODAY)
    before, balance = village.stands(home.household_id), village.balance()
    unions.move("m-1", "o")
    unions.move("m-1", "m")
    assert (village.stands(home.household_id), village.balance()) == (before, balance)
    assert unions.stands("m", "between") == unions.stands("o", "between") == 0
    shift(unions, home.household_id, "o-1")
    put_money(village, home.household_id, 700, TODAY, books="m")
    shift(unions, home.household_id, "m-1")
    put_money(village, home.household_id, 900, TODAY, books="o")
    assert carry(unions) == 2
    nothing_left(unions, "o")
    assert village.stands(home.household_id).left.minor == YEAR_DUE - 6_600
    assert unions.stands("m", "between") == 900  # the other mutuelle has it in its box


def test_two_rounds_at_once_carry_once(unions: Unions) -> None:
    village = unions.village
    home = village.register()
    unions.move("m-1", "o")
    put_money(village, home.household_id, 5_000, TODAY, books="m")
    unions.network.forget()
    at_once(2, lambda: list(round_of(unions.store, unions.network, village.chart)))
    nothing_left(unions, "m")
    assert unions.stands("o", "receivable") == YEAR_DUE - 5_000
    with unions.store.read() as connection:
        late = connection.scalars(select(entry.c.key).where(entry.c.key.like("moved:late:%"))).all()
    assert len(late) == 2


@ON_SQLITE
def test_a_round_goes_on_where_the_last_one_stood_in_small_steps(
    unions: Unions, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "STEP", 2)
    village = unions.village
    homes = [village.register(), village.register(NEIGHBOUR)]
    shift(unions, homes[0].household_id, "o-1")
    unions.move("m-1", "o")
    for each in homes:
        put_money(village, each.household_id, 400, TODAY, books="m")

    def mark() -> int | None:
        with unions.store.read() as connection:
            return connection.scalar(select(webhook_mark.c.behind_id))

    assert carry(unions) == 4  # a step each: two entries of each household
    assert mark() is None  # what is young may have forerunners that aren't seen yet
    clock.at += timedelta(hours=1)
    assert carry(unions) == 0
    behind = mark()
    assert behind
    put_money(village, homes[1].household_id, 300, date(2026, 11, 23), books="m")
    assert carry(unions) == 2
    nothing_left(unions, "m")
    with unions.store.write() as unit:
        unit.connection.execute(delete(webhook_mark))  # forgotten: all is looked through again, and nothing is found
    assert carry(unions) == 0
    assert mark() == behind


def test_where_nothing_moved_nothing_is_written(unions: Unions, store: Store, network: Network) -> None:
    village = unions.village
    for each in (village.register(), village.register(NEIGHBOUR)):
        village.push(each.household_id, 1_500)
    assert carry(unions) == 0
