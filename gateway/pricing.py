"""Plans, what categories pay in them and who pays the rest, as files tell of them: at founding, and in new versions.

A version changes nothing for those who are enrolled: it is what the next enrolment takes, from the day that it opens.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.membership.categories import add_category, add_subsidiser, add_tariff
from gateway.membership.dues import Terms
from gateway.membership.people import MOST_PEOPLE
from gateway.membership.plans import add_plan
from gateway.network.organisations import Tree
from gateway.store.schema import category, plan, subsidiser
from gateway.store.unit import Unit

T = TypeVar("T", bound=BaseModel)


class BadPlan(Fault):
    """What a plan would ask can't be. Its line names the organisation and the plan; what is ``said`` is why."""

    def __init__(self, organisation: str, plan_code: str, why: str, **values: object) -> None:
        super().__init__(f"{{of}}: plan {{plan_code}}: {why}", of=organisation, plan_code=plan_code, **values)
        self.why = why

    def said(self, say: Callable[..., str]) -> str:
        return say(self.why, **self.values)


class FilePart(BaseModel):
    """A part of a file: what it doesn't know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TariffPart(FilePart):
    """What a category pays in a plan, and who pays the rest; amounts that are left out are the plan's."""

    category: str
    registration_fee: str | None = None
    per_household: str | None = None
    per_beneficiary: str | None = None
    subsidy_percent: int = Field(default=0, ge=0, le=100)
    subsidiser: str | None = None


class PlanPart(FilePart):
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


class CategoryPart(FilePart):
    """Households that can pay as much as each other."""

    code: str = Field(max_length=20, pattern=r"^[a-z0-9-]+$")
    name: str = Field(max_length=40)


class SubsidiserPart(FilePart):
    """Who pays for members of a category: the State, a project, a diocese."""

    code: str = Field(max_length=40, pattern=r"^[a-z0-9-]+$")
    name: str = Field(max_length=60)


class PlansPart(FilePart):
    """The plans of an organisation, the categories that have tariffs in them, and who subsidises those."""

    categories: list[CategoryPart] = Field(default_factory=list)
    subsidisers: list[SubsidiserPart] = Field(default_factory=list)
    plans: list[PlanPart] = Field(default_factory=list)


def read_file(file: Path, kind: type[T]) -> T:
    """What a TOML file holds; a :class:`Fault` names the place in it that is wrong."""
    try:
        return kind.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as unreadable:
        raise Fault(f"{file}: {unreadable}") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        raise Fault(f"{file}: {place}: {first['msg']}") from None


@dataclass(frozen=True)
class Known:
    """Categories and subsidisers by code that an organisation's plans may name: its own, or those above it."""

    categories: Mapping[str, int] = field(default_factory=dict)
    subsidisers: Mapping[str, int] = field(default_factory=dict)


def add_plans(
    unit: Unit, organisation_id: int, organisation: str, currency: str, told: PlansPart, above: Known
) -> Known:
    """Add an organisation's categories, subsidisers and plans, each plan as its next version; what it knows then.

    Raises :class:`Fault`, and IntegrityError where a code is there already.
    """
    own = {one.code: add_category(unit, organisation_id, one.code, one.name) for one in told.categories}
    payers = {one.code: add_subsidiser(unit, organisation_id, one.code, one.name) for one in told.subsidisers}
    known = Known(own or above.categories, {**above.subsidisers, **payers})
    for one in told.plans:
        place = _Place(organisation, one, currency)
        version = _next_version(unit, organisation_id, place)
        terms = _terms(place)
        plan_id = add_plan(unit, organisation_id, one.code, one.name, currency, terms, one.opens_on, version)
        for tariff in one.tariffs:
            _add_tariff(unit, place, plan_id, tariff, known)
    return known


def terms_of(told: PlanPart, organisation: str, currency: str) -> Terms:
    """What a plan that is told of would ask, without adding it; raises :class:`BadPlan`."""
    return _terms(_Place(organisation, told, currency))


def known_to(connection: Connection, tree: Tree, organisation_id: int) -> Known:
    """The categories and subsidisers that an organisation's plans may name: its own, or those above it."""
    return _known_to(connection, tree, organisation_id)


def add_versions(unit: Unit, tree: Tree, organisation: str, told: PlansPart) -> list[tuple[str, int]]:
    """Add to the plans of an organisation that is there; each plan's code and its new version. Raises :class:`Fault`.

    A version opens after the one before it and not before today: what was offered stays what it was.
    """
    one = tree.named(organisation)
    today = day_in(one.time_zone, unit.now)
    for each in told.plans:
        if each.opens_on < today:
            raise BadPlan(one.code, each.code, mark("it would open on {day}, before today"), day=each.opens_on)
    add_plans(unit, one.id, one.code, one.currency, told, _known_to(unit.connection, tree, one.id))
    newest = select(func.max(plan.c.version)).where(plan.c.organisation_id == one.id)
    return [
        (each.code, unit.connection.execute(newest.where(plan.c.code == each.code)).scalar_one()) for each in told.plans
    ]


