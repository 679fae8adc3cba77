"""Turns: two transactions that deal with the same thing go one after the other, also while no row of it exists yet."""

from __future__ import annotations

import hashlib

from sqlalchemy import BigInteger, bindparam, func, select

from gateway.store.together import Ask, together
from gateway.store.unit import Unit

_TURN = select(func.pg_advisory_xact_lock(bindparam("turn", type_=BigInteger)))


def ask_turn(unit: Unit, subject: str) -> tuple[Ask, ...]:
    """What to ask first of all, for :func:`~gateway.store.together.together`: it waits until nobody else has the turn.

    Nothing on SQLite, where writing transactions take turns anyway. The turn ends with the transaction.
    """
    if unit.connection.dialect.name != "postgresql":
        return ()
    digest = hashlib.blake2b(subject.encode(), digest_size=8).digest()
    return ((_TURN, {"turn": int.from_bytes(digest, "big", signed=True)}),)


def take_turn(unit: Unit, subject: str) -> None:
    """Wait for the turn, before any row is locked."""
    together(unit.connection, *ask_turn(unit, subject))
