"""Who wants to pay more than a day allows, or have a phone asked that was asked too often, is told so and when."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from gateway.kernel.card import show_card
from gateway.membership.households import choose_language
from gateway.payments.collections import move, newest
from gateway.payments.states import State
from gateway.store.schema import collection
from tests.ussd.handset import Handset
from tests.ussd.world import FAMILY, MEMBER, OTHER_MTN, Place

CALLERS = tuple(f"+229010000004{number}" for number in range(4))


def asked(place: Place) -> int:
    return int(place.ask(select(func.count()).select_from(collection))[0][0])


def english(place: Place, msisdn: str) -> Handset:
    with place.runtime.store.write() as unit:
        choose_language(unit, msisdn, "en")
    return place.phone(msisdn).dial()


def refuses(place: Place) -> None:
    """Whoever was asked last says no on their phone."""
    with place.runtime.store.write() as unit:
        one = newest(unit.connection, 1)[0]
        move(unit, one, State.SENDING)
        move(unit, replace(one, state=State.SENDING), State.REFUSED, "rejected")


def test_a_household_that_has_paid_a_days_most_is_told_the_figure_and_may_pay_tomorrow(any_place: Place) -> None:
    place = any_place
    card = place.household_with(MEMBER, *FAMILY)
    for _ in range(2):
        english(place, MEMBER).picks("Pay").types("2000000").picks("Yes").hears_the_end()
        place.wallet_pays()
    before = asked(place)
    phone = english(place, MEMBER).picks("Pay").types("500")
    phone.sees("Pay 500 F for card", show_card(card)).picks("Yes")
    phone.sees("At most 4,000,000 F a day for one card. Try again tomorrow.").hears_the_end()
    assert asked(place) == before
    place.wait(days=1)
    english(place, MEMBER).picks("Pay").types("500").picks("Yes").sees("Now type your PIN")
    assert asked(place) == before + 1


def test_a_phone_that_refused_what_others_asked_of_it_gets_no_more_that_day(any_place: Place) -> None:
    place = any_place
    for caller in CALLERS:
        place.household_with(caller, *FAMILY)

    def asks_the_others_wallet(caller: str) -> Handset:
        phone = english(place, caller).picks("Pay", "Pay what is due", "Pay from another phone")
        return phone.types("0" + OTHER_MTN[5:]).picks("Yes")

    for caller in CALLERS[:3]:
        asks_the_others_wallet(caller).sees("Now type your PIN")
        refuses(place)
    phone = asks_the_others_wallet(CALLERS[3])
    phone.sees("was asked too often today. Try again tomorrow.").hears_the_end()
    assert asked(place) == 3
    place.wait(days=1)
    asks_the_others_wallet(CALLERS[3]).sees("Now type your PIN")
