"""How many households stand how: counted, kept by day, and the same as counting everybody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from gateway.kernel.clock import FixedClock
from gateway.membership import tallies
from gateway.membership.everyone import count, everyone
from gateway.membership.rules import State
from gateway.membership.tallies import count_today, counting, now, standing, through
from gateway.network.organisations import Network
from gateway.samples.ouake import load_ouake
from gateway.store.schema import cover_tally, membership
from gateway.store.unit import Store


@pytest.fixture
def union(store: Store, network: Network) -> Network:
    """The sample of Ouaké: 120 households in every state."""
    load_ouake(store, network)
    return network


def test_a_tally_is_what_counting_everybody_gives(store: Store, union: Network, clock: FixedClock) -> None:
    assert count_today(store, union) == 120
    tree, today = union.tree(), clock.now().date()
    with store.read() as connection:
        for place in (
            tree.named("ouake-union") if "ouake-union" in tree.by_code else tree.sections[0],
            tree.sections[3],
        ):
            expected = count(everyone(connection, tree, today, place.path))
            found = standing(connection, tree, place.path, today)
            assert found is not None
            for state in State:
                own = [one for (_, each), one in expected.items() if each is state]
                assert found.states[state].households == sum(one.households for one in own)
                assert found.states[state].people == sum(one.people for one in own)
                assert found.states[state].covered == sum(one.covered for one in own)
            assert now(connection, tree, place, clock.now()) == tallies.Tally(
                today, clock.now(), found.states, found.ending
            )


def test_whose_year_ends_soon_is_counted(store: Store, union: Network, clock: FixedClock) -> None:
    count_today(store, union)
    tree, today = union.tree(), clock.now().date()
    with store.read() as connection:
        found = standing(connection, tree, "/", today)
        ends = [one.ends_on for one in everyone(connection, tree, today) if one.ends_on]
    assert found is not None
    for within in (7, 30):
        assert found.ending[within] == sum(today <= one <= today + timedelta(days=within) for one in ends)


def test_who_leaves_is_not_among_those_whose_year_ends(store: Store, union: Network, clock: FixedClock) -> None:
    tree, today = union.tree(), clock.now().date()
    with store.read() as connection:
        one = next(each for each in everyone(connection, tree, today) if each.ends_on is not None)
    with store.write() as unit:
        unit.connection.execute(
            update(membership)
            .where(membership.c.household_id == one.household_id)
            .values(left_on=today, left_told_on=today)
        )
    with store.read() as connection:
        found = next(each for each in everyone(connection, tree, today) if each.household_id == one.household_id)
    assert found.ends_on is None


def test_each_day_is_kept_and_a_day_counted_again_is_counted_once(
    store: Store, union: Network, clock: FixedClock
) -> None:
    count_today(store, union)
    first = clock.now().date()
    with store.read() as connection:
        rows = connection.scalar(select(func.count()).select_from(cover_tally))
    count_today(store, union)
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(cover_tally)) == rows
    clock.move(timedelta(days=40))
    count_today(store, union)
    with store.read() as connection:
        found = through(connection, union.tree(), "/", [first, first + timedelta(days=1), clock.now().date()])
    assert [one.on for one in found] == [first, clock.now().date()]
    assert found[0].all.households == found[1].all.households == 120
    assert found[0].states != found[1].states


def test_a_large_network_is_counted_once_a_day(
    store: Store, union: Network, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(counting(store, union)) == 120
    assert sum(counting(store, union)) == 120
    monkeypatch.setattr(tallies, "ONCE_A_DAY", 100)
    assert sum(counting(store, union)) == 0
    clock.move(timedelta(days=1))
    assert sum(counting(store, union)) == 120


def test_what_is_large_and_was_not_counted_has_no_figures_yet(
    store: Store, union: Network, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallies, "AT_ONCE", 50)
    tree = union.tree()
    with store.read() as connection:
        top = next(one for one in tree.by_id.values() if one.parent_id is None)
        assert now(connection, tree, top, clock.now()) is None
        small = next(one for one in tree.sections if now(connection, tree, one, clock.now()) is not None)
        assert now(connection, tree, small, clock.now()) is not None
