"""What a member does on a phone, from end to end: the call, what is in the database after it, and the SMS that come."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import select

from gateway.membership.people import MOST_PEOPLE, Person
from gateway.sms.gsm7 import fold
from gateway.store.schema import beneficiary, collection, household_change, membership, phone, request
from tests.ussd.handset import Handset
from tests.ussd.test_menu_dialogues import card_on, in_french
from tests.ussd.world import BURUNDI, CANARIES, FAMILY, LUMICASH, MEMBER, OTHER_MTN, SHARED, VILLAGE, Place

STRANGER = "+2290150000555"
ON_CARD = [one.name for one in FAMILY]


def shown(card: str) -> str:
    return f"{card[:3]} {card[3:6]} {card[6:]}"


@pytest.fixture
def card(place: Place) -> str:
    """A family of three with one phone, which has chosen French."""
    return settled(place)


def settled(place: Place) -> str:
    card = place.household_with(MEMBER, *FAMILY)
    in_french(place.phone())
    return card


def pays_all(place: Place) -> None:
    """The family pays all that is left, from its phone."""
    place.phone().dial().picks("Payer", "Tout payer", "Oui").hears_the_end()
    place.wallet_pays()


def asked_for(place: Place) -> list[tuple[int, str]]:
    """What wallets were asked for: how much, and whose."""
    return [(row[0], row[1]) for row in place.ask(select(collection.c.amount_minor, collection.c.payer))]


def on_the_card(place: Place) -> list[str]:
    names = select(beneficiary.c.name).where(beneficiary.c.left_on.is_(None), ~beneficiary.c.name.like("%Kanari%"))
    return [name for (name,) in place.ask(names.order_by(beneficiary.c.id))]


def changes(place: Place) -> list[tuple[str, str | None, date | None]]:
    """The family's story: what, from which phone, on which day it happened."""
    told = select(household_change.c.kind, household_change.c.msisdn, household_change.c.happened_on)
    return [(kind, msisdn, day) for kind, msisdn, day in place.ask(told.order_by(household_change.c.id))]


# --- registering ------------------------------------------------------------------------------------------------------


def test_a_second_family_registers_from_the_same_phone(any_place: Place) -> None:
    first = settled(any_place)
    phone_of_both = any_place.phone().dial().picks("Autres services", "Inscrire une autre famille")
    phone_of_both.types("Bio Tchédré", "2", "1970", "kado").picks("C'est tout", "Inscrire").sees("C'est inscrit.")
    second = card_on(phone_of_both.screen)
    assert second != first
    phone_of_both.dial().picks("Ma couverture").sees("Quel ménage ?", "1 Adjara Tchédré", "2 Bio Tchédré")
    assert shown(second) in phone_of_both.picks("Bio Tchédré").reads()
    assert any_place.ask(select(phone.c.household_id).where(phone.c.msisdn == MEMBER)) == [(4,), (5,)]
    assert [shown(second) in text for text in any_place.texts("registered", MEMBER)] == [True]


def test_the_same_head_twice_gets_the_same_card(any_place: Place) -> None:
    card = settled(any_place)
    any_place.phone().dial().picks("Payer", "Payer le versement", "Oui")
    any_place.wallet_pays()
    again = any_place.phone().dial().picks("Autres services", "Inscrire une autre famille")
    again.types("adjara tchédré", "1", "1991", "kado").picks("C'est tout", "Inscrire")
    again.sees(f"Vous êtes déjà inscrit. Carte {shown(card)}.", "Reste à payer : 6 900 F")
    again.sees_not("première année")
    assert any_place.counts()["household"] == 3 + 1
    assert any_place.texts("registered") == []
    again.picks("Payer maintenant").sees("1 Payer le versement : 2 300 F")


# --- cover ------------------------------------------------------------------------------------------------------------


def test_my_cover_names_everybody_on_the_card(place: Place, card: str) -> None:
    text = place.phone().dial().picks("Ma couverture").sees("Pas encore couvert.").reads()
    assert text.split("\n") == [
        "Pas encore couvert. Payez 3 300 F pour commencer.",
        f"Carte {shown(card)}",
        "Reste à payer : 10 200 F",
        "Prochain versement : 3 300 F, le 22/11/2026 au plus tard",
        "3 personnes :",
        *ON_CARD,
        "1 Payer",
    ]


