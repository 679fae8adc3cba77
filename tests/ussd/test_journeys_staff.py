"""What an animator, a treasurer and a health facility's agent do on a phone, with the money and the SMS that follow."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select

from gateway.ledger.accounts import balances
from gateway.locale import Say
from gateway.membership.people import Person
from gateway.sms.failing import count_failures
from gateway.sms.gsm7 import fold
from gateway.store.schema import beneficiary, closing, collection, handover, phone, request, visit
from tests.ussd.handset import Handset
from tests.ussd.test_journeys_member import shown
from tests.ussd.test_menu_dialogues import card_on, in_french
from tests.ussd.world import (
    AGENT,
    ANIMATOR,
    BURUNDI,
    FAMILY,
    LUMICASH,
    MEMBER,
    OTHER_MTN,
    SHARED,
    STAFF_PIN,
    TREASURER,
    Place,
)

SECOND_TREASURER, ADVISER = "+2290150000804", "+2290150000805"
NEIGHBOUR = Person("Awa Gado", "F", 1990, "head")


@pytest.fixture
def card(place: Place) -> str:
    return staffed(place)


def staffed(place: Place) -> str:
    """A family of three in a mutuelle with an animator and a treasurer; the family's card."""
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    place.staff_with(TREASURER, "treasurer", "Bio Sarre")
    return place.household_with(MEMBER, *FAMILY)


def at_work(place: Place, msisdn: str = ANIMATOR) -> Handset:
    """Dial, and open one's desk with the PIN; what a call before left half done is left so."""
    phone = place.phone(msisdn).dial()
    if "2 Recommencer" in phone.screen:
        phone.types("2")
    return phone.types("1", STAFF_PIN)


def family(place: Place, number: str) -> Handset:
    """An animator at one family's desk."""
    return at_work(place).picks("Une famille").types(number)


def takes_cash(place: Place, number: str, amount: str) -> Handset:
    return family(place, number).picks("Recevoir de l'argent").types(amount).picks("Oui, je l'ai reçu")


def hands_over(place: Place) -> None:
    at_work(place).picks("Reçu aujourd'hui", "Remettre au trésorier", "Oui").sees("le trésorier le confirme")


def pays_all(place: Place, msisdn: str = MEMBER) -> None:
    """A family pays all that is left, from its phone."""
    phone = place.phone(msisdn).dial()
    phone = phone if "Payer" in phone.screen else phone.picks("Français")
    phone.picks("Payer", "Tout payer", "Oui").hears_the_end()
    place.wallet_pays()


def stands_on(place: Place, code: str) -> int:
    """What stands on an account of the books, in francs."""
    with place.runtime.store.read() as connection:
        return sum(one.amount_minor for one in balances(connection) if one.code == code)


def receipt_on(screen: str) -> tuple[str, str]:
    """The number and the code that an animator reads out."""
    found = re.search(r"Recu (\d{6}), code (\d{5})", screen)
    assert found, screen
    return found[1], found[2]


