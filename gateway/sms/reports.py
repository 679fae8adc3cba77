"""Delivery reports move a message on, in whatever order they come, and never back from a final state.

A report may be here before we know the aggregator's id of the message it is about: the answer to our request may be
late, or lost. So its notice is kept, and it is read again when the send is recorded; and where the number has just one
message whose id we lack, the report tells us the id.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select, update

from gateway.sms.port import News, Report
from gateway.store.schema import message, notice
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

FINAL = frozenset({"delivered", "failed"})
# An uncertain message takes a report of an unknown id as its own for this long.
LOOK_BACK = timedelta(hours=1)

_Found = Row[Any, Any, Any]
_AFTER = {News.ON_ITS_WAY: "sent", News.DELIVERED: "delivered", News.FAILED: "failed"}


def apply_report(unit: Unit, report: Report) -> None:
    """Apply a report whose notice is stored in the same transaction."""
    found = _by_id(unit, report.aggregator_id)
    if found is None and report.msisdn is not None:
        # Their rows are locked first: a send that is being recorded meanwhile is then either seen here, or sees the
        # notice. Neither overlooks the other.
        unsettled = _unsettled(unit, report.msisdn)
        found = _by_id(unit, report.aggregator_id) or _only(unsettled, report)
    if found is None:
        log.info("a delivery report is kept: no message has the id %s yet", report.aggregator_id)
        return
    changes: dict[str, Any] = {"aggregator_id": report.aggregator_id}
    if found.state != "sending":  # whoever is sending it reads the notice again when it records how that went
        changes |= _changes(found.state, report, unit.now)
    unit.connection.execute(update(message).where(message.c.id == found.id).values(changes))


def replay(
    connection: Connection, source: str, aggregator_id: str, read: Callable[[bytes], Report | None]
) -> dict[str, Any]:
    """What the reports kept under an id make of a message that was just sent: the columns to set."""
    changes: dict[str, Any] = {}
    kept = connection.execute(
        select(notice.c.body, notice.c.received_at)
        .where(notice.c.source == source, notice.c.reference == aggregator_id)
        .order_by(notice.c.id)
    )
    for body, received_at in kept:
        report = read(body)
        if report is not None:
            changes |= _changes(changes.get("state", "sent"), report, received_at)
    return changes


def _changes(state: str, report: Report, at: datetime) -> dict[str, Any]:
    """What a report changes about a message in a state: nothing once that is final."""
    if state in FINAL:
        return {}
    return {
        "state": _AFTER.get(report.news, state),
        "reason": report.reason,
        "report": report.word,
        "reported_at": at,
    }


_COLUMNS = select(message.c.id, message.c.state, message.c.aggregator_id)


def _by_id(unit: Unit, aggregator_id: str) -> _Found | None:
    return unit.connection.execute(
        _COLUMNS.where(message.c.aggregator_id == aggregator_id).limit(1).with_for_update()
    ).first()


def _unsettled(unit: Unit, msisdn: str) -> list[_Found]:
    return list(
        unit.connection.execute(
            _COLUMNS.where(
                message.c.msisdn == msisdn,
                or_(
                    message.c.state == "sending",
                    and_(message.c.state == "uncertain", message.c.handed_at >= unit.now - LOOK_BACK),
                ),
            )
            .order_by(message.c.id)
            .with_for_update()
        )
    )


def _only(unsettled: list[_Found], report: Report) -> _Found | None:
    """The one message that the report can be about. That it failed is not taken on such evidence: it would end it."""
    if len(unsettled) != 1 or unsettled[0].aggregator_id is not None:
        return None
    return unsettled[0] if report.news in (News.ON_ITS_WAY, News.DELIVERED) else None