def test_who_is_covered_only_later_is_shown_with_the_day(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=31)
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Quelqu'un qui vit avec nous", "Mère")
    phone.types("Mariama Bio", "62").picks("Ajouter")
    text = phone.dial().picks("Ma couverture").sees("Couvert jusqu'au").reads()
    assert text.split("\n")[-6:] == ["4 personnes :", *ON_CARD, fold("Mariama Bio, dès le 22/01/2027"), "1 Payer"]


# --- paying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "amount"),
    [
        (("Payer le versement : 3 300 F", "Oui"), 3_300),
        (("Tout payer : 10 200 F", "Oui"), 10_200),
        (("Autre montant", "=750", "Oui"), 750),
        (("=5000", "Oui"), 5_000),  # straight away, where the choices stand
        (("Plusieurs mois", "=3", "Oui"), 2_301),
        (("Plusieurs mois", "=24", "Oui"), 10_200),  # no more than is left
    ],
)
def test_a_payment_of_ones_own_choice(any_place: Place, answers: tuple[str, ...], amount: int) -> None:
    card = settled(any_place)
    phone = any_place.phone().dial().picks("Payer")
    for answer in answers:
        phone.types(answer[1:]) if answer.startswith("=") else phone.picks(answer)
    phone.hears_the_end().sees("Tapez votre code PIN", shown(card))
    assert asked_for(any_place) == [(amount, MEMBER)]
    any_place.wallet_pays()
    (receipt,) = any_place.texts("receipt", MEMBER)
    assert receipt.startswith("Recu 000013-")
    assert shown(card) in receipt


def test_a_month_says_what_it_costs(place: Place, card: str) -> None:
    phone = place.phone().dial().picks("Payer", "Plusieurs mois").sees("Combien de mois ? 767 F par mois.")
    phone.types("treize").sees("Écrivez un nombre de 1 à 24.").types("25").sees("Écrivez un nombre de 1 à 24.")
    phone.types("٢").sees("Payer 1 534 F")


@pytest.mark.parametrize("number", ["{card}", "{spaced}", MEMBER, "0150000001", "50 00 00 01"])
def test_a_stranger_pays_for_a_family_by_its_card_or_phone(any_place: Place, number: str) -> None:
    card = settled(any_place)
    stranger = in_french(any_place.phone(STRANGER)).picks("Payer pour une famille")
    stranger.sees("Numéro de carte ou de téléphone de la famille ?")
    stranger.types(number.format(card=card, spaced=shown(card)))
    # Of a family that isn't their own: the first name, and an initial.
    stranger.sees("Adjara T.", "Reste à payer : 10 200 F").sees_not("Tchédré", "Moussa")
    stranger.picks("Payer le versement").sees(f"Payer 3 300 F pour la carte {shown(card)} ?", "Adjara T.")
    stranger.picks("Oui").hears_the_end().sees("01 50 00 05 55")
    assert asked_for(any_place) == [(3_300, STRANGER)]
    any_place.wallet_pays()
    assert len(any_place.texts("receipt", STRANGER)) == len(any_place.texts("receipt", MEMBER)) == 1


def test_a_member_pays_for_another_family(place: Place, card: str) -> None:
    other = place.household_with(OTHER_MTN, "Bio Sabi")
    for answers in (("Pour une autre famille", "=0150000002"), (f"={other}",)):
        phone = place.phone().dial().picks("Payer")
        for answer in answers:
            phone.types(answer[1:]) if answer.startswith("=") else phone.picks(answer)
        phone.sees("Bio S.", "Reste à payer : 5 400 F").types("00")
    assert asked_for(place) == []


def test_a_phone_of_several_families_gives_a_choice_of_masked_names(place: Place) -> None:
    stranger = in_french(place.phone(STRANGER)).picks("Payer pour une famille").types(SHARED)
    stranger.sees("Quel ménage ?", "1 Zéphyrin K.", "2 Zoulikha K.").sees_not("Kanarivogel")
    stranger.picks("Zoulikha K.").sees("Zoulikha K.", "Reste à payer : 5 400 F").sees_not("Kanarivogel")


def test_on_a_shared_phone_one_pays_for_another_family_too(place: Place, card: str) -> None:
    phone = in_french(place.phone(SHARED)).picks("Payer").sees("Quel ménage ?").picks("Pour une autre famille")
    phone.types(card).sees("Adjara T.").types("00")
    phone.picks("Payer").types(card).sees("Adjara T.").types("00")
    phone.picks("Ma couverture").sees_not("Pour une autre famille")
    phone.types(card).sees("Tapez un des numéros affichés.")


