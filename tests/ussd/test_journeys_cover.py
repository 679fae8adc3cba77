"""What the phone and the receipt say of cover that is not there, or not yet; and families that are registered again."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from gateway.membership.people import Person
from gateway.membership.plans import add_plan
from gateway.membership.rules import Terms
from gateway.sms.gsm7 import fold
from gateway.store.schema import household
from tests.ussd.test_journeys_member import ON_CARD, pays_all, settled
from tests.ussd.test_menu_dialogues import in_french
from tests.ussd.world import FAMILY, MEMBER, Place

OVER = "L'année est finie : renouvelez par téléphone."
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
    assert OVER in place.phone().dial().picks("Ma couverture").reads()
    pays(place, amount)
    assert fold(OVER) in place.texts("receipt")[-1]
    phone = place.phone().dial().picks("Ma couverture").sees(OVER, "Reste à payer")
    phone.picks("Renouveler l'année").sees("Nouvelle année")


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
