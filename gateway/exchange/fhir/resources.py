"""FHIR R4 resources of a family, as pure functions: ``Patient``, ``Group``, ``Coverage`` and what they share.

Names and systems follow openIMIS' R4 guide (https://openimis.github.io/openimis_fhir_r4_ig): identifiers are told apart
by its ``openimis-identifiers`` types, a family is a ``Group`` of type *person*, and ``patient-is-head`` and
``patient-group-reference`` tie the two together. What openIMIS has no word for is under a system of our own, which is
an address below ours. Coverage differs on purpose: openIMIS has one of a policy, whose beneficiary is the head; ours
are one a person, for here each person on a card is covered or not (who joined later may not be yet).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.exchange.fhir.families import Family, Someone
from gateway.membership.rules import State
from gateway.network.organisations import Organisation

Resource = dict[str, Any]

IMIS = "https://openimis.github.io/openimis_fhir_r4_ig"
TERMS = "http://terminology.hl7.org/CodeSystem"
PATH = "/api/v1/fhir"  # below our public address

_GENDERS = {"F": "female", "M": "male"}
_RELATIONS = {"head": "self", "spouse": "spouse", "child": "child", "parent": "parent", "other": "other"}

# Of a household's cover; that of somebody on the card may begin later. Only who is covered that day is "active".
_STATUS = {
    State.UNPAID: "draft",
    State.WAITING: "draft",
    State.ACTIVE: "active",
    State.GRACE: "active",
    State.SUSPENDED: "cancelled",
    State.LAPSED: "cancelled",
}
_STATE_NAMES = {
    State.UNPAID: "Too little paid for cover to start",
    State.WAITING: "In the waiting period",
    State.ACTIVE: "Covered",
    State.GRACE: "Covered; a payment is overdue",
    State.SUSPENDED: "Suspended: paying what is overdue resumes it",
    State.LAPSED: "The year is over",
}


@dataclass(frozen=True)
class Names:
    """The addresses under which an installation's resources and code systems are known; ``base`` ends in ``/fhir``."""

    base: str

    @classmethod
    def below(cls, public_url: str) -> Names:
        """Those of the installation at a public address."""
        return cls(public_url.rstrip("/") + PATH)

    @property
    def cards(self) -> str:
        """The system of card numbers, as nine digits without spaces."""
        return f"{self.base}/NamingSystem/card"

    @property
    def organisations(self) -> str:
        """The system of the codes of organisations."""
        return f"{self.base}/NamingSystem/organisation"

    @property
    def plans(self) -> str:
        """The system of the codes of plans."""
        return f"{self.base}/CodeSystem/plan"

    @property
    def states(self) -> str:
        """The code system of :class:`~gateway.membership.rules.State`."""
        return f"{self.base}/CodeSystem/cover-state"

    def extension(self, name: str) -> str:
        """The address of an extension of our own."""
        return f"{self.base}/StructureDefinition/{name}"

    def of(self, kind: str, its_id: int | str) -> str:
        """The full address of a resource."""
        return f"{self.base}/{kind}/{its_id}"


def concept(system: str, code: str, display: str = "") -> Resource:
    """A code with the system that it is from."""
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def reference(kind: str, its_id: int | str, display: str = "") -> Resource:
    """A reference to a resource of ours."""
    return {"reference": f"{kind}/{its_id}", "type": kind} | ({"display": display} if display else {})


def organisation(one: Organisation, names: Names) -> Resource:
    """An organisation, named by its code: a logical reference, for organisations are no resources of ours."""
    return {
        "type": "Organization",
        "identifier": {"system": names.organisations, "value": one.code},
        "display": one.name,
    }


def _imis_identifier(code: str, value: str) -> Resource:
    return {"type": concept(f"{IMIS}/CodeSystem/openimis-identifiers", code), "value": value}


def _cards(family: Family, names: Names) -> list[Resource]:
    """The household's card, and those it had before, which go on leading to it."""
    member_number = concept(f"{TERMS}/v2-0203", "MB", "Member Number")
    own = {"use": "official", "type": member_number, "system": names.cards, "value": family.household.card}
    return [own] + [own | {"use": "old", "value": card} for card in family.old_cards]


def _name(full: str) -> Resource:
    """As it stands on the card; its last word is taken for the family's name, as elsewhere in Cotisa."""
    *given, family = full.split()
    return {"use": "usual", "text": full, "family": family} | ({"given": given} if given else {})


def _address(section: Organisation) -> Resource:
    found = {"use": "home", "type": "physical", "text": section.name, "city": section.name, "country": section.country}
    return found | ({"district": section.district} if section.district else {})