def test_a_number_of_nobody_and_one_of_another_network_are_answered_alike(place: Place) -> None:
    abroad = place.household_with(LUMICASH, section="Gitega")
    stranger = in_french(place.phone(STRANGER)).picks("Payer pour une famille")
    for number in (abroad, LUMICASH, "0150000777", "100000008"):
        stranger.types(number).sees("Aucun ménage n'a ce numéro. Regardez encore la carte.")
    in_french(place.phone("+25763000555"), BURUNDI).picks("Payer pour une famille").types(abroad).sees("Adjara T.")


def test_guessing_at_cards_is_made_to_wait(place: Place, card: str) -> None:
    stranger = in_french(place.phone(STRANGER)).picks("Payer pour une famille")
    for number in range(5):
        stranger.types(f"015000070{number}").sees("Aucun ménage n'a ce numéro.")
    stranger.types("0150000709").sees("Trop d'erreurs. Attendez 1 min.")
    stranger.types(card).sees("Trop d'erreurs. Attendez 1 min.")
    place.wait(minutes=1)
    stranger.types(card).sees("Adjara T.")


# --- dialled at once --------------------------------------------------------------------------------------------------


def dials(phone: Handset, whole: str) -> Handset:
    """Dial ``*384*229*2*1#``: the aggregator tells the code and what stands behind it apart."""
    code, *behind = whole.strip("*#").split("*")[1:]
    return phone.dial(f"*384*{code}#", deep="*".join(behind))


def test_my_cover_dialled_at_once(place: Place, card: str) -> None:
    dials(place.phone(), "*384*229*1#").sees("Pas encore couvert.", shown(card)).is_asked()


@pytest.mark.parametrize("caller", [OTHER_MTN, STRANGER, SHARED], ids=["a member", "a stranger", "a shared phone"])
def test_a_payment_dialled_at_once_waits_for_a_yes(any_place: Place, caller: str) -> None:
    card = settled(any_place)
    any_place.household_with(OTHER_MTN, "Bio Sabi")
    in_french(any_place.phone(caller))
    before = any_place.counts()
    phone = dials(any_place.phone(caller), f"*384*229*2*{card}*2500#").is_asked()
    phone.sees(f"Payer 2 500 F pour la carte {shown(card)} ?", "Adjara T.", "1 Oui")
    dials(any_place.phone(caller), f"*384*229*2*{card}*2500*1#").sees("Payer 2 500 F", "1 Oui").is_asked()
    assert asked_for(any_place) == []
    assert any_place.counts() | {"effect": 0} == before | {"effect": 0}
    phone.dial().picks("Continuer", "Oui").hears_the_end()
    assert asked_for(any_place) == [(2_500, caller)]


def test_who_dials_deep_for_the_first_time_chooses_a_language_on_the_way(any_place: Place) -> None:
    card = any_place.household_with(MEMBER, *FAMILY)
    stranger = dials(any_place.phone(STRANGER), f"*384*229*2*{card}*2500#").sees("1 Français", "2 English")
    stranger.types("7").sees("1 Français").picks("English").sees("Pay 2,500 F", "1 Yes").types("0").sees("Adjara T.")
    assert asked_for(any_place) == []
    # Afterwards the choice of a language leads home again.
    stranger.dial().picks("Other services", "Language", "Français").sees("Inscrire ma famille")


@pytest.mark.parametrize("amount", ["50", "abc", "9999999999"])
def test_a_wrong_amount_dialled_at_once_is_asked_again(place: Place, card: str, amount: str) -> None:
    phone = dials(place.phone(), f"*384*229*2*{card}*{amount}#").is_asked().sees("Reste à payer : 10 200 F")
    phone.types("2500").sees("Payer 2 500 F")


# --- payments, facilities, sms ----------------------------------------------------------------------------------------


