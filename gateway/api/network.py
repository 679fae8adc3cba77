"""The network: health facilities with their agreements, organisations, and the plans that are open in them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from gateway.api.call import Call
from gateway.api.doors import Area
from gateway.api.paging import Listed, Paged, Turn
from gateway.api.shapes import Amount, Given, Name, Place
from gateway.membership import plans as all_plans
from gateway.network import facilities
from gateway.network.api_keys import Scope
from gateway.network.facilities import Facility
from gateway.network.organisations import Organisation

API = Area("network", "Health facilities, organisations and plans.")


# --- health facilities ------------------------------------------------------------------------------------------------


class FacilityGiven(Given):
    """A health facility with the agreement that an organisation has with it; `agreed`: it is in force today."""

    id: int
    code: str
    name: str
    kind: Literal["hospital", "centre", "clinic", "pharmacy"]
    ownership: Literal["public", "private", "faith"]
    district: str
    phone: str | None
    organisation: str
    agreed_on: date
    agreed_until: date | None
    agreed: bool


class WhichFacilities(Paged):
    """Which facilities are listed."""

    district: Annotated[Name | None, Field(description="Only those of a district, by its name.")] = None


@API.list("/facilities", Scope.FACILITIES_READ, of=FacilityGiven, asks=WhichFacilities)
def list_facilities(call: Call, which: WhichFacilities, turn: Turn) -> Listed:
    """Where members of the whole network are treated, by district and name, whatever has become of an agreement."""
    after = (str(turn.after[0]), str(turn.after[1]), int(turn.after[2])) if turn.after is not None else None
    with call.store.read() as connection:
        found = facilities.in_network(
            connection, call.root.path, district=which.district or "", after=after, limit=turn.limit + 1
        )
    shown = found[: turn.limit]
    last = shown[-1] if len(found) > turn.limit else None
    return Listed([_facility(call, one) for one in shown], [last.district, last.name, last.id] if last else None)


@API.get("/facilities/{facility}", Scope.FACILITIES_READ, answers=FacilityGiven)
def facility(call: Call, one: Facility) -> FacilityGiven:
    """One health facility of the network."""
    return _facility(call, one)


def _facility(call: Call, one: Facility) -> FacilityGiven:
    owner = call.tree[one.organisation_id]
    return FacilityGiven.model_validate(
        {
            "id": one.id,
            "code": one.code,
            "name": one.name,
            "kind": one.kind,
            "ownership": one.ownership,
            "district": one.district,
            "phone": one.msisdn,  # members are shown it on their phones: it is nobody's own number
            "organisation": owner.name,
            "agreed_on": one.agreed_on,
            "agreed_until": one.agreed_until,
            "agreed": one.agreed(call.today(owner.id)),
        }
    )


# --- organisations ----------------------------------------------------------------------------------------------------


class OrganisationGiven(Given):
    """An organisation with all that it inherits. `parent`: the one above it, null at the top of the key's own part."""

    id: int
    parent: int | None
    kind: Literal["platform", "promoter", "union", "mutuelle", "section"]
    code: str
    name: str
    district: str | None
    country: str
    currency: str
    time_zone: str
    languages: list[str]
    keeps_books: bool


@API.list("/organisations", Scope.ORGANISATIONS_READ, of=OrganisationGiven)
def list_organisations(call: Call, turn: Turn) -> Listed:
    """The key's own organisation and all below it, each before those below itself."""
    every = call.places()
    begin = 0
    if turn.after is not None:
        steps = [int(step) for step in turn.after]
        begin = next((place for place, one in enumerate(every) if _steps(one) > steps), len(every))
    shown = every[begin : begin + turn.limit]
    more = begin + turn.limit < len(every)
    return Listed([_organisation(call, one) for one in shown], _steps(shown[-1]) if more else None)


def _steps(one: Organisation) -> list[int]:
    return [int(step) for step in one.path.strip("/").split("/")]


@API.get("/organisations/{organisation}", Scope.ORGANISATIONS_READ, answers=OrganisationGiven)
def organisation(call: Call, one: Organisation) -> OrganisationGiven:
    """One organisation."""
    return _organisation(call, one)


def _organisation(call: Call, one: Organisation) -> OrganisationGiven:
    return OrganisationGiven.model_validate(
        {
            "id": one.id,
            "parent": one.parent_id if one.parent_id is not None and call.sees(one.parent_id) else None,
            "kind": one.kind,
            "code": one.code,
            "name": one.name,
            "district": one.district,
            "country": one.country,
            "currency": one.currency,
            "time_zone": one.time_zone,
            "languages": list(one.languages),
            "keeps_books": one.keeps_books,
        }
    )


# --- plans ------------------------------------------------------------------------------------------------------------


class PlanGiven(Given):
    """A version of a plan: what a year costs, and what cover follows from it. `opens_on`: who enrols from this day on
    enrols in it, until the next version opens. `activation_percent`: the share of the year's dues that begins the
    cover."""

    id: int
    organisation: Place
    code: str
    version: int
    name: str
    opens_on: date
    registration_fee: Amount
    household: Amount
    beneficiary: Amount
    minimum_payment: Amount
    instalments: int
    waiting_days: int
    grace_days: int
    activation_percent: int
    people_max: int


@API.list("/plans", Scope.ORGANISATIONS_READ, of=PlanGiven)
def list_plans(call: Call, turn: Turn) -> Listed:
    """The versions of the plans of the key's own part of the network, and of those above it, whose plans count there
    where it has none of its own."""
    upward = call.tree.upward(call.root.id)
    whose = {one.id for one in (*call.places(), *upward)}
    after = int(turn.after) if turn.after is not None else 0
    with call.store.read() as connection:
        found = all_plans.versions_below(connection, whose, after=after, limit=turn.limit + 1)
    shown = found[: turn.limit]
    items = [_plan(call, one, opens_on) for one, opens_on in shown]
    return Listed(items, shown[-1][0].id if len(found) > turn.limit else None)


def _plan(call: Call, one: all_plans.Plan, opens_on: date) -> PlanGiven:
    def money(minor: int) -> Amount:
        return Amount(amount_minor=minor, currency=one.currency)

    owner, terms = call.tree[one.organisation_id], one.terms
    return PlanGiven(
        id=one.id,
        organisation=Place(id=owner.id, code=owner.code, name=owner.name),
        code=one.code,
        version=one.version,
        name=one.name,
        opens_on=opens_on,
        registration_fee=money(terms.registration_fee_minor),
        household=money(terms.household_minor),
        beneficiary=money(terms.beneficiary_minor),
        minimum_payment=money(terms.minimum_payment_minor),
        instalments=terms.instalments,
        waiting_days=terms.waiting_days,
        grace_days=terms.grace_days,
        activation_percent=terms.activation_percent,
        people_max=terms.room,
    )