def _known_to(connection: Connection, tree: Tree, organisation_id: int) -> Known:
    """The categories of the nearest organisation that has any, and all subsidisers from there up."""
    upward = [one.id for one in tree.upward(organisation_id)]
    rows = connection.execute(select(category).where(category.c.organisation_id.in_(upward))).all()
    having = [each for each in upward if any(row.organisation_id == each for row in rows)]
    nearest = {row.code: row.id for row in rows if having and row.organisation_id == having[0]}
    payers = connection.execute(select(subsidiser).where(subsidiser.c.organisation_id.in_(upward)))
    return Known(nearest, {row.code: row.id for row in payers})


def _next_version(unit: Unit, organisation_id: int, place: _Place) -> int:
    last = unit.connection.execute(
        select(plan.c.version, plan.c.opens_on)
        .where(plan.c.organisation_id == organisation_id, plan.c.code == place.plan.code)
        .order_by(plan.c.version.desc())
    ).first()
    if last is None:
        return 1
    if place.plan.opens_on <= last.opens_on:
        raise place.fault(
            mark("version {version} opens on {day}: the next one opens after it"),
            version=last.version,
            day=last.opens_on,
        )
    return int(last.version) + 1


@dataclass(frozen=True)
class _Place:
    """Where in the file an amount or a day stands, to be told of."""

    organisation: str
    plan: PlanPart
    currency: str

    def minor(self, amount: str) -> int:
        """An amount as people write it; raises :class:`Fault`."""
        try:
            return Money.from_decimal(amount, self.currency).minor
        except ValueError:
            raise self.fault(
                mark("{amount} is no amount in {currency}"), amount=repr(amount), currency=self.currency
            ) from None

    def fault(self, why: str, **values: object) -> Fault:
        return BadPlan(self.organisation, self.plan.code, why, **values)


def _add_tariff(
    unit: Unit,
    place: _Place,
    plan_id: int,
    one: TariffPart,
    known: Known,
) -> None:
    if one.category not in known.categories:
        raise place.fault(mark("no category {category} is there, here or above"), category=one.category)
    if (one.subsidiser is None) != (one.subsidy_percent == 0):
        raise place.fault(
            mark("category {category}: a subsidy has a percentage and a subsidiser"), category=one.category
        )
    if one.subsidiser is not None and one.subsidiser not in known.subsidisers:
        raise place.fault(mark("no subsidiser {subsidiser} is there, here or above"), subsidiser=one.subsidiser)
    fee, per_household, per_beneficiary = (
        None if amount is None else place.minor(amount)
        for amount in (one.registration_fee, one.per_household, one.per_beneficiary)
    )
    add_tariff(
        unit,
        plan_id,
        known.categories[one.category],
        registration_fee_minor=fee,
        household_minor=per_household,
        beneficiary_minor=per_beneficiary,
        subsidy_percent=one.subsidy_percent,
        subsidiser_id=known.subsidisers[one.subsidiser] if one.subsidiser is not None else None,
    )


def _window(place: _Place) -> tuple[int | None, int | None, int | None]:
    """Month, day and length of the time in which newcomers can enrol."""
    told = place.plan
    if (told.window_opens is None) != (told.window_days is None):
        raise place.fault(mark("window_opens and window_days belong together"))
    if told.window_opens is None:
        return None, None, None
    try:
        first = date.fromisoformat(f"2024-{told.window_opens}")  # a year with a 29 February
    except ValueError:
        raise place.fault(
            mark("window_opens {typed} is no day, written MM-DD"), typed=told.window_opens
        ) from None  # fmt: skip
    return first.month, first.day, told.window_days


def _terms(place: _Place) -> Terms:
    told = place.plan
    minor, (month, day, days) = place.minor, _window(place)
    if told.pro_rata and told.year_starts_month is None:
        raise place.fault(mark("pro_rata belongs to a plan whose year starts in a month (year_starts_month)"))
    return Terms(
        registration_fee_minor=minor(told.registration_fee),
        household_minor=minor(told.per_household),
        beneficiary_minor=minor(told.per_beneficiary),
        instalments=told.instalments,
        waiting_days=told.waiting_days,
        grace_days=told.grace_days,
        activation_percent=told.activation_percent,
        minimum_payment_minor=minor(told.minimum_payment),
        year_starts_month=told.year_starts_month,
        lapsed_waiting_days=told.lapsed_waiting_days,
        window_opens_month=month,
        window_opens_day=day,
        window_days=days,
        included_people=told.included_people,
        charged_people_max=told.charged_people_max,
        people_max=told.people_max,
        pro_rata=told.pro_rata,
        penalty_percent=told.penalty_percent,
    )
