"""``PAYE <number>`` by SMS: what is read, what is answered and how often; a treasurer's forwarded texts come first."""

from __future__ import annotations

import itertools
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from gateway.kernel.card import new_card_number, show_card
from gateway.locale import Say
from gateway.membership import pins
from gateway.membership.households import choose_language, stop_sms
from gateway.membership.people import Person
from gateway.payments.unasked.declarations import NUMBERS_TRIED
from gateway.payments.unasked.forwarded import Forwarded
from gateway.sms import answers
from gateway.sms.web import sms_blueprint
from gateway.sms.words import MOST_ANSWERS_A_DAY, Words
from gateway.store.outbox import Handler, Task, drain
from gateway.store.schema import declaration, household, message, outbox
from gateway.words import names, texts
from gateway.words.help import help_text
from gateway.words.paid import paid_word
from tests.payments.deeds import kinds
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, SECRET, TREASURER, Village, at_once

STRANGER = "+2290100000303"
OTHERS = (Person("Bio Sabi", "M", 1970, "head"),)
NUMBER = "11005237542"
FR, EN = Say("fr"), Say("en")
HOW, WHICH, LOCKED = answers.how_to_declare(FR), answers.which_card(FR), answers.locked(FR)
HELP = texts.words(FR, member=True, agent=False)
LOOKED_FOR, UNKNOWN = answers.looked_for(FR, NUMBER), answers.unknown_phone(FR)
_ids = itertools.count(1)


@pytest.fixture
def web(office: Village) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(office.store, SECRET))
    return app.test_client()


@pytest.fixture
def home(office: Village) -> int:
    """The family whose phone writes; its card has a number that is the same in every run."""
    return with_card(office, office.register().household_id, 2_345_678)


def with_card(office: Village, household_id: int, drawn: int) -> int:
    """Give a family a card that no test meets by chance."""
    with office.store.write() as unit:
        new = new_card_number(lambda _: drawn)
        unit.connection.execute(update(household).where(household.c.id == household_id).values(card=new))
    return household_id


def writes(office: Village, web: FlaskClient, text: str, sender: str = PAYER, its_id: str = "") -> list[str]:
    """A phone sends an SMS, and a worker does what follows; what is answered to it."""
    before = len(answered(office, sender))
    post(web, text, sender, its_id)
    work(office)
    office.clock.move(timedelta(seconds=1))
    return answered(office, sender)[before:]


def post(web: FlaskClient, text: str, sender: str = PAYER, its_id: str = "") -> None:
    """The aggregator brings an SMS."""
    form = {"id": its_id or f"at-{next(_ids)}", "from": sender, "to": "20880", "text": text, "date": "2026-11-22"}
    posted = web.post(f"/sms/africastalking/{SECRET}/inbound", data=urlencode(form), content_type=FORM)
    assert posted.status_code == 200


FORM = "application/x-www-form-urlencoded"


def handlers(office: Village) -> dict[str, Handler]:
    words = Words((paid_word(office.chart),), help_text)
    reads = Forwarded(office.store, office.network, office.chart, words=words)
    return {"sms.read": reads, "sms.send": lambda task: None}


def work(office: Village) -> None:
    while drain(office.store, "replies", handlers(office), office._tell):
        assert not office.faults


def answered(office: Village, msisdn: str) -> list[str]:
    """The texts of all answers to a phone, each of one part."""
    rows = [row for row in office.messages("sms_answer", "sms_help") if row.msisdn == msisdn]
    assert {row.parts for row in rows} <= {1}
    return [row.text for row in rows]


def declared(office: Village) -> list[tuple[int, str, str]]:
    with office.store.read() as connection:
        rows = connection.execute(select(declaration).order_by(declaration.c.id)).all()
    return [(row.household_id, row.operator_id, row.state) for row in rows]


