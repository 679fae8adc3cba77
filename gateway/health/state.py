"""Looks at everything that the gateway stands on, each part by itself, within a second or two."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import redis
from sqlalchemy import Column, Select, func, select, text

from gateway.kernel.faults import Unavailable
from gateway.payments.states import UNDECIDED
from gateway.store import migrate, outbox
from gateway.store.schema import collection, message
from gateway.store.unit import Store

log = logging.getLogger(__name__)

# Work that is later than this means that workers are missing or an operator is down.
LATE_AFTER_S = 60.0


@dataclass(frozen=True)
class Part:
    """One part: ``ok``, ``late`` (works, but somebody should look) or ``down``."""

    name: str
    state: str
    detail: str = ""


def look(store: Store, client: redis.Redis) -> list[Part]:
    """The state of the database, its version, Redis and the queues."""
    database = _try("database", lambda: _database(store))
    parts = [database, _try("redis", lambda: _redis(client))]
    return [*parts, *_queues(store)] if database.state == "ok" else parts


def _try(name: str, ask: Callable[[], Part]) -> Part:
    try:
        return ask()
    except (Unavailable, redis.RedisError) as down:
        log.error("%s is down: %s", name, down)
        return Part(name, "down", "no answer")  # the driver's own words hold hosts and users


def _database(store: Store) -> Part:
    with store.read() as connection:
        found, expected = migrate.current(connection), migrate.newest()
        known = not found or found in migrate.known()
    if found != expected:
        advice = "run gateway migrate" if known else "this program is older than its database, update it"
        return Part("database", "down", f"version {found or 'none'}, expected {expected}: {advice}")
    return Part("database", "ok", f"version {found}")


def _redis(client: redis.Redis) -> Part:
    client.ping()
    return Part("redis", "ok")


def _queues(store: Store) -> list[Part]:
    try:
        with store.read() as connection:
            ages = outbox.ages(connection, store.clock.now())
    except Unavailable:
        return [Part("queues", "down", "no answer")]
    parts = []
    for queue in outbox.QUEUES:
        count, late_s = ages.get(queue, (0, 0.0))
        parts.append(
            Part(f"queue {queue}", "late" if late_s > LATE_AFTER_S else "ok", f"{count} due, {late_s:.0f} s late")
        )
    return parts


# The states that aren't an end; a partial index holds the rows of just these.
_OPEN = {
    "collections": (collection.c.state, tuple(sorted(UNDECIDED))),
    "messages": (message.c.state, ("sending", "uncertain", "waiting")),
}


def figures(store: Store) -> dict[str, dict[str, int]]:
    """How many collections and messages stand in each state that isn't an end."""
    found = {}
    with store.read() as connection:
        for name, (state, states) in _OPEN.items():
            counted = {str(row.state): int(row.many) for row in connection.execute(_count(state, states))}
            found[name] = {str(each): counted.get(str(each), 0) for each in states}
    return found


def _count(state: Column[Any], states: Sequence[str]) -> Select[Any]:
    # Written out, so that the database sees that the partial index will do.
    listed = ", ".join(f"'{each}'" for each in states)
    return select(state.label("state"), func.count().label("many")).where(text(f"state in ({listed})")).group_by(state)
