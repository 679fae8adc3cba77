"""A merge is undone: money, people, phones and cover are what they were, and what prevents it is said."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from gateway.kernel.faults import Fault
from gateway.membership.changes import write_change
from gateway.membership.family import roster
from gateway.membership.households import by_card, phones_of
from gateway.membership.leaving import leave
from gateway.membership.people import Person
from gateway.membership.searching import find
from gateway.membership.unmerging import UNDO_DAYS, Unmerged, merges_of, unmerge
from gateway.store.schema import collection, entry, pin
from tests.membership.money import put_money
from tests.membership.test_merging import BY, OTHERS, TODAY, do, is_right, on, owned, twins
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village

SANI = Person("Sani Tchédré", "M", 2020, "child")


def undo(village: Village, stays: int) -> Unmerged:
    with village.store.write() as unit:
        [last, *_] = merges_of(unit.connection, stays, unit.now)
        return unmerge(unit, village.network.tree(), last.id, BY)


def picture(village: Village, household_id: int) -> Any:
    """All that a household has, and its cover on many days."""
    with village.store.read() as connection:
        people = roster(connection, household_id)
        phones = phones_of(connection, household_id)
        paid = connection.scalars(select(collection.c.id).where(collection.c.household_id == household_id)).all()
        pins = connection.execute(select(pin).where(pin.c.holder == f"h:{household_id}")).all()
    stands = [village.stands(household_id, TODAY + timedelta(days=each)) for each in range(0, 400, 20)]
    return people, phones, paid, pins, stands, owned(village, household_id)


@pytest.mark.parametrize("twice", [True, False])
def test_both_are_as_they_were(village: Village, twice: bool) -> None:
    if twice:
        one, other = twins(village, (SANI,))
    else:
        one, other = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    put_money(village, one.household_id, 4_000, TODAY)
    put_money(village, other.household_id, YEAR_DUE + 2_400, TODAY)
    with village.store.write() as unit:
        unit.connection.execute(
            insert(pin).values(holder=f"h:{other.household_id}", hash="x", first=False, set_at=unit.now)
        )
    on(village, date(2026, 12, 1))
    before = [picture(village, each.household_id) for each in (one, other)]
    do(village, one.household_id, other.household_id, twice=twice)
    on(village, date(2026, 12, 20))
    done = undo(village, one.household_id)
    assert (done.card, done.old_card, done.household_id) == (one.card, other.card, other.household_id)
    assert [picture(village, each.household_id) for each in (one, other)] == before
    tree = village.network.tree()
    with village.store.read() as connection:
        own = by_card(connection, tree, other.card)
        assert own is not None
        assert own.id == other.household_id
        assert {each.household_id for each in find(connection, tree, own.head).found} >= {other.household_id}
        assert merges_of(connection, one.household_id, village.clock.now()) == []
    is_right(village)


def test_merged_again_and_undone_again_and_left(village: Village) -> None:
    one, other = twins(village, (SANI,))
    put_money(village, other.household_id, YEAR_DUE, TODAY)
    before = [picture(village, each.household_id) for each in (one, other)]
    for _ in range(2):
        do(village, one.household_id, other.household_id)
        undo(village, one.household_id)
        assert [picture(village, each.household_id) for each in (one, other)] == before
        is_right(village)
    with village.store.write() as unit:
        leave(unit, village.network.tree(), village.chart, village.family(other.household_id), TODAY, "departure", BY)
    is_right(village)
    assert village.stands(other.household_id, date(2027, 6, 1)).left.minor == 0


@ON_SQLITE
def test_what_happened_since_prevents_it_and_is_said(village: Village) -> None:
    one, other = twins(village)
    do(village, one.household_id, other.household_id)
    put_money(village, one.household_id, 1_000, TODAY)
    with village.store.read() as connection:
        entries = connection.scalars(select(entry.c.id)).all()
    with pytest.raises(Fault, match="money was paid"):
        undo(village, one.household_id)
    with village.store.read() as connection:
        assert connection.scalars(select(entry.c.id)).all() == entries


@ON_SQLITE
def test_not_after_a_change_a_later_merge_a_payment_on_its_way_or_too_late(village: Village) -> None:
    one, other = twins(village)
    third = village.register("+2290100000103", OTHERS)
    do(village, one.household_id, other.household_id)
    with village.store.write() as unit:
        [merged] = merges_of(unit.connection, one.household_id, unit.now)
    tree = village.network.tree()

    def refused(match: str) -> None:
        with pytest.raises(Fault, match=match), village.store.write() as unit:
            unmerge(unit, tree, merged.id, BY)

    village.pay(one.household_id)
    refused("on its way")
    with village.store.write() as unit:
        unit.connection.execute(collection.update().values(state="expired"))
    with village.store.write() as unit:
        write_change(unit, one.household_id, "corrected", BY)
    refused("was changed since")
    do(village, third.household_id, one.household_id, same={})
    refused("merged again since")
    village.clock.move(timedelta(days=UNDO_DAYS))
    refused("30 days")
