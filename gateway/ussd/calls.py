"""Counted calls: where each call to the menu went and how it ended, kept without anything of the person.

The calls come from the sessions in Redis: with Redis, statistics are lost and nothing else. A call that was dropped
stays a dropped one when its caller dials again and goes on: that is another call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select

from gateway.store.if_new import if_new
from gateway.store.schema import organisation, ussd_call, ussd_charge
from gateway.store.unit import Store
from gateway.ussd.sessions import Call, Sessions

FORGOTTEN_AT_ONCE = 1_000
MOST = 32_767  # what a column of hops or seconds holds: nine hours

_NEW = if_new(ussd_call, "key")


def count_calls(store: Store, sessions: Sessions, now: datetime) -> int:
    """Write every call that is over by ``now``; gives how many were not known before.

    Raises :class:`~gateway.kernel.faults.Unavailable` when Redis or the database doesn't answer.
    """
    return sum(counting(store, sessions, now))


def counting(store: Store, sessions: Sessions, now: datetime) -> Iterator[int]:
    """The same in steps of at most some five hundred calls, each step a short transaction."""
    # Asked first: without a database nothing is taken out of Redis.
    with store.read() as connection:
        known = set(connection.scalars(select(organisation.c.id)))
    for batch in sessions.finished(now.timestamp()):
        # A session may outlive its organisation where a database was exchanged and Redis wasn't.
        yield _keep(store, [call for call in batch if call.organisation_id in known])


def _keep(store: Store, calls: Sequence[Call]) -> int:
    # Most are given again every minute until they expire: they are read, not written again.
    with store.read() as connection:
        keys = [call.key for call in calls]
        counted = set(connection.scalars(select(ussd_call.c.key).where(ussd_call.c.key.in_(keys))))
    rows = [_row(call) for call in calls if call.key not in counted]
    if not rows:
        return 0
    with store.write() as unit:
        return len(unit.connection.execute(_NEW[unit.connection.dialect.name], rows).all())


def _row(call: Call) -> dict[str, Any]:
    return {
        "key": call.key,
        "organisation_id": call.organisation_id,
        "gateway": call.gateway,
        "language": call.language,
        "started_at": datetime.fromtimestamp(call.started_s, UTC),
        "seconds": min(max(round(call.last_s - call.started_s), 0), MOST),
        "hops": min(call.hops, MOST),
        "path": list(call.path),
        "end": call.end,
    }


def forgetting(store: Store, before: datetime) -> Iterator[int]:
    """Delete the calls that began, and the charges that came, before a moment; in steps, each giving how many went."""
    for table, moment in ((ussd_call, ussd_call.c.started_at), (ussd_charge, ussd_charge.c.at)):
        old = select(table.c.key).where(moment < before).limit(FORGOTTEN_AT_ONCE)
        gone = FORGOTTEN_AT_ONCE
        while gone == FORGOTTEN_AT_ONCE:
            with store.write() as unit:
                gone = unit.connection.execute(delete(table).where(table.c.key.in_(old))).rowcount
            yield gone
