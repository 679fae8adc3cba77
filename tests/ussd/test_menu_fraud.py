"""What fraudsters and bad luck try on the phone: repeats that confirm, cash twice, PINs worn down, others kept out."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Table, func, select

from gateway.kernel.money import Money
from gateway.membership.households import by_card, choose_language
from gateway.network import staff
from gateway.payments.cash import CashRecorded, record_cash
from gateway.store.schema import beneficiary, collection, handover, household
from tests.ussd.gateways.line import Line, phone
from tests.ussd.gateways.test_gateway_hollatags import HollatagsLine
from tests.ussd.gateways.test_gateway_oltranz import OltranzLine
from tests.ussd.handset import Handset
from tests.ussd.world import ANIMATOR, FAMILY, MEMBER, OTHER_MTN, STAFF_PIN, TREASURER, Place

NEWEST_ONLY = [OltranzLine(), HollatagsLine()]
ONCE_MORE = "Pour confirmer, répondez encore une fois."


def rows(place: Place, table: Table) -> int:
    """How many rows stand in a table."""
    return int(place.ask(select(func.count()).select_from(table))[0][0])


def speaks_french(place: Place, *msisdns: str) -> None:
    """The phones chose French before."""
    with place.runtime.store.write() as unit:
        for msisdn in msisdns:
            choose_language(unit, msisdn, "fr")


def at_the_desk(at: Handset) -> Handset:
    """Past the PIN, at the work of whoever dialled."""
    return at.picks("Travail").types(STAFF_PIN)


# --- gateways that tell only the newest input -------------------------------------------------------------------------


@pytest.mark.parametrize("line", NEWEST_ONLY, ids=lambda line: line.name)
def test_the_key_that_led_to_cash_and_comes_late_again_takes_none(place: Place, line: Line) -> None:
    card = place.household_with(None, *FAMILY)
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    at = at_the_desk(phone(place, line, ANIMATOR).dial())
    at.picks("Une famille").types(card).picks("Recevoir", "Espèces")
    place.wait(seconds=3)
    assert ONCE_MORE in at.delivers(at.hop)
    assert rows(place, collection) == 0


@pytest.mark.parametrize("line", NEWEST_ONLY, ids=lambda line: line.name)
def test_the_key_that_led_to_a_farewell_and_comes_late_again_takes_nobody_off(place: Place, line: Line) -> None:
    place.household_with(MEMBER, *FAMILY)
    speaks_french(place, MEMBER)
    at = phone(place, line).dial().types("4", "2", "1", "1", "1")
    place.wait(seconds=3)
    assert ONCE_MORE in at.delivers(at.hop)
    assert rows(place, beneficiary) == len(place.ask(select(beneficiary.c.id).where(beneficiary.c.left_on.is_(None))))


# --- cash -------------------------------------------------------------------------------------------------------------


def test_cash_whose_receipt_was_never_seen_is_asked_about_before_it_is_recorded_again(place: Place) -> None:
    card = place.household_with(None, *FAMILY)
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    at = at_the_desk(place.phone(ANIMATOR).dial()).picks("Une famille").types(card).picks("Recevoir", "Espèces")
    at.raw(f"{at.text}*1")  # done; the answer never reaches the phone, and the call is dropped
    again = place.phone(ANIMATOR).dial()
    at_the_desk(again).picks("Une famille").types(card).picks("Recevoir").types("3300").picks("Oui")
    again.sees("3 300 F de", "déjà enregistré.").picks("C'est celui-ci")
    assert rows(place, collection) == 1
    more = at_the_desk(place.phone(ANIMATOR).dial()).picks("Une famille").types(card).picks("Recevoir").types("3300")
    more.picks("Oui", "Non, c'est un autre versement").sees("3 300 F enregistrés.")
    assert rows(place, collection) == 2


def test_what_one_may_hold_is_counted_for_the_person_not_the_role(place: Place) -> None:
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    place.staff_with(ANIMATOR, "animator", "Chabi Orou", at="ouake")
    card = place.household_with(None, *FAMILY)
    with place.runtime.store.write() as unit:
        tree = place.runtime.network.tree()
        one = by_card(unit.connection, tree, card)
        assert one is not None
        got = [
            record_cash(
                unit, tree, place.runtime.services.chart, effect_key=f"role {who.id}", household=one, staff=who,
                amount=Money(500_000, "XOF"),
            )
            for who in staff.roles_of(unit.connection, ANIMATOR)
        ]  # fmt: skip
    assert [isinstance(each, CashRecorded) for each in got] == [True, False]


def test_a_role_that_ended_in_mid_call_shows_no_family(place: Place) -> None:
    card = place.household_with(MEMBER, *FAMILY)
    staff_id = place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    at = at_the_desk(place.phone(ANIMATOR).dial()).picks("Une famille").types(card)
    with place.runtime.store.write() as unit:
        staff.end(unit, staff_id, date(2026, 11, 22))
    at.types("2").sees("Vous ne pouvez plus faire cela.").sees_not("Rahina")


# --- those who would keep others out ----------------------------------------------------------------------------------


def test_a_stranger_who_keeps_asking_keeps_the_family_from_nothing(place: Place) -> None:
    card = place.household_with(MEMBER, *FAMILY)
    speaks_french(place, MEMBER, OTHER_MTN)
    place.phone(OTHER_MTN).dial(deep=f"2*{card}*200").types("1").hears_the_end().sees("Tapez votre code PIN")
    own = place.phone().dial().picks("Payer", "Payer le versement", "Oui").hears_the_end()
    own.sees("Tapez votre code PIN").sees_not("déjà en cours")
    # The family's own second prompt waits for its first, whoever of them asks.
    place.phone().dial().picks("Payer", "Payer le versement", "Oui").sees("déjà en cours")


def test_slips_of_the_finger_that_are_made_good_never_lock_a_phone(place: Place) -> None:
    first, second = place.household_with(MEMBER, "Adjara Tchédré"), place.household_with(MEMBER, "Bio Sabi")
    speaks_french(place, MEMBER)
    place.lock_household(first, "7306")
    place.lock_household(second, "4821")
    place.phone().dial().picks("Ma couverture", "Adjara").types("7307")  # one that nobody makes good
    for _ in range(12):
        place.wait(days=2)
        at = place.phone().dial().picks("Ma couverture", "Bio Sabi").types("4822").sees("Code PIN faux.")
        at.types("4821").sees("Pas encore couvert.")


def test_removing_ones_own_pin_makes_no_guess_at_others_undone(place: Place) -> None:
    names = ("Adjara Tchédré", "Bio Sabi", "Chabi Bio", "Dado Orou")
    for name in names:
        place.lock_household(place.household_with(MEMBER, name), "7306")
    speaks_french(place, MEMBER)
    for name in ("Bio Sabi", "Chabi Bio"):
        place.phone().dial().picks("Ma couverture", name).types("1111", "2222")
    place.wait(minutes=20)
    place.phone().dial().picks("Autres", "Code PIN", "Adjara").types("7306").picks("Le supprimer")
    place.phone().dial().picks("Ma couverture", "Dado").types("3334").sees("Trop d'erreurs. Attendez")


def test_a_pin_that_another_phone_has_set_meanwhile_is_not_written_over(place: Place) -> None:
    card = place.household_with(MEMBER, *FAMILY)
    speaks_french(place, MEMBER, OTHER_MTN)
    place.gives_phone(card, OTHER_MTN)
    at = place.phone(OTHER_MTN).dial().picks("Autres", "Code PIN")
    place.lock_household(card, "7306")
    at.types("1", "4821", "4821").sees("Vous ne pouvez plus faire cela.")
    place.phone().dial().picks("Ma couverture").types("7306").sees("Pas encore couvert.")


def test_complaints_are_limited(place: Place) -> None:
    speaks_french(place, MEMBER)
    for _ in range(5):
        place.phone().dial(deep="4*2*5*bonjour").types("1").hears_the_end().sees("Plainte no")
    place.phone().dial(deep="4*2*5*bonjour").types("1").sees("Vous avez beaucoup écrit aujourd'hui.")
    assert len(place.texts("complaint")) == 5
    place.wait(days=1, minutes=1)
    place.phone().dial(deep="4*2*5*bonjour").types("1").hears_the_end().sees("Plainte no")


def test_a_treasurer_is_asked_once_more_before_cash_is_theirs(place: Place) -> None:
    card = place.household_with(None, *FAMILY)
    place.staff_with(ANIMATOR, "animator", "Chabi Orou")
    place.staff_with(TREASURER, "treasurer", "Bio Sanni")
    at = at_the_desk(place.phone(ANIMATOR).dial()).picks("Une famille").types(card).picks("Recevoir").types("3300")
    at.picks("Oui")
    at_the_desk(place.phone(ANIMATOR).dial()).picks("Reçu aujourd'hui", "Remettre", "Oui")
    books = at_the_desk(phone(place, NEWEST_ONLY[0], TREASURER).dial()).types("3", "1")
    place.wait(seconds=3)
    assert ONCE_MORE in books.delivers(books.hop)
    assert place.ask(select(handover.c.state)) == [("open",)]
    assert rows(place, household) == 4