def test_my_payments_with_their_receipts(any_place: Place) -> None:
    settled(any_place)
    phone = any_place.phone().dial().picks("Mes versements").sees("Aucun versement n'est encore arrivé.", "1 Payer")
    for amount in (500, 600):
        any_place.phone().dial().picks("Payer").types(str(amount)).picks("Oui")
        any_place.wallet_pays()
        any_place.wait(days=1)
    text = phone.dial().picks("Mes versements").reads()
    lines = ["600 F le 23/11/2026, recu 000021", "500 F le 22/11/2026, recu 000013", "1 Payer", "2 J'ai payé"]
    assert text.split("\n") == lines
    phone.picks("Payer").sees("Reste à payer : 9 100 F")


def test_facilities_of_ones_own_district_first(place: Place, card: str) -> None:
    place.facility("Hôpital de Ouaké", "Ouaké", msisdn="+2290150000600")
    place.facility("Centre d'Awanla", "Ouaké", kind="centre", owner="Mutuelle Ouaké")
    place.facility("Clinique d'Anandana", "Anandana", kind="clinic")
    place.facility("Centre fermé", "Ouaké", kind="centre", agreed_until=date(2026, 11, 21))
    phone = place.phone().dial().picks("Centres de santé")
    phone.sees("Ouaké :", "1 Hôpital de Ouaké", "2 Centre d'Awanla", "3 Autre district").sees_not("fermé")
    phone.picks("Hôpital").sees("Hôpital, Ouaké", "Tél. 01 50 00 06 00", "Montrez-y votre carte.")
    phone.picks("Autres centres", "Autre district").sees("Quel district ?", "1 Anandana", "2 Ouaké")
    phone.picks("Anandana", "Clinique").sees("Clinique, Anandana").sees_not("Tél.")


def test_a_district_by_its_first_letters(place: Place, card: str) -> None:
    for name in ("Abomey", "Allada", "Banikoara", "Bassila", "Bembèrèkè", "Kérou", "Kétou", "Nikki", "Parakou", "Pobè"):
        place.facility(f"Hôpital de {name}", name)
    phone = place.phone().dial().picks("Centres de santé").sees("Quel district ? Écrivez les premières lettres.")
    phone.types("xy").sees("Pas de district trouvé.").types("ke").sees("1 Kérou", "2 Kétou").picks("Kétou")
    phone.sees("1 Hôpital de Kétou").types("0", "0").types("bembe").sees("1 Hôpital de Bembèrèkè")


def test_where_no_facility_has_an_agreement_the_answer_says_so(place: Place, card: str) -> None:
    place.phone().dial().picks("Centres de santé").sees("Aucun centre n'a de convention").is_asked()


def test_reminders_are_stopped_and_started(any_place: Place) -> None:
    settled(any_place)
    phone = any_place.phone().dial().picks("Autres services", "Rappels par SMS")
    phone.sees("Ce téléphone reçoit les rappels et les reçus").picks("Arrêter les rappels").sees("Plus de rappels")
    phone.dial().picks("Autres services", "Rappels par SMS").sees("Ce téléphone ne reçoit pas de rappels")
    pays_all(any_place)
    assert len(any_place.texts("receipt", MEMBER)) == 1  # receipts come all the same
    phone.dial().picks("Autres services", "Rappels par SMS", "Recevoir les rappels").sees("Les rappels viendront")
    phone.dial().picks("Autres services", "Rappels par SMS").sees("Ce téléphone reçoit les rappels")


# --- somebody joins or leaves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "day"),
    [("1", date(2026, 12, 29)), ("2", date(2026, 12, 28)), ("25/12", date(2026, 12, 25)), ("2512", date(2026, 12, 25))],
    ids=["today", "yesterday", "25/12", "2512"],
)
def test_a_birth(any_place: Place, typed: str, day: date) -> None:
    settled(any_place)
    pays_all(any_place)
    any_place.wait(days=37)
    phone = any_place.phone().dial().picks("Ma famille").sees("3 personnes :", "Adjara Tchédré 1991")
    phone.picks("Ajouter quelqu'un", "Une naissance").sees_not("Mère", "Père").picks("Fille")
    phone.types("Amina Tchédré").sees("Jour de la naissance ?", "1 Aujourd'hui", "2 Hier").types(typed)
    phone.sees("Ajouter Amina Tchédré, 2026 ?", "Rien à payer maintenant.")
    assert on_the_card(any_place) == ON_CARD  # not before the answer
    phone.picks("Ajouter").sees("Amina Tchédré est sur la carte.").picks("La famille").sees("4 personnes :")
    assert on_the_card(any_place) == [*ON_CARD, "Amina Tchédré"]
    assert changes(any_place) == [("birth", MEMBER, day)]
    assert [text.split(".")[0] for text in any_place.texts("family")] == [
        "Amina Tchédré est maintenant sur votre carte"
    ]


