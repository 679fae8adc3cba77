"""Who in some sections has something to pay by a day: what an animator takes along on a round of the village."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, or_, select

from gateway.kernel.money import Money
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.store.schema import account, beneficiary, household, line, phone


@dataclass(frozen=True)
class DueRow:
    """A household with something to pay by a day, and since when; ``msisdn`` is one of its main phones."""

    card: str
    head: str
    msisdn: str | None
    amount: Money
    due_on: date


def in_section_due(connection: Connection, section_ids: Collection[int], until: date, limit: int) -> list[DueRow]:
    """The households of sections that have something to pay by a day, the oldest due first, at most ``limit``.

    As everywhere, what was paid fills the oldest dues first. One query; its cost grows with the lines of the sections'
    households: docs/membership.md has a figure.
    """
    # What a household owes after each of its dates: all that was paid comes before them, as one negative amount.
    by_date = (
        select(
            line.c.household_id,
            account.c.currency,
            line.c.due_on,
            func.sum(func.sum(line.c.amount_minor))
            .over(partition_by=(line.c.household_id, account.c.currency), order_by=line.c.due_on.asc().nulls_first())
            .label("owed_minor"),
        )
        .join(account, account.c.id == line.c.account_id)
        .join(household, household.c.id == line.c.household_id)
        .where(
            household.c.section_id.in_(section_ids),
            household.c.merged_into_id.is_(None),
            account.c.role.in_(HOUSEHOLD_ROLES),
            or_(line.c.due_on.is_(None), line.c.due_on <= until),
        )
        .group_by(line.c.household_id, account.c.currency, line.c.due_on)
        .subquery()
    )
    owing = (
        select(
            by_date.c.household_id,
            by_date.c.currency,
            func.max(by_date.c.owed_minor).label("owed_minor"),
            func.min(by_date.c.due_on).label("due_on"),
        )
        .where(by_date.c.owed_minor > 0, by_date.c.due_on.is_not(None))
        .group_by(by_date.c.household_id, by_date.c.currency)
        .order_by(func.min(by_date.c.due_on), by_date.c.household_id)
        .limit(limit)
        .subquery()
    )
    main = select(func.min(phone.c.msisdn)).where(phone.c.household_id == owing.c.household_id, phone.c.main)
    rows = connection.execute(
        select(
            household.c.card,
            beneficiary.c.name,
            main.scalar_subquery().label("msisdn"),
            owing.c.owed_minor,
            owing.c.currency,
            owing.c.due_on,
        )
        .join(household, household.c.id == owing.c.household_id)
        .join(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
        .order_by(owing.c.due_on, owing.c.household_id)
    )
    return [
        DueRow(row.card, row.name, row.msisdn, Money(int(row.owed_minor), row.currency), row.due_on) for row in rows
    ]
