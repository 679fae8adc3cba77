"""Values sent to DHIS2, data set by data set: written down before each call, with what it said behind it.

A process that dies between the two leaves a row that is *sending*: nobody knows, and sending again does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from gateway.exchange.dhis2.client import Dhis2, Outcome
from gateway.exchange.dhis2.values import Values, payload
from gateway.indicators.periods import Period
from gateway.network.organisations import Organisation
from gateway.store.schema import dhis2_sending, organisation
from gateway.store.unit import Store

MOST_VALUES = 5_000  # in one call


@dataclass(frozen=True)
class Sent:
    """A call: so many values of a data set, and what became of them."""

    data_set: str
    count: int
    outcome: Outcome


def send(
    store: Store, server: Dhis2, place: Organisation, period: Period, values: Values, *, dry_run: bool = False
) -> Iterator[Sent]:
    """Send them, one call after the other; stops after one whose outcome isn't known or that never left.

    With ``dry_run`` nothing is written down, here or there.
    """
    for data_set, of_set in values.by_set().items():
        for start in range(0, len(of_set), MOST_VALUES):
            part = of_set[start : start + MOST_VALUES]
            body = payload(data_set, part)
            its_id = None if dry_run else _begin(store, place, period, data_set, len(part))
            outcome = server.send(body, dry_run=dry_run)
            if its_id is not None:
                _record(store, its_id, outcome)
            yield Sent(data_set, len(part), outcome)
            if outcome.state == "unknown" or (outcome.state == "refused" and not outcome.ignored):
                return


def _begin(store: Store, place: Organisation, period: Period, data_set: str, count: int) -> int:
    with store.write() as unit:
        values = {
            "organisation_id": place.id,
            "period": period.dhis2,
            "data_set": data_set,
            "sent_values": count,
            "state": "sending",
            "started_at": unit.now,
        }
        made = unit.connection.execute(insert(dhis2_sending).values(values).returning(dhis2_sending.c.id))
        return int(made.scalar_one())


def _record(store: Store, its_id: int, outcome: Outcome) -> None:
    with store.write() as unit:
        unit.connection.execute(
            update(dhis2_sending)
            .where(dhis2_sending.c.id == its_id)
            .values(
                state=outcome.state,
                finished_at=unit.now,
                imported=outcome.imported,
                updated=outcome.updated,
                ignored=outcome.ignored,
                said=outcome.said,
            )
        )


@dataclass(frozen=True)
class Sending:
    """A call as it is kept; ``sending``: it was begun, and what became of it isn't known."""

    id: int
    organisation_id: int
    period: str
    data_set: str
    sent_values: int
    state: str
    started_at: datetime
    said: str | None


def newest(connection: Connection, under_path: str, limit: int) -> list[Sending]:
    """The newest calls for organisations at or below a path."""
    rows = connection.execute(
        select(
            dhis2_sending.c.id,
            dhis2_sending.c.organisation_id,
            dhis2_sending.c.period,
            dhis2_sending.c.data_set,
            dhis2_sending.c.sent_values,
            dhis2_sending.c.state,
            dhis2_sending.c.started_at,
            dhis2_sending.c.said,
        )
        .join(organisation, organisation.c.id == dhis2_sending.c.organisation_id)
        .where(organisation.c.path.startswith(under_path))
        .order_by(dhis2_sending.c.id.desc())
        .limit(limit)
    )
    return [Sending(*row) for row in rows]