# --- the animator: families -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "theirs"), [("0150000077", ["+2290150000077"]), ("1", [])], ids=["phone", "none"])
def test_an_animator_registers_a_family(any_place: Place, number: str, theirs: list[str]) -> None:
    staffed(any_place)
    phone_of_work = at_work(any_place).picks("Inscrire une famille").sees("Numéro de téléphone de la famille ?")
    phone_of_work.types("12345").sees("Ce n'est pas un numéro de mobile.").types(number).sees(
        "Prénom et nom de l'adhérent ?"
    ).types("Yaya Bio").picks("Homme").types("40")
    phone_of_work.sees("1 Awanla", "4 Madjatom").picks("Madjatom").picks("Épouse").types("Awa Bio", "1990")
    phone_of_work.picks("C'est tout").sees("Madjatom. 2 personnes :").picks("Inscrire")
    phone_of_work.sees("C'est inscrit. Carte ", "La première année : 7 800 F. À payer maintenant : 2 700 F.")
    card = card_on(phone_of_work.screen)
    people = select(beneficiary.c.name).where(beneficiary.c.name.like("% Bio"))
    assert any_place.ask(people.order_by(beneficiary.c.id)) == [("Yaya Bio",), ("Awa Bio",)]
    assert any_place.ask(select(phone.c.msisdn).where(phone.c.household_id == 5)) == [(one,) for one in theirs]
    assert any_place.ask(select(phone.c.household_id).where(phone.c.msisdn == ANIMATOR)) == []
    assert [shown(card) in text for text in any_place.texts("registered")] == [True] * len(theirs)
    # Cash is taken at the same door, and the next family registered in the same call.
    phone_of_work.picks("Recevoir de l'argent", "Espèces : 2 700 F", "Oui").sees("2 700 F enregistrés.")
    assert len(any_place.texts("receipt")) == len(theirs)


def test_a_family_that_is_registered_already_is_found(place: Place, card: str) -> None:
    again = at_work(place).picks("Inscrire une famille").types("0150000001", "adjara tchédré", "1", "1991", "1")
    again.picks("C'est tout", "Inscrire").sees(f"Déjà inscrit. Carte {shown(card)}.", "Reste à payer : 10 200 F")
    again.picks("Inscrire une autre").sees("Numéro de téléphone de la famille ?")
    assert place.counts()["household"] == 3 + 1


def test_a_family_is_found_by_its_card_or_phone_in_ones_own_office(place: Place, card: str) -> None:
    elsewhere = place.household_with(OTHER_MTN, "Bio Sabi", section="Pélébina")
    for number in (card, shown(card), MEMBER, "50 00 00 01"):
        family(place, number).sees(f"Adjara Tchédré, carte {shown(card)}")
    for number in (elsewhere, OTHER_MTN):
        family(place, number).sees("Cette famille dépend d'un autre bureau.", "Numéro de carte ou de téléphone")
    family(place, "100000008").sees("Aucun ménage n'a ce numéro.")
    # Of the families that share a phone, those of the office.
    family(place, SHARED).sees("Zéphyrin Kanarivogel, carte")


def test_of_two_families_of_the_office_that_share_a_phone_one_is_chosen(place: Place, card: str) -> None:
    place.household_with(MEMBER, "Bio Sabi")
    family(place, MEMBER).sees("Quel ménage ?", "1 Adjara T.", "2 Bio S.").picks("Bio S.").sees("Bio Sabi, carte")


def test_an_animator_changes_a_family(place: Place, card: str) -> None:
    desk = family(place, card).types("2").sees("3 personnes :").picks("Ajouter quelqu'un", "Une naissance", "Fils")
    desk.types("Ali Tchédré").picks("Hier").sees("Ajouter Ali Tchédré, 2026 ?").picks("Ajouter")
    desk.sees("Ali Tchédré est sur la carte.").picks("La famille").sees("4 personnes :")
    (text,) = place.texts("family", MEMBER)
    assert text.startswith("Ali Tchédré est maintenant sur votre carte.")


def test_an_animator_renews_a_family(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=310)
    family(place, card).types("2").picks("Renouveler l'année", "Renouveler").sees("Renouvelé à partir du 22/11/2027.")
    assert len(place.texts("renewed", MEMBER)) == 1
    at_work(place).picks("Qui doit payer").sees("1 Zéphyrin Kanarivogel").sees_not("Adjara")


