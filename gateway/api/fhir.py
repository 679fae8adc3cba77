"""FHIR R4 below ``/api/v1/fhir``: members, households and their cover for other health systems; see docs/fhir.md.

What a resource looks like is :mod:`gateway.exchange.fhir`'s to say; here is who may see which.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from gateway.api.call import Call
from gateway.api.cover import count_guess, wait_for_guesses
from gateway.api.doors import NO_KEY, Area
from gateway.api.paging import GOOD_FOR_S
from gateway.api.problems import Problem, not_there
from gateway.api.reading import invalid
from gateway.api.shapes import WRITTEN, Asked, Taken
from gateway.exchange.fhir import bundles, searching
from gateway.exchange.fhir.eligibility import FAR, BadRequest, answer, read_request
from gateway.exchange.fhir.eligibility import Asked as Wanted
from gateway.exchange.fhir.families import Family, families, household_of, household_with, today
from gateway.exchange.fhir.resources import Names, Resource
from gateway.kernel.clock import day_in
from gateway.locale import mark
from gateway.network import facilities
from gateway.network.api_keys import Scope
from gateway.store.unit import Unit

API = Area("fhir", "Members and their cover in FHIR R4, for other health systems")

_MOST, _USUAL = 200, 50
_ISSUES: Mapping[str, bundles.IssueCode] = {
    "no-key": "login",
    "key-over": "login",
    "no-scope": "forbidden",
    "not-there": "not-found",
    "media-type": "not-supported",
    "refused": "business-rule",
    "too-large": "too-long",
    "too-much": "throttled",
    "unavailable": "transient",
    "defect": "exception",
}
_NO_AGREEMENT = mark("The network has no agreement with this health facility today.")
_NAME_THE_CARD = mark("Name the card: its number, as the patient's identifier.")
_TOO_FAR = mark("No cover is told for a day that is more than a year away.")


def _fails(problem: Mapping[str, Any]) -> Mapping[str, Any]:
    """A problem as an ``OperationOutcome``, each error of it an issue."""
    code = _ISSUES.get(str(problem["type"]).rpartition("/")[2], "invalid")
    said = [
        (code, ": ".join(str(one[part]) for part in ("parameter", "pointer", "header", "detail") if one.get(part)))
        for one in problem.get("errors", ())
    ]
    return bundles.outcome(said or [(code, str(problem["detail"]))])


def _form(kind: str) -> Mapping[str, Any]:
    """A resource in the API's document: what it looks like is FHIR's to say."""
    return {
        "type": "object",
        "description": f"A FHIR R4 {kind}: https://hl7.org/fhir/R4/{kind.lower()}.html",
        "properties": {"resourceType": {"const": kind}},
        "required": ["resourceType"],
    }


_OWN = {"content_type": bundles.CONTENT_TYPE, "fails": _fails}


class _Search(Asked):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    its_id: Annotated[str | None, StringConstraints(max_length=40), Field(alias="_id")] = None
    identifier: Annotated[
        str | None,
        StringConstraints(max_length=300),
        Field(description="The number of a card, an older one too, with or without its system and a bar before it."),
    ] = None
    count: Annotated[int, Field(ge=1, le=_MOST, alias="_count"), WRITTEN] = _USUAL
    form: Annotated[
        str | None,
        # A plus that isn't written as %2B comes as a space.
        StringConstraints(pattern=r"^(json|application/json|application/fhir[+ ]json)$"),
        Field(alias="_format", description="JSON is all that there is."),
    ] = None
    page: Annotated[
        str | None, StringConstraints(max_length=800), Field(description="As the link `next` has it; good for a day.")
    ] = None


class _CoverageSearch(_Search):
    beneficiary: Annotated[
        str | None, StringConstraints(max_length=300), Field(description="`Patient/` and an id.")
    ] = None
    patient: Annotated[str | None, StringConstraints(max_length=300), Field(description="The same.")] = None


@API.get("/fhir/metadata", NO_KEY, answers=_form("CapabilityStatement"), **_OWN)  # type: ignore[arg-type]
def metadata(call: Call) -> Resource:
    """What can be read, searched and asked by FHIR."""
    return bundles.capability(_names(call))


@API.get("/fhir/Patient/{id}", Scope.FHIR_READ, answers=_form("Patient"), **_OWN)  # type: ignore[arg-type]
def read_patient(call: Call, its_id: str) -> Resource:
    """Somebody who is or was on a card."""
    return _read(call, "Patient", its_id)


@API.get("/fhir/Group/{id}", Scope.FHIR_READ, answers=_form("Group"), **_OWN)  # type: ignore[arg-type]
def read_group(call: Call, its_id: str) -> Resource:
    """A household."""
    return _read(call, "Group", its_id)


@API.get("/fhir/Coverage/{id}", Scope.FHIR_READ, answers=_form("Coverage"), **_OWN)  # type: ignore[arg-type]
def read_coverage(call: Call, its_id: str) -> Resource:
    """How somebody on a card is covered today; its id is the patient's."""
    return _read(call, "Coverage", its_id)


@API.get("/fhir/Patient", Scope.FHIR_READ, answers=_form("Bundle"), asks=_Search, **_OWN)  # type: ignore[arg-type]
def search_patients(call: Call, asked: _Search) -> Resource:
    """The people on a card, or all of the key's subtree, page by page."""
    return _search(call, "Patient", asked)


