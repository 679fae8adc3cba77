"""PINs: nothing of a locked household, and no work of staff, is seen before the right one; who guesses waits longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import select

from gateway.membership import pins
from gateway.membership.people import Person
from gateway.network import staff
from gateway.sms.gsm7 import fold
from gateway.store.schema import cash_taking, collection, handover, household, household_change, pin, visit
from tests.ussd.handset import Handset
from tests.ussd.test_menu_dialogues import in_french
from tests.ussd.world import (
    AGENT,
    ANIMATOR,
    FAMILY,
    MEMBER,
    OTHER_MTN,
    OUAKE,
    STAFF_PIN,
    TREASURER,
    Place,
)

PIN = "4821"
ASKS = "Code PIN de ce ménage ?"
ASKS_STAFF = "Votre code PIN de travail ?"
DESKS = {
    "animator": (ANIMATOR, "Travail d'animateur"),
    "treasurer": (TREASURER, "Travail de trésorier"),
    "agent": (AGENT, "Vérifier un patient"),
}


@pytest.fixture
def card(place: Place) -> str:
    """A family on a phone that it shares with a neighbour's; nobody has a PIN yet, and French was chosen."""
    return shared(place)


def shared(place: Place) -> str:
    card = place.household_with(MEMBER, *FAMILY)
    place.household_with(MEMBER, "Bio Sabi")
    in_french(place.phone())
    return card


@pytest.fixture
def locked(place: Place, card: str) -> str:
    """The same, with a PIN of the first family's."""
    place.lock_household(card, PIN)
    return card


def chooses(place: Place, chosen: str = PIN) -> Handset:
    """From the first screen to a PIN chosen for the first family."""
    phone = place.phone().dial().picks("Autres services", "Code PIN", FAMILY[0].name, "Choisir un code PIN")
    return phone.types(chosen)


# --- choosing, changing, removing -------------------------------------------------------------------------------------


def test_a_household_chooses_a_pin(any_place: Place) -> None:
    shared(any_place)
    phone = chooses(any_place).sees("Le même code PIN encore une fois.")
    phone.types("4812").sees("C'étaient deux codes PIN différents.", "Choisissez un code PIN").types(PIN)
    phone.sees("Le même code PIN encore une fois.").types("x").sees("C'étaient deux codes").types(PIN)
    assert any_place.ask(select(pin.c.holder)) == []
    phone.types("٤٨٢١").sees("Votre code PIN est enregistré. Ne le dites à personne.", "1 Ma couverture")
    # Whoever has just chosen it isn't asked for it in the same call; the next one is.
    phone.picks("Ma couverture", FAMILY[0].name).sees("Pas encore couvert.")
    phone.dial().picks("Ma couverture", FAMILY[0].name).sees(ASKS).types(PIN).sees("Pas encore couvert.")
    assert any_place.ask(select(pin.c.holder, pin.c.first)) == [("h:4", False)]
    assert any_place.ask(select(household_change.c.kind, household_change.c.msisdn)) == [("pin-set", MEMBER)]
    (text,) = any_place.texts("pin", MEMBER)
    assert text.startswith("Votre carte a un nouveau code PIN.")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("1234", "Ce code PIN est trop facile."),
        ("0000", "Ce code PIN est trop facile."),
        ("2580", "Ce code PIN est trop facile."),
        ("482", "Un code PIN a 4 à 6 chiffres."),
        ("4821073", "Un code PIN a 4 à 6 chiffres."),
        ("secret", "Un code PIN a 4 à 6 chiffres."),
        ("0", "Un code PIN a 4 à 6 chiffres."),
    ],
)
def test_a_pin_that_may_not_be(place: Place, card: str, typed: str, says: str) -> None:
    chooses(place, typed).sees(says, "Choisissez un code PIN").types(PIN).sees("Le même code PIN")


def test_a_pin_is_never_kept_as_it_was_typed(place: Place, card: str) -> None:
    longest = "482173"  # four digits turn up in a digest by chance
    chooses(place, longest)
    (key,) = place.runtime.redis.scan_iter("ussd:s:*")
    assert longest.encode() not in (place.runtime.redis.get(key) or b"")
    assert longest not in str(place.ask(select(pin)))


