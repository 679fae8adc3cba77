"""Is somebody covered? A ``CoverageEligibilityRequest`` read and answered at once, as openIMIS does; nothing is kept.

The patient is named by our id (``Patient/12``), by the number of the card, or by both. By the card alone everybody on
it is told of, as on the menu of a facility's agent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fhirclient.models.coverageeligibilityrequest import CoverageEligibilityRequest
from fhirclient.models.fhirabstractbase import FHIRValidationError

from gateway.exchange.fhir.families import Family, Someone
from gateway.exchange.fhir.resources import (
    Names,
    Resource,
    organisation,
    period,
    person_cover,
    reference,
    state_concept,
)
from gateway.kernel.card import BadCard, read_card

FAR = timedelta(days=366)  # no day is asked about that lies further away
_ID = re.compile(r"(?:.*/)?Patient/([0-9]{1,18})")
_OBJECT = re.compile(r" (?:in data for|for|on) <(?!class '(?:int|float|str|bool|list|dict|NoneType)')[^>]*>")
_CLASS = re.compile(r"<class '(\w+)'>")
_TEXT_CHARACTERS = 64
_STATUSES = ("active", "cancelled", "draft", "entered-in-error")
_PURPOSES = ("auth-requirements", "benefits", "discovery", "validation")


class BadRequest(ValueError):
    """What was sent can't be read as a request; ``args`` are what is wrong with it, each in plain words."""


@dataclass(frozen=True)
class Asked:
    """Who is asked about: by id, by card, or both (at least one is there); on which day, None: today.

    ``told``: the request in short.
    """

    person_id: int | None
    card: str | None
    on: date | None
    purposes: tuple[str, ...]
    told: Resource


def read_request(body: object, names: Names) -> Asked:
    """A request as it was sent; raises :class:`BadRequest`."""
    if not isinstance(body, dict) or body.get("resourceType") != "CoverageEligibilityRequest":
        raise BadRequest("send a CoverageEligibilityRequest")
    try:
        sent = CoverageEligibilityRequest(body)
    except FHIRValidationError as wrong:
        raise BadRequest(*_faults(wrong)) from None
    except Exception:  # its models raise whatever Python does where a type is another one than expected
        raise BadRequest("this is no CoverageEligibilityRequest of FHIR R4") from None
    # What is said again in the answer is what R4 has words for; the models don't look.
    if sent.status not in _STATUSES:
        raise BadRequest(f"status: one of {', '.join(_STATUSES)}")
    if not sent.purpose or any(each not in _PURPOSES for each in sent.purpose) or len(sent.purpose) > len(_PURPOSES):
        raise BadRequest(f"purpose: some of {', '.join(_PURPOSES)}")
    person_id, card = _who(sent, names)
    told: Resource = {
        "resourceType": "CoverageEligibilityRequest",
        "id": "request",
        "status": sent.status,
        "purpose": list(sent.purpose),
        "patient": {},
        "created": body["created"],
        "insurer": {"display": "the mutuelle"},
    }
    if sent.identifier and sent.identifier[0].value:
        told["identifier"] = [{"value": sent.identifier[0].value[:_TEXT_CHARACTERS]}]
    return Asked(person_id, card, _day(sent), tuple(sent.purpose), told)


def _who(sent: CoverageEligibilityRequest, names: Names) -> tuple[int | None, str | None]:
    named, identifier = sent.patient.reference, sent.patient.identifier
    person_id = None
    if named:
        found = _ID.fullmatch(named)
        if found is None:
            raise BadRequest("patient.reference: write Patient/ and the id that it has here")
        person_id = int(found.group(1))
    if identifier is None or not identifier.value:
        if person_id is None:
            raise BadRequest("patient: name it by reference, or by an identifier with the number of the card")
        return person_id, None
    if identifier.system not in (None, names.cards):
        raise BadRequest(f"patient.identifier.system: the number of a card is of {names.cards}")
    try:
        return person_id, read_card(identifier.value)
    except BadCard:
        raise BadRequest("patient.identifier.value: no card has this number") from None


def _day(sent: CoverageEligibilityRequest) -> date | None:
    asked = sent.servicedDate or (sent.servicedPeriod.start if sent.servicedPeriod else None)
    if asked is None:
        return None
    try:
        return date.fromisoformat(asked.as_json()[:10])  # a moment is of the day that it names, wherever it is
    except ValueError:
        raise BadRequest("servicedDate: write a whole day, as 2026-11-22") from None


def _faults(wrong: FHIRValidationError) -> list[str]:
    """Each fault in a line, behind what it is in, without the names of Python's objects."""
    found: list[str] = []
    path: list[str] = []
    for line in _CLASS.sub(r"\1", _OBJECT.sub("", str(wrong))).splitlines()[1:11]:
        depth, said = (len(line) - len(line.lstrip())) // 2, line.strip()
        path[max(0, depth - 1) :] = [said] if said.endswith(":") else []
        if said and not said.endswith(":"):
            found.append(" ".join((*path, said))[:200])
    return found or ["no valid CoverageEligibilityRequest"]


def answer(asked: Asked, family: Family, names: Names, now: datetime) -> Resource:
    """The ``CoverageEligibilityResponse``: who is covered on the day for which the family was read.

    Somebody who isn't on the card, or whose household was never enrolled, has no ``insurance``: there is no cover.
    """
    people = [each for each in family.on_card if asked.person_id in (None, each.id)]
    cards = {"system": names.cards, "value": family.household.card}
    patient = reference("Patient", asked.person_id) if asked.person_id is not None else {"identifier": cards}
    found: Resource = {
        "resourceType": "CoverageEligibilityResponse",
        "contained": [asked.told | {"patient": patient}],
        "status": "active",
        "purpose": list(asked.purposes),
        "patient": patient,
        "servicedDate": family.on.isoformat(),
        "created": now.replace(microsecond=0).isoformat(),
        "request": {"reference": "#request"},
        "outcome": "complete",
        "insurer": organisation(family.mutuelle, names),
    }
    insurance = [one for each in people if (one := _insurance(family, each, names)) is not None]
    return found | ({"insurance": insurance} if insurance else {})


def _insurance(family: Family, one: Someone, names: Names) -> Resource | None:
    its = person_cover(family, one)
    if its is None:
        return None
    return {
        "extension": [{"url": names.extension("cover-state"), "valueCodeableConcept": state_concept(its.state, names)}],
        "coverage": reference("Coverage", one.id, one.name),
        "inforce": its.state.covered,
        "benefitPeriod": period(its),
    }
