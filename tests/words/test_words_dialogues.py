"""Each word as a dialogue: what a phone sends, what it is answered, and what has happened; in English, word by word."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gateway.membership.households import sms_stopped
from gateway.sms.words import MOST_ANSWERS_A_DAY, MOST_TO_STRANGERS_A_DAY
from gateway.store.attempts import CARD_GUESSES, FACILITY_GUESSES
from gateway.store.schema import attempt, caller, outbox, request
from gateway.ussd.effects.requests import MOST_A_DAY
from tests.ussd.world import AGENT, MEMBER, OTHER_MTN, TREASURER, Place
from tests.words.line import (
    NO_CARD,
    STRANGER,
    an_hour,
    answered,
    asked,
    grouped,
    in_english,
    pays,
    post,
    work,
    writes,
)

# --- cover and balance ------------------------------------------------------------------------------------------------


def test_cover_and_balance_from_the_first_day_to_the_last(any_place: Place, card: str) -> None:
    shown = f"Card {grouped(card)}"
    assert writes(any_place, "COVER") == [f"{shown}: Not covered yet. Pay 3,300 F to start."]
    assert writes(any_place, "Solde") == [f"{shown}: Left to pay: 10,200 F. Next: 3,300 F by 22/11/2026."]
    pays(any_place)
    assert writes(any_place, "ma couverture") == [f"{shown}: Cover starts on 22/12/2026."]
    assert writes(any_place, "salio") == [f"{shown}: All is paid."]
    any_place.wait(days=31)
    assert writes(any_place, "bima?") == [f"{shown}: Covered until 21/11/2027."]
    pays(any_place, 5_000)
    assert writes(any_place, "balance") == [f"{shown}: All is paid. In advance: 5,000 F."]
    any_place.wait(days=360)
    assert writes(any_place, "cover") == [f"{shown}: Covered until 21/12/2027. Renew before then."]
    any_place.wait(days=40)
    assert writes(any_place, "couvert") == [f"{shown}: Your year is over. Renew to be covered."]


def test_a_phone_of_two_families_hears_of_both_and_of_more_only_one_by_one(place: Place, home: str) -> None:
    other = place.household_with(MEMBER, "Rissi Bio")
    said = f"Card {grouped(home)}: Not covered yet. Pay 3,300 F to start. Card {grouped(other)}: Not covered yet. "
    assert writes(place, "cover") == [f"{said}Pay 2,100 F to start."]
    third = place.household_with(MEMBER, "Sikirou Bio")
    many = "This phone is on 3 cards. Send the word with the card's number, or dial the code."
    assert writes(place, "cover") == [many]
    assert writes(place, f"cover {third}") == [f"Card {grouped(third)}: Not covered yet. Pay 2,100 F to start."]
    assert writes(place, f"balance, carte no {grouped(home)}.")[0].startswith(f"Card {grouped(home)}: Left to pay")
    theirs = place.household_with(OTHER_MTN, "Bio Sabi")
    not_yours = "This card is not one of this phone's. Look at its number again."
    assert writes(place, f"cover {theirs}") == [not_yours]


def test_what_a_pin_locks_in_the_menu_is_not_told_by_sms(any_place: Place, card: str) -> None:
    any_place.lock_household(card, "4821")
    behind = "This card has a PIN. Dial the code: it is in the menu, behind the PIN."
    for text in ("cover", "balance", f"cover {card}", "pay 2000", f"pay 2000 {card}"):
        assert writes(any_place, text) == [behind]
        an_hour(any_place)
    assert asked(any_place) == []
    open_one = any_place.household_with(MEMBER, "Rissi Bio")
    said = f"Card {grouped(open_one)}: Not covered yet. Pay 2,100 F to start. Another card has a PIN: dial the code."
    assert writes(any_place, "cover") == [said]
    assert writes(any_place, "PLAINTE on m'a mal reçu")[0].startswith("Complaint ")
    assert any_place.ask(select(request.c.household_id)) == [(None,)]


# --- receipts and complaints ------------------------------------------------------------------------------------------


def test_a_receipt_is_genuine_or_not(any_place: Place, card: str) -> None:
    receipt = pays(any_place)
    said = f"Receipt {receipt}: genuine. 10,200 F paid on 22/11/2026 for Adjara T., card ending in {card[-3:]}."
    assert writes(any_place, f"RECU {receipt}", STRANGER) == [said]
    an_hour(any_place)
    assert writes(any_place, f"recu no {receipt.replace('-', ' code ')}", STRANGER) == [said]
    wrong = receipt[:-1] + str((int(receipt[-1]) + 1) % 10)
    false = f"{wrong}: NOT a genuine receipt. Check the figures. If they are right, tell your mutuelle."
    assert writes(any_place, f"receipt {wrong}") == [false]
    how = "Send RECEIPT, its number and its code, as in the SMS: RECEIPT 000123-48213"
    assert writes(any_place, f"reçu {receipt[:6]}") == [how]


def test_codes_of_receipts_are_tried_by_sms_as_little_as_in_the_menu(any_place: Place, card: str) -> None:
    number = pays(any_place).split("-")[0]
    for guess in range(CARD_GUESSES.free + 1):
        writes(any_place, f"recu {number}-0000{guess}")
    assert answered(any_place, MEMBER)[-1] == "Too many wrong tries. Wait 1 minutes."
    any_place.phone().dial().picks("Other services", "Check a receipt").types(f"{number}-00008").sees("Wait 1 minutes")


def test_a_complaint_stands_in_the_book_once(any_place: Place, card: str) -> None:
    [answer] = writes(any_place, "PLAINTE: Le trésorier n'a pas donné de reçu !")
    [(number, text, category, language)] = any_place.ask(
        select(request.c.id, request.c.text, request.c.category, request.c.language)
    )
    assert answer == f"Complaint {number:05d}{answer[15]} is received. The answer comes by SMS."
    assert (text, category, language) == ("Le trésorier n'a pas donné de reçu !", "other", "en")
    assert writes(any_place, "Plainte le tresorier n'a pas donné de recu") == []
    assert len(any_place.ask(select(request.c.id))) == 1
    assert writes(any_place, "plainte") == ["Send COMPLAINT, then say in a few words what happened."]


def test_complaints_of_a_phone_are_limited(place: Place, home: str) -> None:
    for number in range(MOST_A_DAY):
        assert writes(place, f"plainte numero {number} du jour")[0].startswith("Complaint ")
    assert writes(place, "plainte encore une") == ["You have written often today. Ask to be called back."]
    assert len(place.ask(select(request.c.id))) == MOST_A_DAY


# --- the phone's own --------------------------------------------------------------------------------------------------


def test_language_and_reminders(any_place: Place, card: str) -> None:
    assert len(writes(any_place, "LANGUE fr")) == 1
    assert any_place.ask(select(caller.c.language).where(caller.c.msisdn == MEMBER)) == [("fr",)]
    assert writes(any_place, "langue: anglais") == ["Your language: English."]
    one_of = "Send LANGUAGE and one of: FR Francais, EN English"
    assert writes(any_place, "language klingon")[0].startswith(one_of)
    assert writes(any_place, "STOP") == ["No more reminders by SMS."]
    with any_place.runtime.store.read() as connection:
        assert sms_stopped(connection, MEMBER)
    assert writes(any_place, "cover")  # answers aren't reminders
    assert writes(any_place, "reprendre") == ["Reminders will come by SMS."]
    with any_place.runtime.store.read() as connection:
        assert not sms_stopped(connection, MEMBER)


def test_help_says_what_this_phone_can_send(place: Place, home: str) -> None:
    own = "COVER, BALANCE, PAY amount, PAID number, RECEIPT number code, COMPLAINT text, LANGUAGE, STOP, START, NEWS"
    assert writes(place, "AIDE") == [f"Send: {own}"]
    everybody = "PAY amount card, RECEIPT number code, COMPLAINT text, LANGUAGE, STOP, START, NEWS"
    assert writes(place, "help", STRANGER) == [f"Send: {everybody}"]
    hires(place)
    assert writes(place, "help", AGENT) == [f"Send: CHECK card, {everybody}"]
    assert writes(place, "bonjour") == [f"Send: {own}"]
    assert writes(place, "et alors") == []  # once a day
    place.wait(days=1)
    assert writes(place, "bonsoir") == [f"Send: {own}"]


# --- agents of health facilities --------------------------------------------------------------------------------------


def hires(place: Place) -> None:
    place.staff_with(AGENT, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    in_english(place, AGENT)


def test_an_agent_checks_a_card(any_place: Place, card: str) -> None:
    hires(any_place)
    shown = f"Card {grouped(card)}"
    assert writes(any_place, f"VERIFIER {card}", AGENT) == [f"{shown}: NOT covered today. Mutuelle Ouaké."]
    pays(any_place)
    waiting = f"{shown}: NOT covered today. Mutuelle Ouaké. Cover starts on 22/12/2026."
    assert writes(any_place, f"check {card}", AGENT) == [waiting]
    any_place.wait(days=31)
    people = "3 people covered: Adjara T. 1991, Moussa T. 1986, Rahina T. 2018."
    covered = f"{shown}: COVERED until 21/11/2027. Mutuelle Ouaké. {people}"
    assert writes(any_place, f"check {grouped(card)}", AGENT) == [covered]


def test_nobody_else_checks_a_card(place: Place, home: str) -> None:
    for sender in (MEMBER, STRANGER):
        [answer] = writes(place, f"CHECK {home}", sender)
        assert "overed" not in answer
        assert home[-3:] not in answer


def test_an_agents_wrong_cards_are_counted_as_on_the_screen(place: Place, home: str) -> None:
    hires(place)
    no_such = f"{NO_CARD}: No household has this number. Look at the card again."
    assert writes(place, f"check {NO_CARD}", AGENT) == [no_such]
    with place.runtime.store.write() as unit:
        unit.connection.execute(update(attempt).values(failures=FACILITY_GUESSES.free))
    writes(place, f"check {NO_CARD}", AGENT)
    assert writes(place, f"check {home}", AGENT) == [f"{home}: Too many wrong tries. Wait 1 minutes."]
    abroad = place.household_with("+25763000900", "Zénobe", section="Gitega")
    place.wait(days=1)
    assert writes(place, f"check {abroad}", AGENT) == [
        f"{abroad}: No household has this number. Look at the card again."
    ]


def test_an_agent_may_check_more_cards_than_a_member_gets_answers(place: Place, home: str) -> None:
    hires(place)
    cards = [place.household_with(None, f"Bio Sabi {number}") for number in range(MOST_ANSWERS_A_DAY + 3)]
    assert sum(len(writes(place, f"check {each}", AGENT)) for each in cards) == len(cards)


# --- how words are told apart -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("couvertur", "Card "), ("Couverrure", "Card "), ("CUOVERTURE", "Card "), ("balence", "Card "),
        ("coverr", "Card "), ("complant on m'a refusé", "Complaint "), ("langauge anglias", "Your language: English."),
        # Two slips, a short word, a word within a word: nobody knows what is meant.
        ("cuovertrue", "Send: "), ("sotp", "Send: "), ("recus 000123-48213", "Send: "), ("covering", "Send: "),
        ("bonjour cover", "Send: "), ("", "Send: "), ("2000", "Send: "),
    ],
)  # fmt: skip
def test_one_slip_in_a_longer_word_is_forgiven(place: Place, home: str, text: str, begins: str) -> None:
    [answer] = writes(place, text)
    assert answer.startswith(begins)
    assert asked(place) == []


OPERATORS = [
    "Vous avez recu un transfert de 2000FCFA de ORA SABI (2290150000001) le 2026-11-21 17:14:31. Reference: {card}. "
    "Nouveau solde: 10482 FCFA. ID de la transaction : 11005237542.",
    "Recu 2000 FCFA de ORA SABI 2290150000001. Solde 10482 FCFA. ID 11005237542",
    "Paye 2000 F a 229384. ID 11005237542. Frais 0",
    "Payer 2000 F de ORA SABI. ID 11005237542",
    "Solde: 10482 FCFA. Dernier paiement recu 2000 FCFA ID 11005237542",
    "Plainte 11005237542 du 22/11/2026 : 2000 FCFA",
    "Balance 10482. Paid 2000 by ORA SABI, ID 11005237542",
]


@pytest.mark.parametrize("text", OPERATORS)
def test_what_a_treasurer_forwards_is_no_word(place: Place, home: str, text: str) -> None:
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    place.gives_phone(home, TREASURER)
    assert writes(place, text.format(card=home), TREASURER) == []
    assert asked(place) == []
    assert place.ask(select(request.c.id)) == []


@pytest.mark.parametrize("text", ["cover", "solde", "pay 2000", "aide", "stop", "LANGUE fr"])
def test_a_treasurer_who_is_a_member_writes_words_too(place: Place, home: str, text: str) -> None:
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    assert writes(place, text, TREASURER) == []  # a member of no family: for a person
    place.gives_phone(home, TREASURER)
    assert len(writes(place, text, TREASURER)) == 1


# --- how often --------------------------------------------------------------------------------------------------------


def test_the_same_sms_does_nothing_twice(any_place: Place, card: str) -> None:
    for text in ("pay 2000", "plainte on m'a refusé"):
        assert len(writes(any_place, text, its_id=f"at {text}")) == 1
        assert writes(any_place, text, its_id=f"at {text}") == []  # the aggregator posts it again
    # A worker that died before it could say that it was done, and the prompt is over meanwhile.
    any_place.wait(hours=2)
    with any_place.runtime.store.write() as unit:
        again = update(outbox).where(outbox.c.topic == "sms.read").values(done_at=None, due_at=unit.now)
        unit.connection.execute(again)
    work(any_place)
    assert len(asked(any_place)) == len(any_place.ask(select(request.c.id))) == 1
    assert len(answered(any_place, MEMBER)) == 2


def test_another_text_under_the_same_id_is_another_sms(any_place: Place, card: str) -> None:
    assert writes(any_place, "cover", its_id="at-same")
    assert writes(any_place, "balance", its_id="at-same")
    assert writes(any_place, "cover", STRANGER, its_id="at-same")
    assert writes(any_place, "balance", its_id="at-same") == []
    assert len(any_place.ask(select(outbox.c.id).where(outbox.c.topic == "sms.read"))) == 3


def test_two_machines_do_not_talk_for_ever(place: Place, home: str) -> None:
    """One that sends back whatever it gets, and one that has always something new to ask."""
    text = "cover"
    for _ in range(20):
        [text] = writes(place, text) or [text]
    assert len(answered(place, MEMBER)) == 2
    place.household_with(OTHER_MTN, "Bio Sabi")
    for sender, most in ((OTHER_MTN, MOST_ANSWERS_A_DAY), (STRANGER, MOST_TO_STRANGERS_A_DAY)):
        for number in range(most + 5):
            post(place, f"plainte numero {number}", sender)
            post(place, f"recu 000018-{number:05d}", sender)
            work(place)
            place.runtime.own_clock.move(timedelta(minutes=11))
        assert len(answered(place, sender)) == most
