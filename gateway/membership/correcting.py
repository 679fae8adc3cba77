"""What was written down wrongly about a household is put right: names, sexes, years of birth; and how it is reached.

A correction changes nothing that is due and nobody's cover. How it was before stands in the household's story.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select, update

from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.family import roster
from gateway.membership.households import Household, lock_household, phones_of
from gateway.membership.people import OLDEST_YEARS, Beneficiary
from gateway.membership.sounding import write_sounds_anew
from gateway.store.schema import beneficiary, household, phone
from gateway.store.unit import Unit

CORRECTED, MAIN_PHONE, LANGUAGE = "corrected", "phone-main", "language"  # in a household's story


@dataclass(frozen=True)
class Facts:
    """What stands on a card about somebody, but for their relation: that changes by what happens in the family."""

    name: str
    sex: str
    birth_year: int


def facts_of(one: Beneficiary) -> Facts:
    """What stands on the card about somebody now."""
    return Facts(one.name, one.sex, one.birth_year)


def correct_person(unit: Unit, one: Household, beneficiary_id: int, to: Facts, by: By) -> Facts:
    """Put right what stands on the card about somebody; how it was before. They are found by the new name from now on.

    ``to.name`` comes from :func:`gateway.membership.people.read_name`. Raises :class:`Fault` where nobody of that id is
    on the card, somebody else of that name and year is, nobody alive was born then, or the household was merged.
    """
    lock_household(unit, one.id)
    refuse_merged(unit, one)
    on_card = roster(unit.connection, one.id)
    found = next((each for each in on_card if each.id == beneficiary_id), None)
    if found is None:
        raise Fault(mark("this person isn't on the card any more"))
    before = facts_of(found)
    if before == to:
        return before
    this_year = day_in(one.time_zone, unit.now).year
    if not this_year - OLDEST_YEARS <= to.birth_year <= this_year or to.sex not in ("F", "M"):
        raise Fault(mark("{year} is no year of birth of somebody alive"), year=to.birth_year)
    same = (to.name.casefold(), to.birth_year)
    if any((each.name.casefold(), each.birth_year) == same for each in on_card if each.id != beneficiary_id):
        raise Fault(mark("somebody of this name and year of birth is on the card already"))
    new = {"name": to.name, "sex": to.sex, "birth_year": to.birth_year}
    unit.connection.execute(update(beneficiary).where(beneficiary.c.id == beneficiary_id).values(new))
    if before.name != to.name:
        write_sounds_anew(unit, one.id)
    for old, changed in (
        (before.name, before.name != to.name),
        (before.sex, before.sex != to.sex),
        (str(before.birth_year), before.birth_year != to.birth_year),
    ):
        if changed:
            write_change(unit, one.id, CORRECTED, by, beneficiary_id=beneficiary_id, note=old)
    return before


def choose_main_phone(unit: Unit, one: Household, msisdn: str, by: By) -> bool:
    """Let a household's receipts go to this one of its phones alone; False where they do, or it is none of its phones.

    Raises :class:`Fault` where the household was merged.
    """
    lock_household(unit, one.id)
    refuse_merged(unit, one)
    its = phones_of(unit.connection, one.id)
    if not any(each.msisdn == msisdn for each in its) or [each.msisdn for each in its if each.main] == [msisdn]:
        return False
    own = phone.c.household_id == one.id
    unit.connection.execute(update(phone).where(own).values(main=phone.c.msisdn == msisdn))
    write_change(unit, one.id, MAIN_PHONE, by, note=msisdn)
    return True


def choose_household_language(unit: Unit, one: Household, language: str, by: By) -> str | None:
    """Let a household be written to in a language; the one before. A phone's holder may have chosen another for calls.

    Raises :class:`Fault` where the household was merged.
    """
    lock_household(unit, one.id)
    refuse_merged(unit, one)
    before = unit.connection.scalar(select(household.c.language).where(household.c.id == one.id))
    if before != language:
        unit.connection.execute(update(household).where(household.c.id == one.id).values(language=language))
        write_change(unit, one.id, LANGUAGE, by, note=before)
    return before


def refuse_merged(unit: Unit, one: Household) -> None:
    """Raises :class:`Fault` where a household was merged into another meanwhile: that is the one to be changed."""
    merged = select(household.c.merged_into_id).where(household.c.id == one.id)
    if unit.connection.scalar(merged) is not None:
        raise Fault(mark("card {card} was merged before"), card=show_card(one.card))