def operators_sms(card: str = "-", number: str = NUMBER, payer: str = PAYER) -> str:
    return (
        f"Vous avez recu un transfert de 2000FCFA de ORA SABI ({payer[1:]}) le 2026-11-21 17:14:31. "
        f"Reference: {card}. Nouveau solde: 10482 FCFA. ID de la transaction : {number}."
    )


# --- what is read -----------------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize(
    "text",
    [
        "PAYE 11005237542",
        "paye 11005237542",
        "Payé 1100 5237 542",
        "PAYÉ11005237542",
        "J'AI PAYE 11005237542",
        "j’ai payé : 1100.5237.542",
        "jai paye no 11005237542.",
        "J'ai payé, numéro 11005237542",
        "PAID 11005237542",
        "I paid 11OO5237542",
        "I have paid ID: 11005237542",
        "I've paid 11005237542",
        "  Paye\n11005237542  ",
        "payer 11005237542",
    ],
)
def test_as_people_write_it(office: Village, web: FlaskClient, home: int, text: str) -> None:
    assert writes(office, web, text) == [LOOKED_FOR]
    assert declared(office) == [(home, NUMBER, "open")]


@ON_SQLITE
@pytest.mark.parametrize(
    "text",
    [
        "PAYE",
        "J'ai payé",
        "PAYE 12345",
        "PAYE hier",
        "J'ai payé 10 200 F",
        "J'ai payé 10200 francs hier",
        "PAYE CARD",
        "PAYE " + "1" * 2_000,
    ],
)
def test_what_cannot_be_read_is_answered_with_how_to_write_it(
    office: Village, web: FlaskClient, home: int, text: str
) -> None:
    assert writes(office, web, text.replace("CARD", office.family(home).card)) == [HOW]
    assert declared(office) == []


@ON_SQLITE
@pytest.mark.parametrize("text", ["payement 11005237542", "bonjour", "merci 11005237542", "😀", ""])
def test_what_is_no_word_is_answered_with_the_words(office: Village, web: FlaskClient, home: int, text: str) -> None:
    assert writes(office, web, text) == [HELP]
    assert declared(office) == []


@ON_SQLITE
def test_a_number_with_letters_and_an_orange_one(office: Village, web: FlaskClient, home: int) -> None:
    writes(office, web, "PAYE qkb1xo0z23")
    writes(office, web, "PAYE PP 260521.2111.A00090")
    assert [number for _, number, _ in declared(office)] == ["QKB1XO0Z23", "PP2605212111A00090"]


@ON_SQLITE
def test_every_name_of_the_word_is_written_as_it_is_compared(office: Village) -> None:
    words = Words((paid_word(office.chart),), help_text)
    assert all(words.is_one(f"{name.upper()} {NUMBER}") for name in names.every(names.PAID))
    assert not words.is_one(f"paye {NUMBER} 2000 francs")
    assert not words.is_one(operators_sms())


# --- what is answered -------------------------------------------------------------------------------------------------


def test_it_is_confirmed_once_the_operators_sms_is_forwarded(office: Village, web: FlaskClient, home: int) -> None:
    assert writes(office, web, f"PAYE {NUMBER}") == [LOOKED_FOR]
    assert office.entries() == []
    writes(office, web, operators_sms(), TREASURER)
    assert declared(office) == [(home, NUMBER, "confirmed")]
    assert office.told("receipt") == [("receipt", PAYER)]
    [answer] = writes(office, web, f"PAYE {NUMBER}")
    [receipt] = office.messages("receipt")
    number = receipt.text.split()[1]
    assert number in answer
    assert answer.startswith(f"{answers.seen(FR, NUMBER, office.stands(home).left, '').split(' : ')[0]} : 2 000 F")
    assert office.balance()["wallet"] == 2_000


def test_money_that_was_seen_before_counts_at_once(office: Village, web: FlaskClient, home: int) -> None:
    writes(office, web, operators_sms(), TREASURER)
    [answer] = writes(office, web, f"PAYE {NUMBER}")
    assert "2 000 F" in answer
    assert office.told("receipt") == [("receipt", PAYER)]


