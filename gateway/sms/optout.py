"""Who wants no SMS, and what they get all the same: the one place that says it, asked at the moment of sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, literal, not_, or_, select

from gateway.store.schema import caller, message, staff

OPTED_OUT = "opted_out"  # the reason of what isn't sent to them, and of what the aggregator doesn't send them


class Kind(Enum):
    """What an SMS is to the one who gets it."""

    ANSWER = "answer"  # they asked for it themselves: by SMS, in the menu, or at the office
    RECEIPT = "receipt"  # of their own money, cover or household: what the law lets them be told all the same
    WORK = "work"  # to staff, of what they do for the mutuelle
    BOTH = "both"  # to the household a receipt, to staff their work


# By a message's event; one that isn't here (reminders, campaigns, news) goes to nobody who has stopped SMS.
KINDS = {
    "sms_answer": Kind.ANSWER,
    "sms_check": Kind.ANSWER,
    "sms_help": Kind.ANSWER,
    "by_code": Kind.ANSWER,
    "link": Kind.ANSWER,
    "complaint": Kind.ANSWER,
    "callback": Kind.ANSWER,
    "answer": Kind.ANSWER,
    "registered": Kind.ANSWER,
    "receipt": Kind.RECEIPT,
    "not_paid": Kind.RECEIPT,
    "unfound": Kind.RECEIPT,
    "unidentified": Kind.RECEIPT,
    "group_kept": Kind.RECEIPT,
    "family": Kind.RECEIPT,
    "phone": Kind.RECEIPT,
    "pin": Kind.RECEIPT,
    "renewed": Kind.RECEIPT,
    "reversed": Kind.BOTH,
    "corrected": Kind.BOTH,
    "refund": Kind.BOTH,
    "treasurer": Kind.WORK,
    "to_identify": Kind.WORK,
    "to_divide": Kind.WORK,
    "suspense": Kind.WORK,
    "alert": Kind.WORK,
    "handover": Kind.WORK,
    "visit": Kind.WORK,
    "digest": Kind.WORK,
    "figures": Kind.WORK,
    "webhook_off": Kind.WORK,
    "sms_alarm": Kind.WORK,
    "campaign_try": Kind.WORK,
}


def _events(*kinds: Kind) -> list[str]:
    return [event for event, kind in KINDS.items() if kind in kinds]


def _may_be_sent(receipts_after_stop: bool) -> ColumnElement[bool]:
    stopped = select(literal(1)).where(caller.c.msisdn == message.c.msisdn, caller.c.stopped_at.is_not(None)).exists()
    works = select(literal(1)).where(staff.c.msisdn == message.c.msisdn, staff.c.ended_on.is_(None)).exists()
    kinds = [Kind.ANSWER, Kind.WORK, *([Kind.RECEIPT, Kind.BOTH] if receipts_after_stop else [])]
    return or_(
        message.c.event.in_(_events(*kinds)),
        not_(stopped),
        and_(message.c.event.in_(_events(Kind.BOTH)), works),
    )


_MAY = {after: _may_be_sent(after) for after in (True, False)}
_UNLESS: Mapping[bool, Mapping[str, Any]] = {
    after: {"state": case((may, "sending"), else_="skipped"), "reason": case((may, message.c.reason), else_=OPTED_OUT)}
    for after, may in _MAY.items()
}


def may_be_sent(receipts_after_stop: bool) -> ColumnElement[bool]:
    """May this row of :data:`~gateway.store.schema.message` be sent, whatever its reader has stopped?"""
    return _MAY[receipts_after_stop]


def unless_stopped(receipts_after_stop: bool) -> Mapping[str, Any]:
    """What a waiting message becomes that is to be sent now: ``sending``, or ``skipped`` for who wants none."""
    return _UNLESS[receipts_after_stop]


def stopped(connection: Connection, numbers: Sequence[str]) -> set[str]:
    """Which of some (at most a few thousand) numbers want no SMS but answers and receipts."""
    if not numbers:
        return set()
    found = select(caller.c.msisdn).where(caller.c.msisdn.in_(numbers), caller.c.stopped_at.is_not(None))
    return set(connection.scalars(found))
