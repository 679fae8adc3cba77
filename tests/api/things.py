"""One of everything that a door's path may name or a body may say, in the mutuelle of Ouaké: for walking every door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from gateway.api.areas import AREAS
from gateway.api.doors import Door
from gateway.kernel.money import Money
from gateway.membership.households import by_id
from gateway.membership.visits import Announced, announce_at
from gateway.payments.collections import create
from gateway.store.schema import beneficiary
from tests.api.callers import Callers
from tests.ussd.world import FAMILY, MEMBER

DOORS: tuple[Door, ...] = tuple(door for area in AREAS for door in area.doors)
NAME = "Adjara Tchédré"
# What is asked where something of the mutuelle's has to be named behind the question mark.
ASKED: Mapping[str, Mapping[str, str]] = {"/indicators": {"place": "Mutuelle Ouaké", "period": "2026"}}


@dataclass(frozen=True)
class Things:
    """What stands for each name of a path; and a household of Ouaké with a facility of its mutuelle."""

    named: Mapping[str, str]
    card: str
    household: int
    person: int
    facility: int

    def path(self, door: Door) -> str:
        """A door's path with a thing for each name."""
        person = {"id": str(self.person)} if door.path.startswith(("/fhir/Patient", "/fhir/Coverage")) else {}
        asked = f"?{urlencode(ASKED[door.path])}" if door.path in ASKED else ""
        return door.path.format(**{**self.named, **person}) + asked

    def body(self, door: Door) -> dict[str, Any]:
        """What may be sent through a door."""
        return dict(self.bodies[door.path])

    @property
    def bodies(self) -> Mapping[str, Mapping[str, Any]]:
        people = [{"name": "Awa Bio", "sex": "F", "birth_year": 1990, "relation": "head"}]
        return {
            "/households": {"section": "Awanla", "plan": "famille", "people": people, "phone": "+2290150000777"},
            "/households/{household}": {"language": "en"},
            "/collections": {"household": self.household, "amount": {"amount_minor": 3300, "currency": "XOF"}},
            "/visits": {"card": self.card, "person": self.person},
            "/fhir/CoverageEligibilityRequest": {
                "resourceType": "CoverageEligibilityRequest",
                "status": "active",
                "purpose": ["benefits"],
                "created": "2026-11-22",
                "insurer": {"display": "Mutuelle"},
                "patient": {"reference": f"Patient/{self.person}"},
            },
        }


def one_of_each(api: Callers) -> Things:
    """A household that is covered, its collection, its visit, and where they are."""
    place, runtime = api.place, api.place.runtime
    card = place.household_with(MEMBER, *FAMILY)
    its_id, facility_id = api.household(card), place.facility(owner="Mutuelle Ouaké")
    tree = runtime.network.tree()
    with runtime.store.write() as unit:
        one = by_id(unit.connection, tree, its_id)
        made = create(
            unit, effect_key="a-collection", books=tree.books_of(one.section_id), household_id=its_id, way="push",
            provider="mtn_momo", payer=MEMBER, amount=Money(3_300, "XOF"),
        )  # fmt: skip
    place.wallet_pays()
    runtime.own_clock.move(timedelta(days=31))  # the waiting period
    with runtime.store.write() as unit:
        person = unit.connection.scalars(select(beneficiary.c.id).where(beneficiary.c.household_id == its_id)).first()
        assert person is not None
        seen = announce_at(unit, tree, facility_id, one, person)
        assert isinstance(seen, Announced)
    named = {
        "household": str(its_id),
        "collection": str(made.id),
        "facility": str(facility_id),
        "organisation": str(tree.named("Mutuelle Ouaké").id),
        "card": card,
        "number": seen.number,
        "id": str(its_id),
        "word": "no-key",
    }
    return Things(named, card, its_id, person, facility_id)
