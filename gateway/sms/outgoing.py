"""An SMS is written with its cause, handed over outside of any transaction, and never twice without our deciding so.

``waiting → sending → sent → delivered | failed``, and ``uncertain`` when nobody can tell whether the aggregator took
it: docs/decisions/0003-uncertain-sms.md says what becomes of those. ``sent`` becomes ``unknown`` when no report comes
(delivery.py), and ``waiting`` becomes ``skipped`` where its reader wants no SMS any more (optout.py).
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from gateway.sms.gsm7 import fold, parts
from gateway.sms.optout import may_be_sent, unless_stopped
from gateway.sms.port import Answer, SmsPort, TryAgain, Unsure
from gateway.sms.recording import record_all, worth_another
from gateway.store.if_new import if_new
from gateway.store.outbox import Ask, Task, ask_put, is_ours, patience, reopen
from gateway.store.pace import Pace
from gateway.store.schema import message
from gateway.store.together import Ask as Rows
from gateway.store.together import together
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

TOPIC = "sms.send"
PACE = "sms"  # the slots that all SMS share
RESEND_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Outgoing:
    """A message to be: ``event`` names its text, ``key`` (at most 80 characters, no phone number) makes it single."""

    event: str
    msisdn: str
    language: str
    text: str
    organisation_id: int
    household_id: int | None
    key: str


_NEW = if_new(message, "key")


def ask_messages(unit: Unit, queue: str, *outgoing: Outgoing) -> tuple[Rows, Rows]:
    """The messages and the work of sending them, for :func:`~gateway.store.together.together`.

    One whose key is known is left alone: its work is there too, or was done, and work that comes again finds that.
    """
    rows: dict[str, dict[str, Any]] = {}
    for one in outgoing:
        rows.setdefault(one.key, _row(one, unit))
    work = ask_put(unit, *(Ask(queue, TOPIC, str(row["id"]), f"sms:{key}") for key, row in rows.items()))
    return (_NEW[unit.connection.dialect.name], list(rows.values())), work


def queue_messages(unit: Unit, queue: str, *outgoing: Outgoing) -> None:
    """Write messages and the work of sending them in the caller's transaction."""
    if outgoing:
        together(unit.connection, *ask_messages(unit, queue, *outgoing))


def in_key(reader: str) -> str:
    """What stands for a reader's number, and what tells several of theirs apart, in a key, which shows no number."""
    return hashlib.blake2b(reader.encode(), digest_size=8).hexdigest()


_BY_KEY = uuid.UUID("2f0c1a9e-6d4b-5b7a-9c1e-8a35d0f4e6b2")


def message_id(key: str) -> uuid.UUID:
    """A message's id follows from its key (UUID version 5): whoever writes it again writes the same row."""
    return uuid.uuid5(_BY_KEY, key)


def _row(one: Outgoing, unit: Unit) -> dict[str, Any]:
    text = fold(one.text)
    return {
        "id": message_id(one.key),
        "key": one.key,
        "organisation_id": one.organisation_id,
        "household_id": one.household_id,
        "event": one.event,
        "msisdn": one.msisdn,
        "language": one.language,
        "text": text,
        "parts": parts(text),
        "state": "waiting",
        "created_at": unit.now,
    }


@dataclass(frozen=True)
class _Letter:
    """A message in our hands. ``sends`` counts how often the aggregator took it, or may have, before this time."""

    id: uuid.UUID
    event: str
    msisdn: str
    text: str
    sends: int


class Sender:
    """The outbox's handler for :data:`TOPIC`; the task's subject is the message's id.

    ``receipts_after_stop``: do people who stopped SMS get receipts and what concerns their money all the same?
    ``pace``: a slot of it is taken for each, and not waited for: campaigns wait for what is left of it.
    """

    def __init__(self, store: Store, port: SmsPort, receipts_after_stop: bool = True, pace: Pace | None = None) -> None:
        self._store = store
        self._port = port
        self._receipts_after_stop = receipts_after_stop
        self._pace = pace or Pace()

    def __call__(self, task: Task) -> timedelta | None:
        claimed = self._claim(task)
        if not isinstance(claimed, _Letter):
            return claimed
        answer = self._port.send(claimed.text, claimed.msisdn)
        with self._store.write() as unit:
            return self._record(unit, task, claimed, answer)

    def _claim(self, task: Task) -> _Letter | timedelta | None:
        """The message to hand over now, or how long to wait with it, or None when nothing is left to do."""
        its_id = uuid.UUID(task.subject)
        with self._store.write() as unit:
            row = unit.connection.execute(
                update(message)
                .where(message.c.id == its_id, message.c.state == "waiting")
                .values(unless_stopped(self._receipts_after_stop))
                .returning(*_LETTER, message.c.state)
            ).first()
            if row is not None:
                if row.state != "sending":
                    return None
                self._pace.reserve(unit, PACE)
                return _letter(row)
            row = unit.connection.execute(
                select(*_LETTER, message.c.state, message.c.handed_at).where(message.c.id == its_id).with_for_update()
            ).first()
            if row is None:
                log.error("message %s is to be sent, but there is no such message", its_id)
                return None
            letter = _letter(row)
            if row.state == "sending":
                # Whoever was sending it is gone, and with it the answer.
                return self._record(unit, task, letter, Unsure("interrupted"))
            if row.state != "uncertain" or not worth_another(row.event, row.sends):
                return None
            wait: timedelta = row.handed_at + RESEND_AFTER - unit.now
            if wait > timedelta(0):
                return wait
            again = update(message).where(message.c.id == its_id, may_be_sent(self._receipts_after_stop))
            return letter if unit.connection.execute(again.values(state="sending")).rowcount else None

    def _record(self, unit: Unit, task: Task, letter: _Letter, answer: Answer) -> timedelta | None:
        state = record_all(unit, self._port, [(letter.id, answer)])[letter.id]
        wait = _wait(letter, answer, task.claims) if state in ("waiting", "uncertain") else None
        if state == "waiting" and wait is not None and not is_ours(unit, task):
            # We were so slow that another called it uncertain, and may have been done with it.
            reopen(unit, task, wait)
        return wait


_LETTER = (message.c.id, message.c.event, message.c.msisdn, message.c.text, message.c.sends)


def _letter(row: Row[Any]) -> _Letter:
    return _Letter(row.id, row.event, row.msisdn, row.text, row.sends)


def _wait(letter: _Letter, answer: Answer, claims: int) -> timedelta | None:
    """When to look again at a message that isn't settled by its answer."""
    match answer:
        case TryAgain(_, after):
            return max(after, patience(claims))
        case Unsure():
            return RESEND_AFTER if worth_another(letter.event, letter.sends + 1) else None
        case _:
            return None
