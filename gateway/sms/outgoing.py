"""An SMS is written with its cause, handed over outside of any transaction, and never twice without our deciding so.

``waiting → sending → sent → delivered | failed``, and ``uncertain`` when nobody can tell whether the aggregator took
it: docs/decisions/0003-uncertain-sms.md says what becomes of those.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select, update

from gateway.sms.costs import read_cost
from gateway.sms.gsm7 import fold, parts
from gateway.sms.port import Answer, Handed, Refused, SmsPort, TryAgain, Unsure
from gateway.sms.reports import replay
from gateway.store.if_new import if_new
from gateway.store.outbox import Ask, Task, ask_put, patience
from gateway.store.schema import message
from gateway.store.together import Ask as Rows
from gateway.store.together import together
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

TOPIC = "sms.send"
# Texts that people wait for, and that say the same when they come twice: worth one more try when one is uncertain.
RECEIPT_EVENTS = frozenset({"receipt", "treasurer", "not_paid", "registered"})
RESEND_AFTER = timedelta(minutes=10)
MOST_SENDS = 2


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

    @property
    def worth_another(self) -> bool:
        return self.event in RECEIPT_EVENTS and self.sends < MOST_SENDS


@dataclass(frozen=True)
class _Verdict:
    """What an answer makes of a message: its state, why, how often it may have been sent, when to look again."""

    state: str
    reason: str | None
    sends: int
    wait: timedelta | None


class Sender:
    """The outbox's handler for :data:`TOPIC`; the task's subject is the message's id."""

    def __init__(self, store: Store, port: SmsPort) -> None:
        self._store = store
        self._port = port

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
            waiting = (message.c.id == its_id) & (message.c.state == "waiting")
            row = unit.connection.execute(
                update(message).where(waiting).values(state="sending").returning(*_LETTER)
            ).first()
            if row is not None:
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
            if row.state != "uncertain" or not letter.worth_another:
                return None
            wait: timedelta = row.handed_at + RESEND_AFTER - unit.now
            if wait > timedelta(0):
                return wait
            unit.connection.execute(update(message).where(message.c.id == its_id).values(state="sending"))
            return letter

    def _record(self, unit: Unit, task: Task, letter: _Letter, answer: Answer) -> timedelta | None:
        row = unit.connection.execute(
            select(message.c.state, message.c.aggregator_id).where(message.c.id == letter.id).with_for_update()
        ).one()
        if row.state not in ("sending", "uncertain"):
            return None  # settled meanwhile, by a report or by whoever thought us gone
        verdict = _verdict(letter, answer, task.claims)
        changes: dict[str, Any] = {"state": verdict.state, "reason": verdict.reason, "sends": verdict.sends}
        if isinstance(answer, Handed | Unsure):
            changes |= {"handed_at": unit.now, "aggregator": answer.by or None}
        # An id that is there already came with a report while we were sending (see reports.py).
        aggregator_id = row.aggregator_id if verdict.state in ("sent", "uncertain") else None
        if isinstance(answer, Handed):
            aggregator_id = answer.aggregator_id or aggregator_id
            changes |= cost_columns(answer)
        changes["aggregator_id"] = aggregator_id
        if aggregator_id is not None:
            changes |= {"state": "sent", "reason": None}
            changes |= replay(unit.connection, self._port.reports, aggregator_id, self._port.read_report)
        unit.connection.execute(update(message).where(message.c.id == letter.id).values(changes))
        if changes["state"] == "uncertain":
            log.warning("message %s may or may not have been sent: %s", letter.id, verdict.reason)
        return verdict.wait if changes["state"] in ("waiting", "uncertain") else None


def cost_columns(answer: Handed) -> dict[str, Any]:
    """What the aggregator took for a message, as it worded it and as a count."""
    cost = read_cost(answer.cost)
    return {
        "cost": answer.cost,
        "cost_e4": cost.e4 if cost else None,
        "cost_currency": cost.currency if cost else None,
    }


_LETTER = (message.c.id, message.c.event, message.c.msisdn, message.c.text, message.c.sends)


def _letter(row: Row[Any]) -> _Letter:
    return _Letter(row.id, row.event, row.msisdn, row.text, row.sends)


def _verdict(letter: _Letter, answer: Answer, claims: int) -> _Verdict:
    """What follows from an answer. After an uncertain send nothing makes it certain that nobody got the message."""
    first = letter.sends == 0
    match answer:
        case Handed():
            return _Verdict("sent", None, letter.sends + 1, None)
        case Unsure(reason):
            more = letter.event in RECEIPT_EVENTS and letter.sends + 1 < MOST_SENDS
            return _Verdict("uncertain", reason, letter.sends + 1, RESEND_AFTER if more else None)
        case Refused(reason):
            return _Verdict("failed" if first else "uncertain", reason, letter.sends, None)
        case TryAgain(reason, after):
            return _Verdict("waiting" if first else "uncertain", reason, letter.sends, max(after, patience(claims)))
