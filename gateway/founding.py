"""Founds a network from a file: organisations, plans, short codes, health facilities and staff, all of it or nothing.

The file is TOML; ``deploy/network.example.toml`` shows every key. What one organisation leaves out it inherits from the
one above. Loading the same file again is refused at its first code that is there already. Staff are given no PIN here:
``gateway staff pin`` gives each a first one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.ledger.chart import Role, open_accounts
from gateway.membership.categories import add_category, add_subsidiser, add_tariff
from gateway.membership.dues import Terms
from gateway.membership.people import MOST_PEOPLE, BadName, read_name
from gateway.membership.plans import add_plan
from gateway.network.facilities import add_facility
from gateway.network.organisations import Defaults, add_organisation
from gateway.network.staff import add as add_staff
from gateway.network.staff import facility_named
from gateway.store.schema import organisation, service_code
from gateway.store.unit import Store, Unit


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlanPart(_Part):
    """A plan; amounts in the currency's major units, as people say them."""

    code: str = Field(max_length=20)
    name: str = Field(max_length=40)
    opens_on: date
    registration_fee: str = "0"
    per_household: str = "0"
    per_beneficiary: str = "0"
    instalments: int = Field(default=1, ge=1, le=12)
    waiting_days: int = Field(default=0, ge=0, le=366)
    grace_days: int = Field(default=0, ge=0, le=366)
    activation_percent: int = Field(default=100, ge=1, le=100)
    minimum_payment: str = "1"
    year_starts_month: int | None = Field(default=None, ge=1, le=12)
    lapsed_waiting_days: int | None = Field(default=None, ge=0, le=366)
    window_opens: str | None = Field(default=None, pattern=r"^\d{2}-\d{2}$")
    window_days: int | None = Field(default=None, ge=1, le=365)
    included_people: int = Field(default=0, ge=0, le=MOST_PEOPLE)
    charged_people_max: int | None = Field(default=None, ge=0, le=MOST_PEOPLE)
    people_max: int | None = Field(default=None, ge=1, le=MOST_PEOPLE)
    pro_rata: bool = False
    penalty_percent: int = Field(default=0, ge=0, le=100)
    tariffs: list[TariffPart] = Field(default_factory=list)


class TariffPart(_Part):
    """What a category pays in a plan, and who pays the rest; amounts that are left out are the plan's."""

    category: str
    registration_fee: str | None = None
    per_household: str | None = None
    per_beneficiary: str | None = None
    subsidy_percent: int = Field(default=0, ge=0, le=100)
    subsidiser: str | None = None


class CategoryPart(_Part):
    """Households that can pay as much as each other."""

    code: str = Field(max_length=20, pattern=r"^[a-z0-9-]+$")
    name: str = Field(max_length=40)


class SubsidiserPart(_Part):
    """Who pays for members of a category: the State, a project, a diocese."""

    code: str = Field(max_length=40, pattern=r"^[a-z0-9-]+$")
    name: str = Field(max_length=60)


class FacilityPart(_Part):
    """A health facility that the organisation has an agreement with; without a district it is in the organisation's."""

    code: str = Field(max_length=40)
    name: str = Field(max_length=60)
    kind: Literal["hospital", "centre", "clinic", "pharmacy"]
    ownership: Literal["public", "private", "faith"]
    district: str | None = Field(default=None, max_length=60)
    phone: str | None = None
    agreed_on: date
    agreed_until: date | None = None


class StaffPart(_Part):
    """Somebody with a role; an agent with the code of their facility, which stands here or above, or is known."""

    role: Literal["treasurer", "animator", "agent", "adviser"]
    name: str
    phone: str
    facility: str | None = None
    language: Literal["fr", "en", "rn", "sw"] | None = None


class Part(_Part):
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
    keeps_books: bool = False
    # Codes of the chart of accounts by role, for the books here and below; a role that isn't named has OHADA's.
    accounts: dict[Role, Annotated[str, Field(pattern=r"^[0-9A-Z]{1,12}$")]] = Field(default_factory=dict)
    short_codes: list[str] = Field(default_factory=list)
    categories: list[CategoryPart] = Field(default_factory=list)
    subsidisers: list[SubsidiserPart] = Field(default_factory=list)
    plans: list[PlanPart] = Field(default_factory=list)
    facilities: list[FacilityPart] = Field(default_factory=list)
    staff: list[StaffPart] = Field(default_factory=list)
    below: list[Part] = Field(default_factory=list)


def found(store: Store, defaults: Defaults, file: Path) -> int:
    """Found what the file tells of and return how many organisations; a :class:`Fault` names the place in the file."""
    try:
        root = Part.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as unreadable:
        raise Fault(f"{file}: {unreadable}") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise Fault(f"{file}: {place}: {first['msg']}") from None
    try:
        with store.write() as unit:
            return _found(unit, root, _Above(None, defaults.country, defaults.currency, None, None, {}, {}, {}))
    except IntegrityError as twice:
        raise Fault(
            f"{file}: a code, short code or facility's code in it is there already: {twice.orig}".splitlines()[0]
        ) from None


