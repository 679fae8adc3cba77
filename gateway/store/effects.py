"""An effect that a person asked for happens once: its key is written with it, and a repeat finds what it answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sqlalchemy import select, update

from gateway.store.if_new import if_new
from gateway.store.schema import effect
from gateway.store.unit import Store, Unit

Outcome = dict[str, Any]


def effect_key(*parts: str) -> str:
    """The key of an effect: a digest, so that no number or text of a person stands in it."""
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=24).hexdigest()


_NEW = if_new(effect, "key")


def once(store: Store, key: str, kind: str, do: Callable[[Unit], Outcome]) -> Outcome:
    """Do ``do`` in one transaction with its key; when the key is known, do nothing and give the stored outcome.

    Of two that come at the same moment the second waits on the key until the first has committed.
    """
    with store.write() as unit:
        return once_in(unit, key, kind, do)


def once_in(unit: Unit, key: str, kind: str, do: Callable[[Unit], Outcome]) -> Outcome:
    """The same in the caller's own transaction."""
    row = {"key": key, "kind": kind, "at": unit.now, "outcome": {}}
    if unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None:
        outcome = do(unit)
        unit.connection.execute(update(effect).where(effect.c.key == key).values(outcome=outcome))
        return outcome
    stored = unit.connection.execute(select(effect.c.outcome).where(effect.c.key == key)).scalar_one()
    return dict(stored)
