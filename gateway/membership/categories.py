"""Categories of households by what they can pay: what each pays in a version of a plan, and who pays the rest.

A household is in a category from a day on, by somebody's word and for a reason; what was told before stays in its
history. A change of category changes nothing that is due already: the next enrolment takes the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.changes import By, write_change
from gateway.membership.dues import Tariff
from gateway.membership.plans import Plan
from gateway.network.organisations import Tree
from gateway.store.schema import category, household, household_category, plan, subsidiser, tariff
from gateway.store.unit import Unit

NAME_CHARACTERS, REASON_CHARACTERS = 60, 200


@dataclass(frozen=True)
class Category:
    """What a household can be put into."""

    id: int
    code: str
    name: str


@dataclass(frozen=True)
class OwnTariff:
    """What a household pays in a version of a plan; ``id`` None: what the plan asks of everybody."""

    id: int | None
    tariff: Tariff


@dataclass(frozen=True)
class Placed:
    """A line of a household's history: in which category from a day on (None: in none), who said so and why."""

    since: date
    code: str | None
    by_name: str
    reason: str


# What a row of ``tariff`` says of a plan's version; NULL where it leaves that to the plan.
TARIFF_COLUMNS = (
    tariff.c.registration_fee_minor,
    tariff.c.household_minor,
    tariff.c.beneficiary_minor,
    tariff.c.subsidy_percent,
)


def read_tariff(of_plan: Tariff, own: Sequence[int | None]) -> Tariff:
    """A category's tariff, from the plan's and the row's own :data:`TARIFF_COLUMNS` (all None: no row)."""
    fee, household_minor, beneficiary_minor, percent = own
    return Tariff(
        of_plan.registration_fee_minor if fee is None else fee,
        of_plan.household_minor if household_minor is None else household_minor,
        of_plan.beneficiary_minor if beneficiary_minor is None else beneficiary_minor,
        of_plan.included_people,
        of_plan.charged_people_max,
        percent or 0,
    )


# --- categories, subsidisers and tariffs ------------------------------------------------------------------------------


def add_subsidiser(unit: Unit, organisation_id: int, code: str, name: str) -> int:
    """Add who pays for others; returns the id. Raises IntegrityError when the code is there already."""
    made = unit.connection.execute(
        insert(subsidiser).values(organisation_id=organisation_id, code=code, name=name)
    ).inserted_primary_key
    return int(made[0])  # type: ignore[index]


def add_category(unit: Unit, organisation_id: int, code: str, name: str) -> int:
    """Add a category of an organisation and those below it; returns the id."""
    made = unit.connection.execute(
        insert(category).values(organisation_id=organisation_id, code=code, name=name)
    ).inserted_primary_key
    return int(made[0])  # type: ignore[index]


def add_tariff(
    unit: Unit,
    plan_id: int,
    category_id: int,
    *,
    registration_fee_minor: int | None = None,
    household_minor: int | None = None,
    beneficiary_minor: int | None = None,
    subsidy_percent: int = 0,
    subsidiser_id: int | None = None,
) -> int:
    """Say what a category pays in a version of a plan (None: as the plan says); returns the id."""
    made = unit.connection.execute(
        insert(tariff).values(
            plan_id=plan_id,
            category_id=category_id,
            registration_fee_minor=registration_fee_minor,
            household_minor=household_minor,
            beneficiary_minor=beneficiary_minor,
            subsidy_percent=subsidy_percent,
            subsidiser_id=subsidiser_id,
        )
    ).inserted_primary_key
    return int(made[0])  # type: ignore[index]


def categories_for(connection: Connection, tree: Tree, section_id: int) -> list[Category]:
    """The categories of a section: those of the nearest organisation above it that has any, as with plans."""
    upward = [one.id for one in tree.upward(section_id)]
    rows = connection.execute(
        select(category).where(category.c.organisation_id.in_(upward)).order_by(category.c.code)
    ).all()
    for organisation_id in upward:
        found = [Category(row.id, row.code, row.name) for row in rows if row.organisation_id == organisation_id]
        if found:
            return found
    return []


def owner_of_categories(connection: Connection, tree: Tree, organisation_id: int) -> int | None:
    """Whose the categories are that count in an organisation: the nearest that has any; None where there are none."""
    upward = [one.id for one in tree.upward(organisation_id)]
    having = set(connection.scalars(select(category.c.organisation_id).where(category.c.organisation_id.in_(upward))))
    return next((one for one in upward if one in having), None)


@dataclass(frozen=True)
class InPlan:
    """What a category pays in a version of a plan, as it was told; amounts None: the plan's."""

    category: Category
    registration_fee_minor: int | None
    household_minor: int | None
    beneficiary_minor: int | None
    subsidy_percent: int
    subsidiser_code: str | None
    subsidiser: str | None

    def tariff(self, of_plan: Tariff) -> Tariff:
        """The same with what it leaves to the plan filled in."""
        own = (self.registration_fee_minor, self.household_minor, self.beneficiary_minor, self.subsidy_percent)
        return read_tariff(of_plan, own)


