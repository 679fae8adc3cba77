"""A household's phones, what a phone may see of it, and which SMS a phone wants."""

from __future__ import annotations

import pytest

from gateway.membership import pins
from gateway.membership.changes import By
from gateway.membership.households import (
    Household,
    Phone,
    add_phone,
    ask_language,
    by_card,
    by_id,
    by_phone,
    choose_language,
    drop_phone,
    main_phones,
    phones_of,
    sms_stopped,
    standing_and_roster,
    stop_sms,
)
from gateway.membership.people import Person
from gateway.store.schema import household_change
from tests.payments.village import FAMILY, NEIGHBOUR, ON_SQLITE, PAYER, Village

BY = By(PAYER)
THIRD = "+2290100000103"


def phones(village: Village, home: int) -> list[Phone]:
    with village.store.read() as connection:
        return phones_of(connection, home)


def add(village: Village, home: int, msisdn: str, main: bool = False) -> bool:
    with village.store.write() as unit:
        return add_phone(unit, home, msisdn, BY, main)


def drop(village: Village, home: int, msisdn: str) -> bool:
    with village.store.write() as unit:
        return drop_phone(unit, home, msisdn, BY)


def test_another_phone_joins_once(village: Village) -> None:
    home = village.register().household_id
    assert add(village, home, NEIGHBOUR)
    assert not add(village, home, NEIGHBOUR, main=True)
    assert phones(village, home) == [Phone(PAYER, True), Phone(NEIGHBOUR, False)]
    with village.store.read() as connection:
        assert [one.id for one in by_phone(connection, village.network.tree(), NEIGHBOUR)] == [home]
        (change,) = connection.execute(household_change.select()).all()
    assert (change.kind, change.household_id, change.msisdn, change.note) == ("phone-joined", home, PAYER, NEIGHBOUR)


def test_while_there_are_phones_one_is_a_main_one(village: Village) -> None:
    home = village.register().household_id
    add(village, home, THIRD)
    add(village, home, NEIGHBOUR)
    assert not drop(village, home, "+2290100000199")
    assert drop(village, home, THIRD)
    assert phones(village, home) == [Phone(PAYER, True), Phone(NEIGHBOUR, False)]
    assert drop(village, home, PAYER)
    assert phones(village, home) == [Phone(NEIGHBOUR, True)]
    assert drop(village, home, NEIGHBOUR)
    assert phones(village, home) == []
    with village.store.read() as connection:
        assert main_phones(connection, home) == []
        kinds = [row.kind for row in connection.execute(household_change.select().order_by(household_change.c.id))]
    assert kinds == ["phone-joined"] * 2 + ["phone-left"] * 3


@ON_SQLITE
def test_a_phone_stays_with_its_other_households(village: Village) -> None:
    first = village.register().household_id
    second = village.register(people=[Person("Bio Sarre", "M", 1970, "head")]).household_id
    assert drop(village, first, PAYER)
    assert phones(village, second) == [Phone(PAYER, True)]


# What is seen of a household


def test_a_household_says_whether_it_has_a_pin_and_who_its_head_is(village: Village) -> None:
    made = village.register()
    other = village.register(people=[Person("Bio Sarre", "M", 1970, "head")])
    sealed = pins.seal("48213")
    with village.store.write() as unit:
        pins.keep(unit, pins.of_household(made.household_id), sealed)
        # Neither another kind of holder nor a number that begins alike is taken for it.
        pins.keep(unit, pins.of_staff(str(other.household_id)), sealed)
        pins.keep(unit, pins.of_household(other.household_id * 10), sealed)
    tree = village.network.tree()
    with village.store.read() as connection:
        found = {one.card: (one.pin, one.sex) for one in by_phone(connection, tree, PAYER)}
        assert found == {made.card: (True, "F"), other.card: (False, "M")}
        for card, shown in found.items():
            one = by_card(connection, tree, card)
            assert one is not None
            assert (one.pin, one.sex) == shown
            assert by_id(connection, tree, one.id) == one


@pytest.mark.parametrize(
    ("head", "masked"),
    [
        ("Zéphyrin Kouassi", "Zéphyrin K."),
        ("Zéphyrin", "Zéphyrin"),
        ("Marie Goretti Ndayizeye", "Marie N."),
        ("N'Dah de Souza", "N'Dah S."),
    ],
)
def test_a_stranger_sees_the_first_name_and_an_initial(head: str, masked: str) -> None:
    assert Household(1, "123456782", 1, head, "fr", "XOF", "Africa/Porto-Novo").masked == masked


def test_standing_with_the_people_on_the_card(village: Village) -> None:
    one = village.family(village.register().household_id)
    today = village.clock.now().date()
    with village.store.read() as connection:
        stands, roster = standing_and_roster(connection, one, today)
    assert stands == village.stands(one.id)
    assert [(each.name, each.birth_year, each.relation, each.covered_from) for each in roster] == [
        (each.name, each.birth_year, each.relation, None) for each in FAMILY
    ]


# Which SMS a phone wants


def test_a_phone_that_wants_no_sms(village: Village) -> None:
    def stopped() -> bool:
        with village.store.read() as connection:
            return sms_stopped(connection, PAYER)

    def stop(yes: bool) -> None:
        with village.store.write() as unit:
            stop_sms(unit, PAYER, yes)

    assert not stopped()
    stop(True)
    assert stopped()
    with village.store.write() as unit:
        choose_language(unit, PAYER, "fr")
    assert stopped()
    stop(False)
    assert not stopped()
    with village.store.read() as connection:
        ((language,),) = connection.execute(*ask_language(PAYER))
    assert language == "fr"  # stopping changes no language that was chosen
