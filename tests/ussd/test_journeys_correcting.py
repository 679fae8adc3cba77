"""A treasurer corrects, on a phone, cash that somebody else recorded by mistake."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.store.schema import collection, collection_event, entry
from tests.ussd.handset import Handset
from tests.ussd.test_journeys_staff import at_work, hands_over, receipt_on, staffed, stands_on, takes_cash
from tests.ussd.world import ANIMATOR, MEMBER, TREASURER, Place

CORRECT = "2"  # below the last payments


def correcting(place: Place) -> Handset:
    return at_work(place, TREASURER).picks("Derniers versements").types(CORRECT)


@pytest.mark.parametrize("handed", [False, True], ids=["in the animator's hands", "in the box"])
def test_a_receipt_that_was_a_mistake_counts_no_more(any_place: Place, handed: bool) -> None:
    number, code = receipt_on(takes_cash(any_place, staffed(any_place), "1500").screen)
    if handed:
        hands_over(any_place)
        at_work(any_place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui")
    correcting(any_place).types(f"{number}-{code}").sees("Adjara Tchédré", "1 500 F").types("3").sees("1 500 F").types(
        "1"
    )
    assert (stands_on(any_place, "572"), stands_on(any_place, "571")) == (0, 0)
    assert any_place.ask(select(collection.c.state)) == [("reversed",)]
    assert any_place.ask(select(collection_event.c.said).order_by(collection_event.c.id.desc()).limit(1)) == [
        ("Bio Sarre: Recorded twice",)
    ]
    assert [f"{number}-{code}" in text for text in any_place.texts("corrected", MEMBER)] == [True]
    assert ["Bio Sarre" in text for text in any_place.texts("corrected", ANIMATOR)] == [True]


def test_the_last_answer_may_be_no_or_come_twice(place: Place) -> None:
    number, _ = receipt_on(takes_cash(place, staffed(place), "1500").screen)
    correcting(place).types(number, "1", "2")
    assert stands_on(place, "572") == 1_500
    correcting(place).types(number, "1", "1").repeats()
    assert len(place.ask(select(entry.c.key).where(entry.c.key.like("correction:%")))) == 1


def test_ones_own_receipts_and_unknown_numbers_are_refused(place: Place) -> None:
    card = staffed(place)
    desk = at_work(place, TREASURER).picks("Une famille").types(card).picks("Recevoir").types("1500").picks("Oui")
    number, _ = receipt_on(desk.screen)
    correcting(place).types("000000").types(number).types("1", "1")
    assert stands_on(place, "571") == 1_500
    hers, _ = receipt_on(takes_cash(place, card, "700").screen)
    hands_over(place)  # on its way: the treasurer's word comes first
    correcting(place).types(hers, "1", "1")
    assert stands_on(place, "572") == 700
