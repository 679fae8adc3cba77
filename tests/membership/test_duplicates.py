"""Households that look like one family: how many of those registered twice are found, and who isn't disturbed."""

from __future__ import annotations

from collections import defaultdict

import pytest
from sqlalchemy import func, select, update

from gateway.kernel.faults import Fault
from gateway.membership.duplicates.deciding import by_id, decide, listed, pairs_of, story
from gateway.membership.duplicates.finding import _IN_COMMON, look_at, run
from gateway.membership.duplicates.likeness import LEAST, Family, compare, keys, somebody
from gateway.membership.households import register
from gateway.membership.people import Person
from gateway.network.organisations import add_organisation
from gateway.store.schema import beneficiary, duplicate_event, duplicate_key, duplicate_pair
from tests.membership.families_twice import make
from tests.membership.test_merging import BY, do
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village

SPELLED_OTHERWISE = (
    Person("TCHEDRE Adjara", "F", 1992, "head"),
    Person("Musa Tchédré", "M", 1986, "spouse"),
    Person("Idrisou Tchedre", "M", 2015, "child"),
)
OTHERS = (Person("Alassane Orou", "M", 1970, "head"), Person("Bana Orou", "F", 1975, "spouse"))


def a_family(its_id: int, *people: tuple[str, int, str], phones: str = "", section: int = 1) -> Family:
    return Family(its_id, section, 1, 1, tuple(somebody(*each) for each in people), frozenset(phones.split()))


def reasons(one: Family, other: Family) -> list[str]:
    return [each.text.format(**each.values) for each in compare(one, other).reasons]


def test_a_score_is_explained() -> None:
    children = [("Sani Tchédré", 2015, "M"), ("Rahina Tchédré", 2018, "F"), ("Awa Tchédré", 2020, "F")]
    one = a_family(1, ("Adjara Tchédré", 1991, "F"), ("Moussa Orou", 1986, "M"), *children, phones="1")
    other = a_family(2, ("Ajara Tchedré", 1991, "F"), ("Orou Musa", 1987, "M"), *children[:2], phones="1 2")
    assert compare(one, other).score >= 90
    assert reasons(one, other) == [
        "4 of 5 people the same", "the heads' names sound alike: 97 %", "same birth year", "same phone", "same village",
    ]  # fmt: skip
    assert compare(one, other).score == compare(other, one).score


@pytest.mark.parametrize(
    "other",
    [
        a_family(2, ("Bana Orou", 1994, "M"), ("Awa Sow", 1996, "F"), phones="1"),  # the son
        a_family(2, ("Fanta Bah", 1980, "F"), ("Bana Orou", 1970, "M"), ("Sani Orou", 2010, "M"), phones="1"),  # a wife
        a_family(2, ("Issa Diallo", 1971, "M"), ("Hawa Diallo", 1973, "F"), phones="1"),  # neighbours
        a_family(2),
    ],
)
def test_who_only_looks_alike_is_left_alone(other: Family) -> None:
    one = a_family(1, ("Bana Orou", 1970, "M"), ("Awa Orou", 1974, "F"), ("Ali Orou", 1995, "M"), phones="1")
    assert compare(one, other).score < LEAST


def test_how_many_are_found_and_how_many_of_them_are_so() -> None:
    """The figures in docs/duplicates.md."""
    made = make(4_000, sections=12)
    by_key: defaultdict[int, list[int]] = defaultdict(list)
    known = {one.id: one for one in made.families}
    for one in made.families:
        for key in keys(one):
            by_key[key].append(one.id)
    pairs = {
        (one, other)
        for every in by_key.values()
        if len(every) <= _IN_COMMON
        for one in every
        for other in every
        if one < other
    }
    shown = {pair for pair in pairs if compare(known[pair[0]], known[pair[1]]).score >= LEAST}
    right = shown & made.twice
    recall, precision = len(right) / len(made.twice), len(right) / len(shown)
    compared = len(made.twice & pairs) / len(made.twice)
    drowned = len(shown & made.apart) / len(made.apart)
    print(f"{compared=:.3f} {recall=:.3f} {precision=:.3f} {drowned=:.3f} pairs={len(pairs)} of {len(known)}")
    assert compared >= 0.97
    assert recall >= 0.9
    assert precision >= 0.85
    assert drowned <= 0.1
    assert len(pairs) < 8 * len(known)