def tariffs_in(connection: Connection, plan_id: int) -> list[InPlan]:
    """The tariffs of a version of a plan, by the category's code."""
    rows = connection.execute(
        select(category.c.id, category.c.code, category.c.name, *TARIFF_COLUMNS, subsidiser.c.code, subsidiser.c.name)
        .select_from(tariff.join(category, category.c.id == tariff.c.category_id))
        .outerjoin(subsidiser, subsidiser.c.id == tariff.c.subsidiser_id)
        .where(tariff.c.plan_id == plan_id)
        .order_by(category.c.code)
    )
    return [InPlan(Category(*row[:3]), *row[3:]) for row in rows]


# --- a household's ----------------------------------------------------------------------------------------------------


def tariff_for(connection: Connection, chosen: Plan, household_id: int, on: date) -> OwnTariff:
    """What a household pays that enrols on a day: its category's tariff in this version of the plan, or the plan's.

    A category of the same code in a version that has no tariff for it pays what the plan asks.
    """
    of_plan = Tariff.of(chosen.terms)
    category_id = connection.scalar(
        select(household_category.c.category_id)
        .where(household_category.c.household_id == household_id, household_category.c.since <= on)
        .order_by(household_category.c.since.desc(), household_category.c.id.desc())
        .limit(1)
    )
    if category_id is None:
        return OwnTariff(None, of_plan)
    row = connection.execute(
        select(tariff.c.id, *TARIFF_COLUMNS).where(tariff.c.plan_id == chosen.id, tariff.c.category_id == category_id)
    ).first()
    return OwnTariff(row[0], read_tariff(of_plan, row[1:])) if row is not None else OwnTariff(None, of_plan)


def put_into(
    unit: Unit, tree: Tree, household_id: int, code: str | None, since: date | None, by: str, reason: str
) -> Placed:
    """Put a household into a category of its section from a day on (or today), or into none with ``code`` None.

    Nothing that is due already changes. Raises :class:`Fault` where there is no such category, or nobody or no reason
    is said.
    """
    by, reason = by.strip(), reason.strip()
    if not by or not reason or len(by) > NAME_CHARACTERS or len(reason) > REASON_CHARACTERS:
        raise Fault(
            mark("who decides (up to {name} letters) and why (up to {reason}) must be said"),
            name=NAME_CHARACTERS,
            reason=REASON_CHARACTERS,
        )
    section_id = unit.connection.execute(
        select(household.c.section_id).where(household.c.id == household_id).with_for_update()
    ).scalar_one()
    known = categories_for(unit.connection, tree, section_id)
    chosen = next((one for one in known if one.code == code), None)
    if code is not None and chosen is None:
        codes = ", ".join(one.code for one in known)
        if not codes:
            raise Fault(mark("no category {code} for this household: there are none here"), code=code)
        raise Fault(mark("no category {code} for this household: {codes}"), code=code, codes=codes)
    placed = Placed(since or day_in(tree[section_id].time_zone, unit.now), code, by, reason)
    unit.connection.execute(
        insert(household_category).values(
            household_id=household_id,
            category_id=chosen.id if chosen is not None else None,
            since=placed.since,
            by_name=by,
            reason=reason,
            written_at=unit.now,
        )
    )
    write_change(unit, household_id, "category", By(None, name=by), happened_on=placed.since, note=code)
    return placed


def history_of(connection: Connection, household_id: int) -> list[Placed]:
    """In which categories a household was and is, the newest first."""
    rows = connection.execute(
        select(household_category.c.since, category.c.code, household_category.c.by_name, household_category.c.reason)
        .outerjoin(category, category.c.id == household_category.c.category_id)
        .where(household_category.c.household_id == household_id)
        .order_by(household_category.c.since.desc(), household_category.c.id.desc())
    )
    return [Placed(*row) for row in rows]


@dataclass(frozen=True)
class Priced:
    """A category's tariff in a version of a plan as lists show it; amounts None: the plan's."""

    plan_code: str
    version: int
    currency: str
    registration_fee_minor: int | None
    household_minor: int | None
    beneficiary_minor: int | None
    subsidy_percent: int
    subsidiser_code: str | None


def prices_of(connection: Connection, category_id: int) -> list[Priced]:
    """What a category pays, the newest version of each plan first."""
    rows = connection.execute(
        select(plan.c.code, plan.c.version, plan.c.currency, *TARIFF_COLUMNS, subsidiser.c.code)
        .select_from(tariff.join(plan, plan.c.id == tariff.c.plan_id))
        .outerjoin(subsidiser, subsidiser.c.id == tariff.c.subsidiser_id)
        .where(tariff.c.category_id == category_id)
        .order_by(plan.c.code, plan.c.version.desc())
    )
    return [Priced(*row) for row in rows]
