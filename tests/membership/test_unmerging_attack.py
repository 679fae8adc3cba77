"""Undoing a merge where something else happened in between: it is as before, or refused, and the books' sums hold."""

from __future__ import annotations

import pytest

from gateway.kernel.faults import Fault
from gateway.membership.changes import By
from gateway.membership.moves.moving import move
from gateway.membership.unmerging import Unmerged, merges_of, unmerge
from gateway.payments.refunds import Refund, approve, ask_refund, paid
from gateway.payments.reversing import reverse
from tests.membership.money import put_money
from tests.membership.test_merging import BY, OTHERS, TODAY, do, is_right, twins
from tests.membership.test_moving import another_village
from tests.membership.test_unmerging import undo
from tests.payments.village import NEIGHBOUR, YEAR_DUE, Village, at_once, francs


def balances(village: Village) -> tuple[int, int]:
    """What stands on the two accounts of households together, and in the boxes."""
    found = village.balance()
    return found.get("receivable", 0) + found.get("advance", 0), found.get("cash", 0) + found.get("wallet", 0)


def test_two_who_undo_at_once_undo_it_once(village: Village) -> None:
    one, other = twins(village)
    put_money(village, other.household_id, YEAR_DUE, TODAY)
    before = balances(village)
    do(village, one.household_id, other.household_id)
    tree = village.network.tree()
    with village.store.read() as connection:
        [last] = merges_of(connection, one.household_id, village.clock.now())

    def go() -> object:
        try:
            with village.store.write() as unit:
                return unmerge(unit, tree, last.id, BY)
        except Fault as fault:
            return str(fault)

    done = at_once(2, go)
    assert sum(isinstance(each, Unmerged) for each in done) == 1
    assert "this merge is undone already" in done
    assert balances(village) == before
    is_right(village)


@pytest.mark.parametrize("back", ["reversed", "given back"])
def test_not_after_money_of_before_it_went_back(village: Village, back: str) -> None:
    one, other = twins(village)
    key = village.push(other.household_id, 5_000)
    do(village, one.household_id, other.household_id)
    tree = village.network.tree()
    if back == "reversed":
        with village.store.write() as unit:
            assert reverse(unit, tree, key, "taken back")
    else:
        with village.store.write() as unit:
            asked = ask_refund(unit, tree, collection_key=key, amount=francs(1_000), reason="too much", by="Bio")
            assert isinstance(asked, Refund)
        with pytest.raises(Fault, match="being given back"):
            undo(village, one.household_id)
        with village.store.write() as unit:
            approve(unit, asked.number, "Fati")
            assert isinstance(paid(unit, tree, village.chart, asked.number, "MP241122.1030.A12345"), Refund)
    after = balances(village)
    with pytest.raises(Fault, match="split the household"):
        undo(village, one.household_id)
    assert balances(village) == after
    is_right(village)


def test_not_after_a_move_nor_before_a_later_merge_into_the_same_household(village: Village) -> None:
    one, other = twins(village)
    third = village.register(NEIGHBOUR, OTHERS)
    do(village, one.household_id, other.household_id)
    do(village, one.household_id, third.household_id)
    tree = village.network.tree()
    with village.store.read() as connection:
        later, first = merges_of(connection, one.household_id, village.clock.now())
    with village.store.write() as unit, pytest.raises(Fault, match="since the merge"):
        unmerge(unit, tree, first.id, BY)
    to = another_village(village)
    with village.store.write() as unit:
        tree = village.network.tree()
        move(unit, tree, village.chart, village.family(one.household_id), tree[to], By(None, name="Bio Sarre"))
    with village.store.write() as unit, pytest.raises(Fault, match="was changed since"):
        unmerge(unit, tree, later.id, BY)
    is_right(village)
