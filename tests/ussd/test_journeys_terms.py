"""What the phone says of a plan's terms: when newcomers enrol, how many a card takes, what a category pays."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Update, func, select, update

from gateway.membership.categories import add_category, add_subsidiser, add_tariff, put_into
from gateway.membership.households import choose_language
from gateway.sms.gsm7 import fold
from gateway.store.schema import household, plan
from tests.ussd.handset import Handset
from tests.ussd.world import MEMBER, STAFF_PIN, Place

# The plan of the union in Benin is the first.
IN_BENIN = plan.c.code == "famille"
OPENS_IN_JANUARY = {"window_opens_month": 1, "window_opens_day": 15, "window_days": 31}
CLOSED = "Registration is closed now. It opens on 15/01/2027."


def change(place: Place, **terms: int) -> None:
    """Another version would open another day: these terms hold from the beginning."""
    statement: Update = update(plan).where(IN_BENIN).values(terms)
    with place.runtime.store.write() as unit:
        unit.connection.execute(statement)


def registering(place: Place) -> Handset:
    """Somebody tells of themselves, up to the section and on to the family."""
    phone = place.phone().dial().picks("English").picks("Register my family").types("Adjara Tchédré", "1", "1991")
    return phone.types("kado")


def households(place: Place) -> int:
    ((count,),) = place.ask(select(func.count()).select_from(household))
    return int(count)


def test_out_of_its_time_nobody_new_enrols(place: Place) -> None:
    before = households(place)
    change(place, **OPENS_IN_JANUARY)
    registering(place).sees(CLOSED, "1 Home").picks("Home").sees("Register my family")
    assert households(place) == before
    place.wait(days=54)  # 15 January
    phone = place.phone().dial().picks("Register my family").types("Adjara Tchédré", "1", "1991", "kado")
    phone.picks("That is all").picks("Register").sees("Your card:")
    assert households(place) == before + 1


def test_a_window_that_closes_while_somebody_registers(place: Place) -> None:
    before = households(place)
    phone = registering(place).picks("That is all")
    change(place, **OPENS_IN_JANUARY)
    phone.picks("Register").sees(CLOSED)
    assert households(place) == before


def test_out_of_its_time_a_family_goes_on(place: Place) -> None:
    place.household_with(MEMBER, "Adjara Tchédré")
    change(place, **OPENS_IN_JANUARY)
    phone = place.phone().dial().picks("English").picks("My family").picks("Add someone").picks("A birth")
    phone.picks("Daughter").types("Zita Tchédré").picks("Today").picks("Add").sees("Zita Tchédré is on the card.")
    place.wait(days=350)
    phone.dial().picks("My cover").picks("Renew for a new year").picks("Renew").sees("Renewed from 22/11/2027.")


def test_a_card_takes_as_many_as_the_plan_says(place: Place) -> None:
    change(place, people_max=2)
    phone = registering(place).picks("Daughter").types("Zita Tchédré", "2015")
    phone.picks("Son").sees("A card has room for 2 people.")
    card_of = phone.picks("That is all").picks("Register").sees("Your card:")
    card_of.dial().picks("My family").picks("Add someone").picks("Somebody who lives with us")
    phone.picks("Daughter").types("Awa Tchédré", "2012").picks("Add").sees("The card is full.")


@pytest.mark.parametrize("percent", [50, 100])
def test_the_new_year_shows_what_the_member_pays(place: Place, percent: int) -> None:
    card = place.household_with(MEMBER, "Adjara Tchédré")
    with place.runtime.store.write() as unit:
        tree = place.runtime.network.tree()
        union = tree.named("ouake").id
        plan_id = unit.connection.execute(select(plan.c.id).where(plan.c.organisation_id == union)).scalar_one()
        payer = add_subsidiser(unit, union, "project", "Projet")
        category = add_category(unit, union, "vulnerable", "Vulnérable")
        add_tariff(unit, plan_id, category, subsidy_percent=percent, subsidiser_id=payer)
        its_id = unit.connection.execute(select(household.c.id).where(household.c.card == card)).scalar_one()
        put_into(unit, tree, its_id, "vulnerable", date(2027, 11, 1), "Assemblée", "list")
    place.wait(days=350)
    phone = place.phone().dial().picks("English").picks("My cover").picks("Renew for a new year")
    whole = 2_000 + 2_400
    phone.sees(f"New year: {whole * (100 - percent) // 100:,} F", "for 1 person.")
    phone.picks("Renew").sees("Nothing to pay now." if percent == 100 else "Due now: 550 F.")


def test_a_suspended_cover_says_what_resumes_it(place: Place) -> None:
    place.household_with(MEMBER, "Adjara Tchédré")
    phone = place.phone().dial().picks("English").picks("Pay").types("2100").picks("Yes").hears_the_end()
    place.wallet_pays()
    place.wait(days=150)  # the second quarter's 1 100 F are unpaid beyond their grace
    phone.dial().picks("My cover").sees("Cover is suspended. Pay 1,100 F to resume it.", "Left to pay: 3,300 F")
    phone.dial().picks("Pay").types("500").picks("Yes").hears_the_end()
    place.wallet_pays()
    assert fold("Suspended: pay 600 F. Left to pay: 2,800 F.") in place.texts("receipt")[-1]
    phone.dial().picks("Pay").types("600").picks("Yes").hears_the_end()
    place.wallet_pays()
    assert "Covered until 21/06/2027." in place.texts("receipt")[-1]
    phone.dial().picks("My cover").sees("Covered until")


def test_an_agent_is_told_what_a_patient_has_to_pay(place: Place) -> None:
    agent = "+2290150000809"
    card = place.household_with(MEMBER, "Adjara Tchédré")
    place.staff_with(agent, "agent", "Awa Dansou", "ouake", facility_id=place.facility())
    place.phone().dial().picks("English").picks("Pay").types("2100").picks("Yes").hears_the_end()
    place.wallet_pays()
    place.wait(days=150)
    with place.runtime.store.write() as unit:
        choose_language(unit, agent, "en")
    asked = place.phone(agent).dial().types("1", STAFF_PIN, card).sees("NOT covered today.", "Suspended: pay 1,100 F.")
    place.phone().dial().picks("Pay").types("1100").picks("Yes").hears_the_end()
    place.wallet_pays()
    asked.dial().types("1", STAFF_PIN, card).sees("COVERED until 21/06/2027.")
