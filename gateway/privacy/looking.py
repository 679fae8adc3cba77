"""Who looked at whose record: written once for each hour, never in the way of what is shown, forgotten after a time."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, select

from gateway.kernel.faults import Unavailable
from gateway.store.if_new import if_new
from gateway.store.schema import household_look
from gateway.store.unit import Store

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=400)  # a year, and what it takes to ask about its last days
_FORGOTTEN_AT_ONCE = 5_000

How = Literal["office", "api", "command"]
_NEW = if_new(household_look, "household_id", "doer", "hour")


@dataclass(frozen=True)
class Looker:
    """Whoever looks: ``doer`` tells them from everybody else for good, ``name`` is as they were called then."""

    doer: str
    name: str
    how: How

    @classmethod
    def login(cls, its_id: int, name: str) -> Looker:
        """Somebody in the office, by their login."""
        return cls(f"login:{its_id}", name, "office")

    @classmethod
    def key(cls, its_id: int, name: str) -> Looker:
        """Another system, by its key."""
        return cls(f"key:{its_id}", name, "api")

    @classmethod
    def command(cls, name: str) -> Looker:
        """Somebody at the command line, as they give their name."""
        digest = hashlib.blake2b(name.casefold().encode(), digest_size=7).hexdigest()
        return cls(f"command:{digest}", name, "command")


@dataclass(frozen=True)
class Look:
    """Somebody was shown a household in the hour that begins at ``hour``."""

    by: str
    how: str
    hour: datetime


def looked(store: Store, who: Looker, household_ids: Sequence[int], at: datetime) -> None:
    """Write down that somebody was shown households; never raises because the database is busy or away.

    Outside of any transaction, and after what is shown was read. A second look within the hour costs one question.
    """
    hour = at.replace(minute=0, second=0, microsecond=0)
    rows = [
        {"household_id": each, "doer": who.doer, "hour": hour, "by_name": who.name[:60], "how": who.how}
        for each in sorted(set(household_ids))
    ]
    try:
        with store.read() as connection:
            known = set(
                connection.scalars(
                    select(household_look.c.household_id).where(
                        household_look.c.household_id.in_([row["household_id"] for row in rows]),
                        household_look.c.doer == who.doer,
                        household_look.c.hour == hour,
                    )
                )
            )
        new = [row for row in rows if row["household_id"] not in known]
        if new:
            with store.write() as unit:
                for row in new:
                    unit.connection.execute(_NEW[unit.connection.dialect.name], row)
    except Unavailable as down:
        log.warning("that somebody looked at households can't be written: %s", down)


def looks_at(connection: Connection, household_id: int, limit: int, since: datetime | None = None) -> list[Look]:
    """Who looked at a household, the latest first."""
    asked = select(household_look.c.by_name, household_look.c.how, household_look.c.hour).where(
        household_look.c.household_id == household_id
    )
    if since is not None:
        asked = asked.where(household_look.c.hour >= since)
    rows = connection.execute(asked.order_by(household_look.c.hour.desc(), household_look.c.doer).limit(limit))
    return [Look(*row) for row in rows]


def forgetting(store: Store, now: datetime) -> Iterator[int]:
    """Forget looks older than :data:`KEPT_FOR`, some thousand at a time; gives how many each step took away."""
    last = now - KEPT_FOR
    while True:
        with store.write() as unit:
            key = (household_look.c.household_id, household_look.c.doer, household_look.c.hour)
            old = unit.connection.execute(
                select(*key)
                .where(household_look.c.hour < last)
                .order_by(household_look.c.hour)
                .limit(_FORGOTTEN_AT_ONCE)
            ).all()
            if not old:
                return
            until = old[-1].hour
            gone = unit.connection.execute(delete(household_look).where(household_look.c.hour <= until)).rowcount
        yield gone
