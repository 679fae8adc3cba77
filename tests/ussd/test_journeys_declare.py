"""I have paid, and you don't see it: what a member tells the phone, what it answers, and what becomes of it later."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy import delete, select

from gateway.membership.households import stop_sms
from gateway.payments.unasked.declarations import expire
from gateway.sms.gsm7 import fold
from gateway.store.outbox import drain
from gateway.store.schema import collection, declaration, incoming, message, organisation
from gateway.store.schema import phone as phone_table
from tests.ussd.handset import SECRET, Handset
from tests.ussd.test_menu_dialogues import in_french
from tests.ussd.world import FAMILY, MEMBER, MOOV, OTHER_MTN, TREASURER, Place

NUMBER, SHOWN = "11005237542", "1100 5237 542"
LOOKED_FOR = f"Nous cherchons le paiement {SHOWN}."
WAIT = "Trop d'erreurs. Attendez"
_ids = count(1)


@pytest.fixture
def card(place: Place) -> str:
    """A family with one phone, which has chosen French, and its mutuelle's treasurer."""
    return settled(place)


def settled(place: Place) -> str:
    card = place.household_with(MEMBER, *FAMILY)
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    in_french(place.phone())
    return card


def says(place: Place, typed: str = NUMBER, msisdn: str = MEMBER) -> Handset:
    """From the first screen to the answer."""
    asked = place.phone(msisdn).dial().picks("Mes versements", "J'ai payé")
    return asked.sees("Numéro du paiement, dans le SMS de l'opérateur ?").types(typed).picks("Oui, le chercher")


def forwards(place: Place, number: str = NUMBER, reference: str = "-", payer: str = MEMBER) -> None:
    """The treasurer's phone forwards the operator's SMS of 3 300 F."""
    text = (
        f"Vous avez recu un transfert de 3300FCFA de ORA SABI ({payer[1:]}) le 2026-11-21 17:14:31. "
        f"Reference: {reference}. Nouveau solde: 10482 FCFA. ID de la transaction : {number}."
    )
    sends(place, text, TREASURER)


def sends(place: Place, text: str, sender: str = MEMBER) -> None:
    """A phone sends an SMS to the mutuelle's number, and a worker does what follows."""
    form = {"id": f"at-{next(_ids)}", "from": sender, "to": "20880", "text": text, "date": "2026-11-22"}
    answer = place.app.test_client().post(f"/sms/africastalking/{SECRET}/inbound", data=form)
    assert answer.status_code == 200
    failed: list[str] = []
    handlers = {"sms.read": place.runtime.handlers["sms.read"], "sms.send": lambda _: None}
    while drain(place.runtime.store, "replies", handlers, lambda task, error: failed.append(f"{task}: {error}")):
        assert failed == []


def declared(place: Place) -> list[tuple[str, str]]:
    """What was declared, and what became of it."""
    rows = place.ask(select(declaration.c.operator_id, declaration.c.state).order_by(declaration.c.id))
    return [(number, state) for number, state in rows]


# --- the way there, and what is typed ---------------------------------------------------------------------------------


def test_from_the_payments_and_from_where_one_pays(place: Place, card: str) -> None:
    place.phone().dial().picks("Mes versements").sees("Aucun versement n'est encore arrivé.", "2 J'ai payé")
    place.phone().dial().picks("Payer", "J'ai payé").sees("Numéro du paiement, dans le SMS de l'opérateur ?")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("11005237542", "1100 5237 542"),
        (" 1 100.5237-542 ", "1100 5237 542"),
        ("11,005,237'542", "1100 5237 542"),
        ("١١٠٠٥٢٣٧٥٤٢", "1100 5237 542"),
        # Of figures alone: an O is a nought.
        ("11oO5237542", "1100 5237 542"),
        # Of letters and figures: either may be meant.
        ("mp26o5.2111.c90", "MP26 O521 11C9 0"),
    ],
)
def test_the_number_as_it_was_read_is_shown_first(place: Place, card: str, typed: str, shown: str) -> None:
    phone = place.phone().dial().picks("Mes versements", "J'ai payé").types(typed)
    phone.is_asked().sees(shown, "C'est le numéro du SMS ?", "1 Oui, le chercher", "0 Retour")
    assert declared(place) == []
    phone.types("0").sees("Numéro du paiement, dans le SMS de l'opérateur ?").types(NUMBER).sees(SHOWN)


@pytest.mark.parametrize("typed", ["bonjour", "12345", "A" * 12, "1" * 31, "CARD", "😀😀😀😀😀😀"])
def test_what_is_no_number_is_asked_again_and_costs_nothing(place: Place, card: str, typed: str) -> None:
    phone = place.phone().dial().picks("Mes versements", "J'ai payé")
    for _ in range(5):
        phone.types(card if typed == "CARD" else typed).is_asked().sees("Ce n'est pas le numéro.", "Numéro du paiement")
    phone.types(NUMBER).picks("Oui, le chercher").hears_the_end().sees(LOOKED_FOR)


