"""Households that change while somebody pays, or while somebody else merges them: no franc is lost on the way."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from gateway.kernel.faults import Fault, Unavailable
from gateway.membership.households import Household
from gateway.membership.merging import Merged, merge, same_people
from gateway.membership.searching import find
from gateway.payments.cash import CashRecorded, record_cash
from gateway.payments.providers.base import Paid
from gateway.payments.push.wishes import Asked
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.incoming import Seen, Suspense, post_whole
from gateway.store.schema import collection, household, incoming
from gateway.store.unit import Unit
from tests.membership.test_merging import BY, do, is_right, owned, twins
from tests.payments.village import NEIGHBOUR, YEAR_DUE, Village, at_once, francs

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def by_stale_cash(village: Village, unit: Unit, old: Household) -> None:
    made = record_cash(
        unit, village.network.tree(), village.chart, effect_key="stale", household=old, staff=village.treasurer,
        amount=francs(1_500),
    )  # fmt: skip
    assert isinstance(made, CashRecorded)


def by_stale_identifying(village: Village, unit: Unit, old: Household) -> None:
    row = unit.connection.execute(select(incoming)).one()
    post_whole(unit, village.network.tree(), village.chart, row, old, "suspense")


@pytest.mark.parametrize("way", [by_stale_cash, by_stale_identifying])
def test_money_that_waited_for_a_merge_counts_for_the_family(village: Village, way: Any) -> None:
    """Whoever pays has found the household before; somebody merges it; then the money is posted."""
    one, other = twins(village)
    if way is by_stale_identifying:
        at = datetime(2026, 11, 22, 8, tzinfo=UTC)
        seen = village.see(Seen("mtn_benin", "7001", village.place.books.id, francs(1_500), None, None, at, None))
        assert isinstance(seen, Suspense)
    old = village.family(other.household_id)
    do(village, one.household_id, other.household_id)
    with village.store.write() as unit:
        way(village, unit, old)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 1_500)
    assert owned(village, other.household_id) == {}
    is_right(village)


def test_a_wish_that_waited_for_a_merge_is_of_the_family(village: Village) -> None:
    one, other = twins(village)
    do(village, one.household_id, other.household_id)
    key = village.pay(other.household_id, 1_500, NEIGHBOUR)
    assert village.shown(key).household_id == one.household_id
    # Nor is the family asked twice.
    assert village.wish(one.household_id, payer=NEIGHBOUR) is Asked.IN_PROGRESS
    village.confirm(key)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 1_500)
    assert owned(village, other.household_id) == {}


@ON_POSTGRESQL
def test_money_that_comes_late_while_its_card_is_merged_is_posted(village: Village) -> None:
    one, other = twins(village)
    key = village.pay(other.household_id, 1_500, NEIGHBOUR)
    with village.store.write() as unit:
        unit.connection.execute(update(collection).values(state=State.EXPIRED.value))
    paid = Paid(francs(1_500), "op-1", NEIGHBOUR, "SUCCESSFUL", None)

    def late() -> bool:
        with village.store.write() as unit:
            return post_paid(unit, village.network.tree(), village.chart, key, paid)

    with ThreadPoolExecutor(1) as threads:
        with village.store.write() as unit:
            stays, goes = village.family(one.household_id), village.family(other.household_id)
            pairs = same_people(unit.connection, stays, goes)
            merge(unit, village.network.tree(), village.chart, stays, goes, pairs, BY, registered_twice=True)
            coming: Future[bool] = threads.submit(late)
            time.sleep(0.5)
        assert coming.result(5)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 1_500)
    assert owned(village, other.household_id) == {}
    is_right(village)


def test_merged_from_both_sides_at_once_one_stays(village: Village) -> None:
    one, other = twins(village)
    sides = iter([(one.household_id, other.household_id), (other.household_id, one.household_id)] * 2)
    turn = threading.Lock()

    def try_it() -> object:
        with turn:
            stays, goes = next(sides)
        try:
            return do(village, stays, goes)
        except (Fault, Unavailable) as wrong:
            return wrong

    found = at_once(4, try_it)
    assert [type(each) for each in found].count(Merged) == 1
    with village.store.read() as connection:
        gone = connection.execute(select(household.c.id).where(household.c.merged_into_id.is_not(None))).all()
    assert len(gone) == 1
    is_right(village)


def test_cash_given_while_it_is_merged_is_counted_once(village: Village) -> None:
    one, other = twins(village)
    turns = iter(range(6))
    turn = threading.Lock()

    def act() -> object:
        with turn:
            number = next(turns)
        try:
            if number == 3:
                return do(village, one.household_id, other.household_id)
            return village.try_cash(other.household_id, village.treasurer, 500 + number)
        except (Fault, Unavailable) as wrong:
            return wrong

    found = at_once(6, act)
    given = sum(each.amount.minor for each in found if isinstance(each, CashRecorded))
    if any(isinstance(each, Merged) for each in found):
        assert village.stands(one.household_id).left == francs(YEAR_DUE - given)
        assert owned(village, other.household_id) == {}
    is_right(village)


NASTY = ["%", "_", "'", '"', "\\", "\x00", "a\x00b", "Adjara\x00", "é" * 500, "a" * 5_000, "a " * 2_000, "\u202eAdjara",
         "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "9" * 400, "+", "-", "()", "０１２３",
         "zz" * 60, "ß" * 90, "İ" * 60, "ﷺ" * 40, "- - -", "1" * 9, "{x}", ":a", "%%s", "zzzzzzzz", "Z Z"]  # fmt: skip


@pytest.mark.parametrize("typed", NASTY, ids=lambda typed: ascii(typed[:12]))
def test_nothing_typed_breaks_the_search(village: Village, typed: str) -> None:
    twins(village)
    with village.store.read() as connection:
        for prefix in ("", "Adjara ", "Awanla "):
            find(connection, village.network.tree(), prefix + typed)
