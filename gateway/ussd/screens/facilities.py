"""Health facilities near the household, by district: where a card of the network is taken."""

from __future__ import annotations

from gateway.kernel.msisdn import show_national
from gateway.locale import Say, mark
from gateway.membership.households import Household
from gateway.network.facilities import Facility, find_district
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, See, Typed, screen, word

KINDS = {
    "hospital": mark("Hospital"),
    "centre": mark("Health centre"),
    "clinic": mark("Clinic"),
    "pharmacy": mark("Pharmacy"),
}
MOST_DISTRICTS = 9
MOST_FOUND = 20


def facilities_near(household: Household | None, see: See) -> PickFacility | WhichDistrict:
    """Those of the household's own district, where there are any."""
    if household is not None:
        district = see.organisation(household.section_id).district
        if district and see.facilities(district):
            return PickFacility(district)
    return WhichDistrict()


@screen
class WhichDistrict:
    """A district by the first letters of its name, or from a short list."""

    def _few(self, see: See) -> list[str]:
        districts = see.districts()
        return districts if len(districts) <= MOST_DISTRICTS else []

    def show(self, say: Say, see: See) -> Page:
        few = self._few(see)
        if few:
            return Page(say("Which district?"), few)
        if not see.districts():
            return Page(say("No health centre has an agreement now."))
        return Page(say("Which district? Write the first letters."))

    def take(self, choice: Choice, see: See) -> PickFacility:
        return PickFacility(self._few(see)[choice - 1])

    def typed(self, typed: Typed, see: See) -> PickFacility | PickDistrict | Again:
        found = find_district(see.districts(), typed)
        if not found:
            return Again(word("No such district here. Try other letters."))
        if len(found) > MOST_FOUND:
            return Again(word("Too many found. Write more letters."))
        return PickFacility(found[0]) if len(found) == 1 else PickDistrict(tuple(found))


@screen
class PickDistrict:
    """One of those that were found."""

    districts: tuple[str, ...]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which district?"), list(self.districts))

    def take(self, choice: Choice, see: See) -> PickFacility:
        return PickFacility(self.districts[choice - 1])


@screen
class PickFacility:
    """The facilities of a district that have an agreement."""

    district: str

    def show(self, say: Say, see: See) -> Page:
        found = see.facilities(self.district)
        if not found:
            return Page(say("{district}: no health centre has an agreement now.", district=self.district),
                        [say("Another district")])  # fmt: skip
        return Page(say("{district}:", district=self.district), [*(one.name for one in found), say("Another district")])

    def take(self, choice: Choice, see: See) -> OneFacility | WhichDistrict:
        found = see.facilities(self.district)
        return OneFacility(found[choice - 1]) if choice <= len(found) else WhichDistrict()


@screen
class OneFacility:
    """What it is, where, and its phone."""

    facility: Facility

    def show(self, say: Say, see: See) -> Page:
        one = self.facility
        lines = [one.name, say("{kind}, {district}", kind=say(KINDS[one.kind]), district=one.district)]
        if one.msisdn:
            lines.append(say("Phone {phone}", phone=show_national(one.msisdn)))
        lines.append(say("Show your card there."))
        return Page("\n".join(lines), [say("Other health centres")])

    def take(self, choice: Choice, see: See) -> PickFacility:
        return PickFacility(self.facility.district)
