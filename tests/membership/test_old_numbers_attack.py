"""Old numbers against cards: nobody's current card is another's old number, and a number follows who moves."""

from __future__ import annotations

import pytest

from gateway.kernel.card import new_card_number, show_card
from gateway.kernel.faults import Fault
from gateway.membership.households import by_card
from gateway.membership.moves.moving import move
from gateway.membership.old_numbers import add_old_number, by_old_number, only_with_old_number
from tests.membership.test_merging import BY, OTHERS, do, twins
from tests.membership.test_old_numbers import number
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, found


def test_another_households_card_is_nobodys_old_number(village: Village) -> None:
    one, other = village.register(PAYER), village.register(NEIGHBOUR)
    for written in (other.card, show_card(other.card), f"{other.card[:3]}-{other.card[3:6]}/{other.card[6:]}"):
        with pytest.raises(Fault, match="another household's"):
            number(village, one.household_id, written)
    assert number(village, one.household_id, one.card)  # its own leads to it anyway
    wrong = other.card[:-1] + str((int(other.card[-1]) + 1) % 10)  # no card: its check digit is wrong
    assert number(village, one.household_id, wrong)
    free = next(each for each in iter(new_card_number, "") if each not in (one.card, other.card))
    assert number(village, one.household_id, free)


def test_the_card_of_before_a_merge_is_nobody_elses_old_number(village: Village) -> None:
    one, other = twins(village)
    third = village.register("+2290100000109", OTHERS)
    do(village, one.household_id, other.household_id)
    with pytest.raises(Fault, match="another household's"):
        number(village, third.household_id, other.card)
    assert number(village, one.household_id, other.card)
    with village.store.read() as connection:
        leads = by_card(connection, village.network.tree(), other.card)
    assert leads is not None
    assert leads.id == one.household_id


@ON_SQLITE
def test_a_number_is_typed_where_the_family_lives_now(village: Village) -> None:
    one, stays = village.register(PAYER), village.register(NEIGHBOUR)
    there = found(village.store, village.network, code="n", treasurer="+2290100000903")
    number(village, one.household_id, "OUA-17")
    number(village, stays.household_id, "OUA-18")
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(one.household_id), tree[there.section_id], BY)
        # The new mutuelle has a 18 of its own, which isn't the other's.
        add_old_number(unit, tree, one.household_id, there.section_id, "OUA-18", BY)
    with village.store.read() as connection:

        def typed(text: str, where: int) -> list[int]:
            return [each.id for each in by_old_number(connection, tree, text, tree[where])]

        assert typed("oua17", there.books.id) == [one.household_id]
        assert typed("oua17", village.place.books.id) == []
        assert typed("oua18", there.books.id) == [one.household_id]
        assert typed("oua18", village.place.books.id) == [stays.household_id]
        # Money that comes to the old mutuelle under the number it gave is still its family's.
        assert only_with_old_number(connection, "OUA-17", village.place.books.id) == one.household_id