def test_a_wedding_costs_the_rest_of_the_year_and_waits(any_place: Place) -> None:
    any_place.household_with(MEMBER, Person("Bio Sabi", "M", 1990, "head"))
    in_french(any_place.phone())
    pays_all(any_place)
    any_place.wait(days=37)
    phone = any_place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Un mariage").sees("Prénom et nom ?")
    phone.types("Awa Gado", "1999").sees("Jour du mariage ?").types("20/12")
    phone.sees("Ajouter Awa Gado, 1999 ?", "À payer : 2 200 F", "Couverture dès le 28/01/2027")
    phone.picks("Ajouter").sees("Awa Gado est sur la carte.", "À payer : 2 200 F", "Couverture dès le 28/01/2027")
    phone.picks("Payer maintenant").sees("Reste à payer : 2 200 F")
    joined = select(beneficiary.c.sex, beneficiary.c.relation).where(beneficiary.c.name == "Awa Gado")
    assert any_place.ask(joined) == [("F", "spouse")]
    assert changes(any_place) == [("marriage", MEMBER, date(2026, 12, 20))]
    (text,) = any_place.texts("family", MEMBER)
    assert "2 200 F" in text
    assert "28/01/2027" in text


def test_somebody_who_comes_to_live_here(place: Place, card: str) -> None:
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Quelqu'un qui vit avec nous", "Père")
    phone.types("Yaya Bio", "70").sees("Ajouter Yaya Bio, 1956 ?").picks("Ajouter").sees("Yaya Bio est sur la carte.")
    assert changes(place) == [("arrival", MEMBER, date(2026, 11, 22))]


@pytest.mark.parametrize(
    ("who", "why", "day", "kind", "happened_on"),
    [
        ("Rahina Tchédré", "Décès", "2", "death", date(2026, 11, 21)),
        ("Moussa Tchédré", "Divorce", "20/10", "divorce", date(2026, 10, 20)),
        ("Rahina Tchédré", "Vit ailleurs maintenant", "1", "departure", date(2026, 11, 22)),
    ],
)
def test_somebody_leaves(any_place: Place, who: str, why: str, day: str, kind: str, happened_on: date) -> None:
    settled(any_place)
    phone = any_place.phone().dial().picks("Ma famille", "Quelqu'un est décédé ou parti")
    phone.sees("1 Moussa Tchédré", "2 Rahina Tchédré").sees_not("Adjara").picks(who)
    phone.sees(f"{who} : que s'est-il passé ?", "1 Décès").picks(why).sees("Quel jour ?").types(day)
    phone.sees(f"Retirer {who} de la carte, à partir du {happened_on:%d/%m/%Y} ?")
    assert on_the_card(any_place) == ON_CARD
    phone.picks("Retirer de la carte").sees(f"{who} n'est plus sur la carte.").picks("La famille").sees("2 personnes :")
    assert on_the_card(any_place) == [name for name in ON_CARD if name != who]
    assert changes(any_place) == [(kind, MEMBER, happened_on)]
    (text,) = any_place.texts("family", MEMBER)
    assert text.startswith(f"{who} n'est plus sur votre carte.")


def test_only_a_spouse_divorces(place: Place, card: str) -> None:
    phone = place.phone().dial().picks("Ma famille", "Quelqu'un est décédé ou parti", "Rahina Tchédré")
    phone.sees("1 Décès", "2 Vit ailleurs maintenant").sees_not("Divorce")


def test_days_that_cannot_be_are_asked_again(place: Place, card: str) -> None:
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Une naissance", "Fils").types("Ali Tchédré")
    phone.types("25/12/2026").sees("Ce jour n'est pas encore venu.", "Jour de la naissance ?")
    phone.types("31/2").sees("Écrivez le jour et le mois, par exemple 25/12.").types("hier").sees("Écrivez le jour")
    phone.types("xx").sees("Écrivez le jour").types("7").sees("Tapez un des numéros affichés.")
    # What is too long ago is told when it is confirmed; one goes back to the day, and nothing is told twice.
    phone.types("21/11/2025").picks("Ajouter").sees("C'était il y a plus d'un an. Voyez votre bureau.")
    phone.types("0").sees("Jour de la naissance ?").types("1").picks("Ajouter").sees("Ali Tchédré est sur la carte.")
    assert on_the_card(place) == [*ON_CARD, "Ali Tchédré"]


