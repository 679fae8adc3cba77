"""The story of a household: who changed what about it, and when; its rows are only ever added to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert

from gateway.store.schema import household_change
from gateway.store.unit import Unit


@dataclass(frozen=True)
class By:
    """Who did it: the phone it was asked from (None: from the office), and whoever did it for the household.

    ``name``: as whoever did it in the office gave theirs.
    """

    msisdn: str | None
    staff_id: int | None = None
    name: str | None = None


def write_change(
    unit: Unit,
    household_id: int,
    kind: str,
    by: By,
    *,
    beneficiary_id: int | None = None,
    happened_on: date | None = None,
    note: str | None = None,
) -> None:
    """Write a change into the household's story; ``happened_on`` is its own day, however late it is told of."""
    unit.connection.execute(
        insert(household_change).values(
            household_id=household_id,
            at=unit.now,
            kind=kind,
            msisdn=by.msisdn,
            staff_id=by.staff_id,
            beneficiary_id=beneficiary_id,
            happened_on=happened_on,
            note=note,
            by_name=by.name,
        )
    )
