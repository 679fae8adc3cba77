"""The messages that were written to one household, the newest first; found by the numbers that it has or had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from gateway.store.schema import message


@dataclass(frozen=True)
class Written:
    """A message: to which number, about what (an event), its text, and what became of it."""

    at: datetime
    event: str
    msisdn: str
    text: str
    state: str
    reason: str | None


def written_to(
    connection: Connection, household_id: int, msisdns: Sequence[str], limit: int, before: datetime | None = None
) -> list[Written]:
    """A household's messages to some numbers, the newest first; ``before``: those older than a moment.

    Found by the numbers, as they have an index; of a number that several households share, only this one's.
    """
    if not msisdns:
        return []
    asked = select(
        message.c.created_at, message.c.event, message.c.msisdn, message.c.text, message.c.state, message.c.reason
    ).where(message.c.msisdn.in_(msisdns), message.c.household_id == household_id)
    if before is not None:
        asked = asked.where(message.c.created_at < before)
    rows = connection.execute(asked.order_by(message.c.created_at.desc(), message.c.id).limit(limit))
    return [Written(*row) for row in rows]