@dataclass(frozen=True)
class _Above:
    """What an organisation stands below (its id and path) and inherits; ``plans_in``: the currency of its plans.

    ``categories`` and ``subsidisers``: ids by code; an organisation's own categories replace those above, as plans do.
    """

    place: tuple[int, str] | None
    country: str
    currency: str
    district: str | None
    plans_in: str | None
    accounts: Mapping[Role, str]
    categories: Mapping[str, int]
    subsidisers: Mapping[str, int]


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
    categories = {one.code: add_category(unit, place[0], one.code, one.name) for one in part.categories}
    payers = {one.code: add_subsidiser(unit, place[0], one.code, one.name) for one in part.subsidisers}
    categories, payers = categories or dict(above.categories), {**above.subsidisers, **payers}
    for plan in part.plans:
        terms = _terms(part, plan, currency)
        plan_id = add_plan(unit, place[0], plan.code, plan.name, currency, terms, plan.opens_on)
        for tariff in plan.tariffs:
            _add_tariff(unit, _Place(part, plan, currency), plan_id, tariff, categories, payers)
    accounts = {**above.accounts, **part.accounts}
    if part.keeps_books and accounts:
        open_accounts(unit, place[0], currency, accounts)
    here = _Above(place, country, currency, part.district or above.district, plans_in, accounts, categories, payers)
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
        facility = facility_named(unit.connection, member.facility) if member.facility is not None else None
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


@dataclass(frozen=True)
class _Place:
    """Where in the file an amount or a day stands, to be told of."""

    part: Part
    plan: PlanPart
    currency: str

    def minor(self, amount: str) -> int:
        """An amount as people write it; raises :class:`Fault`."""
        try:
            return Money.from_decimal(amount, self.currency).minor
        except ValueError:
            raise self.fault(f"{amount!r} is no amount in {self.currency}") from None

    def fault(self, why: str) -> Fault:
        return Fault(f"{self.part.code}: plan {self.plan.code}: {why}")


def _add_tariff(
    unit: Unit,
    place: _Place,
    plan_id: int,
    one: TariffPart,
    categories: Mapping[str, int],
    payers: Mapping[str, int],
) -> None:
    if one.category not in categories:
        raise place.fault(f"no category {one.category} is there, here or above")
    if (one.subsidiser is None) != (one.subsidy_percent == 0):
        raise place.fault(f"category {one.category}: a subsidy has a percentage and a subsidiser")
    if one.subsidiser is not None and one.subsidiser not in payers:
        raise place.fault(f"no subsidiser {one.subsidiser} is there, here or above")
    fee, per_household, per_beneficiary = (
        None if amount is None else place.minor(amount)
        for amount in (one.registration_fee, one.per_household, one.per_beneficiary)
    )
    add_tariff(
        unit,
        plan_id,
        categories[one.category],
        registration_fee_minor=fee,
        household_minor=per_household,
        beneficiary_minor=per_beneficiary,
        subsidy_percent=one.subsidy_percent,
        subsidiser_id=payers[one.subsidiser] if one.subsidiser is not None else None,
    )


def _window(place: _Place) -> tuple[int | None, int | None, int | None]:
    """Month, day and length of the time in which newcomers can enrol."""
    plan = place.plan
    if (plan.window_opens is None) != (plan.window_days is None):
        raise place.fault("window_opens and window_days belong together")
    if plan.window_opens is None:
        return None, None, None
    try:
        first = date.fromisoformat(f"2024-{plan.window_opens}")  # a year with a 29 February
    except ValueError:
        raise place.fault(f"window_opens {plan.window_opens} is no day, written MM-DD") from None
    return first.month, first.day, plan.window_days


def _terms(part: Part, plan: PlanPart, currency: str) -> Terms:
    place = _Place(part, plan, currency)
    minor, (month, day, days) = place.minor, _window(place)
    if plan.pro_rata and plan.year_starts_month is None:
        raise place.fault("pro_rata belongs to a plan whose year starts in a month (year_starts_month)")
    return Terms(
        registration_fee_minor=minor(plan.registration_fee),
        household_minor=minor(plan.per_household),
        beneficiary_minor=minor(plan.per_beneficiary),
        instalments=plan.instalments,
        waiting_days=plan.waiting_days,
        grace_days=plan.grace_days,
        activation_percent=plan.activation_percent,
        minimum_payment_minor=minor(plan.minimum_payment),
        year_starts_month=plan.year_starts_month,
        lapsed_waiting_days=plan.lapsed_waiting_days,
        window_opens_month=month,
        window_opens_day=day,
        window_days=days,
        included_people=plan.included_people,
        charged_people_max=plan.charged_people_max,
        people_max=plan.people_max,
        pro_rata=plan.pro_rata,
        penalty_percent=plan.penalty_percent,
    )
