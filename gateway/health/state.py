"""Looks at everything that the gateway stands on, each part by itself, within a second or two."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis
from sqlalchemy import Column, Select, TextClause, case, func, select, text

from gateway.kernel.faults import Unavailable
from gateway.payments.states import UNDECIDED, State
from gateway.sms.aggregators import Trouble, troubles
from gateway.store import migrate, outbox
from gateway.store.schema import collection, collection_event, message
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
    """The state of the database, its version, Redis, the queues, and the aggregators that are in trouble."""
    database = _try("database", lambda: _database(store))
    parts = [database, _try("redis", lambda: _redis(client))]
    return [*parts, *_queues(store), *_aggregators(store)] if database.state == "ok" else parts


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


def left_alone(store: Store) -> list[Trouble]:
    """The SMS aggregators that are left alone, or are about to be tried again."""
    with store.read() as connection:
        return [one for one in troubles(connection) if one.until is not None]


def _aggregators(store: Store) -> list[Part]:
    try:
        found = left_alone(store)
    except Unavailable:
        return [Part("sms", "down", "no answer")]
    return [
        Part(f"sms {one.name}", "late", f"{one.reason} since {one.since:%Y-%m-%d %H:%M} UTC, tried again by itself")
        for one in found
    ]


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
        # No end either: their reports are waited for. They have a partial index of their own.
        unreported = select(func.count()).select_from(message).where(text("state = 'sent'"))
        found["messages"]["sent"] = connection.scalar(unreported) or 0
    return found


# Whoever looks at this wants to know how many are older than these, in seconds.
OLDER_THAN_S = (60, 900, 3_600, 86_400, 259_200)
# The newest postings that are looked at for their lag, of the last hour at most.
_POSTINGS, _POSTED_WITHIN = 1_000, timedelta(hours=1)


@dataclass(frozen=True)
class Lag:
    """How late money is: how many undecided payments are older than each of ``OLDER_THAN_S``, and by how many seconds
    the last hour's postings came after the operator's own time of payment (where it tells one) and after the asking,
    at most and on average; None where nothing was posted.
    """

    older_than: dict[int, int]
    after_paid: tuple[float, float] | None
    after_asked: tuple[float, float] | None


def lag(store: Store) -> Lag:
    """How late money is."""
    now = store.clock.now()
    ages = [
        func.coalesce(func.sum(case((collection.c.created_at <= now - timedelta(seconds=each), 1), else_=0)), 0)
        for each in OLDER_THAN_S
    ]
    newest = (
        select(collection_event.c.collection_id, collection_event.c.at)
        .where(collection_event.c.to_state == State.PAID)
        .order_by(collection_event.c.id.desc())
        .limit(_POSTINGS)
        .subquery()
    )
    posted = (
        select(newest.c.at, collection.c.paid_at, collection.c.created_at)
        .join(collection, collection.c.id == newest.c.collection_id)
        .where(newest.c.at > now - _POSTED_WITHIN, collection.c.way == "push")
    )
    with store.read() as connection:
        counted = connection.execute(select(*ages).where(_is_open(tuple(sorted(UNDECIDED))))).one()
        rows = connection.execute(posted).all()
    return Lag(
        dict(zip(OLDER_THAN_S, map(int, counted), strict=True)),
        _largest_and_mean([(row.at - row.paid_at).total_seconds() for row in rows if row.paid_at < row.at]),
        _largest_and_mean([(row.at - row.created_at).total_seconds() for row in rows]),
    )


def _largest_and_mean(seconds: Sequence[float]) -> tuple[float, float] | None:
    return (max(seconds), sum(seconds) / len(seconds)) if seconds else None


def _count(state: Column[Any], states: Sequence[str]) -> Select[Any]:
    return select(state.label("state"), func.count().label("many")).where(_is_open(states)).group_by(state)


def _is_open(states: Sequence[str]) -> TextClause:
    # Written out, so that the database sees that the partial index will do.
    listed = ", ".join(f"'{each}'" for each in states)
    return text(f"state in ({listed})")