def test_a_network_is_looked_through_in_steps_and_goes_on_where_it_stopped(village: Village) -> None:
    one = village.register(PAYER)
    other = village.register(NEIGHBOUR, SPELLED_OTHERWISE)
    village.register(None, OTHERS)
    tree, root = village.network.tree(), village.place.books
    done = run(village.store, tree, root)
    assert (done.households, done.pairs, done.done) == (3, 1, True)
    with village.store.read() as connection:
        [pair] = listed(connection, tree, [root])
        assert (pair.one_id, pair.other_id) == (one.household_id, other.household_id)
        assert pair.organisation_id == village.place.section_id
        assert pairs_of(connection, other.household_id) == [pair]
        before = connection.scalar(select(func.count()).select_from(duplicate_key))
    assert run(village.store, tree, root).households == 0  # nobody is new
    again = run(village.store, tree, root, anew=True)
    assert (again.households, again.pairs) == (3, 0)
    third = village.register("+2290100000103", (*SPELLED_OTHERWISE, Person("Sani Tchédré", "M", 2020, "child")))
    assert run(village.store, tree, root).pairs == 2
    with village.store.read() as connection:
        assert len(listed(connection, tree, [root])) == 3
        assert (connection.scalar(select(func.count()).select_from(duplicate_key)) or 0) > (before or 0)
    do(village, one.household_id, other.household_id, same=None)
    with village.store.read() as connection:
        [left] = listed(connection, tree, [root])
        assert {left.one_id, left.other_id} == {one.household_id, third.household_id}


def test_once_told_apart_never_asked_again_unless_something_changed(village: Village) -> None:
    one, other = village.register(PAYER), village.register(NEIGHBOUR, SPELLED_OTHERWISE)
    tree, root = village.network.tree(), village.place.books
    run(village.store, tree, root)
    with village.store.read() as connection:
        [pair] = listed(connection, tree, [root])
    with village.store.write() as unit:
        decide(unit, pair.id, "different", BY)
    with pytest.raises(Fault, match="in the meantime"), village.store.write() as unit:
        decide(unit, pair.id, "different", BY)
    run(village.store, tree, root, anew=True)
    with village.store.read() as connection:
        assert listed(connection, tree, [root]) == []
        assert listed(connection, tree, [root], "different")[0].id == pair.id
    with village.store.write() as unit:
        own = beneficiary.c.household_id == other.household_id
        unit.connection.execute(
            update(beneficiary).where(own, beneficiary.c.relation == "head").values(birth_year=1991)
        )
        assert look_at(unit, tree, [one.household_id]) == 1
    with village.store.write() as unit:
        assert by_id(unit.connection, pair.id).state == "open"  # type: ignore[union-attr]
        decide(unit, pair.id, "unsure", BY)
        decide(unit, pair.id, "open", BY)
        assert [each.what for each in story(unit.connection, pair.id)] == ["undone", "unsure", "changed", "different"]
        assert unit.connection.scalar(select(func.count()).select_from(duplicate_event)) == 4


@ON_SQLITE
def test_a_pair_belongs_to_the_lowest_who_see_both(village: Village) -> None:
    with village.store.write() as unit:
        books = village.place.books
        there, _ = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Kadolassi")
    village.network.forget()
    tree = village.network.tree()
    village.register(PAYER)
    with village.store.write() as unit:
        register(unit, tree, village.chart, there, village.place.plan, SPELLED_OTHERWISE, NEIGHBOUR, "fr")
    run(village.store, tree, books)
    with village.store.read() as connection:
        assert [each.organisation_id for each in listed(connection, tree, [books])] == [books.id]
        assert listed(connection, tree, [tree[there]]) == []
        assert listed(connection, tree, [tree[village.place.section_id]]) == []
        [pair] = listed(connection, tree, [books])
        assert listed(connection, tree, [books], after=(pair.score, pair.id)) == []


@ON_SQLITE
def test_what_half_a_village_has_in_common_says_nothing(village: Village) -> None:
    with village.store.write() as unit:
        for number in range(_IN_COMMON + 5):
            people = (Person("Adjara Tchédré", "F", 1930 + number, "head"),)
            register(unit, village.network.tree(), village.chart, village.place.section_id, village.place.plan,
                     people, PAYER, "fr")  # fmt: skip
    run(village.store, village.network.tree(), village.place.books)
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(duplicate_pair)) == 0