def test_a_phone_of_several_families_names_the_card(office: Village, web: FlaskClient, home: int) -> None:
    other = with_card(office, office.register(PAYER, OTHERS).household_id, 12_345_679)
    elsewhere = with_card(office, office.register(NEIGHBOUR).household_id, 30_000_000)
    card, second = office.family(home).card, office.family(other).card
    assert writes(office, web, f"PAYE {NUMBER}") == [WHICH]
    office.clock.move(timedelta(hours=1))
    assert writes(office, web, f"PAYE {NUMBER} {office.family(elsewhere).card}") == [WHICH]
    assert declared(office) == []
    assert writes(office, web, f"PAYE {NUMBER} {second}") == [LOOKED_FOR]
    assert writes(office, web, f"PAYE 1100 5237 543 carte {show_card(card)}") == [answers.looked_for(FR, "11005237543")]
    assert declared(office) == [(other, NUMBER, "open"), (home, "11005237543", "open")]


@ON_SQLITE
def test_a_phone_of_one_family_may_name_its_card_and_no_other(office: Village, web: FlaskClient, home: int) -> None:
    elsewhere = with_card(office, office.register(NEIGHBOUR).household_id, 30_000_000)
    assert writes(office, web, f"PAYE {NUMBER} {office.family(elsewhere).card}") == [WHICH]
    assert writes(office, web, f"PAYE {NUMBER} {office.family(home).card}") == [LOOKED_FOR]
    assert declared(office) == [(home, NUMBER, "open")]


@ON_SQLITE
def test_a_household_with_a_pin_is_sent_to_the_menu(office: Village, web: FlaskClient, home: int) -> None:
    with office.store.write() as unit:
        pins.keep(unit, pins.of_household(home), pins.seal("4821"))
    writes(office, web, operators_sms(), TREASURER)
    assert writes(office, web, f"PAYE {NUMBER}") == [LOCKED]
    assert declared(office) == []


@ON_SQLITE
def test_the_answer_is_in_the_phones_language_and_comes_to_who_wants_no_reminders(
    office: Village, web: FlaskClient, home: int
) -> None:
    with office.store.write() as unit:
        choose_language(unit, PAYER, "en")
        stop_sms(unit, PAYER, stopped=True)
    assert writes(office, web, f"PAYE {NUMBER}") == [answers.looked_for(EN, NUMBER)]


# --- how often --------------------------------------------------------------------------------------------------------


def test_the_same_sms_twice_is_answered_once(office: Village, web: FlaskClient, home: int) -> None:
    assert writes(office, web, f"PAYE {NUMBER}", its_id="at-a") == [LOOKED_FOR]
    assert writes(office, web, f"PAYE {NUMBER}", its_id="at-a") == []  # the aggregator posts it again
    assert writes(office, web, f"PAYE {NUMBER}") == []  # the phone sends it again
    # A worker that died before it could say that it was done.
    with office.store.write() as unit:
        again = update(outbox).where(outbox.c.topic == "sms.read").values(done_at=None, due_at=unit.now)
        unit.connection.execute(again)
    work(office)
    assert answered(office, PAYER) == [LOOKED_FOR]
    office.clock.move(timedelta(hours=1))
    assert writes(office, web, f"PAYE {NUMBER}") == [LOOKED_FOR]
    assert len(declared(office)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("text", "answer"), [(f"PAYE {NUMBER}", LOOKED_FOR), ("bonjour", HELP)])
def test_two_of_the_same_at_one_moment_are_answered_once(
    office: Village, web: FlaskClient, home: int, text: str, answer: str
) -> None:
    for _ in range(6):
        post(web, text)
    handler = handlers(office)["sms.read"]
    notices = itertools.count(1)
    at_once(6, lambda: handler(Task(0, "sms.read", str(next(notices)), 1, 0)))
    assert answered(office, PAYER) == [answer]