def test_a_family_is_given_a_phone(any_place: Place) -> None:
    staffed(any_place)
    card = any_place.household_with(None, "Zénabou Bio")
    desk = family(any_place, card).picks("Ajouter un téléphone").types("abc").sees("pas un numéro de mobile")
    desk.types("0150000077").sees("01 50 00 00 77 pour Zénabou Bio ?").picks("Oui").sees("maintenant le leur.")
    assert any_place.ask(select(phone.c.main).where(phone.c.msisdn == "+2290150000077")) == [(True,)]
    (text,) = any_place.texts("phone")
    assert text.startswith("Le téléphone 01 50 00 00 77 est maintenant lié à votre carte.")
    family(any_place, card).picks("Ajouter un téléphone").types("0150000077").picks("Oui").sees("déjà le leur.")
    family(any_place, card).picks("Ajouter un téléphone").types("0150000078").picks("Non").sees("Zénabou Bio, carte")
    assert len(any_place.texts("phone")) == 1
    in_french(any_place.phone("+2290150000077")).sees("Bonjour Zénabou Bio.")


# --- the animator: cash -----------------------------------------------------------------------------------------------


def test_cash_of_a_family_that_owes_nothing_is_paid_ahead(place: Place, card: str) -> None:
    pays_all(place)
    desk = family(place, card).picks("Recevoir").sees("Reste à payer : 0 F.", "Tapez le montant.")
    desk.types("1").sees("Tapez un des numéros").types("5000").picks("Oui").sees(
        "5 000 F enregistrés.", "Tout est payé."
    )


@pytest.mark.parametrize(
    ("answers", "amount", "left"),
    [
        (("Espèces : 3 300 F",), 3_300, "Reste à payer : 6 900 F"),
        (("Espèces : 10 200 F",), 10_200, "Tout est payé."),
        (("=1500",), 1_500, "Reste à payer : 8 700 F"),
        (("=50", "=deux mille", "=2 000 F"), 2_000, "Reste à payer : 8 200 F"),
        (("=15000",), 15_000, "Tout est payé."),  # what is too much is paid ahead
    ],
)
def test_cash_is_receipted_at_once(place: Place, card: str, answers: tuple[str, ...], amount: int, left: str) -> None:
    desk = family(place, card).picks("Recevoir de l'argent")
    desk.sees("Adjara Tchédré", f"Carte {shown(card)}. Reste à payer : 10 200 F.")
    for answer in answers:
        desk.types(answer[1:]) if answer.startswith("=") else desk.picks(answer)
    desk.sees("en espèces", "Adjara Tchédré")
    assert place.ask(select(collection.c.id)) == []
    desk.picks("Oui, je l'ai reçu").sees("enregistrés.", left)
    number, code = receipt_on(desk.screen)
    rows = select(collection.c.way, collection.c.state, collection.c.paid_minor, collection.c.receipt_code)
    assert place.ask(rows) == [("cash", "paid", amount, code)]
    assert (stands_on(place, "572"), stands_on(place, "571")) == (amount, 0)
    (receipt,) = place.texts("receipt", MEMBER)
    assert receipt.startswith(f"Recu {number}-{code} :")
    (told,) = place.texts("treasurer", TREASURER)
    assert "en espèces. Adjara Tchédré" in told
    desk.picks("Autre famille").sees("Numéro de carte ou de téléphone de la famille ?")


def test_cash_of_a_family_without_a_phone(place: Place, card: str) -> None:
    alone = place.household_with(None, "Zénabou Bio")
    desk = takes_cash(place, alone, "1500").sees("1 500 F enregistrés.")
    number, code = receipt_on(desk.screen)
    assert place.texts("receipt") == []
    # What she wrote down is what any phone can check.
    checks = in_french(place.phone("+2290150000555")).picks("Autres services", "Vérifier un reçu")
    checks.types(f"{number}{code}").sees("Vrai reçu.", "1 500 F payés", "Zénabou B.")


