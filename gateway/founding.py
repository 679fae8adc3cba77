"""Founds a network from a file: organisations, plans, short codes, health facilities and staff, all of it or nothing.

The file is TOML; ``deploy/network.example.toml`` shows every key. What one organisation leaves out it inherits from the
one above. Loading the same file again is refused at its first code that is there already. Staff are given no PIN here:
``gateway staff pin`` gives each a first one, ``gateway staff link`` a link to choose a password for the office.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.ledger.chart import Role, open_accounts
from gateway.membership.people import BadName, read_name
from gateway.network.facilities import add_facility
from gateway.network.organisations import Defaults, add_organisation
from gateway.network.staff import add as add_staff
from gateway.network.staff import facility_named
from gateway.pricing import FilePart, Known, PlansPart, add_plans, read_file
from gateway.store.schema import organisation, service_code
from gateway.store.unit import Store, Unit


class FacilityPart(FilePart):
    """A health facility that the organisation has an agreement with; without a district it is in the organisation's."""

    code: str = Field(max_length=40)
    name: str = Field(max_length=60)
    kind: Literal["hospital", "centre", "clinic", "pharmacy"]
    ownership: Literal["public", "private", "faith"]
    district: str | None = Field(default=None, max_length=60)
    phone: str | None = None
    agreed_on: date
    agreed_until: date | None = None


class StaffPart(FilePart):
    """Somebody with a role; an agent with the code of their facility, which stands here or above, or is known."""

    role: Literal["treasurer", "animator", "agent", "adviser", "administrator"]
    name: str
    phone: str
    facility: str | None = None
    language: Literal["fr", "en", "rn", "sw"] | None = None


class Part(PlansPart):
    """An organisation with everything below it."""

    code: str = Field(max_length=40, pattern=r"^[a-z0-9-]+$")
    name: str = Field(max_length=60)
    kind: Literal["platform", "promoter", "union", "mutuelle", "section"]
    district: str | None = Field(default=None, max_length=60)
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    currency: str | None = None
    time_zone: str | None = None
    languages: list[Literal["fr", "en", "rn", "sw"]] | None = None
    merchant_code: str | None = Field(default=None, max_length=20)
    quiet_from: int | None = Field(default=None, ge=0, le=23)
    quiet_until: int | None = Field(default=None, ge=0, le=23)
    keeps_books: bool = False
    # Codes of the chart of accounts by role, for the books here and below; a role that isn't named has OHADA's.
    accounts: dict[Role, Annotated[str, Field(pattern=r"^[0-9A-Z]{1,12}$")]] = Field(default_factory=dict)
    short_codes: list[str] = Field(default_factory=list)
    facilities: list[FacilityPart] = Field(default_factory=list)
    staff: list[StaffPart] = Field(default_factory=list)
    below: list[Part] = Field(default_factory=list)


def found(store: Store, defaults: Defaults, file: Path) -> int:
    """Found what the file tells of and return how many organisations; a :class:`Fault` names the place in the file."""
    root = read_file(file, Part)
    try:
        with store.write() as unit:
            return _found(unit, root, _Above(None, defaults.country, defaults.currency, None, None, {}, Known()))
    except IntegrityError as twice:
        raise Fault(
            f"{file}: a code, short code or facility's code in it is there already: {twice.orig}".splitlines()[0]
        ) from None


@dataclass(frozen=True)
class _Above:
    """What an organisation stands below (its id and path) and inherits; ``plans_in``: the currency of its plans."""

    place: tuple[int, str] | None
    country: str
    currency: str
    district: str | None
    plans_in: str | None
    accounts: Mapping[Role, str]
    known: Known


def _found(unit: Unit, part: Part, above: _Above) -> int:
    if unit.connection.scalar(select(organisation.c.id).where(organisation.c.code == part.code)) is not None:
        raise Fault(f"{part.code}: there is an organisation with this code already; nothing was loaded")
    country, currency = part.country or above.country, part.currency or above.currency
    if currency not in EXPONENT:
        raise Fault(f"{part.code}: currency {currency}: must be one of {', '.join(sorted(EXPONENT))}")
    plans_in = currency if part.plans else above.plans_in
    if not part.below and plans_in not in (None, currency):
        raise Fault(f"{part.code}: its currency is {currency}, but the plans above it are in {plans_in}")
    own = part.model_dump(exclude=_NOT_COLUMNS)
    place = add_organisation(unit, above.place, **own, languages=",".join(part.languages) if part.languages else None)
    for code in part.short_codes:
        unit.connection.execute(insert(service_code).values(code=code, organisation_id=place[0]))
    known = add_plans(unit, place[0], part.code, currency, part, above.known)
    accounts = {**above.accounts, **part.accounts}
    if part.keeps_books and accounts:
        open_accounts(unit, place[0], currency, accounts)
    here = _Above(place, country, currency, part.district or above.district, plans_in, accounts, known)
    for each in part.facilities:
        _add_facility(unit, part, each, place[0], here)
    for member in part.staff:
        _add_member(unit, part, member, place[0], country)
    return 1 + sum(_found(unit, each, here) for each in part.below)


def _add_facility(unit: Unit, part: Part, one: FacilityPart, organisation_id: int, here: _Above) -> None:
    district = one.district or here.district
    if district is None:
        raise Fault(f"{part.code}: facility {one.code}: no district is said, here or above")
    try:
        msisdn = read_msisdn(one.phone, here.country) if one.phone is not None else None
        add_facility(
            unit,
            organisation_id,
            one.code,
            one.name,
            one.kind,
            one.ownership,
            district,
            msisdn,
            agreed_on=one.agreed_on,
            agreed_until=one.agreed_until,
        )
    except BadMsisdn:
        raise Fault(f"{part.code}: facility {one.code}: its phone can't be read for {here.country}") from None
    except Fault as fault:
        raise Fault(f"{part.code}: facility {one.code}: {fault}") from None


def _add_member(unit: Unit, part: Part, member: StaffPart, organisation_id: int, country: str) -> None:
    try:
        name, msisdn = read_name(member.name), read_msisdn(member.phone, country)
    except (BadName, BadMsisdn):
        raise Fault(f"{part.code}: a {member.role}'s name or phone can't be read for {country}") from None
    try:
        named = member.facility
        facility = facility_named(unit.connection, named, organisation_id) if named is not None else None
        add_staff(unit, organisation_id, name, member.role, msisdn, member.language, facility)
    except Fault as fault:
        raise Fault(f"{part.code}: {member.role}: {fault}") from None


# What of an organisation's part stands in tables of its own.
_NOT_COLUMNS = {
    "short_codes",
    "categories",
    "subsidisers",
    "plans",
    "facilities",
    "staff",
    "below",
    "languages",
    "accounts",
}