def test_a_pin_is_changed_by_who_knows_it(any_place: Place) -> None:
    any_place.lock_household(shared(any_place), PIN)
    phone = any_place.phone().dial().picks("Autres services", "Code PIN", FAMILY[0].name).sees(ASKS).types(PIN)
    phone.sees("Votre ménage a un code PIN.").picks("Le changer").types("7306", "7306").sees("est enregistré")
    phone.dial().picks("Ma couverture", FAMILY[0].name).types(PIN).sees("Code PIN faux. Essayez encore.")
    phone.types("7306").sees("Pas encore couvert.")


def test_a_pin_is_removed_by_who_knows_it(any_place: Place) -> None:
    any_place.lock_household(shared(any_place), PIN)
    phone = any_place.phone().dial().picks("Autres services", "Code PIN", FAMILY[0].name).types(PIN)
    phone.picks("Le supprimer").sees("Le code PIN est supprimé.")
    phone.dial().picks("Ma couverture", FAMILY[0].name).sees("Pas encore couvert.")
    assert any_place.ask(select(pin.c.holder)) == []
    (text,) = any_place.texts("pin", MEMBER)
    assert text.startswith("Votre carte n'a plus de code PIN.")


def test_staff_help_a_household_that_has_forgotten(any_place: Place) -> None:
    card = shared(any_place)
    any_place.lock_household(card, PIN)
    any_place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    member = any_place.phone().dial().picks("Ma couverture", FAMILY[0].name).types("7001", "7002", "7003", "7004")
    member.sees("Trop d'erreurs. Attendez 1 min.")
    # Whoever has forgotten the PIN can ask for a call without it.
    member.dial().picks("Autres services", "Être rappelé", FAMILY[0].name, "Oui").hears_the_end().sees("C'est noté.")
    animator = any_place.phone(ANIMATOR).dial().picks("Travail").types(STAFF_PIN).picks("Une famille").types(card)
    animator.picks("Supprimer son code PIN").sees("Supprimer le code PIN de ce ménage ?")
    assert any_place.ask(select(pin.c.holder).where(pin.c.holder == "h:4")) == [("h:4",)]
    animator.picks("Oui, le supprimer").sees("Le code PIN est supprimé.")
    (text,) = any_place.texts("pin", MEMBER)
    assert text.startswith("Votre carte n'a plus de code PIN.")
    assert any_place.ask(select(household_change.c.kind, household_change.c.staff_id)) == [("pin-removed", 1)]
    member.dial().picks("Ma couverture", FAMILY[0].name).sees("Pas encore couvert.")
    chooses(any_place, "7306").types("7306").sees("est enregistré")  # nothing waits any more


# --- nothing is seen before the PIN -----------------------------------------------------------------------------------

WAYS: dict[str, Callable[[Handset], Handset]] = {
    "cover": lambda phone: phone.picks("Ma couverture", FAMILY[0].name),
    "pay": lambda phone: phone.picks("Payer", FAMILY[0].name),
    "payments": lambda phone: phone.picks("Mes versements", FAMILY[0].name),
    "family": lambda phone: phone.picks("Ma famille", FAMILY[0].name),
    "PIN": lambda phone: phone.picks("Autres services", "Code PIN", FAMILY[0].name),
    "complaint": lambda phone: phone.picks("Autres services", "Se plaindre", FAMILY[0].name),
    "cover, dialled deep": lambda phone: phone.dial(deep="1*1"),
    "pay, dialled deep": lambda phone: phone.dial(deep="2*1*1*1"),
    "family, dialled deep": lambda phone: phone.dial(deep="4*1*1"),
}


def secrets_of(place: Place, card: str) -> list[str]:
    """What nobody else who holds the phone may see."""
    return [f"{card[:3]} {card[3:6]} {card[6:]}", card, FAMILY[1].name, FAMILY[2].name, "10 200", "3 300", "payer :"]


@pytest.mark.parametrize("way", WAYS)
def test_nothing_of_a_locked_household_is_seen_before_its_pin(place: Place, locked: str, way: str) -> None:
    phone = WAYS[way](place.phone().dial()).is_asked().sees(ASKS).sees_not(FAMILY[0].name)
    for typed in ("7001", "0", "", "98", "x" * 50, "1", "99"):
        phone.types(typed).is_asked().sees(ASKS)
    phone.types("00")
    for screen in phone.shown:
        assert not [one for one in secrets_of(place, locked) if fold(one) in screen], screen
    WAYS[way](phone).sees(ASKS).types(PIN).sees_not(ASKS)  # it is what stood behind it