def test_an_animator_holds_only_so_much(place: Place, card: str) -> None:
    desk = takes_cash(place, card, "600000").sees("C'est trop pour un seul reçu.")
    # One goes back to the amount.
    desk.types("0").types("400000").picks("Oui").sees("400 000 F enregistrés.")
    takes_cash(place, card, "100001").sees("Vous avez trop d'argent sur vous. Remettez-le d'abord.")
    takes_cash(place, card, "100000").sees("100 000 F enregistrés.")
    family(place, card).picks("Recevoir").types("2000001").sees("Au plus 2 000 000 F à la fois.")
    hands_over(place)
    takes_cash(place, card, "1000").sees("trop d'argent sur vous")  # until the treasurer has it
    at_work(place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui")
    takes_cash(place, card, "1000").sees("1 000 F enregistrés.")


def test_no_leads_back_to_the_amount(place: Place, card: str) -> None:
    desk = family(place, card).picks("Recevoir").types("15000").sees("15 000 F").picks("Non")
    desk.sees("Adjara Tchédré", "Reste à payer : 10 200 F.").types("1500").sees("1 500 F")
    assert place.counts()["collection"] == 0


def test_from_door_to_door_in_one_call(place: Place, card: str) -> None:
    other = place.household_with(OTHER_MTN, NEIGHBOUR)
    desk = takes_cash(place, card, "1500").picks("Autre famille").types(card).picks("Recevoir").types("0", "0")
    desk.types(other).picks("Recevoir").types("700").picks("Oui").sees("700 F enregistrés.").types("00")
    desk.picks("Travail d'animateur", "Reçu aujourd'hui")
    desk.sees("Aujourd'hui : 2 reçus.", "En tout : 2 200 F", "Sur vous : 2 200 F")


def test_who_is_due_this_month_and_their_cash(any_place: Place) -> None:
    card = staffed(any_place)
    any_place.household_with(None, "Zénabou Bio")
    desk = at_work(any_place).picks("Qui doit payer ce mois").sees("3 familles doivent payer :")
    assert "2 Adjara Tchédré 3 300 F 01 50 00 00 01" in desk.reads()
    assert desk.screen.count("Zénabou Bio 2 100 F\n") == 1  # who has no phone
    desk.picks("Adjara").sees(f"Adjara Tchédré, carte {shown(card)}").picks("Recevoir", "Espèces", "Oui")
    assert "Adjara" not in at_work(any_place).picks("Qui doit payer ce mois").reads()
    # What falls due only next month isn't asked for yet.
    any_place.wait(days=90)
    assert "3 Adjara Tchédré 2 300 F" in at_work(any_place).picks("Qui doit payer ce mois").reads()


def test_a_family_that_no_sms_reaches_is_marked_until_it_has_a_phone_again(any_place: Place) -> None:
    card = staffed(any_place)
    with any_place.runtime.store.write() as unit:
        count_failures(unit, [(MEMBER, "absent")] * 3)
    say = Say("fr")
    phone, row = "01 50 00 00 01", "Adjara Tchédré 3 300 F 01 50 00 00 01"
    out_of_reach = say("SMS do not reach this family.")
    at_work(any_place).picks("Qui doit payer ce mois").picks("Adjara").sees(out_of_reach)
    listed = at_work(any_place).picks("Qui doit payer ce mois").reads()
    assert fold(say("{family} (no SMS gets there)", family=row)) in listed
    family(any_place, card).sees(out_of_reach).picks("Ajouter un téléphone").types(phone).picks("Oui")
    family(any_place, card).sees_not(out_of_reach)
    member = in_french(any_place.phone())
    with any_place.runtime.store.write() as unit:
        count_failures(unit, [(MEMBER, "absent")] * 3)
    member.dial().picks("Ma couverture")  # looking alone changes nothing
    family(any_place, card).sees(out_of_reach)
    member.dial().picks("Autres services", "Rappels par SMS", "Arrêter les rappels")
    family(any_place, card).sees_not(out_of_reach)


def test_who_pays_while_the_list_is_read_is_no_longer_in_it(place: Place, card: str) -> None:
    desk = at_work(place).picks("Qui doit payer ce mois").sees("2 familles doivent payer :")
    last = desk.number_of("Adjara")
    pays_all(place)
    desk.types(last).sees("1 famille doit payer :").sees_not("Adjara")


def test_where_nobody_is_due_the_list_says_so(place: Place) -> None:
    place.staff_with(ANIMATOR, "animator", "Chabi Orou", "Awanla")
    at_work(place).picks("Qui doit payer ce mois").sees("Personne ne doit payer ce mois.").is_asked()


def test_cash_is_handed_over_by_one_and_confirmed_by_another(any_place: Place) -> None:
    card = staffed(any_place)
    takes_cash(any_place, card, "1500")
    takes_cash(any_place, card, "700")
    desk = at_work(any_place).picks("Reçu aujourd'hui").sees("2 reçus.", "En tout : 2 200 F", "Sur vous : 2 200 F")
    desk.picks("Remettre").sees("Remettre 2 200 F à votre trésorier ?").picks("Oui").sees("2 200 F : le trésorier")
    at_work(any_place).picks("Reçu aujourd'hui").sees("En tout : 2 200 F").sees_not("Sur vous", "Remettre")
    assert (stands_on(any_place, "572"), stands_on(any_place, "571")) == (2_200, 0)

    counts = at_work(any_place, TREASURER).picks("Argent à confirmer").sees("1 Chabi Orou").picks("Chabi Orou")
    counts.sees("2 200 F", "Tout y est ?").picks("Oui, je l'ai reçu").sees("L'argent est maintenant chez vous.")
    assert (stands_on(any_place, "572"), stands_on(any_place, "571")) == (0, 2_200)
    assert any_place.ask(select(handover.c.state, handover.c.decided_by)) == [("confirmed", 2)]
    assert any_place.texts("handover", ANIMATOR) == ["Espèces remises : 2 200 F. Bio Sarre les a recues."]
    at_work(any_place, TREASURER).picks("Argent à confirmer").sees("Pas d'argent à confirmer.").is_asked()


def test_cash_that_is_not_all_there_stays_with_the_animator(any_place: Place) -> None:
    takes_cash(any_place, staffed(any_place), "1500")
    hands_over(any_place)
    counts = at_work(any_place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Non, ce n'est pas juste")
    counts.sees("Pas accepté. L'animateur est prévenu.")
    (text,) = any_place.texts("handover", ANIMATOR)
    assert text == "Espèces NON recues : 1 500 F. Bio Sarre conteste. Parlez-lui."
    assert stands_on(any_place, "572") == 1_500
    at_work(any_place).picks("Reçu aujourd'hui").sees("Sur vous : 1 500 F")
    hands_over(any_place)


def test_nobody_confirms_their_own_cash(place: Place, card: str) -> None:
    place.staff_with(ANIMATOR, "treasurer", "Chabi Orou")  # both on one phone
    takes_cash(place, card, "1500")
    hands_over(place)
    both = place.phone(ANIMATOR).dial().picks("Travail de trésorier").types(STAFF_PIN).picks("Argent à confirmer")
    both.sees("Pas d'argent à confirmer.")
    at_work(place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui").sees("maintenant chez vous")


def test_of_two_treasurers_one_confirms(place: Place, card: str) -> None:
    place.staff_with(SECOND_TREASURER, "treasurer", "Awa Sarre")
    takes_cash(place, card, "1500")
    hands_over(place)
    late = at_work(place, SECOND_TREASURER).picks("Argent à confirmer").sees("Chabi Orou")
    later = at_work(place, TREASURER).picks("Argent à confirmer", "Chabi Orou")
    late.types("1").picks("Oui").sees("maintenant chez vous")
    later.picks("Oui").sees("C'est déjà réglé.")
    late.picks("Travail de trésorier", "Argent à confirmer").sees("Pas d'argent à confirmer.")
    assert len(place.texts("handover")) == 1


def test_a_list_that_has_grown_shorter_is_shown_again(place: Place, card: str) -> None:
    place.staff_with(SECOND_TREASURER, "treasurer", "Awa Sarre")
    takes_cash(place, card, "1500")
    hands_over(place)
    late = at_work(place, SECOND_TREASURER).picks("Argent à confirmer").sees("Chabi Orou")
    at_work(place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui")
    late.types("1").is_asked().sees("Pas d'argent à confirmer.")


# --- the animator: calls ----------------------------------------------------------------------------------------------


def test_calls_to_make(any_place: Place) -> None:
    card = staffed(any_place)
    at_work(any_place).picks("Appels à faire").sees("Personne n'attend d'appel.")
    in_french(any_place.phone()).picks("Autres services", "Être rappelé", "Oui")
    in_french(any_place.phone(SHARED)).picks("Autres services", "Être rappelé", "Zoulikha", "Oui")  # another office's
    colleague = at_work(any_place).picks("Appels à faire").sees("01 50 00 00 01").sees_not("09 00")
    any_place.staff_with(SECOND_TREASURER, "animator", "Awa Sarre")
    calls = at_work(any_place, SECOND_TREASURER).picks("Appels à faire").types("1")
    calls.sees("Appelez le 01 50 00 00 01", f"Carte {shown(card)}", "demandé le 22/11/2026")
    calls.picks("Pas encore").sees("01 50 00 00 01").types("1").picks("J'ai appelé").sees("Personne n'attend d'appel.")
    rows = select(request.c.state, request.c.answered_by).order_by(request.c.id)
    assert any_place.ask(rows) == [("answered", "Awa Sarre"), ("open", None)]
    colleague.types("1").sees("Personne n'attend d'appel.")  # called by a colleague meanwhile


# --- the treasurer ----------------------------------------------------------------------------------------------------


def test_a_treasurer_sees_what_came_in_by_way(any_place: Place) -> None:
    card = staffed(any_place)
    at_work(any_place, TREASURER).picks("Recettes du jour").sees("Rien n'est arrivé aujourd'hui.")
    at_work(any_place, TREASURER).picks("Derniers versements").sees("Aucun versement n'est encore arrivé.")
    takes_cash(any_place, card, "1500")
    takes_cash(any_place, card, "700")
    pays_all(any_place)
    desk = at_work(any_place, TREASURER).picks("Recettes du jour").sees("Aujourd'hui : 10 200 F")
    desk.sees("8 000 F par téléphone", "2 200 F en espèces")
    text = desk.picks("Derniers versements").reads()
    assert text.split("\n")[:3] == [
        "8 000 F Adjara Tchédré, par téléphone, 22/11/2026",
        "700 F Adjara Tchédré, en espèces, 22/11/2026",
        "1 500 F Adjara Tchédré, en espèces, 22/11/2026",
    ]
    any_place.wait(days=1)
    at_work(any_place, TREASURER).picks("Recettes du jour").sees("Rien n'est arrivé aujourd'hui.")


def test_a_treasurer_takes_cash_into_the_box(place: Place, card: str) -> None:
    desk = at_work(place, TREASURER).picks("Une famille").types(card).picks("Recevoir").types("600000").picks("Oui")
    desk.sees("600 000 F enregistrés.")
    assert (stands_on(place, "572"), stands_on(place, "571")) == (0, 600_000)


def test_the_day_is_closed_once_and_after_the_handovers(any_place: Place) -> None:
    takes_cash(any_place, staffed(any_place), "1500")
    pays_all(any_place)
    hands_over(any_place)
    desk = at_work(any_place, TREASURER).picks("Clôturer").sees("À clôturer : 10 200 F", "1 500 F en espèces")
    desk.picks("Clôturer").sees("À confirmer avant la clôture :", "1 Chabi Orou")
    assert any_place.ask(select(closing.c.id)) == []
    desk.types("1").picks("Oui").sees("L'argent est maintenant chez vous.").picks("Travail", "Clôturer")
    desk.picks("Pas maintenant").sees("1 Travail de trésorier").picks("Travail", "Clôturer", "Clôturer")
    desk.sees("22/11/2026", "Total : 10 200 F")
    desk.dial().types("1", STAFF_PIN).picks("Clôturer").sees("Rien n'est arrivé depuis la dernière clôture.")
    desk.picks("Clôturer").sees("Cette journée est déjà clôturée.")
    ((day, staff_id, totals),) = any_place.ask(select(closing.c.day, closing.c.staff_id, closing.c.totals))
    assert (day, staff_id) == (date(2026, 11, 22), 2)
    assert sorted((one["way"], one["count"], one["minor"]) for one in totals) == [
        ("cash", 1, 1_500),
        ("push", 1, 8_700),
    ]


def test_what_comes_after_a_closing_is_in_the_next(place: Place, card: str) -> None:
    takes_cash(place, card, "1500")
    hands_over(place)
    at_work(place, TREASURER).picks("Argent à confirmer", "Chabi Orou", "Oui").picks("Travail", "Clôturer", "Clôturer")
    pays_all(place)
    place.wait(days=1)
    at_work(place, TREASURER).picks("Clôturer").sees("À clôturer : 8 700 F").picks("Clôturer").sees("Total : 8 700 F")


# --- the agent of a health facility -----------------------------------------------------------------------------------


@pytest.fixture
def covered(place: Place) -> str:
    return in_cover(place)


def in_cover(place: Place) -> str:
    """A family that is covered, an agent at a hospital, an animator of the mutuelle and the union's adviser."""
    card = staffed(place)
    place.staff_with(AGENT, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    place.staff_with(ADVISER, "adviser", "Docteur Sabi", "ouake")
    pays_all(place)
    place.wait(days=31)
    return card


def patient(place: Place, number: str) -> Handset:
    return at_work(place, AGENT).sees("Numéro de carte du patient, ou numéro de téléphone ?").types(number)


def test_a_patient_is_checked_and_the_visit_announced(any_place: Place) -> None:
    card = in_cover(any_place)
    for number in (card, shown(card), "01 50 00 00 01"):
        patient(any_place, number).sees("COUVERT jusqu'au 21/11/2027.", "Mutuelle Ouaké", "1 Adjara Tchédré 1991")
    desk = patient(any_place, card).picks("Moussa Tchédré 1986")
    desk.sees("Moussa Tchédré : il est couvert jusqu'au 21/11/2027.", "Mutuelle Ouaké")
    assert any_place.ask(select(visit.c.id)) == []
    desk.picks("Annoncer la visite").sees("Visite no 000013", "Moussa Tchédré", "l'attestation de soins")
    rows = select(visit.c.facility_id, visit.c.beneficiary_id, visit.c.staff_id, visit.c.announced_on)
    assert any_place.ask(rows) == [(1, 6, 3, date(2026, 12, 23))]
    assert any_place.texts("visit", ADVISER) == ["Visite 000013 : Moussa Tchédré, Hopital de Ouaké."]
    assert len(any_place.texts("visit", ANIMATOR)) == 1
    # Once more the same day, also in the same call: the same number, and nobody is told twice.
    desk.picks("Autre patient").types(card).picks("Moussa").picks("Annoncer la visite").sees("Visite no 000013")
    patient(any_place, card).picks("Moussa").picks("Annoncer la visite").sees("Visite no 000013")
    assert len(any_place.texts("visit")) == 2
    patient(any_place, card).picks("Adjara").sees("elle est couverte").picks("Annoncer").sees_not("000013")
    any_place.wait(days=1)
    patient(any_place, card).picks("Moussa").picks("Annoncer la visite").sees_not("000013")
    assert len(any_place.ask(select(visit.c.id))) == 3


def test_a_patient_of_another_mutuelle_of_the_network(place: Place, covered: str) -> None:
    place.staff_with("+2290150000806", "animator", "Yao Anandana", "Mutuelle Anandana")
    other = place.household_with(OTHER_MTN, "Bio Sabi", section="Pélébina")
    pays_all(place, OTHER_MTN)
    place.wait(days=31)
    desk = patient(place, other).sees("COUVERT", "Mutuelle Anandana").picks("Bio Sabi").picks("Annoncer").sees("Visite")
    assert place.texts("visit", "+2290150000806") == ["Visite 000013 : Bio Sabi, Hopital de Ouaké."]
    assert place.texts("visit", ANIMATOR) == []
    desk.picks("Autre patient").sees("Numéro de carte du patient")


def test_a_patient_of_another_network_is_not_known(place: Place, covered: str) -> None:
    abroad = place.household_with(LUMICASH, section="Gitega")
    patient(place, abroad).sees("Aucun ménage n'a ce numéro.")
    place.phone(AGENT).dial(BURUNDI).sees_not("Vérifier un patient")


def test_patients_who_are_not_covered(place: Place, covered: str) -> None:
    unpaid = place.household_with(OTHER_MTN, "Bio Sabi")
    desk = patient(place, unpaid).sees("PAS couvert aujourd'hui.", "Mutuelle Ouaké").sees_not("Bio Sabi", "commence")
    pays_all(place, OTHER_MTN)
    desk.picks("Autre patient").types(unpaid).sees("PAS couvert aujourd'hui.", "La couverture commence le 22/01/2027.")
    place.wait(days=30)
    desk.dial().types("1", STAFF_PIN, unpaid).sees("COUVERT", "1 Bio Sabi 1980")


def test_somebody_who_is_covered_only_later(place: Place, covered: str) -> None:
    member = place.phone().dial().picks("Ma famille", "Ajouter", "Quelqu'un qui vit avec nous", "Mère")
    member.types("Mariama Bio", "62").picks("Ajouter")
    text = patient(place, covered).sees("COUVERT").reads()
    assert "Pas encore : Mariama Bio" in text
    assert "Mariama Bio 1964" not in text
    place.wait(days=30)
    assert "4 Mariama Bio 1964" in patient(place, covered).reads()


def test_cover_that_ends_while_the_agent_reads(place: Place, covered: str) -> None:
    desk = patient(place, covered).picks("Moussa").sees("Annoncer la visite")
    place.wait(days=400)
    desk.picks("Annoncer la visite").sees("N'est plus couvert. Rien n'a été annoncé.")
    assert place.ask(select(visit.c.id)) == []


def test_families_that_share_a_phone_are_told_apart(place: Place, covered: str) -> None:
    patient(place, SHARED).sees("Quel ménage ?", "1 Zéphyrin K.", "2 Zoulikha K.").picks("Zoulikha K.")
    patient(place, SHARED).picks("Zoulikha K.").sees("PAS couvert", "Mutuelle Séméré 2")


def test_wrong_cards_of_a_busy_day_stop_nobody(place: Place, covered: str) -> None:
    desk = at_work(place, AGENT)
    for number in range(40):
        desk.types(f"01500007{number:02d}").sees("Aucun ménage n'a ce numéro. Regardez encore la carte.")
    desk.types(covered).sees("COUVERT").picks("Autre patient").types("0150000799").sees("Attendez 1 min.")


def test_a_facility_without_an_agreement_announces_nothing(place: Place, covered: str) -> None:
    closed = place.facility("Centre de Kadolassi", agreed_until=date(2026, 12, 1))
    place.staff_with("+2290150000807", "agent", "Rissi Bio", "ouake", facility_id=closed)
    desk = at_work(place, "+2290150000807").types(covered).picks("Moussa").picks("Annoncer la visite")
    desk.sees("Votre centre n'a pas de convention en cours. Appelez la mutuelle.").is_asked()
    assert place.ask(select(visit.c.id)) == []
