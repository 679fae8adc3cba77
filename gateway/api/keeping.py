"""What a key asked for under a name of its own (``Idempotency-Key``) happens once, and a repeat gets the same answer.

The answer is kept in the transaction that made it: what failed was not done, and may be sent again under its name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, func, insert, select

from gateway.api.problems import Problem
from gateway.store.schema import api_answer
from gateway.store.unit import Store, Unit

KEPT = timedelta(days=7)
LONGEST_NAME = 200
NAME = re.compile(rf"[A-Za-z0-9_.:-]{{1,{LONGEST_NAME}}}", re.ASCII)
AT_ONCE = 1_000  # answers that one transaction forgets

_MINE = select(func.pg_try_advisory_xact_lock(bindparam("turn", type_=BigInteger)))


@dataclass(frozen=True)
class Kept:
    """An answer as it is kept; ``again``: it is a repeat's."""

    status: int
    place: str | None
    body: Any
    again: bool = False


def digest(*parts: str | bytes) -> str:
    """What is kept of a name and of what was asked: nobody's number stands in it."""
    found = hashlib.blake2b(digest_size=32)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()


def once(unit: Unit, key_id: int, name: str, asked: str, do: Callable[[], Kept]) -> Kept:
    """Do it, unless this key asked for it under this name before. ``asked``: a digest of all that was asked.

    Raises :class:`Problem`: ``in-progress`` while another call does it, ``used-otherwise`` for something else under the
    same name.
    """
    named = digest(name)
    if not _is_mine(unit, f"api {key_id} {named}"):
        raise Problem("in-progress", headers={"Retry-After": "1"})
    own = (api_answer.c.api_key_id == key_id) & (api_answer.c.once == named)
    before = unit.connection.execute(select(api_answer).where(own)).first()
    if before is not None:
        if before.asked != asked:
            raise Problem("used-otherwise")
        return Kept(before.status, before.place, before.body, again=True)
    done = do()
    row = {
        "api_key_id": key_id,
        "once": named,
        "asked": asked,
        "status": done.status,
        "place": done.place,
        "body": json.loads(done.body) if isinstance(done.body, bytes) else done.body,
        "at": unit.now,
    }
    unit.connection.execute(insert(api_answer).values(row))
    return done


def _is_mine(unit: Unit, subject: str) -> bool:
    """Does nobody else do it just now? On SQLite writers wait for each other anyway, and find what was done."""
    if unit.connection.dialect.name != "postgresql":
        return True
    turn = int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest(), "big", signed=True)
    return bool(unit.connection.scalar(_MINE, {"turn": turn}))


def forgetting(store: Store, now: datetime) -> Iterator[int]:
    """Forget answers after :data:`KEPT`, some at a time; gives how many."""
    while True:
        with store.write() as unit:
            old = select(api_answer.c.api_key_id, api_answer.c.once).where(api_answer.c.at < now - KEPT).limit(AT_ONCE)
            rows = unit.connection.execute(old).all()
            for row in rows:
                own = (api_answer.c.api_key_id == row.api_key_id) & (api_answer.c.once == row.once)
                unit.connection.execute(delete(api_answer).where(own))
        yield len(rows)
        if len(rows) < AT_ONCE:
            return