# --- before and after the money ---------------------------------------------------------------------------------------


def test_it_covers_nobody_before_the_money_is_seen(any_place: Place) -> None:
    settled(any_place)
    said = says(any_place).hears_the_end()
    said.sees(LOOKED_FOR, "La couverture ne change pas avant qu'on l'ait vu.", "Un SMS vous le dira.").repeats()
    any_place.phone().dial().picks("Ma couverture").sees("Pas encore couvert. Payez 3 300 F pour commencer.")
    any_place.phone().dial().picks("Mes versements").sees("Aucun versement", f"{SHOWN} : pas encore vu")
    assert declared(any_place) == [(NUMBER, "open")]
    # The treasurer forwards the operator's SMS: nobody has typed a card number into it.
    forwards(any_place)
    assert declared(any_place) == [(NUMBER, "confirmed")]
    (receipt,) = any_place.texts("receipt", MEMBER)
    assert "3 300 F" in receipt
    any_place.phone().dial().picks("Mes versements").sees("3 300 F", f"{SHOWN} : vu")
    any_place.phone().dial().picks("Ma couverture").sees("La couverture commence le 22/12/2026.")
    # Whoever says it again gets the receipt's number, and no second one.
    again = says(any_place).hears_the_end().sees(f"Paiement {SHOWN} vu : 3 300 F. Reçu 0000")
    assert again.screen.split()[-1].rstrip(".") in receipt
    assert len(any_place.texts("receipt", MEMBER)) == 1
    assert any_place.ask(select(collection.c.paid_minor)) == [(3_300,)]


def test_money_that_was_seen_before_counts_at_once(any_place: Place) -> None:
    settled(any_place)
    forwards(any_place)
    assert any_place.ask(select(incoming.c.state)) == [("suspense",)]
    says(any_place).hears_the_end().sees(f"Paiement {SHOWN} vu : 3 300 F. Reçu 0000").repeats()
    assert any_place.ask(select(incoming.c.state)) == [("posted",)]
    assert len(any_place.texts("receipt", MEMBER)) == 1


def test_what_another_phone_paid_stays_where_it_is(place: Place, card: str) -> None:
    forwards(place, payer=OTHER_MTN)
    says(place).hears_the_end().sees(LOOKED_FOR).sees_not("3 300 F")
    assert place.ask(select(incoming.c.state)) == [("suspense",)]


def test_after_a_week_it_is_called_not_found(place: Place, card: str) -> None:
    says(place)
    place.wait(days=8)
    assert expire(place.runtime.store) == 1
    place.phone().dial().picks("Mes versements").sees(f"{SHOWN} : introuvable")
    (text,) = place.texts("unfound", MEMBER)
    assert text.startswith(f"Paiement {NUMBER} introuvable.")
    says(place).sees(LOOKED_FOR)
    place.phone().dial().picks("Mes versements").sees(f"{SHOWN} : pas encore vu")


def test_only_the_last_three_of_a_month_are_shown(place: Place, card: str) -> None:
    for number in ("11005237541", "11005237542", "11005237543", "11005237544"):
        says(place, number)
        place.wait(days=3)
    text = place.phone().dial().picks("Mes versements").reads()
    assert [line[:13] for line in text.split("\n") if line.endswith("pas encore vu")] == [
        "1100 5237 544", "1100 5237 543", "1100 5237 542",
    ]  # fmt: skip
    place.wait(days=40)
    place.phone().dial().picks("Mes versements").sees_not("1100 5237")


# --- who may, and how often -------------------------------------------------------------------------------------------


def test_numbers_cannot_be_tried_out(any_place: Place) -> None:
    card = settled(any_place)
    any_place.gives_phone(card, OTHER_MTN)
    for last in "1234":
        says(any_place, f"1100523754{last}").sees("Nous cherchons")
    says(any_place, "11005237545").hears_the_end().sees(WAIT, "5 min.").sees_not("Nous cherchons")
    # Another phone of the household waits too; what was said before is answered all the same.
    says(any_place, "11005237545", OTHER_MTN).sees(WAIT)
    says(any_place).sees(LOOKED_FOR)
    says(any_place).sees(LOOKED_FOR)
    any_place.wait(minutes=5)
    says(any_place, "11005237545").sees("Nous cherchons")
    says(any_place, "11005237546").sees(WAIT, "15 min.")
    any_place.wait(days=3)
    says(any_place, "11005237546").sees("Nous cherchons")


