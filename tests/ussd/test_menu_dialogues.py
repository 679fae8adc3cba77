"""The menu as calls: what somebody dials, types and reads, from the first dial to the renewed cover."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from gateway.kernel.card import read_card
from gateway.network.organisations import add_organisation
from gateway.store.schema import beneficiary, collection, message
from tests.ussd.handset import Handset
from tests.ussd.world import (
    BURUNDI,
    CANARIES,
    LUMICASH,
    MEMBER,
    MOOV,
    NARROW,
    ONATEL,
    OTHER_MTN,
    OUAKE,
    SHARED,
    UNION,
    VILLAGE,
    Place,
)


def in_french(phone: Handset, code: str = OUAKE) -> Handset:
    """Dial for the first time and choose French."""
    return phone.dial(code).picks("Français")


def tell_head(phone: Handset, name: str = "Adjara Tchédré") -> Handset:
    """From the first screen to the question after the head of the household."""
    return phone.picks("Inscrire ma famille").types(name, "1", "1991")


def register_alone(place: Place, msisdn: str = MEMBER) -> Handset:
    """Somebody who lives alone registers over the menu; the phone stands at the card number."""
    phone = tell_head(in_french(place.phone(msisdn))).types("kado")
    return phone.picks("C'est tout", "Inscrire")


def card_on(screen: str) -> str:
    """The card number on a screen, its check digit verified."""
    found = re.search(r"\d{3} \d{3} \d{3}", screen)
    assert found, screen
    return read_card(found[0])


# --- first dial and language ------------------------------------------------------------------------------------------


def test_a_first_dial_asks_for_the_language_in_all_languages(place: Place) -> None:
    phone = place.phone().dial(OUAKE)
    phone.is_asked().sees(UNION, "Choisissez votre langue / Choose your language", "1 Français", "2 English")
    phone.types("1").sees("1 Inscrire ma famille", "4 Autres services")


def test_the_language_is_remembered_and_can_be_changed(place: Place) -> None:
    phone = in_french(place.phone())
    phone.dial().sees("Inscrire ma famille").picks("Autres services", "Langue", "English").sees("Register my family")
    phone.dial().sees("Register my family").picks("Other services", "Language", "Français").sees("Inscrire ma famille")


def test_a_members_household_is_written_to_in_the_new_language(place: Place) -> None:
    register_alone(place)
    place.phone().dial().picks("Autres services", "Langue", "English").sees("Welcome, Adjara Tchédré.")
    place.phone().dial().picks("Pay", "Pay what is due", "Yes").hears_the_end().sees("Receipt by SMS.")
    place.wallet_pays()
    with place.runtime.store.read() as connection:
        texts = connection.scalars(select(message.c.text).where(message.c.event == "receipt")).all()
    assert [text.split(" ")[0] for text in texts] == ["Receipt"]


@pytest.mark.parametrize(
    ("pick", "sees"), [("Kirundi", "Riha"), ("Kiswahili", "Lipa"), ("English", "Pay"), ("Français", "Payer")]
)
def test_every_offered_language_is_spoken(place: Place, pick: str, sees: str) -> None:
    place.household_with(LUMICASH, section="Gitega")
    place.phone(LUMICASH).dial(BURUNDI).picks(pick).sees(sees)


# --- registration -----------------------------------------------------------------------------------------------------


def test_a_family_registers(any_place: Place) -> None:
    phone = tell_head(in_french(any_place.phone()))
    phone.sees("Votre section").types("Kado").sees("1 personne. Ajouter :")
    phone.picks("Mari").sees("Mari : prénom et nom ?").types("moussa tchédré").sees("Moussa Tchédré : année")
    phone.types("1986").sees("2 personnes. Ajouter :")
    phone.picks("Fille").types("Rahina Tchédré").sees("Pour un bébé : 2026").types("2026").sees("3 personnes")
    phone.picks("C'est tout").sees(
        "Kadolassi. 3 personnes :", "Rahina Tchédré 2026", "Famille : 10 200 F la première année"
    )
    phone.picks("Inscrire").sees("C'est inscrit.", "La première année : 10 200 F. À payer maintenant : 3 300 F.")
    card = card_on(phone.screen)
    phone.picks("Plus tard").hears_the_end().sees("Merci")
    with any_place.runtime.store.read() as connection:
        people = connection.execute(
            select(beneficiary.c.name, beneficiary.c.sex, beneficiary.c.birth_year, beneficiary.c.relation)
            .where(beneficiary.c.name.like("%Tch%"))
            .order_by(beneficiary.c.id)
        ).all()
        sms = connection.execute(select(message.c.event, message.c.msisdn, message.c.text)).all()
    assert [tuple(one) for one in people] == [
        ("Adjara Tchédré", "F", 1991, "head"),
        ("Moussa Tchédré", "M", 1986, "spouse"),
        ("Rahina Tchédré", "F", 2026, "child"),
    ]
    assert [(one.event, one.msisdn) for one in sms] == [("registered", MEMBER)]
    assert f"{card[:3]} {card[3:6]} {card[6:]}" in sms[0].text
    phone.dial().sees("Bonjour Adjara Tchédré.")


@pytest.mark.parametrize(
    ("typed", "sees"),
    [
        ("pele", "1 personne. Ajouter"),
        ("Pélébina", "1 personne. Ajouter"),
        ("PÉLÉ", "1 personne. Ajouter"),
        ("itche", "1 personne. Ajouter"),
        ("séméré", "1 Séméré Bas"),
        ("semere", "2 Séméré Haut"),
        ("anandana", "1 Anandana Centre"),
        ("xyz", "Aucune section trouvée. Essayez d'autres lettres."),
        ("é", "Aucune section trouvée"),
        ("?!", "Aucune section trouvée"),
        ("999999", "Aucune section trouvée"),
        ("9" * 390, "Aucune section trouvée"),
    ],
)
def test_a_section_is_found_by_letters_with_or_without_accents(place: Place, typed: str, sees: str) -> None:
    if typed == "é":
        typed = "éé"
    tell_head(in_french(place.phone())).types(typed).is_asked().sees(sees)


def test_of_several_sections_found_one_is_chosen(place: Place) -> None:
    phone = tell_head(in_french(place.phone())).types("semere").sees("Votre section ?")
    phone.picks("Séméré Haut", "C'est tout").sees("Séméré Haut. 1 personne")


def test_too_many_sections_found_ask_for_more_letters(place: Place) -> None:
    tree = place.runtime.network.tree()
    mutuelle = tree.named("Mutuelle Ouaké")
    with place.runtime.store.write() as unit:
        for number in range(100):
            add_organisation(
                unit, (mutuelle.id, mutuelle.path), kind="section", code=f"{number}", name=f"Village {number:02d}"
            )
    place.runtime.network.forget()
    phone = tell_head(in_french(place.phone())).types("vil").is_asked()
    phone.sees("Trop de sections trouvées. Écrivez plus de lettres.", "Votre section")
    phone.types("village 4").sees("Votre section ?").picks("Village 49", "C'est tout").sees("Village 49. 1 personne")


def test_a_short_list_of_sections_is_shown_at_once(place: Place) -> None:
    phone = tell_head(in_french(place.phone(), VILLAGE)).sees("Votre section ?", "1 Awanla", "4 Madjatom")
    phone.picks("Itchélli", "C'est tout").sees("Itchélli. 1 personne")


def test_where_there_are_several_plans_one_is_chosen(place: Place) -> None:
    phone = tell_head(in_french(place.phone(LUMICASH), BURUNDI)).picks("Gitega")
    phone.sees("Quelle formule ?", "1 Ménage", "2 Par tête").picks("Ménage", "C'est tout")
    phone.sees("Ménage : 3 000 FBu la première année").picks("Inscrire").sees("La première année : 3 000 FBu.")


def test_where_no_plan_is_open_the_answer_says_so(place: Place) -> None:
    phone = tell_head(place.phone().dial("*384*228#"))  # one section, so nothing to choose
    phone.is_asked().sees("Aucune formule n'est ouverte à Bassila.")


def test_a_look_back_before_it_counts(place: Place) -> None:
    phone = tell_head(in_french(place.phone())).types("kado")
    phone.picks("C'est tout", "Ajouter quelqu'un").sees("1 personne. Ajouter").picks("Fils").types("Idrissou T", "2015")
    phone.picks("C'est tout").sees("2 personnes", "Idrissou T 2015")
    phone.picks("Inscrire").sees("À payer maintenant : 2 700 F.")


def test_back_and_home_lead_back_and_home(place: Place) -> None:
    phone = in_french(place.phone()).picks("Inscrire ma famille").types("Adjara Tchédré").sees("femme ou homme")
    phone.types("0").sees("Votre prénom et votre nom ?").types("Amina Gado").sees("Amina Gado : femme ou homme")
    phone.types("1", "0").sees("femme ou homme").types("00").sees("Inscrire ma famille")


def test_who_registers_again_gets_the_card_that_they_have(any_place: Place) -> None:
    phone = tell_head(in_french(any_place.phone()), "Amina Gado").types("kado").picks("C'est tout")
    redis = any_place.runtime.redis
    (key,) = redis.scan_iter("ussd:s:*")
    before = redis.get(key)
    first = card_on(phone.picks("Inscrire").screen)
    # The answer never reached the phone, and Redis lost the write: the next dial offers to go on before it.
    assert before is not None
    redis.set(key, before)
    again = any_place.phone().dial().picks("Continuer").sees("Amina Gado").picks("Inscrire")
    again.sees("C'est inscrit.")  # the same question has one answer, whichever call brings it
    assert card_on(again.screen) == first
    assert any_place.counts()["household"] == 3 + 1


def test_what_was_half_told_waits_at_home(place: Place) -> None:
    phone = tell_head(in_french(place.phone())).types("kado").sees("1 personne. Ajouter :").types("00")
    phone.picks("Continuer où j'étais").sees("1 personne. Ajouter :").picks("C'est tout", "Inscrire")
    phone.sees("C'est inscrit.").types("00").sees("Bonjour Adjara Tchédré.").sees_not("Continuer")


def test_somebody_told_of_by_mistake_is_removed(place: Place) -> None:
    phone = tell_head(in_french(place.phone())).types("kado").picks("Fils").types("Idrissou Tchédré", "2015")
    phone.picks("Fille").types("Rahina Tchédré", "2018").picks("C'est tout").sees("3 personnes")
    phone.picks("Enlever quelqu'un").sees("1 Idrissou Tchédré", "2 Rahina Tchédré").picks("Idrissou Tchédré")
    phone.sees("Kadolassi. 2 personnes :", "Adjara Tchédré 1991", "Rahina Tchédré 2018").sees_not("Idrissou")


def test_a_spouse_is_asked_for_by_the_heads_sex(place: Place) -> None:
    tell_head(in_french(place.phone())).types("kado").sees("1 Mari").sees_not("Épouse")
    man = in_french(place.phone(OTHER_MTN)).picks("Inscrire ma famille").types("Moussa Gado", "2", "1980", "kado")
    man.sees("1 Épouse").sees_not("Mari")


def test_a_wallet_of_another_country_cannot_pay(place: Place) -> None:
    place.household_with(MEMBER)
    phone = in_french(place.phone()).picks("Payer", "Payer le versement", "Payer avec un autre numéro")
    phone.types("+25761000001").sees("Le réseau de ce numéro ne peut pas encore payer ici.").is_asked()
    assert place.counts()["collection"] == 0


def test_a_woman_alone_registers_herself_and_her_children(place: Place) -> None:
    phone = tell_head(in_french(place.phone())).types("kado")
    for number in range(19):
        phone.picks("Fille").types(f"Rahina {'abcdefghijklmnopqrs'[number]}", "2015")
    phone.sees("20 personnes").picks("Fils").is_asked().sees("Une carte a de la place pour 20 personnes.")
    phone.picks("C'est tout", "Inscrire").sees("C'est inscrit.")


# --- cover ------------------------------------------------------------------------------------------------------------


def test_cover_from_the_first_day_to_the_renewed_payment(any_place: Place) -> None:
    register_alone(any_place).picks("Plus tard")
    phone = any_place.phone().dial().picks("Ma couverture")
    phone.sees("Pas encore couvert. Payez 2 100 F pour commencer.")  # what is due, as where one pays
    text = phone.reads()
    assert "Reste à payer : 5 400 F" in text
    assert "Adjara Tchédré" in text

    any_place.phone().dial().picks("Payer", "Payer le versement : 2 100 F", "Oui").hears_the_end()
    any_place.wallet_pays()
    phone.dial().picks("Ma couverture").sees("La couverture commence le 22/12/2026.", "Reste à payer : 3 300 F")

    any_place.wait(days=31)
    phone.dial().picks("Ma couverture").sees("Couvert jusqu'au 24/03/2027.")
    assert "Prochain versement : 1 100 F, le 22/02/2027 au plus tard" in phone.reads()

    any_place.wait(days=65)  # 26 February: the second instalment is four days late
    phone.dial().picks("Ma couverture").sees("Couvert jusqu'au 24/03/2027. Payez avant.")

    any_place.wait(days=40)
    phone.dial().picks("Ma couverture").sees("Couverture suspendue. Payez 1 100 F pour la reprendre.")

    phone.picks("Payer", "Payer le versement : 1 100 F", "Oui").hears_the_end()
    any_place.wallet_pays()
    phone.dial().picks("Ma couverture").sees("Couvert jusqu'au 21/06/2027.")


def test_who_paid_everything_reads_that_all_is_paid(place: Place) -> None:
    register_alone(place).picks("Payer maintenant", "Tout payer : 5 400 F", "Oui")
    place.wallet_pays()
    place.wait(days=31)
    phone = place.phone().dial().picks("Ma couverture").sees("Couvert jusqu'au 21/11/2027.", "Tout est payé.")
    phone.picks("Payer").sees("rien à payer")


# --- paying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "amount"),
    [
        (("Payer le versement", "Oui"), 2_100),
        (("Tout payer", "Oui"), 5_400),
        (("Autre montant", "=500", "Oui"), 500),
        (("Autre montant", "=1 000 F", "Oui"), 1_000),
        (("Autre montant", "=٥٠٠٠", "Oui"), 5_000),
    ],
)
def test_all_what_is_due_or_any_amount_can_be_paid(any_place: Place, answers: tuple[str, ...], amount: int) -> None:
    card = any_place.household_with(MEMBER)
    phone = in_french(any_place.phone()).picks("Payer")
    for answer in answers:
        phone.types(answer[1:]) if answer.startswith("=") else phone.picks(answer)
    phone.hears_the_end().sees("Tapez votre code PIN", "01 50 00 00 01", f"{card[:3]} {card[3:6]}")
    with any_place.runtime.store.read() as connection:
        rows = connection.execute(select(collection.c.amount_minor, collection.c.payer, collection.c.state)).all()
    assert [tuple(row) for row in rows] == [(amount, MEMBER, "created")]


@pytest.mark.parametrize("typed", ["0150000002", "50 00 00 02", "+229 01 50 00 00 02", "0022950000002"])
def test_another_phone_can_pay(place: Place, typed: str) -> None:
    place.household_with(MEMBER)
    phone = in_french(place.phone()).picks("Payer", "Payer le versement", "Payer avec un autre numéro")
    phone.sees("Numéro du téléphone qui paie ?").types(typed)
    phone.sees("Payer 2 100 F", "Avec le numéro 01 50 00 00 02").picks("Oui").hears_the_end().sees("01 50 00 00 02")
    with place.runtime.store.read() as connection:
        assert connection.scalars(select(collection.c.payer)).all() == [OTHER_MTN]


def test_where_the_operator_cannot_be_asked_one_pays_by_reference(place: Place) -> None:
    card = place.household_with(MOOV)
    phone = in_french(place.phone(MOOV)).picks("Payer", "Payer le versement", "Oui : comment payer")
    phone.hears_the_end().sees("Payez 2 100 F", "Moov Money", "marchand 229384", f"Référence : {card}")
    assert place.counts()["collection"] == 0


def test_in_burundi_one_pays_the_merchant_code_with_the_card_number(place: Place) -> None:
    card = place.household_with(LUMICASH, section="Gitega")
    phone = in_french(place.phone(LUMICASH), BURUNDI).picks("Payer", "Tout payer : 3 000 FBu", "Oui : comment payer")
    phone.hears_the_end().sees("avec Lumicash", "marchand 257001", f"Référence : {card}")


def test_a_network_without_any_way_asks_for_another_phone(place: Place) -> None:
    place.household_with(ONATEL, section="Gitega")
    phone = in_french(place.phone(ONATEL), BURUNDI).picks("Payer", "Tout payer")
    phone.is_asked().sees("Le réseau de ce numéro ne peut pas encore payer ici.", "1 Payer avec un autre numéro")
    phone.types("1", "63000001").sees("Avec le numéro").picks("Oui").hears_the_end().sees("marchand 257001")


def test_who_owes_nothing_can_pay_in_advance(place: Place) -> None:
    register_alone(place).picks("Payer maintenant", "Tout payer", "Oui")
    place.wallet_pays()
    phone = place.phone().dial().picks("Payer").sees("rien à payer").picks("Payer d'avance").sees("Au moins 200 F")
    phone.types("1500").sees("Payer 1 500 F").picks("Oui").hears_the_end()
    place.wallet_pays()
    assert place.counts()["collection"] == 2


def test_a_second_payment_while_one_is_open_is_told_so(any_place: Place) -> None:
    any_place.household_with(MEMBER)
    in_french(any_place.phone()).picks("Payer", "Payer le versement", "Oui").hears_the_end()
    again = any_place.phone().dial().picks("Payer", "Tout payer", "Oui").hears_the_end()
    again.sees("Un paiement est déjà en cours pour cette carte.")
    assert any_place.counts()["collection"] == 1
    any_place.wait(minutes=16)
    any_place.phone().dial().picks("Payer", "Tout payer", "Oui").sees("Tapez votre code PIN")
    assert any_place.counts()["collection"] == 2


# --- several households, and nobody there -----------------------------------------------------------------------------


def test_a_shared_phone_asks_which_household(place: Place) -> None:
    phone = in_french(place.phone(SHARED)).sees(UNION).sees_not("Bonjour").picks("Ma couverture")
    phone.sees("Quel ménage ?", f"1 {CANARIES[0]}", f"2 {CANARIES[1]}").picks(CANARIES[1])
    assert CANARIES[0] not in phone.reads()
    phone.dial().picks("Payer", CANARIES[0], "Tout payer").sees("Payer 7 800 F")


def test_a_phone_of_thirty_households_reaches_the_first_ones(place: Place) -> None:
    for number in range(12):
        place.household_with(OTHER_MTN, f"Amina {'abcdefghijklmnopqrstuvwxyz'[number]}a")
    phone = in_french(place.phone(OTHER_MTN)).picks("Payer").picks("Amina ia", "Payer le versement")
    phone.sees("Payer 2 100 F")


def test_an_unknown_code_is_answered_by_the_callers_country(place: Place) -> None:
    place.phone(MEMBER).dial("*999#").is_asked().sees(UNION)
    place.phone(LUMICASH).dial("*999#").is_asked().sees("UMOJA")


def test_where_no_mutuelle_answers_the_call_ends_politely(place: Place) -> None:
    place.phone("+254700000001").dial("*999#").hears_the_end().sees("Aucune mutuelle de santé ne répond")


def test_a_short_screen_is_read_in_parts(place: Place) -> None:
    phone = in_french(place.phone(septets=80), NARROW)
    tell_head(phone).types("kado").picks("Autre femme ou fille").types("Awa Gado", "1970")
    phone.picks("C'est tout")
    assert "Awa Gado 1970" in phone.reads()
    phone.types("1").types("98").types("0").sees("C'est inscrit.")
    card_on(phone.screen)