def test_a_full_card_takes_nobody_more(place: Place) -> None:
    place.household_with(MEMBER, *(f"Awa {letter}a" for letter in "abcdefghijklmnopqrst"))
    phone = (
        in_french(place.phone()).picks("Ma famille").picks("Ajouter quelqu'un", "Quelqu'un qui vit avec nous", "Fils")
    )
    phone.types("Ali Gado", "2001").picks("Ajouter").sees("La carte est pleine.").is_asked()
    assert len(on_the_card(place)) == MOST_PEOPLE


def test_a_wedding_before_the_birth_is_refused(place: Place, card: str) -> None:
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Un mariage").types("Ali Gado", "2026")
    phone.types("1/12/2025").picks("Ajouter").sees("C'est avant la naissance.").is_asked()
    assert changes(place) == []


# --- the new year -----------------------------------------------------------------------------------------------------


def years(place: Place) -> list[tuple[date, int, int]]:
    """The membership years of the family: from when, for how many, and the days that it waits."""
    rows = select(membership.c.starts_on, membership.c.beneficiaries, membership.c.waiting_days)
    own = rows.where(membership.c.household_id == 4).order_by(membership.c.starts_on)
    return [(day, people, waits) for day, people, waits in place.ask(own)]


def test_too_early_a_new_year_is_not_offered(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=303)  # 21 September 2027: 61 days before the last one
    assert "Renouveler" not in place.phone().dial().picks("Ma couverture").reads()
    assert "Renouveler" not in place.phone().dial().picks("Ma famille").reads()


def test_a_family_renews_in_time_and_pays(any_place: Place) -> None:
    settled(any_place)
    pays_all(any_place)
    any_place.wait(days=304)
    phone = any_place.phone().dial().picks("Ma couverture").sees("Couvert jusqu'au 21/11/2027. Renouvelez avant.")
    phone.sees("Tout est payé.").picks("Renouveler l'année").sees(
        "Nouvelle année : 9 200 F", "du 22/11/2027 au 21/11/2028", "pour 3 personnes."
    )
    assert len(years(any_place)) == 1
    phone.picks("Renouveler").sees("Renouvelé à partir du 22/11/2027.", "À payer maintenant : 2 300 F.")
    assert years(any_place) == [(date(2026, 11, 22), 3, 30), (date(2027, 11, 22), 3, 0)]
    (text,) = any_place.texts("renewed", MEMBER)
    assert text.startswith("Renouvelé à partir du 22/11/2027. Pour l'année : 9 200 F.")
    phone.picks("Payer maintenant", "Tout payer : 9 200 F", "Oui").hears_the_end()
    any_place.wallet_pays()
    phone.dial().picks("Ma couverture").sees("Couvert jusqu'au 21/11/2028.")
    assert "Renouveler" not in phone.reads()


def test_a_family_changes_before_it_renews(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=310)
    phone = place.phone().dial().picks("Ma famille", "Renouveler l'année", "Changer d'abord la famille")
    phone.picks("Quelqu'un est décédé ou parti", "Rahina Tchédré", "Vit ailleurs maintenant", "Hier", "Retirer")
    phone.picks("La famille", "Renouveler l'année").sees("Nouvelle année : 6 800 F", "pour 2 personnes.")
    phone.picks("Renouveler", "Plus tard").sees("Bonjour Adjara Tchédré.")
    assert years(place)[-1] == (date(2027, 11, 22), 2, 0)


@pytest.mark.parametrize(
    ("days", "says", "starts_on", "waits"),
    [
        (
            380,
            "Couvert jusqu'au 21/12/2027. Renouvelez avant.",
            date(2027, 11, 22),
            0,
        ),  # late, within the grace
        (430, "Votre année est finie. Renouvelez pour être couvert.", date(2028, 1, 26), 30),  # lapsed
    ],
)
def test_a_family_renews_late(any_place: Place, days: int, says: str, starts_on: date, waits: int) -> None:
    settled(any_place)
    pays_all(any_place)
    any_place.wait(days=days)
    phone = any_place.phone().dial().picks("Ma couverture").sees(says)
    phone.picks("Renouveler l'année", "Renouveler").sees(f"Renouvelé à partir du {starts_on:%d/%m/%Y}.")
    assert years(any_place)[-1] == (starts_on, 3, waits)


