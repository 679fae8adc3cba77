"""Founds a network from a file: organisations, plans, short codes and staff, all of it or nothing.

The file is TOML; ``deploy/network.example.toml`` shows every key. What one organisation leaves out it inherits from the
one above. Loading the same file again is refused at its first code that is there already.
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.membership.people import BadName, read_name
from gateway.membership.plans import add_plan
from gateway.membership.rules import Terms
from gateway.network.organisations import Defaults, add_organisation
from gateway.network.staff import add as add_staff
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


class StaffPart(_Part):
    """Somebody with a role."""

    role: Literal["treasurer", "animator"]
    name: str
    phone: str
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
    short_codes: list[str] = Field(default_factory=list)
    plans: list[PlanPart] = Field(default_factory=list)
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
            return _found(unit, root, None, defaults.country, defaults.currency)
    except IntegrityError as twice:
        raise Fault(f"{file}: a code or short code in it is there already: {twice.orig}".splitlines()[0]) from None


def _found(unit: Unit, part: Part, parent: tuple[int, str] | None, country: str, currency: str) -> int:
    if unit.connection.scalar(select(organisation.c.id).where(organisation.c.code == part.code)) is not None:
        raise Fault(f"{part.code}: there is an organisation with this code already; nothing was loaded")
    country, currency = part.country or country, part.currency or currency
    if currency not in EXPONENT:
        raise Fault(f"{part.code}: currency {currency}: must be one of {', '.join(sorted(EXPONENT))}")
    own = part.model_dump(exclude={"short_codes", "plans", "staff", "below", "languages"})
    place = add_organisation(unit, parent, **own, languages=",".join(part.languages) if part.languages else None)
    for code in part.short_codes:
        unit.connection.execute(insert(service_code).values(code=code, organisation_id=place[0]))
    for plan in part.plans:
        add_plan(unit, place[0], plan.code, plan.name, currency, _terms(part, plan, currency), plan.opens_on)
    for member in part.staff:
        try:
            add_staff(
                unit, place[0], read_name(member.name), member.role, read_msisdn(member.phone, country), member.language
            )
        except (BadName, BadMsisdn):
            raise Fault(f"{part.code}: a {member.role}'s name or phone can't be read for {country}") from None
    return 1 + sum(_found(unit, each, place, country, currency) for each in part.below)


def _terms(part: Part, plan: PlanPart, currency: str) -> Terms:
    def minor(amount: str) -> int:
        try:
            return Money.from_decimal(amount, currency).minor
        except ValueError:
            raise Fault(f"{part.code}: plan {plan.code}: {amount!r} is no amount in {currency}") from None

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
    )