def test_a_deep_dial_goes_no_further_than_a_pin(place: Place, locked: str) -> None:
    phone = place.phone().dial(deep="2*1*1").sees(ASKS).types(PIN).sees("1 Payer le versement : 3 300 F")
    phone.dial(deep=f"2*1*1*{PIN}*1").sees(ASKS)  # nor is a PIN taken that way


def test_the_neighbour_on_the_same_phone_needs_no_pin(place: Place, locked: str) -> None:
    place.phone().dial().picks("Ma couverture", "Bio Sabi").sees("Pas encore couvert.")


def test_a_dropped_call_is_gone_on_with_only_after_the_pin(place: Place, locked: str) -> None:
    place.phone().dial().picks("Payer", FAMILY[0].name).types(PIN).picks("Payer le versement").sees("Payer 3 300 F")
    other_hands = place.phone().dial().sees("Votre dernier appel a été coupé.").picks("Continuer").sees(ASKS)
    other_hands.sees_not("3 300").types("7001").sees("Code PIN faux.").types(PIN).sees("Payer 3 300 F pour la carte")
    other_hands.picks("Oui").hears_the_end()
    assert place.ask(select(collection.c.amount_minor)) == [(3_300,)]


def test_what_was_half_told_in_a_call_before_waits_behind_the_pin_too(place: Place, locked: str) -> None:
    place.phone().dial().picks("Ma famille", FAMILY[0].name).types(PIN).picks(
        "Ajouter", "Une naissance", "Fille"
    ).types("Amina T")
    other_hands = place.phone().dial().picks("Continuer").sees(ASKS).types("00").sees("1 Ma couverture")
    other_hands.sees_not("Continuer où j'étais", "Amina")


def test_a_call_opened_once_stays_open_and_back_leads_back(place: Place, locked: str) -> None:
    phone = place.phone().dial().picks("Ma couverture", FAMILY[0].name).types(PIN).sees("Pas encore couvert.")
    phone.types("0").sees("Quel ménage ?").types("00").picks("Ma famille", FAMILY[0].name).sees("3 personnes :")
    phone.dial().picks("Ma famille", FAMILY[0].name).sees(ASKS)


def test_a_pin_chosen_meanwhile_locks_the_other_calls_too(place: Place, card: str) -> None:
    place.gives_phone(card, OTHER_MTN)
    husband = place.phone(OTHER_MTN).dial().sees("Bonjour Adjara Tchédré.")
    chooses(place).types(PIN).sees("est enregistré")
    husband.types("00").picks("Ma couverture").sees(ASKS)


def test_a_neighbour_pays_for_a_locked_household_and_sees_no_more_than_of_others(place: Place, locked: str) -> None:
    stranger = in_french(place.phone("+2290150000555")).picks("Payer pour une famille").types(locked)
    stranger.sees("Adjara T.", "Reste à payer").sees_not(*[one.name for one in FAMILY])
    # On the family's own phone its card number opens nothing.
    place.phone().dial().picks("Payer").types(locked).sees(ASKS).sees_not("Reste à payer")


def test_another_phone_with_the_same_session_id_sees_nothing(place: Place, locked: str) -> None:
    phone = place.phone().dial().picks("Ma couverture", FAMILY[0].name).types(PIN).sees("Pas encore couvert.")
    for thief in (place.phone("+2290150000555"), place.phone(OTHER_MTN)):
        thief.session_id, thief.code = phone.session_id, OUAKE
        thief.posts(phone.text)
        assert not [one for one in secrets_of(place, locked) if fold(one) in thief.screen], thief.screen
    phone.types("0").sees("Quel ménage ?")


# --- guessing ---------------------------------------------------------------------------------------------------------


def test_guessing_waits_longer_each_time(any_place: Place) -> None:
    any_place.lock_household(shared(any_place), PIN)
    phone = any_place.phone()

    def tries(typed: str) -> Handset:
        return phone.dial().picks("Ma couverture", FAMILY[0].name).types(typed)

    for typed in ("7001", "7002", "7003"):
        tries(typed).sees("Code PIN faux. Essayez encore.")
    for minutes, says in (
        (1, "1 min"),
        (5, "5 min"),
        (15, "15 min"),
        (60, "60 min"),
        (240, "4 heures"),
        (1440, "24 heures"),
    ):
        tries("7004").sees(f"Trop d'erreurs. Attendez {says}")
        # Nothing is looked at meanwhile, right or wrong; a new call changes nothing.
        tries(PIN).sees("Trop d'erreurs. Attendez").sees_not("Pas encore couvert.")
        any_place.wait(minutes=minutes)
    tries(PIN).sees("Pas encore couvert.")
    tries("7001").sees("Code PIN faux. Essayez encore.")  # counted anew


