"""What the phone and the receipt say of cover that is not there, or not yet; and families that are registered again."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from gateway.membership.dues import Terms
from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.sms.gsm7 import fold
from gateway.store.schema import household
from tests.ussd.test_journeys_member import ON_CARD, pays_all, settled
from tests.ussd.test_menu_dialogues import in_french
from tests.ussd.world import FAMILY, MEMBER, OTHER_MTN, Place

OVER = "Votre année est finie. Renouvelez pour être couvert."
OVER_BY_SMS = "L'année est finie : renouvelez par téléphone."
NEVER_PAID, BEHIND = 420, 500  # days after registering


@pytest.fixture
def card(place: Place) -> str:
    """A family of three with one phone, which has chosen French."""
    return settled(place)


def pays(place: Place, amount: int) -> None:
    place.phone().dial().picks("Payer").types(str(amount)).picks("Oui").hears_the_end()
    place.wallet_pays()


@pytest.mark.parametrize(("before", "days", "amount"), [(0, NEVER_PAID, 3_300), (8_000, BEHIND, 1_000)])
def test_after_its_year_nobody_is_promised_cover_for_old_dues(
    place: Place, card: str, before: int, days: int, amount: int
) -> None:
    if before:
        pays(place, before)
    place.wait(days=days)
    assert fold(OVER) in place.phone().dial().picks("Ma couverture").reads()
    pays(place, amount)
    assert fold(OVER_BY_SMS) in place.texts("receipt")[-1]
    phone = place.phone().dial().picks("Ma couverture").sees(OVER, "Reste à payer")
    phone.picks("Renouveler l'année").sees("Nouvelle année")


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (304, "Couvert jusqu'au 21/11/2027. Renouvelez avant."),  # the first day on which one may renew
        (380, "Couvert jusqu'au 21/12/2027. Renouvelez avant."),  # the year has ended, within the days of grace
        (430, OVER),
    ],
)
def test_who_has_paid_all_is_told_to_renew_and_not_to_pay(any_place: Place, days: int, says: str) -> None:
    settled(any_place)
    pays_all(any_place)
    any_place.wait(days=days)
    text = any_place.phone().dial().picks("Ma couverture").sees(says).reads()
    assert text.split("\n")[-2:] == ["1 Renouveler l'année", "2 Payer d'avance"]
    phone = any_place.phone().dial().picks("Payer").sees("rien à payer.", "1 Renouveler l'année", "2 Payer d'avance")
    phone.picks("Renouveler l'année").sees("Nouvelle année : 9 200 F")


def test_before_the_year_is_near_its_end_nobody_is_told_to_renew(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=303)
    assert "Renouvel" not in place.phone().dial().picks("Ma couverture").sees("Couvert jusqu'au 21/11/2027.").reads()
    assert "Renouvel" not in place.phone().dial().picks("Payer").sees("rien à payer.").reads()


def test_a_receipt_in_the_days_of_grace_says_to_renew(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=380)
    pays(place, 2_000)
    assert fold("Couvert jusqu'au 21/12/2027. Renouvelez avant. Tout est payé.") in place.texts("receipt")[-1]


@pytest.mark.parametrize(
    ("ahead", "pays_of_it", "says", "more"),
    [
        (2_000, "2 000 F", "L'année : 9 200 F. À payer maintenant : 300 F.", "1 Payer maintenant"),
        (2_300, "2 300 F", "L'année : 9 200 F. Rien à payer maintenant.", "1 Accueil"),
        (10_000, "9 200 F", "L'année : 9 200 F. Rien à payer maintenant.", "1 Accueil"),
    ],
)
def test_money_paid_in_advance_is_seen_and_pays_for_the_new_year(
    any_place: Place, ahead: int, pays_of_it: str, says: str, more: str
) -> None:
    settled(any_place)
    pays_all(any_place)
    any_place.wait(days=310)
    pays(any_place, ahead)
    has = f"En avance : {ahead:,} F.".replace(",", " ")
    phone = any_place.phone().dial().picks("Ma couverture")
    assert fold(has) in phone.reads()
    phone.dial().picks("Payer").sees("rien à payer.", has).picks("Renouveler l'année")
    assert f"L'avance en paie {pays_of_it}." in phone.reads()
    phone.picks("Renouveler").sees("Renouvelé à partir du 22/11/2027.", says, more)
    phone.picks(more[2:])
    assert ("En avance : 800 F." in any_place.phone().dial().picks("Ma couverture").reads()) is (ahead == 10_000)


def test_another_family_sees_no_advance_and_renews_nothing(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=310)
    pays(place, 2_000)
    stranger = in_french(place.phone(OTHER_MTN)).dial().picks("Payer pour une famille").types(card)
    text = stranger.sees("rien à payer.", "1 Payer d'avance").reads()
    assert "En avance" not in text
    assert "Renouveler" not in text


def test_renewing_where_one_pays_asks_for_the_familys_pin(place: Place, card: str) -> None:
    pays_all(place)
    place.wait(days=310)
    place.lock_household(card, "9071")
    phone = place.phone().dial(deep="2*1").sees_not("Nouvelle année").types("9071")
    phone.sees("rien à payer.").picks("Renouveler l'année").sees("Nouvelle année")


def test_who_is_not_paid_for_yet_closes_nobodys_cover(place: Place) -> None:
    """One instalment without days of grace: the family's cover goes on, the newcomer's begins with their share."""
    with place.runtime.store.write() as unit:
        section = place.runtime.network.tree().named("Awanla")
        terms = Terms(0, 2_000, 2_400, 1, 30, 0, 100, 200, None)
        add_plan(unit, section.id, "un", "Annuel", "XOF", terms, date(2024, 1, 1))
    settled(place)
    pays_all(place)
    place.wait(days=60)
    phone = place.phone().dial().picks("Ma famille", "Ajouter quelqu'un", "Quelqu'un qui vit avec nous", "Mère")
    phone.types("Mariama Bio", "62").sees("À payer : 2 200 F", "si payé").picks("Ajouter").sees("si payé")
    for days in (0, 40):
        place.wait(days=days)
        text = place.phone().dial().picks("Ma couverture").sees("Couvert jusqu'au 21/11/2027.").reads()
        assert [*ON_CARD, fold("Mariama Bio, pas encore payé")] == text.split("\n")[-5:-1]
    pays_all(place)
    assert "Mariama Bio" in place.phone().dial().picks("Ma couverture").reads().split("\n")


def test_a_father_and_his_son_of_one_name_share_a_phone(place: Place) -> None:
    place.household_with(MEMBER, Person("Bio Sabi", "M", 1950, "head"))
    phone = in_french(place.phone()).dial().picks("Autres", "Inscrire").types("Bio Sabi", "2", "1985", "awanla")
    phone.picks("C'est tout", "Inscrire").sees("C'est inscrit")
    assert place.ask(select(func.count()).select_from(household)) == [(5,)]


def test_staff_who_register_a_family_again_get_its_card(place: Place) -> None:
    assert place.household_with(None, *FAMILY) == place.household_with(None, *FAMILY)
