"""Numbers from paper cards and other software: one household's in a mutuelle, found however they are written."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.kernel.faults import Fault
from gateway.membership.households import Registered, by_id
from gateway.membership.importing import keeping
from gateway.membership.old_numbers import (
    add_old_number,
    by_old_number,
    key_of,
    old_numbers_of,
    only_with_old_number,
    with_old_number,
)
from gateway.membership.searching import find
from gateway.membership.unmerging import merges_of, unmerge
from gateway.payments.unasked.incoming import Posted, Suspense
from tests.membership.test_importing import rows, take_in, work
from tests.membership.test_merging import BY, OTHERS, do, twins
from tests.payments.deeds import told
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, YEAR_DUE, Village, at_once, francs


def number(village: Village, its_id: int, written: str) -> bool:
    with village.store.write() as unit:
        tree = village.network.tree()
        return add_old_number(unit, tree, its_id, village.place.section_id, written, BY)


@pytest.mark.parametrize(
    ("written", "key"),
    [("OUA-0123/17", "oua012317"), (" oua 0123 17", "oua012317"), ("N° 12", "n12"), ("abc", ""), ("", "")],
)
def test_a_number_is_its_letters_and_digits(written: str, key: str) -> None:
    assert key_of(written) == key


def test_a_number_is_one_households_and_goes_along_when_it_is_merged(village: Village) -> None:
    one, other = twins(village)
    assert number(village, other.household_id, "OUA-0123/17")
    assert not number(village, other.household_id, "oua 0123 17")
    with pytest.raises(Fault, match="another household's"):
        number(village, one.household_id, "OUA/0123/17")
    with pytest.raises(Fault, match="no old number"):
        number(village, one.household_id, "abc")
    tree, books = village.network.tree(), village.place.books

    def whose() -> int | None:
        with village.store.read() as connection:
            [found] = find(connection, tree, "Oua 0123/17").found
            assert found.why == "old-number"
            assert [each.id for each in by_old_number(connection, tree, "OUA012317", books)] == [found.household_id]
            assert only_with_old_number(connection, "OUA-0123/17", books.id) == found.household_id
            assert [each.written for each in old_numbers_of(connection, found.household_id)] == ["OUA-0123/17"]
            return by_id(connection, tree, found.household_id).id

    assert whose() == other.household_id
    do(village, one.household_id, other.household_id)
    assert whose() == one.household_id
    with village.store.write() as unit:
        unmerge(unit, tree, merges_of(unit.connection, one.household_id, unit.now)[0].id, BY)
    assert whose() == other.household_id


@ON_SQLITE
def test_a_number_of_figures_is_found_too(village: Village) -> None:
    one = village.register(PAYER)
    number(village, one.household_id, "00417")
    with village.store.read() as connection:
        assert [each.household_id for each in find(connection, village.network.tree(), "00417").found] == [
            one.household_id
        ]


@pytest.mark.parametrize("msisdn", [PAYER, None])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_family_registered_twice_at_once_has_one_card(village: Village, msisdn: str | None) -> None:
    made = at_once(4, lambda: village.register(msisdn))
    cards = {each.card for each in made if isinstance(each, Registered)}
    assert len(cards) == 1


REGISTER = """famille;ancien numéro;nom;sexe;année de naissance;lien
1;OUA-0001/17;Adjara Tchédré;F;1991;adhérent
2;oua 0001 17;Alassane Orou;M;1970;adhérent
3;;Bana Bio;F;1975;adhérent
"""


@ON_SQLITE
def test_a_register_brings_old_numbers_and_loses_no_household_by_them(village: Village) -> None:
    its_id = take_in(village, REGISTER)
    taken = rows(village, its_id, "taken")
    assert len(taken) == 3
    assert [each.text for row in taken for each in row.told] == ["the old number {number} is another household's"]
    with village.store.read() as connection:
        [found] = find(connection, village.network.tree(), "OUA-0001/17").found
    assert found.head == "Adjara Tchédré"
    with village.store.write() as unit:
        keeping.undo(unit, its_id, "Bio Sarre")
    work(village)
    with village.store.read() as connection:
        assert with_old_number(connection, "OUA-0001/17") == []


@ON_SQLITE
def test_a_payments_reference_names_a_household_only_by_a_number_with_a_letter(village: Village) -> None:
    one, other = village.register(PAYER), village.register(NEIGHBOUR, OTHERS)
    number(village, one.household_id, "OUA-0123/17")
    number(village, other.household_id, "2000")
    posted = village.see(told(village, reference="oua 0123/17"))
    assert isinstance(posted, Posted)
    assert village.stands(one.household_id).left == francs(YEAR_DUE - 2_000)
    unsaid = replace(told(village, reference="2000"), operator_id="other", payer=None)
    assert isinstance(village.see(unsaid), Suspense)