def test_of_two_phones_of_a_family_one_renews_the_year(any_place: Place) -> None:
    any_place.gives_phone(settled(any_place), OTHER_MTN)
    pays_all(any_place)
    any_place.wait(days=310)
    wife = any_place.phone().dial().picks("Ma couverture", "Renouveler l'année").sees("Nouvelle année")
    any_place.phone(OTHER_MTN).dial().picks("Ma couverture", "Renouveler l'année", "Renouveler").sees("Renouvelé")
    wife.picks("Renouveler").sees("La nouvelle année n'est pas encore ouverte, ou est déjà renouvelée.")
    assert len(years(any_place)) == 2
    assert len(any_place.texts("renewed")) == 1


def test_a_new_year_that_was_offered_and_is_taken_meanwhile(place: Place, card: str) -> None:
    place.gives_phone(card, OTHER_MTN)
    pays_all(place)
    place.wait(days=310)
    husband = place.phone(OTHER_MTN).dial().picks("Ma famille")
    offered = husband.number_of("Renouveler l'année")
    place.phone().dial().picks("Ma couverture", "Renouveler l'année", "Renouveler").sees("Renouvelé")
    husband.types(offered).sees("La nouvelle année n'est pas encore ouverte, ou est déjà renouvelée.")


# --- asked of the mutuelle --------------------------------------------------------------------------------------------


def test_a_complaint_gets_a_number(any_place: Place) -> None:
    settled(any_place)
    phone = any_place.phone().dial().picks("Autres services", "Se plaindre").sees("De quoi vous plaignez-vous ?")
    phone.picks("Un versement").types("12345").sees("Écrivez-le avec des mots.").types("é" * 301).sees(
        "C'est trop long."
    )
    phone.types("Pas de reçu du trésorier").sees("Votre plainte : Pas de reçu du trésorier")
    phone.picks("Écrire encore").types("Pas de reçu depuis un mois")
    assert any_place.ask(select(request.c.id)) == []
    phone.picks("Envoyer").hears_the_end().sees("Plainte no 000013 enregistrée. La réponse viendra par SMS.")
    rows = select(request.c.kind, request.c.category, request.c.msisdn, request.c.text, request.c.household_id)
    assert any_place.ask(rows) == [("complaint", "payment", MEMBER, "Pas de reçu depuis un mois", 4)]
    assert any_place.texts("complaint") == ["Plainte 000013 recue. La réponse viendra par SMS."]


def test_a_stranger_may_complain_too(place: Place) -> None:
    phone = in_french(place.phone(STRANGER)).picks("Autres services", "Se plaindre", "Soins dans un centre de santé")
    phone.types("On m'a refusé").picks("Envoyer").hears_the_end()
    assert place.ask(select(request.c.household_id, request.c.category)) == [(None, "care")]


def test_a_call_back_is_asked_for_once(any_place: Place) -> None:
    settled(any_place)
    phone = any_place.phone()
    for says in ("C'est noté. Quelqu'un de votre mutuelle va vous appeler.", "C'est déjà demandé. On va vous appeler."):
        phone.dial().picks("Autres services", "Être rappelé").sees("La mutuelle doit-elle appeler ce téléphone ?")
        phone.picks("Oui, appelez-moi").hears_the_end().sees(says)
    assert any_place.ask(select(request.c.kind, request.c.state)) == [("callback", "open")]
    assert any_place.texts("callback") == ["Demande 000013 recue. Votre mutuelle vous rappellera."]


# --- receipts ---------------------------------------------------------------------------------------------------------


def a_receipt(place: Place) -> tuple[str, str]:
    """The number and the code on the SMS of a payment."""
    settled(place)
    pays_all(place)
    found = re.match(r"Recu (\d{6})-(\d{5}) :", place.texts("receipt", MEMBER)[0])
    assert found
    return found[1], found[2]