def test_what_is_confirmed_at_once_is_not_counted(place: Place, card: str) -> None:
    for number in range(6):
        forwards(place, f"1100523754{number}")
        says(place, f"1100523754{number}").sees("vu : 3 300 F")
    says(place, "11005237549").sees("Nous cherchons")


@pytest.mark.parametrize("way", [("Mes versements", "J'ai payé"), ("Payer", "J'ai payé")])
def test_a_households_pin_stands_before_it(place: Place, card: str, way: tuple[str, str]) -> None:
    place.lock_household(card, "4821")
    phone = place.phone().dial().picks(way[0]).sees("Code PIN de ce ménage ?")
    phone.types("4821").picks(way[1]).types(NUMBER).picks("Oui, le chercher").sees(LOOKED_FOR)


def test_nobody_declares_for_a_family_that_is_not_theirs(place: Place, card: str) -> None:
    stranger = in_french(place.phone(OTHER_MTN)).picks("Payer pour une famille").types(card)
    assert "J'ai payé" not in stranger.sees("Reste à payer").reads()
    # Nor whose phone is taken off the card while the number is on the screen.
    phone = place.phone().dial().picks("Mes versements", "J'ai payé").types(NUMBER)
    with place.runtime.store.write() as unit:
        unit.connection.execute(delete(phone_table).where(phone_table.c.msisdn == MEMBER))
    phone.picks("Oui, le chercher").sees("Vous ne pouvez plus faire cela.")
    assert declared(place) == []


def test_a_call_that_was_cut_off_goes_on_at_the_number(place: Place, card: str) -> None:
    place.phone().dial().picks("Mes versements", "J'ai payé").types(NUMBER)
    place.phone().dial().sees("1 Continuer").types("1").sees(SHOWN).picks("Oui, le chercher").sees(LOOKED_FOR)
    assert declared(place) == [(NUMBER, "open")]


# --- paying the merchant code -----------------------------------------------------------------------------------------


def test_how_to_pay_by_code_stays_on_the_phone_as_an_sms(any_place: Place) -> None:
    card = any_place.household_with(MOOV)
    phone = in_french(any_place.phone(MOOV)).picks("Payer", "Payer le versement", "Oui : comment payer")
    phone.hears_the_end().sees("marchand 229384").repeats()
    (text,) = any_place.texts("by_code", MOOV)
    assert text == fold(
        f"Payez 2 100 F, Moov Money, marchand 229384, référence {card}. "
        "Ensuite, faites le même code : Mes versements, J'ai payé."
    )
    assert any_place.ask(select(message.c.parts).where(message.c.event == "by_code")) == [(1,)]


def test_an_sms_is_left_once_a_choice_and_five_times_a_day(place: Place) -> None:
    place.household_with(MOOV)
    in_french(place.phone(MOOV))
    for _ in range(7):
        place.phone(MOOV).dial().picks("Payer", "Payer le versement", "Oui : comment payer").sees("marchand 229384")
    assert len(place.texts("by_code")) == 5
    place.wait(days=1)
    place.phone(MOOV).dial().picks("Payer", "Payer le versement", "Oui : comment payer").repeats()
    assert len(place.texts("by_code")) == 6


def test_nothing_is_sent_before_somebody_says_yes_nor_without_a_code(place: Place) -> None:
    place.household_with(MOOV)
    in_french(place.phone(MOOV))
    phone = place.phone(MOOV).dial(deep="2*1*1").is_asked().sees("1 Oui : comment payer")
    assert place.texts("by_code") == []
    with place.runtime.store.write() as unit:
        unit.connection.execute(organisation.update().values(merchant_code=None))
    place.runtime.network.forget()
    phone.types("1").hears_the_end().sees("Payez 2 100 F à votre trésorier.")
    assert place.texts("by_code") == []


# --- by SMS, on the whole application ---------------------------------------------------------------------------------


def test_by_sms_it_is_the_same(place: Place, card: str) -> None:
    with place.runtime.store.write() as unit:
        stop_sms(unit, MEMBER, stopped=True)
    sends(place, "J'ai payé 1100.5237.542")
    place.phone().dial().picks("Mes versements").sees(f"{SHOWN} : pas encore vu")
    (text,) = place.texts("sms_answer", MEMBER)
    assert text.startswith(f"Nous cherchons le paiement {NUMBER}.")
    forwards(place)
    assert declared(place) == [(NUMBER, "confirmed")]
    place.runtime.own_clock.move(timedelta(minutes=1))
    sends(place, f"PAYE {NUMBER}")
    (_, text) = place.texts("sms_answer", MEMBER)
    assert text.startswith(fold(f"Paiement {NUMBER} vu : 3 300 F. Reçu 0000"))