def test_who_waits_reads_how_long_is_left(place: Place, locked: str) -> None:
    phone = place.phone().dial().picks("Ma couverture", FAMILY[0].name).types("7001", "7002", "7003", "7004")
    place.wait(minutes=1)
    phone.types("7005").sees("Attendez 5 min.")
    place.wait(minutes=3)
    phone.types(PIN).sees("Attendez 2 min.")
    place.wait(minutes=2)
    phone.types(PIN).sees("Pas encore couvert.")


def test_what_is_no_pin_is_no_guess(place: Place, locked: str) -> None:
    phone = place.phone().dial().picks("Ma couverture", FAMILY[0].name)
    for typed in ("12", "abcd", "1", "12345678", ""):
        phone.types(typed).is_asked()
    phone.types("7001", "7002", "7003").sees("Code PIN faux.").types(PIN).sees("Pas encore couvert.")


# --- staff ------------------------------------------------------------------------------------------------------------


def hire(place: Place, role: str, own_pin: str | None = STAFF_PIN) -> int:
    msisdn, _ = DESKS[role]
    if role == "agent":
        return place.staff_with(msisdn, role, "Awa Dansou", "ouake", own_pin, facility_id=place.facility())
    return place.staff_with(msisdn, role, "Chabi Orou" if role == "animator" else "Bio Sarre", pin=own_pin)


@pytest.mark.parametrize("role", DESKS)
def test_staff_work_behind_a_pin_of_their_own(place: Place, role: str) -> None:
    hire(place, role)
    msisdn, desk = DESKS[role]
    phone = place.phone(msisdn).dial().sees(f"1 {desk}").types("1").sees(ASKS_STAFF).types("70001").sees("PIN faux.")
    phone.types(STAFF_PIN).sees_not(ASKS_STAFF).types("00", "1").sees_not(ASKS_STAFF)  # once a call
    phone.dial(deep="1*1").sees(ASKS_STAFF).types("70001", "70002", "70003", "70004").sees("Attendez 1 min.")
    place.wait(minutes=1)
    phone.types(STAFF_PIN).sees_not(ASKS_STAFF)


def test_staff_without_a_pin_are_sent_to_their_office(place: Place) -> None:
    hire(place, "animator", own_pin=None)
    phone = place.phone(ANIMATOR).dial().picks("Travail").sees(ASKS_STAFF).types("4821").hears_the_end()
    phone.sees("Vous n'avez pas encore de code PIN. Votre bureau vous en donne un.")


def test_the_first_pin_of_staff_is_changed_at_once(any_place: Place) -> None:
    hire(any_place, "animator", own_pin=None)
    with any_place.runtime.store.write() as unit:
        pins.keep(unit, pins.of_staff(ANIMATOR), pins.seal("73062"), first=True)
    phone = any_place.phone(ANIMATOR).dial().picks("Travail").types("73062").sees("Choisissez un code PIN")
    # Nothing is open before another is chosen, in this call or the next.
    phone.types("00").picks("Travail").sees(ASKS_STAFF)
    phone.dial().picks("Travail").types("73062").types("1234").sees("trop facile").types("5190", "5190")
    phone.sees("Travail d'animateur", "1 Une famille")
    assert any_place.ask(select(pin.c.first)) == [(False,)]
    phone.dial().picks("Travail").types("73062").sees("PIN faux").types("5190").sees("1 Une famille")


def test_a_role_given_in_mid_call_asks_for_its_pin(place: Place) -> None:
    phone = in_french(place.phone(ANIMATOR)).sees("1 Inscrire ma famille")
    hire(place, "animator")
    phone.types("00").picks("Travail d'animateur").sees(ASKS_STAFF)


