"""What an aggregator answered is written down once, for one message or for hundreds, with whatever follows from it.

A few statements for a batch, however long it is: its rows are locked in one order, the reports that came before their
answers are read by one query, and a message that is settled already is left as it is.
"""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from gateway.sms.costs import read_cost
from gateway.sms.port import Answer, Handed, Refused, SmsPort, TryAgain, Unsure
from gateway.sms.reports import Heard, changed_by, early_reports
from gateway.sms.settling import Settled, follow
from gateway.store.schema import message
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

# Texts that people wait for, and that say the same when they come twice: worth one more try when one is uncertain.
RECEIPT_EVENTS = frozenset({"receipt", "treasurer", "digest", "not_paid", "registered"})
MOST_SENDS = 2

_UNTOLD = frozenset({"sending", "uncertain"})  # an answer says something new about these alone

_WRITTEN = (
    message.c.state,
    message.c.reason,
    message.c.sends,
    message.c.handed_at,
    message.c.aggregator,
    message.c.aggregator_id,
    message.c.cost,
    message.c.cost_e4,
    message.c.cost_currency,
    message.c.report,
    message.c.reported_at,
)
_LOCKED = select(message.c.id, message.c.msisdn, *_WRITTEN).order_by(message.c.id).with_for_update()
_WRITE = (
    update(message)
    .where(message.c.id == bindparam("its_id"))
    .values({column.name: bindparam(f"new_{column.name}", type_=column.type) for column in _WRITTEN})
)

Values = dict[str, Any]


def worth_another(event: str, sends: int) -> bool:
    """May a message that was taken so many times, or may have been, be handed over once more?"""
    return event in RECEIPT_EVENTS and sends < MOST_SENDS


def record_all(unit: Unit, port: SmsPort, answers: Sequence[tuple[uuid.UUID, Answer]]) -> dict[uuid.UUID, str]:
    """Write down what became of messages that were being sent; the state of each now, by its id.

    ``port`` is the one that was asked: it knows how its reports are read. A message that is neither ``sending`` nor
    ``uncertain`` was settled meanwhile, by a report or by whoever thought its sender gone: its state is told, and
    nothing happens. An id that there is no message of is left out.
    """
    given = dict(answers)
    rows: Sequence[Any] = unit.connection.execute(_LOCKED.where(message.c.id.in_(given))).all()
    open_rows = [row for row in rows if row.state in _UNTOLD]
    changed = [_after(row, given[row.id], unit.now) for row in open_rows]
    carried = {_carried(one) for one in changed if one["aggregator_id"] is not None}
    early = early_reports(unit.connection, port, carried)
    for one in changed:
        _replay(one, early.get(_carried(one), ()))
    if changed:
        unit.connection.execute(
            _WRITE,
            [
                {"its_id": row.id, **{f"new_{name}": value for name, value in one.items()}}
                for row, one in zip(open_rows, changed, strict=True)
            ],
        )
        settled = zip(open_rows, changed, strict=True)
        follow(unit, [Settled(row.msisdn, one["state"], one["reason"]) for row, one in settled])
        _warn(open_rows, changed)
    now = {row.id: one["state"] for row, one in zip(open_rows, changed, strict=True)}
    return {row.id: now.get(row.id, row.state) for row in rows}


def _after(row: Any, answer: Answer, now: datetime) -> Values:
    """A message as its answer leaves it, whatever reports say."""
    values: Values = {column.name: getattr(row, column.name) for column in _WRITTEN}
    # Whoever thought the sender gone has counted this send; here is its answer after all.
    values |= _verdict(row.sends if row.state == "sending" else row.sends - 1, answer)
    # An id that is there already came with a report while we were sending (see reports.py).
    told = row.aggregator_id if values["state"] in ("sent", "uncertain") else None
    if isinstance(answer, Handed | Unsure):
        if answer.by and row.aggregator not in (None, answer.by):
            told = None  # it was another aggregator's report
        values |= {"handed_at": now, "aggregator": answer.by or row.aggregator}
    if isinstance(answer, Handed):
        told = answer.aggregator_id or told
        values |= cost_columns(answer)
    values["aggregator_id"] = told
    if told is not None:
        values |= {"state": "sent", "reason": None}
    return values


def _verdict(sends: int, answer: Answer) -> Values:
    """What follows from an answer, after so many sends before.

    After an uncertain send nothing makes it certain that nobody got the message.
    """
    match answer:
        case Handed():
            return {"state": "sent", "reason": None, "sends": sends + 1}
        case Unsure(reason):
            return {"state": "uncertain", "reason": reason, "sends": sends + 1}
        case Refused(reason):
            return {"state": "uncertain" if sends else "failed", "reason": reason, "sends": sends}
        case TryAgain(reason):
            return {"state": "uncertain" if sends else "waiting", "reason": reason, "sends": sends}


def _carried(values: Mapping[str, Any]) -> tuple[str, str]:
    return values["aggregator"] or "", values["aggregator_id"] or ""


def _replay(values: Values, reports: Sequence[Heard]) -> None:
    for report, at in reports:
        values |= changed_by(values["state"], report, at)


def cost_columns(answer: Handed) -> Values:
    """What the aggregator took for a message, as it worded it and as a count."""
    cost = read_cost(answer.cost)
    return {
        "cost": answer.cost,
        "cost_e4": cost.e4 if cost else None,
        "cost_currency": cost.currency if cost else None,
    }


def _warn(rows: Sequence[Any], changed: Sequence[Values]) -> None:
    """Say what nobody can tell: of few messages which they are, of many how many."""
    unsure = [(row.id, one["reason"]) for row, one in zip(rows, changed, strict=True) if one["state"] == "uncertain"]
    if len(unsure) == 1:
        log.warning("message %s may or may not have been sent: %s", *unsure[0])
    for reason, count in Counter(reason for _, reason in unsure).items() if len(unsure) > 1 else ():
        log.warning("%d messages may or may not have been sent: %s", count, reason)