@API.get("/fhir/Group", Scope.FHIR_READ, answers=_form("Bundle"), asks=_Search, **_OWN)  # type: ignore[arg-type]
def search_groups(call: Call, asked: _Search) -> Resource:
    """The household with a card, or all of the key's subtree, page by page."""
    return _search(call, "Group", asked)


@API.get("/fhir/Coverage", Scope.FHIR_READ, answers=_form("Bundle"), asks=_CoverageSearch, **_OWN)  # type: ignore[arg-type]
def search_coverages(call: Call, asked: _CoverageSearch) -> Resource:
    """The cover of a patient, of everybody on a card, or of the key's subtree, page by page."""
    return _search(call, "Coverage", asked)


class _Request(Taken):
    """A FHIR R4 CoverageEligibilityRequest: https://hl7.org/fhir/R4/coverageeligibilityrequest.html"""

    model_config = ConfigDict(frozen=True, extra="allow")  # the FHIR library reads it, as strictly

    resourceType: Literal["CoverageEligibilityRequest"]


@API.post(
    "/fhir/CoverageEligibilityRequest",
    Scope.COVER_READ,
    takes=_Request,
    answers=_form("CoverageEligibilityResponse"),
    statuses=(200,),
    also=("not-there",),
    **_OWN,  # type: ignore[arg-type]
)
def ask_eligibility(call: Call, unit: Unit, sent: _Request) -> Resource:
    """Who is covered on a day: the patient that is named, or everybody on the card whose number is given.

    With a health facility's key: of any mutuelle of the network, while the agreement with it is in force; it names the
    card, for whoever may ask about anybody would find everybody by counting ids. The answer is a
    CoverageEligibilityResponse; neither is kept.
    """
    names = _names(call)
    try:
        asked = read_request(sent.model_dump(), names)
    except BadRequest as wrong:
        raise Problem("invalid", more={"errors": [{"detail": line} for line in wrong.args]}) from None
    day = today(call.tree, call.now)
    if asked.on is not None:
        if abs(asked.on - call.today()) > FAR:
            raise invalid(call.say, "/servicedDate", _TOO_FAR)
        day = dict.fromkeys(day, asked.on)
    _agreed(call, unit)
    if asked.card is None:
        if call.is_facility:
            raise invalid(call.say, "/patient/identifier", _NAME_THE_CARD)
        found_id = household_of(unit.connection, asked.person_id or 0)
    else:
        wait_for_guesses(call, unit.connection)
        found_id = household_with(unit.connection, asked.card)
    found = families(unit.connection, call.tree, [found_id], day) if found_id is not None else []
    if not found or not _may_ask(call, found[0]) or not _is_of(asked, found[0]):
        nobody = not_there()
        nobody.after = partial(count_guess, call)
        raise nobody
    call.shows(found[0].household.id)
    return answer(asked, found[0], names, call.now)


def _agreed(call: Call, unit: Unit) -> None:
    """Raises :class:`Problem` where the key's facility has no agreement today."""
    if not call.is_facility:
        return
    place = facilities.find(unit.connection, call.key.facility_id or 0)
    if place is None or not place.agreed(day_in(call.tree[place.organisation_id].time_zone, call.now)):
        raise Problem("refused", _NO_AGREEMENT)


def _may_ask(call: Call, family: Family) -> bool:
    section_id = family.section.id
    return call.is_in_network(section_id) if call.is_facility else call.sees(section_id)


def _is_of(asked: Wanted, family: Family) -> bool:
    """Is whoever is asked about one of this family's, now or once?"""
    return asked.person_id is None or any(each.id == asked.person_id for each in family.people)


def _names(call: Call) -> Names:
    return Names.below(call.parts.settings.public_url)


def _reader(call: Call) -> searching.Reader:
    return searching.Reader(
        call.tree, _names(call), today(call.tree, call.now), call.sees, phones=call.may(Scope.PHONES_READ)
    )


def _read(call: Call, kind: str, its_id: str) -> Resource:
    with call.store.read() as connection:
        found = searching.read(connection, _reader(call), kind, its_id)
    if found is None:
        raise not_there()
    call.shows(*found.households)
    return found.resources[0]


def _search(call: Call, kind: str, asked: _Search) -> Resource:
    reader = _reader(call)
    by = asked.model_dump(by_alias=True, exclude_none=True, exclude={"count", "page", "form"})
    told = {name: str(value) for name, value in by.items()} | {"_count": str(asked.count)}
    purpose = f"fhir {kind}"
    with call.store.read() as connection:
        if by:
            try:
                found = searching.search(connection, reader, kind, by)
            except searching.BadSearch as wrong:
                raise Problem("invalid", more={"errors": [{"detail": str(wrong)}]}) from None
            call.shows(*found.households)
            return bundles.searchset(reader.names, kind, told, found.resources, None, len(found.resources))
        after = call.unseal(purpose, asked.page, GOOD_FOR_S) if asked.page is not None else None
        if asked.page is not None and after is None:
            raise Problem("invalid", more={"errors": [{"parameter": "page", "detail": call.say(_OLD_PAGE)}]})
        sections = call.tree.sections_under(call.root.id) if not call.is_facility else ()
        place = (int(after[0]), int(after[1]), int(after[2])) if after is not None else None
        found = searching.listed(connection, reader, kind, sections, asked.count, place)
    call.shows(*found.households)
    following = call.seal(purpose, found.next) if found.next is not None else None
    total = len(found.resources) if place is None and following is None else None
    return bundles.searchset(reader.names, kind, told, found.resources, following, total)


_OLD_PAGE = mark("This cursor leads nowhere: it is too old, or it is another list's. Begin anew without it.")
