"""Somebody asks what is kept about their household: who, how it was made sure who they are, until when, and answered.

An answer is due within a month, as article 12(3) of the European GDPR has it and most African laws after it; an
organisation's own law may say less.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.membership.dues import add_months
from gateway.store.schema import data_request, household, organisation
from gateway.store.unit import Unit


class BadRequest(Fault):
    """This can't be written down so."""


@dataclass(frozen=True)
class DataRequest:
    """A wish to see what is kept."""

    id: int
    household_id: int
    organisation_id: int
    card: str
    asked_by: str
    checked: str
    asked_on: date
    due_on: date
    by: str
    answered_at: datetime | None
    answered_by: str | None


def ask(
    unit: Unit, household_id: int, organisation_id: int, asked_by: str, checked: str, asked_on: date, today: date,
    by_name: str,
) -> int:  # fmt: skip
    """Write down that ``asked_by`` wants to know, and how they were known (``checked``); its id."""
    if asked_on > today:
        raise BadRequest(mark("this day lies ahead"))
    if not asked_by.strip() or not checked.strip():
        raise BadRequest(mark("say who asks, and how it was made sure who they are"))
    made = unit.connection.execute(
        insert(data_request).values(
            household_id=household_id, organisation_id=organisation_id, asked_by=asked_by[:80], checked=checked[:120],
            asked_on=asked_on, due_on=add_months(asked_on, 1), written_at=unit.now, by_name=by_name,
        )
    )  # fmt: skip
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def answered(unit: Unit, request_id: int, by_name: str) -> bool:
    """It was answered now; False where it was before."""
    done = unit.connection.execute(
        update(data_request)
        .where(data_request.c.id == request_id, data_request.c.answered_at.is_(None))
        .values(answered_at=unit.now, answered_by=by_name)
    )
    return bool(done.rowcount)


def data_requests(
    connection: Connection,
    path: str,
    *,
    every: bool = False,
    household_id: int | None = None,
    only: int | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[DataRequest]:
    """Those below a path that wait for an answer, or all of them; the newest first. ``only``: the one of this id."""
    asked = (
        select(
            data_request.c.id, data_request.c.household_id, data_request.c.organisation_id, household.c.card,
            data_request.c.asked_by, data_request.c.checked, data_request.c.asked_on, data_request.c.due_on,
            data_request.c.by_name, data_request.c.answered_at, data_request.c.answered_by,
        )
        .join(household, household.c.id == data_request.c.household_id)
        .join(organisation, organisation.c.id == data_request.c.organisation_id)
        .where(organisation.c.path.like(f"{path}%"))
    )  # fmt: skip
    if not every:
        asked = asked.where(data_request.c.answered_at.is_(None))
    if household_id is not None:
        asked = asked.where(data_request.c.household_id == household_id)
    if only is not None:
        asked = asked.where(data_request.c.id == only)
    if before is not None:
        asked = asked.where(data_request.c.id < before)
    return [DataRequest(*row) for row in connection.execute(asked.order_by(data_request.c.id.desc()).limit(limit))]
