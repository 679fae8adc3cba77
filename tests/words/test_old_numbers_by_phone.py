"""A card of before a merge and a number of before Cotisa, as an agent of a facility types them: by SMS and by USSD."""

from __future__ import annotations

import pytest

from gateway.membership.changes import By
from gateway.membership.households import by_card
from gateway.membership.merging import merge
from gateway.membership.old_numbers import add_old_number
from gateway.membership.people import Person
from tests.ussd.test_journeys_staff import at_work
from tests.ussd.world import AGENT, OTHER_MTN, Place
from tests.words.line import grouped, writes
from tests.words.test_words_dialogues import hires

BY = By(None, name="Bio Sarre")


@pytest.fixture
def old_card(place: Place, home: str) -> str:
    """The card of a household that was merged into ``home``, which had the number OUA-0123/17."""
    runtime, tree = place.runtime, place.runtime.network.tree()
    other = place.household_with(OTHER_MTN, Person("Rissi Bio", "F", 1985, "head"))
    with runtime.store.write() as unit:
        stays, goes = by_card(unit.connection, tree, home), by_card(unit.connection, tree, other)
        assert stays is not None
        assert goes is not None
        add_old_number(unit, tree, goes.id, goes.section_id, "OUA-0123/17", BY)
        merge(unit, tree, runtime.services.chart, stays, goes, {}, BY, registered_twice=True)
    return other


@pytest.mark.parametrize("written", ["{old}", "{grouped}", "OUA-0123/17", "oua 0123 17"])
def test_an_old_number_is_checked_by_sms(place: Place, home: str, old_card: str, written: str) -> None:
    hires(place)
    typed = written.format(old=old_card, grouped=grouped(old_card))
    assert writes(place, f"check {typed}", AGENT) == [f"Card {grouped(home)}: NOT covered today. Mutuelle Ouaké."]


def test_a_wrong_digit_of_an_old_card_is_nobodys(place: Place, home: str, old_card: str) -> None:
    hires(place)
    wrong = old_card[:-1] + str((int(old_card[-1]) + 1) % 10)
    [answer] = writes(place, f"check {wrong}", AGENT)
    assert grouped(home) not in answer
    assert "overed" not in answer


@pytest.mark.parametrize("written", ["{old}", "OUA-0123/17"])
def test_an_old_number_is_checked_by_ussd(place: Place, old_card: str, written: str) -> None:
    place.staff_with(AGENT, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    desk = at_work(place, AGENT).types(written.format(old=old_card))
    desk.sees("PAS couvert aujourd'hui.", "Mutuelle Ouaké")
