"""An office at work: staff with PINs, health facilities, and families in every state, for whoever wanders about in it.

The year that its old members have paid is near its end: they are covered, and may renew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from gateway.membership import pins
from gateway.membership.households import Household, by_card, standing
from gateway.network import staff
from gateway.payments.cash import CashRecorded, record_cash
from gateway.store.schema import metadata
from gateway.store.unit import Unit
from tests.ussd.world import Place, sealed

# Animator, treasurer and agent as world.py has them are others' tests'; these are of Anandana.
ANIMATOR, TREASURER, AGENT = "+2290150000910", "+2290150000911", "+2290150000912"
# Animator and treasurer of one office at once; an agent whose facility has no agreement any more.
BOTH, LATE_AGENT = "+2290150000913", "+2290150000914"
# An animator whose PIN the office has just made, and one whom nobody has given any.
NEWCOMER, UNARMED = "+2290150000915", "+2290150000916"
ARMED = (ANIMATOR, TREASURER, AGENT, BOTH, LATE_AGENT, NEWCOMER)
PIN, NEW_PIN = "730915", "846203"

FOREIGN_CANARY, FOREIGN_PHONE = "Zénobe Kanarivogel", "+25763000900"  # of another network, and covered
LOCKED_HEAD, LOCKED_CANARY = "Binta Verger", "Quitterie Verrouxel"  # of a household that has a PIN
OFFICE, UNION, ELSEWHERE = "Mutuelle Anandana", "ouake", "Gitega"
MOST_OF_A_YEAR_DAYS = 310


@dataclass(frozen=True)
class Office:
    """What staff deal with: cards by what is special about each, phones of old members, and a receipt."""

    cards: Mapping[str, str]
    members: tuple[str, ...]
    receipt: str  # its number and code, as people type them


def open_office(place: Place) -> Office:
    """Give Anandana its staff, facilities and families; it is then late in the year that they have paid."""
    _hire(place)
    members = tuple(f"+2290150000{number}" for number in range(920, 930))
    cards = {f"member {number}": _old_member(place, each) for number, each in enumerate(members)}
    cards["no phone"] = place.household_with(None, "Sikirou Bio", "Rafiatou Bio", "Ganiou Bio", section="Pélébina")
    receipt = pay_in_cash(place, cards["no phone"])
    place.wait(days=MOST_OF_A_YEAR_DAYS)
    cards["foreign"] = place.household_with(FOREIGN_PHONE, FOREIGN_CANARY, section=ELSEWHERE)
    pay_in_cash(place, cards["foreign"])
    cards["with a PIN"] = place.household_with("+2290150000931", "Bouraïma Orou", section="Gnambodou")
    place.lock_household(cards["with a PIN"], PIN)
    cards["new"] = place.household_with("+2290150000932", "Mouniratou Gado", section="Anandana Centre")
    return Office(cards, members, receipt)


def arm_staff(place: Place) -> None:
    """Give every member of staff their PIN anew, and forget the wrong ones."""
    with place.runtime.store.write() as unit:
        for msisdn in ARMED:
            pins.keep(unit, pins.of_staff(msisdn), sealed(PIN), first=msisdn == NEWCOMER)
            pins.forgive_phone(unit, msisdn)


def pay_in_cash(place: Place, card: str) -> str:
    """The treasurer above all takes in cash what is left to pay; the receipt as people type it."""
    tree = place.runtime.network.tree()
    with place.runtime.store.write() as unit:
        one = household(place, unit, card)
        root = tree.upward(one.section_id)[-1]
        members = staff.everybody(unit.connection)
        treasurer = next(each for each in members if each.organisation_id == root.id and each.role == "treasurer")
        left = standing(unit.connection, one, unit.now.date()).left
        made = record_cash(
            unit, tree, place.runtime.services.chart, effect_key=f"set up {card}", household=one, staff=treasurer,
            amount=left,
        )  # fmt: skip
        assert isinstance(made, CashRecorded)
        return f"{made.number}-{made.code}"


def household(place: Place, unit: Unit, card: str) -> Household:
    """The household with a card that is known to exist."""
    found = by_card(unit.connection, place.runtime.network.tree(), card)
    assert found is not None
    return found


# The tables that people's answers write.
WATCHED = {
    name: metadata.tables[name]
    for name in (
        "household", "beneficiary", "membership", "collection", "handover", "closing", "visit", "request", "pin",
        "household_change", "phone", "message", "effect",
    )
}  # fmt: skip


def counted(place: Place) -> dict[str, int]:
    """How many rows stand in each table that people's answers write."""
    numbers = (select(func.count()).select_from(one).scalar_subquery() for one in WATCHED.values())
    (row,) = place.ask(select(*numbers))
    return dict(zip(WATCHED, row, strict=True))


def _hire(place: Place) -> None:
    at = place.facility("Centre de santé d'Anandana", "Anandana", UNION, msisdn="+2290150000940")
    gone = place.facility("Pharmacie de Pélébina", "Pélébina", OFFICE, agreed_until=date(2026, 12, 1))
    place.facility("Hôpital de Kpaouya", "Séméré 2", UNION)
    place.staff_with(ANIMATOR, "animator", "Faïza Alassane", OFFICE)
    place.staff_with(TREASURER, "treasurer", "Tidjani Sanni", OFFICE)
    place.staff_with(BOTH, "animator", "Biliki Moussa", OFFICE)
    place.staff_with(BOTH, "treasurer", "Biliki Moussa", OFFICE)
    place.staff_with(NEWCOMER, "animator", "Saliou Idrissou", OFFICE)
    place.staff_with(UNARMED, "animator", "Inoussa Yacoubou", OFFICE, pin=None)
    place.staff_with(AGENT, "agent", "Rissikatou Ali", UNION, facility_id=at)
    place.staff_with(LATE_AGENT, "agent", "Moutawakilou Séïdou", OFFICE, facility_id=gone)
    # These only take the cash that the set-up needs.
    place.staff_with("+2290150000917", "treasurer", "Abdoulaye Issifou", UNION)
    place.staff_with("+25763000917", "treasurer", "Ndayizeye Ciza", "umoja")
    arm_staff(place)


def _old_member(place: Place, msisdn: str) -> str:
    card = place.household_with(msisdn, "Adjara Tchédré", "Moussa Tchédré", "Rahina Tchédré", section="Anandana Centre")
    pay_in_cash(place, card)
    return card
