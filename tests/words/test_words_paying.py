"""``PAYER 2000`` as a dialogue: the phone is asked at once, within the menu's limits, and never twice."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import update

from gateway.payments.push.limits import largest_payment
from gateway.store.attempts import CARD_GUESSES
from gateway.store.outbox import Task
from gateway.store.schema import organisation
from tests.payments.village import at_once
from tests.ussd.world import MEMBER, MOOV, OTHER_MTN, Place
from tests.words.line import NO_CARD, STRANGER, answered, asked, grouped, post, settled, writes


def test_the_phone_is_asked_at_once_and_not_twice(any_place: Place, card: str) -> None:
    wait = (
        f"Wait: your phone will ask for your mobile money PIN. 2,000 F, card {grouped(card)}. The receipt comes by SMS."
    )
    assert writes(any_place, "PAYER 2000") == [wait]
    assert asked(any_place) == [(MEMBER, 2_000, "at once")]
    assert writes(any_place, "PAYER 2500")[0].startswith("A payment for this card is open already.")
    assert len(asked(any_place)) == 1
    any_place.wallet_pays()
    assert writes(any_place, "balance")[0].startswith(f"Card {grouped(card)}: Left to pay: 8,200 F.")


@pytest.mark.parametrize(
    "text",
    [
        "PAY 2000", "payer 2 000", "Payer 2.000 F", "payer2000", "PAYER 2,000 FCFA.", "payer 2000 francs", "Lipa 2000",
        "riha 2000!", "je veux payer 2'000 F CFA", "payre 2000", "PAYER 2000F {card}", "payer 2 000 carte {grouped}",
        "payer la carte 2000 {card}", "pay ２０００", "PAYER: 2000 XOF",
    ],
)  # fmt: skip
def test_an_amount_as_people_write_it(place: Place, home: str, text: str) -> None:
    writes(place, text.format(card=home, grouped=grouped(home)))
    assert asked(place) == [(MEMBER, 2_000, "at once")]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("payer", "Send PAY and the amount, and for another family its card: PAY 2000 123456789"),
        ("payer beaucoup", "Send PAY and the amount, and for another family its card: PAY 2000 123456789"),
        ("payer 5", "At least 200 F."),
        ("payer 0", "At least 200 F."),
        ("payer 2000,50", "Write the amount in figures, like 5000."),
        ("payer 2000 USD", "Write the amount in figures, like 5000."),
        ("payer 5000000", "At most 2,000,000 F at a time."),
        (f"payer 2000 {NO_CARD}", "No household has this number. Look at the card again."),
        ("payer 2000 123456789", "No household has this number. Look at the card again."),
    ],
)
def test_what_is_not_asked_for(place: Place, home: str, text: str, answer: str) -> None:
    assert writes(place, text) == [answer]
    assert asked(place) == []


def test_the_days_limit_holds_by_sms_too(place: Place, home: str) -> None:
    most = largest_payment("XOF").minor
    for _ in range(2):
        writes(place, f"pay {most}")
        place.wallet_pays()
    assert writes(place, "pay 2000") == ["At most 4,000,000 F a day for one card. Try again tomorrow."]
    assert len(asked(place)) == 2


def test_a_longer_number_is_an_operators(place: Place, home: str) -> None:
    assert writes(place, "PAYER 11005237542")[0].startswith("We look for payment 11005237542.")
    assert asked(place) == []


def test_anybody_pays_for_a_family_by_its_card_and_guesses_wait(place: Place, home: str) -> None:
    assert writes(place, f"PAY 2000 {home}", STRANGER)[0].endswith(
        f"2,000 F, card {grouped(home)}. The receipt comes by SMS."
    )
    assert asked(place) == [(STRANGER, 2_000, "at once")]
    how = "Send PAY and the amount, and for another family its card: PAY 2000 123456789"
    assert writes(place, "PAY 2000", STRANGER) == [how]
    for _ in range(CARD_GUESSES.free + 1):
        writes(place, f"PAY 2000 {NO_CARD}", OTHER_MTN)
    assert answered(place, OTHER_MTN)[-1] == "Too many wrong tries. Wait 1 minutes."
    writes(place, f"PAY 2000 {home}", OTHER_MTN)
    assert len(asked(place)) == 1
    place.wait(minutes=1)
    writes(place, f"PAY 2000 {home}", OTHER_MTN)
    assert len(asked(place)) == 2


def test_a_phone_of_two_families_names_the_card(place: Place, home: str) -> None:
    other = place.household_with(MEMBER, "Rissi Bio")
    which = "Which family? Send PAY, the amount, then the card number: PAY 2000 123456789"
    assert writes(place, "pay 2000") == [which]
    assert writes(place, f"pay 2000 {other}")[0].endswith(f"card {grouped(other)}. The receipt comes by SMS.")
    assert len(asked(place)) == 1


def test_a_wallet_that_cannot_be_asked_gets_the_merchants_code(any_place: Place, card: str) -> None:
    own = any_place.household_with(MOOV, "Bio Sabi")
    by_code = f"Pay 2,000 F, Moov Money, merchant 229384, reference {own}. Then send PAID and the payment's number."
    assert writes(any_place, "pay 2000", MOOV) == [by_code]
    with any_place.runtime.store.write() as unit:
        unit.connection.execute(update(organisation).values(merchant_code=None))
    any_place.runtime.network.forget()
    cash = f"This phone's network can't pay here yet. Pay 2,000 F to your treasurer. Show card {grouped(own)}."
    assert writes(any_place, "pay 2000", MOOV) == [cash]
    assert asked(any_place) == []


def test_six_at_one_moment_ask_once(pg_place: Place) -> None:
    settled(pg_place)
    for _ in range(6):
        post(pg_place, "pay 2000")
    read, numbers = pg_place.runtime.handlers["sms.read"], itertools.count(1)
    at_once(6, lambda: read(Task(0, "sms.read", str(next(numbers)), 1, 0)))
    assert asked(pg_place) == [(MEMBER, 2_000, "at once")]
    assert len(answered(pg_place, MEMBER)) == 2  # wait for the prompt; and that it is open already