def test_numbers_are_tried_by_sms_as_little_as_in_the_menu(office: Village, web: FlaskClient, home: int) -> None:
    for last in range(NUMBERS_TRIED.free + 1):
        number = f"1100523754{last}"
        assert writes(office, web, f"PAYE {number}") == [answers.looked_for(FR, number)]
    assert writes(office, web, "PAYE 22005237549") == [answers.wait(FR, 5)]
    assert len(declared(office)) == NUMBERS_TRIED.free + 1


@ON_SQLITE
def test_an_unknown_phone_is_answered_once_a_day(office: Village, web: FlaskClient, home: int) -> None:
    assert writes(office, web, f"PAYE {NUMBER}", STRANGER) == [UNKNOWN]
    assert writes(office, web, "bonjour", STRANGER) == []
    office.clock.move(timedelta(hours=23))
    assert writes(office, web, "PAYE 22005237542", STRANGER) == []
    office.clock.move(timedelta(hours=1))
    assert writes(office, web, "PAYE 22005237542", STRANGER) == [UNKNOWN]
    assert declared(office) == []


@ON_SQLITE
@pytest.mark.parametrize("sender", ["MTN", "", "20880", "+33600000001", "+999123456789"])
def test_who_is_no_phone_of_the_networks_countries_gets_no_answer(
    office: Village, web: FlaskClient, home: int, sender: str
) -> None:
    assert writes(office, web, f"PAYE {NUMBER}", sender) == []
    assert office.messages() == []
    assert declared(office) == []


@ON_SQLITE
def test_two_machines_do_not_talk_for_ever(office: Village, web: FlaskClient, home: int) -> None:
    """One that sends back whatever it gets, and one that has always something new to say."""
    text = "bonjour"
    for _ in range(20):
        [text] = writes(office, web, text) or [text]
    assert answered(office, PAYER) == [HELP]
    other = office.register(NEIGHBOUR, OTHERS).household_id
    for minute in range(60):
        writes(office, web, f"PAYE 110052375{minute:02d}", NEIGHBOUR)
        office.clock.move(timedelta(minutes=7))
    assert len(answered(office, NEIGHBOUR)) == MOST_ANSWERS_A_DAY
    # What isn't answered any more is done all the same.
    writes(office, web, operators_sms(number="99005237542", payer=NEIGHBOUR), TREASURER)
    before = office.stands(other).left
    office.clock.move(timedelta(hours=6))  # the last wait for a number
    assert writes(office, web, "PAYE 99005237542", NEIGHBOUR) == []
    assert office.stands(other).left < before


# --- treasurers -------------------------------------------------------------------------------------------------------


def test_a_treasurers_forwarded_text_is_no_word(office: Village, web: FlaskClient, home: int) -> None:
    """Not even where it begins like one, nor from a treasurer who is a member."""
    office.add_phone(home, TREASURER)
    card = office.family(home).card
    assert writes(office, web, f"Paid {operators_sms(card)}", TREASURER) == []
    assert office.balance()["wallet"] == 2_000
    assert writes(office, web, "Payé 5000 F", TREASURER) == []
    assert kinds(office) == ["unread-sms"]
    assert declared(office) == []


@ON_SQLITE
def test_a_treasurer_who_is_a_member_declares_for_their_own_family(
    office: Village, web: FlaskClient, home: int
) -> None:
    assert writes(office, web, f"PAYE {NUMBER}", TREASURER) == []  # a member of no family: for a person
    office.add_phone(home, TREASURER)
    assert writes(office, web, f"PAYE {NUMBER}", TREASURER) == [LOOKED_FOR]
    assert kinds(office) == ["unread-sms"]
    with office.store.read() as connection:
        assert connection.scalars(select(message.c.household_id).where(message.c.event == "sms_answer")).all() == [home]
