"""A household moves to another section of its mutuelle; to another mutuelle: tests/network/test_branches.py."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.membership.changes import By
from gateway.membership.everyone import everyone
from gateway.membership.households import Household
from gateway.membership.moves.moving import move
from gateway.membership.recomputing import first_wrong_due
from gateway.network.organisations import add_organisation
from gateway.sms.family_notices import tell_moved
from gateway.store.schema import household_change, message
from tests.membership.money import put_money
from tests.payments.village import ON_SQLITE, YEAR_DUE, Village, found

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")


def another_village(village: Village) -> int:
    with village.store.write() as unit:
        books = village.place.books
        place, _ = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Séméré 2")
    village.network.forget()
    return place


def do(village: Village, household_id: int, to: int) -> Household:
    with village.store.write() as unit:
        tree = village.network.tree()
        moved = move(unit, tree, village.chart, village.family(household_id), tree[to], BY)
        tell_moved(unit, tree, moved)
        return moved


def test_cover_and_books_go_along(village: Village) -> None:
    home, to = village.register(), another_village(village)
    put_money(village, home.household_id, YEAR_DUE, TODAY)
    before, balance = village.stands(home.household_id).cover, village.balance()
    assert do(village, home.household_id, to).section_id == to
    assert (village.stands(home.household_id).cover, village.balance()) == (before, balance)
    tree = village.network.tree()
    with village.store.read() as connection:
        assert [one.section_id for one in everyone(connection, tree, TODAY, tree[to].path)] == [to]
        assert not list(everyone(connection, tree, TODAY, tree[village.place.section_id].path))
        assert first_wrong_due(connection) is None
        story = connection.execute(select(household_change)).one()
        [text] = connection.scalars(select(message.c.text)).all()
    assert (story.kind, story.note, story.by_name) == ("moved", "m-1 > m-2", "Bio Sarre")
    assert "Semere 2" in text or "Séméré 2" in text


@ON_SQLITE
def test_refused_with_a_clear_line(village: Village) -> None:
    home = village.register()
    with pytest.raises(Fault, match="already"):
        do(village, home.household_id, village.place.section_id)
    another_village(village)
    with pytest.raises(Fault, match="no section"):
        do(village, home.household_id, village.place.books.id)
    there = found(village.store, village.network, code="elsewhere", treasurer="+2290100000903", currency="KES")
    with pytest.raises(Fault, match="money isn't changed"):
        do(village, home.household_id, there.section_id)