def patient(family: Family, one: Someone, names: Names) -> Resource:
    """Somebody who is or was on a card.

    The year of birth alone is known, which FHIR allows as a date. ``maritalStatus`` is told where the card tells it: of
    spouses, and of a head who has one on the card; nobody is called unmarried. Phones and the language are the head's.
    """
    here = one.on_card(family.on) and not family.merged
    is_head = one.relation == "head"
    found: Resource = {
        "resourceType": "Patient",
        "id": str(one.id),
        "extension": [
            {"url": f"{IMIS}/StructureDefinition/patient-is-head", "valueBoolean": is_head},
            {
                "url": f"{IMIS}/StructureDefinition/patient-group-reference",
                "valueReference": reference("Group", family.household.id),
            },
        ],
        "identifier": [_imis_identifier("Code", str(one.id)), *_cards(family, names)],
        "active": here,
        "name": [_name(one.name)],
        "gender": _GENDERS[one.sex],
        "birthDate": f"{one.birth_year:04d}",
        "address": [_address(family.section)],
        "managingOrganization": organisation(family.mutuelle, names),
    }
    if one.left_because == "death":
        found["deceasedBoolean"] = True
    has_spouse = any(each.relation == "spouse" for each in family.on_card)
    if here and (one.relation == "spouse" or (is_head and has_spouse)):
        found["maritalStatus"] = concept(f"{TERMS}/v3-MaritalStatus", "M", "Married")
    if is_head and here:
        if family.phones:
            found["telecom"] = [{"system": "phone", "value": each, "use": "mobile"} for each in family.phones]
        if family.household.language:
            language = concept("urn:ietf:bcp:47", family.household.language)
            found["communication"] = [{"language": language, "preferred": True}]
    return found


def group(family: Family, names: Names) -> Resource:
    """The household: who is on its card, who was (``inactive``), and the cards it had before."""
    members = []
    for each in family.people:
        period = {"start": each.joined_on.isoformat()}
        if each.left_on is not None:
            period["end"] = max(each.left_on, each.joined_on).isoformat()
        its = {"entity": reference("Patient", each.id), "period": period, "inactive": not each.on_card(family.on)}
        members.append(its)
    found: Resource = {
        "resourceType": "Group",
        "id": str(family.household.id),
        "extension": [
            {"url": f"{IMIS}/StructureDefinition/group-address", "valueAddress": _address(family.section)},
        ],
        "identifier": [_imis_identifier("Code", family.household.card), *_cards(family, names)],
        "active": bool(family.on_card) and not family.merged,
        "type": "person",
        "actual": True,
        "quantity": len(family.on_card),
        "managingEntity": organisation(family.mutuelle, names),
    }
    if family.head is not None:
        found["name"] = family.head.name
    if members:
        found["member"] = members
    return found


@dataclass(frozen=True)
class PersonCover:
    """How somebody is covered: ``state`` of their own, and the days that the cover has, or would have."""

    state: State
    start: date
    end: date | None

    @property
    def status(self) -> str:
        """Of FHIR's four: ``active`` exactly where they are covered that day."""
        return _STATUS[self.state]


def person_cover(family: Family, one: Someone) -> PersonCover | None:
    """How somebody on the card is covered that day; None where the household was never enrolled, or they aren't on it.

    Who joined later waits for a day of their own, and isn't covered while money is missing for them.
    """
    cover, last, on_card = family.standing.cover, family.last, family.cover_of.get(one.id)
    if on_card is None or last is None or cover.state is State.NONE:
        return None
    state = cover.state
    if state.covered and not on_card.covered:
        state = State.UNPAID if one.id in family.standing.unpaid else State.WAITING
    start = max(cover.begins_on or last.membership.starts_on, one.covered_from or date.min)
    end = cover.until or last.last_day
    return PersonCover(state, start, max(start, end))


def coverage(family: Family, one: Someone, names: Names) -> Resource | None:
    """How somebody on a card is covered, as the household stands that day; None where it was never enrolled."""
    its = person_cover(family, one)
    if its is None or family.last is None:
        return None
    head = family.head or one
    numbers = {each.id: number for number, each in enumerate(family.on_card, 1)}
    found: Resource = {
        "resourceType": "Coverage",
        "id": str(one.id),
        "extension": [{"url": names.extension("cover-state"), "valueCodeableConcept": state_concept(its.state, names)}],
        "identifier": [_imis_identifier("Code", str(one.id)), *_cards(family, names)],
        "status": its.status,
        "type": concept(f"{TERMS}/v3-ActCode", "HIP", "health insurance plan policy"),
        "policyHolder": reference("Patient", head.id),
        "subscriber": reference("Patient", head.id),
        "subscriberId": family.household.card,
        "beneficiary": reference("Patient", one.id),
        "dependent": str(numbers[one.id]),
        "relationship": concept(f"{TERMS}/subscriber-relationship", _RELATIONS[one.relation]),
        "period": period(its),
        "payor": [organisation(family.mutuelle, names)],
        "class": [
            {"type": concept(f"{TERMS}/coverage-class", "plan", "Plan"), "value": family.last.plan_code},
            {
                "type": concept(f"{TERMS}/coverage-class", "group", "Group"),
                "value": family.section.code,
                "name": family.section.name,
            },
        ],
    }
    return found


def state_concept(state: State, names: Names) -> Resource:
    """A state of cover as a code of our own system."""
    return concept(names.states, state.value, _STATE_NAMES[state])


def period(its: PersonCover) -> Resource:
    """The days of a cover."""
    return {"start": its.start.isoformat()} | ({"end": its.end.isoformat()} if its.end else {})


def patients(family: Family, names: Names) -> list[Resource]:
    """Everybody on the card."""
    return [patient(family, each, names) for each in family.on_card]


def coverages(family: Family, names: Names) -> list[Resource]:
    """The cover of everybody on the card; nobody's where the household was never enrolled."""
    found = (coverage(family, each, names) for each in family.on_card)
    return [each for each in found if each is not None]