def test_an_adviser_has_no_work_on_the_phone(place: Place) -> None:
    place.staff_with(OTHER_MTN, "adviser", "Docteur Sabi", "ouake")
    place.phone(OTHER_MTN).dial().sees("1 Inscrire ma famille").sees_not("Travail", "Vérifier un patient")


def test_staff_of_another_network_are_nobody_here(place: Place) -> None:
    place.staff_with(OTHER_MTN, "animator", "Chabi Orou", "umoja")
    place.phone(OTHER_MTN).dial().sees("1 Inscrire ma famille").sees_not("Travail")


# Up to the answer that would do something.
LAST_STEPS: dict[str, tuple[str, Callable[[Handset, str], Handset]]] = {
    "cash": ("animator", lambda p, card: p.picks("Une famille").types(card).picks("Recevoir").types("1500")),
    "a family is looked up": ("animator", lambda p, card: p.picks("Une famille")),
    "handing over": ("animator", lambda p, card: p.picks("Reçu aujourd'hui", "Remettre")),
    "a phone": ("animator", lambda p, card: p.picks("Une famille").types(card).picks("Ajouter un").types("0150000077")),
    "a PIN": ("animator", lambda p, card: p.picks("Une famille").types(card).picks("Supprimer")),
    "somebody joins": (
        "animator",
        lambda p, card: (
            p.picks("Une famille").types(card).types("2").picks("Ajouter", "Une naissance", "Fils").types("Ali T", "1")
        ),
    ),
    "registering": (
        "animator",
        lambda p, card: p.picks("Inscrire une").types("1", "Ali Bio", "2", "40", "1").picks("C'est tout"),
    ),
    "a handover is confirmed": ("treasurer", lambda p, card: p.picks("Argent à", "Chabi")),
    "the day is closed": ("treasurer", lambda p, card: p.picks("Clôturer")),
    "a visit": ("agent", lambda p, card: p.types(card).picks(FAMILY[0].name)),
}


@pytest.mark.parametrize("step", LAST_STEPS)
def test_a_role_that_ends_in_mid_call_does_nothing_more(place: Place, card: str, step: str) -> None:
    role, reach = LAST_STEPS[step]
    roles = {one: hire(place, one) for one in DESKS}
    place.phone().dial().picks("Payer", FAMILY[0].name, "Tout payer", "Oui")
    place.wallet_pays()
    place.wait(days=31)
    money(place, card, hand_over=role == "treasurer")
    msisdn, _ = DESKS[role]
    phone = reach(place.phone(msisdn).dial().types("1", STAFF_PIN), card)
    with place.runtime.store.write() as unit:
        staff.end(unit, roles[role], date(2026, 12, 23))
    before = stands(place)
    phone.types(card if step == "a family is looked up" else "1")
    phone.sees("Vous ne pouvez plus faire cela. Voyez votre bureau.", "1 Inscrire ma famille").sees_not("Travail")
    assert stands(place) == before
    # The call that was dropped there shows nothing of it either.
    phone.dial().sees("1 Inscrire ma famille")


def money(place: Place, card: str, hand_over: bool) -> None:
    """The animator has taken some cash, and may have handed it over."""
    other = place.household_with(OTHER_MTN, Person("Awa Gado", "F", 1990, "head"))
    phone = place.phone(ANIMATOR).dial().types("1", STAFF_PIN).picks("Une famille").types(other)
    phone.picks("Recevoir", "Espèces", "Oui").sees("enregistrés")
    if hand_over:
        phone.dial().types("1", STAFF_PIN).picks("Reçu aujourd'hui", "Remettre", "Oui").sees("confirme")


def stands(place: Place) -> list[object]:
    """Everything that staff can change."""
    tables = (cash_taking, handover, household, household_change, pin, visit)
    return [place.counts() | {"effect": 0}, [place.ask(select(table)) for table in tables]]


def test_a_dropped_call_of_staff_whose_role_has_ended_shows_nothing(place: Place, card: str) -> None:
    staff_id = hire(place, "animator")
    phone = place.phone(ANIMATOR).dial().types("1", STAFF_PIN).picks("Une famille").types(card).picks("Recevoir")
    phone.types("1500").sees("Adjara Tchédré")
    with place.runtime.store.write() as unit:
        staff.end(unit, staff_id, date(2026, 11, 22))
    phone.dial().picks("Continuer").sees("Vous ne pouvez plus faire cela.", "1 Inscrire ma famille").sees_not("Adjara")
