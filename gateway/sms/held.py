"""Messages that wait to be told together: each is written with its cause, and told once, in one SMS or by itself.

A held message is a row like any other, ``skipped`` because it waits for a digest: whoever tells it marks it in the
transaction that writes the digest, so nothing is lost or told twice whatever dies when, and no clock takes part in it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from gateway.kernel.money import Money
from gateway.sms.outgoing import TOPIC, Outgoing, ask_messages
from gateway.store.outbox import Ask, put
from gateway.store.schema import message
from gateway.store.together import Ask as Rows
from gateway.store.unit import Unit

# What the reason of a held message begins with; who it is for, of which kind it is and its amount follow. Of what is
# SAID already, at once and by an SMS of its own, the amount alone is wanted.
HELD, SAID = "held", "said"
TOLD = "in a digest"  # the reason of what a digest has told
_BATCH = 500  # of ids in one statement


@dataclass(frozen=True)
class Held:
    """A message to hold for one of the staff: ``kind`` is a short word by which digests add up, ``amount`` its own."""

    outgoing: Outgoing
    staff_id: int
    kind: str
    amount: Money
    said: bool = False

    @property
    def reason(self) -> str:
        """As it stands in the row."""
        word = SAID if self.said else HELD
        return f"{word}:{self.staff_id}:{self.kind}:{self.amount.minor}:{self.amount.currency}"


@dataclass(frozen=True)
class Kept:
    """A held message as it was read back; ``said`` where its reader has had it by itself."""

    id: uuid.UUID
    key: str
    kind: str
    amount: Money
    at: datetime
    said: bool


def ask_held(unit: Unit, held: Sequence[Held]) -> Rows:
    """The rows to be, for :func:`~gateway.store.together.together`; one whose key is known is left alone."""
    (statement, rows), _ = ask_messages(unit, "receipts", *(one.outgoing for one in held))
    reasons = {one.outgoing.key: one.reason for one in held}
    assert not isinstance(rows, dict)
    return statement, [{**row, "state": "skipped", "reason": reasons[row["key"]]} for row in _each(rows)]


def ask_later(unit: Unit, queue: str, after: timedelta, outgoing: Sequence[Outgoing]) -> tuple[Rows, Rows]:
    """Messages and the work of sending them a while from now, for :func:`~gateway.store.together.together`."""
    rows, (statement, work) = ask_messages(unit, queue, *outgoing)
    return rows, (statement, [{**each, "due_at": each["due_at"] + after} for each in _each(work)])


def _each(rows: Any) -> Iterable[dict[str, Any]]:
    return rows if isinstance(rows, list) else [rows]


def lock_held(unit: Unit, staff_id: int, msisdn: str, until: datetime) -> list[Kept]:
    """What is held for one of the staff and was written by a moment, the oldest first, locked."""
    mine = or_(*(message.c.reason.like(f"{word}:{staff_id}:%") for word in (HELD, SAID)))
    rows = unit.connection.execute(
        select(message.c.id, message.c.key, message.c.reason, message.c.created_at)
        .where(message.c.msisdn == msisdn, message.c.state == "skipped", mine, message.c.created_at <= until)
        .order_by(message.c.created_at, message.c.id)
        .with_for_update()
    )
    return [_kept(row) for row in rows]


def _kept(row: Any) -> Kept:
    word, _, kind, minor, currency = row.reason.split(":")
    return Kept(row.id, row.key, kind, Money(int(minor), currency), row.created_at, word == SAID)


def mark_told(unit: Unit, kept: Sequence[Kept]) -> None:
    """A digest has told these."""
    for begin in range(0, len(kept), _BATCH):
        ids = [one.id for one in kept[begin : begin + _BATCH]]
        unit.connection.execute(update(message).where(message.c.id.in_(ids)).values(reason=TOLD))


def release(unit: Unit, one: Kept) -> None:
    """Send a held message by itself after all."""
    unit.connection.execute(update(message).where(message.c.id == one.id).values(state="waiting", reason=None))
    put(unit, Ask("receipts", TOPIC, str(one.id), f"sms:{one.key}"))