@pytest.mark.parametrize("typed", ["{n}-{c}", "{n} {c}", "{n}{c}"])
def test_a_receipt_is_genuine_with_its_number_and_code(any_place: Place, typed: str) -> None:
    number, code = a_receipt(any_place)
    phone = in_french(any_place.phone(STRANGER)).picks("Autres services", "Vérifier un reçu")
    phone.types(typed.format(n=number, c=code)).sees("Vrai reçu.", "10 200 F payés le 22/11/2026", "pour Adjara T.")
    phone.picks("Autre reçu").sees("Numéro et code du reçu")


def test_a_receipts_number_and_code_apart(place: Place) -> None:
    number, code = a_receipt(place)
    phone = place.phone().dial().picks("Autres services", "Vérifier un reçu").types("123").sees("pas un numéro de reçu")
    phone.types(number).sees("Les 5 chiffres du code du reçu ?").types(code).sees("Vrai reçu.")


def test_a_wrong_code_is_no_receipt_and_leads_to_a_complaint(place: Place) -> None:
    number, code = a_receipt(place)
    wrong = f"{(int(code) + 1) % 100_000:05d}"
    phone = (
        place.phone().dial().picks("Autres services", "Vérifier un reçu").types(f"{number}-{wrong}").sees("FAUX reçu.")
    )
    phone.picks("Essayer encore").types(f"{number}-{code}").sees("Vrai reçu.")
    phone.picks("Autre reçu").types(f"{number}{wrong}").sees("FAUX reçu.").picks("Se plaindre")
    phone.sees("Dites en quelques mots").types("Le reçu de Bio est faux").picks("Envoyer").hears_the_end()
    assert place.ask(select(request.c.category, request.c.household_id)) == [("payment", 4)]


def test_guessing_at_receipts_is_stopped(place: Place) -> None:
    number, code = a_receipt(place)
    phone = in_french(place.phone(STRANGER)).picks("Autres services", "Vérifier un reçu")
    wrong = [f"{(int(code) + off) % 100_000:05d}" for off in range(1, 7)]
    for each in wrong[:5]:
        phone.types(f"{number}-{each}").sees("FAUX reçu.").picks("Essayer encore")
    phone.types(f"{number}-{wrong[5]}").sees("Trop d'erreurs. Attendez 1 min.")
    phone.types(f"{number}-{code}").sees("Trop d'erreurs. Attendez 1 min.")
    phone.dial().picks("Autres services", "Vérifier un reçu").types(f"{number}-{code}").sees("Trop d'erreurs.")
    place.wait(minutes=1)
    phone.types(f"{number}-{code}").sees("Vrai reçu.")


# --- phones -----------------------------------------------------------------------------------------------------------


def test_one_family_with_two_phones_hears_of_its_money_on_the_main_one(place: Place, card: str) -> None:
    place.gives_phone(card, OTHER_MTN)
    second = place.phone(OTHER_MTN).dial().sees("Bonjour Adjara Tchédré.").picks("Payer", "Payer le versement", "Oui")
    second.hears_the_end()
    place.wallet_pays()
    assert len(place.texts("receipt", OTHER_MTN)) == len(place.texts("receipt", MEMBER)) == 1
    place.phone().dial().picks("Mes versements").sees("3 300 F le 22/11/2026")


def test_a_family_without_a_phone_is_paid_for_by_its_card(place: Place) -> None:
    card = place.household_with(None, "Zénabou Bio")
    stranger = in_french(place.phone(STRANGER)).picks("Payer pour une famille").types(card).sees("Zénabou B.")
    stranger.picks("Tout payer", "Oui").hears_the_end()
    place.wallet_pays()
    (text,) = place.texts("receipt")
    assert shown(card) in text


def test_a_code_of_one_mutuelle_knows_its_own_members_only(place: Place) -> None:
    place.household_with(OTHER_MTN, "Bio Sabi", section="Pélébina")
    in_french(place.phone(OTHER_MTN), VILLAGE).sees("Mutuelle Ouaké", "1 Inscrire ma famille")
    place.phone(OTHER_MTN).dial().sees("Bonjour Bio Sabi.")


def test_of_families_that_share_a_phone_each_sees_its_own(place: Place) -> None:
    phone = in_french(place.phone(SHARED)).picks("Mes versements", CANARIES[0]).sees("Aucun versement")
    phone.dial().picks("Ma famille", CANARIES[1]).sees("1 personne :", f"{CANARIES[1]} 1980").sees_not(CANARIES[0])
    phone.dial().picks("Autres services", "Se plaindre", CANARIES[1]).sees("De quoi vous plaignez-vous ?")
