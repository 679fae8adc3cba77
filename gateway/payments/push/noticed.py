"""Notices as they came: each body is kept once and counted, and a flood of them costs few rows and few questions.

What isn't kept is only counted. No payment hangs on it: whatever a notice says, the operator is asked, and asked again
without one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, case, func, select, update

from gateway.store.or_set import or_set_to
from gateway.store.schema import collection, notice
from gateway.store.together import Ask, together
from gateway.store.types import Instant
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


def _counted() -> Any:
    """One more of the same body, or, where it isn't kept, of the newest."""
    its_own = (notice.c.source == bindparam("src")) & (notice.c.reference == bindparam("ref"))
    same = select(notice.c.id).where(its_own, notice.c.digest == bindparam("its_digest")).scalar_subquery()
    newest = select(func.max(notice.c.id)).where(its_own).scalar_subquery()
    return update(notice).where(notice.c.id == func.coalesce(same, newest)).values(times=notice.c.times + 1)


_COUNT = _counted()
_KEEP = or_set_to(notice, ("source", "reference", "digest"), lambda _: {"times": notice.c.times + 1})


@dataclass(frozen=True)
class Noticed:
    """What is known of a reference: bodies kept within a day, notices that came, the token of its order."""

    bodies: int
    came: int
    token: str | None


_KNOWN = select(
    func.coalesce(func.sum(case((notice.c.received_at > bindparam("a_day_ago", type_=Instant), 1), else_=0)), 0),
    func.coalesce(func.sum(notice.c.times), 0),
    select(collection.c.token)
    .where(collection.c.key == bindparam("ref"), collection.c.provider == bindparam("src"))
    .scalar_subquery(),
).where(notice.c.source == bindparam("src"), notice.c.reference == bindparam("ref"))


def known_of(unit: Unit, source: str, reference: str) -> Noticed:
    """What is known of a reference."""
    given = {"src": source, "ref": reference, "a_day_ago": unit.now - timedelta(days=1)}
    [[row]] = together(unit.connection, (_KNOWN, given))
    return Noticed(*row)


def ask_keep(unit: Unit, known: Noticed, source: str, reference: str, content_type: str, body: bytes) -> Ask:
    """Keep a notice, or count it, for :func:`~gateway.store.together.together`."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    if known.bodies >= MOST_BODIES:
        return _COUNT, {"src": source, "ref": reference, "its_digest": digest}
    row = {
        "source": source,
        "reference": reference,
        "received_at": unit.now,
        "content_type": content_type[:60],
        "body": body,
        "digest": digest,
    }
    return _KEEP[unit.connection.dialect.name], row


def look_after(came: int) -> timedelta:
    """How soon the latest of so many notices leads to a look."""
    return next((wait for up_to, wait in LOOK_AFTER if came <= up_to), LOOK_AT_LAST)
