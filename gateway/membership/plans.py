"""Plans and their versions: a new version changes nothing for those who are already enrolled."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import date

from sqlalchemy import Connection, Row, insert, select

from gateway.membership.dues import Terms
from gateway.network.organisations import Tree
from gateway.store.schema import plan
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Plan:
    """One version of a plan (*formule*)."""

    id: int
    organisation_id: int
    code: str
    version: int
    name: str
    currency: str
    terms: Terms


def plans_for(connection: Connection, tree: Tree, section_id: int, on: date) -> list[Plan]:
    """The plans open on a day in a section: those of the nearest organisation above it that has any."""
    upward = [one.id for one in tree.upward(section_id)]
    rows = connection.execute(
        select(plan)
        .where(plan.c.organisation_id.in_(upward), plan.c.opens_on <= on)
        .order_by(plan.c.code, plan.c.version)
    ).all()
    for organisation_id in upward:
        newest = {row.code: read_plan(row) for row in rows if row.organisation_id == organisation_id}
        if newest:
            return list(newest.values())
    return []


def versions_of(connection: Connection, organisation_id: int) -> list[tuple[Plan, date]]:
    """The versions of an organisation's own plans with the day on which each opens, the newest first."""
    rows = connection.execute(
        select(plan).where(plan.c.organisation_id == organisation_id).order_by(plan.c.code, plan.c.version.desc())
    )
    return [(read_plan(row), row.opens_on) for row in rows]


def versions_below(
    connection: Connection, organisation_ids: Collection[int], *, after: int, limit: int
) -> list[tuple[Plan, date]]:
    """The versions of some organisations' own plans with the day on which each opens, by id, those after one."""
    query = select(plan).where(plan.c.organisation_id.in_(sorted(organisation_ids)), plan.c.id > after)
    rows = connection.execute(query.order_by(plan.c.id).limit(limit))
    return [(read_plan(row), row.opens_on) for row in rows]


def read_plan(row: Row[tuple[object, ...]]) -> Plan:
    """A plan from its row."""
    return Plan(
        row.id,
        row.organisation_id,
        row.code,
        row.version,
        row.name,
        row.currency,
        Terms(**{each.name: getattr(row, each.name) for each in fields(Terms)}),
    )


def add_plan(
    unit: Unit,
    organisation_id: int,
    code: str,
    name: str,
    currency: str,
    terms: Terms,
    opens_on: date,
    version: int = 1,
) -> int:
    """Add a version of a plan; returns its id."""
    new = unit.connection.execute(
        insert(plan).values(
            organisation_id=organisation_id,
            code=code,
            version=version,
            name=name,
            currency=currency,
            opens_on=opens_on,
            **asdict(terms),
        )
    )
    return int(new.inserted_primary_key[0])  # type: ignore[index]
