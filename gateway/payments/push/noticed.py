"""Notices as they came: each body is kept once and counted, and a flood of them costs few rows and few questions.

What isn't kept is only counted. No payment hangs on it: whatever a notice says, the operator is asked, and asked again
without one.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.store.schema import notice
from gateway.store.unit import Unit

# Bodies that are kept of one reference within a day: an operator sends a handful, repeats included.
MOST_BODIES = 100
# How soon a notice leads to a look, by how many have come for its reference: the first at once, then less and less.
LOOK_AFTER = (
    (3, timedelta(0)),
    (20, timedelta(seconds=10)),
    (100, timedelta(minutes=1)),
)
LOOK_AT_LAST = timedelta(minutes=15)


def _kept_or_counted(insert: Any) -> Any:
    return insert(notice).on_conflict_do_update(
        index_elements=["source", "reference", "digest"], set_={"times": notice.c.times + 1}
    )


_KEEP = {"postgresql": _kept_or_counted(postgresql.insert), "sqlite": _kept_or_counted(sqlite.insert)}


def keep_notice(unit: Unit, source: str, reference: str, content_type: str, body: bytes) -> int:
    """Keep a notice in the caller's transaction, or count it; how many have come for its reference, this one too."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    its_own = (notice.c.source == source) & (notice.c.reference == reference)
    a_day_ago = unit.now - timedelta(days=1)
    bodies, came = unit.connection.execute(
        select(
            func.coalesce(func.sum(case((notice.c.received_at > a_day_ago, 1), else_=0)), 0),
            func.coalesce(func.sum(notice.c.times), 0),
        ).where(its_own)
    ).one()
    if bodies >= MOST_BODIES:
        same = select(notice.c.id).where(its_own, notice.c.digest == digest)
        newest = select(func.max(notice.c.id)).where(its_own)
        which = func.coalesce(same.scalar_subquery(), newest.scalar_subquery())
        unit.connection.execute(update(notice).where(notice.c.id == which).values(times=notice.c.times + 1))
    else:
        row = {
            "source": source,
            "reference": reference,
            "received_at": unit.now,
            "content_type": content_type[:60],
            "body": body,
            "digest": digest,
        }
        unit.connection.execute(_KEEP[unit.connection.dialect.name], row)
    return int(came) + 1


def look_after(came: int) -> timedelta:
    """How soon the latest of so many notices leads to a look."""
    return next((wait for up_to, wait in LOOK_AFTER if came <= up_to), LOOK_AT_LAST)
