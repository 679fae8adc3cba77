"""The name of the head of a household, as one column of whatever query has the household: NULL where there is none."""

from __future__ import annotations

from sqlalchemy import select

from gateway.store.schema import beneficiary, household

HEAD_NAME = (
    select(beneficiary.c.name)
    .where(
        beneficiary.c.household_id == household.c.id, beneficiary.c.relation == "head", beneficiary.c.left_on.is_(None)
    )
    .order_by(beneficiary.c.id)
    .limit(1)
    .scalar_subquery()
)
