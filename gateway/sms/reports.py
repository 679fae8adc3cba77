"""Delivery reports move a message on, in whatever order they come, and never back from a final state.

A report may be here before we know the aggregator's id of the message it is about: the answer to our request may be
late, or lost. So its notice is kept, and it is read again when the send is recorded; and where the number has just one
message whose id we lack, the report tells us the id. An id means something to the aggregator that gave it, and to no
other.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from gateway.sms.port import News, Report, SmsPort
from gateway.sms.settling import Settled, follow
from gateway.store.schema import message, notice
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

FINAL = frozenset({"delivered", "failed", "skipped"})
# An uncertain message takes a report of an unknown id as its own for this long.
LOOK_BACK = timedelta(hours=1)

_AFTER = {News.ON_ITS_WAY: "sent", News.DELIVERED: "delivered", News.FAILED: "failed"}

# A report, and when it came.
Heard = tuple[Report, datetime]


@runtime_checkable
class Several(Protocol):
    """A port that stands for several aggregators, each with reports of its own."""

    def port_of(self, by: str) -> SmsPort | None:
        """The port of the aggregator of this name (``Handed.by``); None for one that there is no longer."""


@dataclass(frozen=True)
class Source:
    """Where an aggregator's reports are kept (``notice.source``), and how the body of one is read."""

    name: str
    read: Callable[[bytes], Report | None]


def apply_report(unit: Unit, report: Report, by: str = "", source: Source | None = None) -> None:
    """Apply a report of the aggregator of this name, whose notice is stored in the same transaction.

    Where it tells whose an id is that nobody knew, what was reported of that id before counts too; ``source`` is where
    that is.
    """
    found = _by_id(unit, report.aggregator_id, by)
    if found is None and report.msisdn is not None:
        # Their rows are locked first: a send that is being recorded meanwhile is then either seen here, or sees the
        # notice. Neither overlooks the other.
        unsettled = _unsettled(unit, report.msisdn, by)
        found = _by_id(unit, report.aggregator_id, by) or _only(unsettled, report)
    if found is None:
        log.info("a delivery report is kept: no message has the id %s yet", report.aggregator_id)
        return
    changes: dict[str, Any] = {"aggregator_id": report.aggregator_id}
    if by:
        changes["aggregator"] = by
    if found.state != "sending":  # whoever is sending it reads the notices again when it records how that went
        heard: Sequence[Heard] = [(report, unit.now)]
        if source is not None and found.aggregator_id is None:
            heard = _read(source, _kept(unit.connection, {(source.name, report.aggregator_id)}))[report.aggregator_id]
        for each, at in heard:
            changes |= changed_by(changes.get("state", found.state), each, at)
    unit.connection.execute(update(message).where(message.c.id == found.id).values(changes))
    if changes.get("state", found.state) != found.state:
        follow(unit, [Settled(found.msisdn, changes["state"], changes["reason"])])


def early_reports(
    connection: Connection, port: SmsPort, carried: Collection[tuple[str, str]]
) -> Mapping[tuple[str, str], Sequence[Heard]]:
    """The reports that came before we knew whom they are about, in their order, by who took a message and its id."""
    ports = {by: _carrier(port, by) for by, _ in carried}
    sources = {by: Source(one.reports, one.read_report) for by, one in ports.items() if one is not None}
    kept = _kept(connection, {(sources[by].name, its_id) for by, its_id in carried if by in sources})
    heard = {by: _read(source, kept) for by, source in sources.items()} if kept else {}
    return {(by, its_id): heard[by][its_id] for by, its_id in carried if its_id in heard.get(by, ())}


def _kept(connection: Connection, wanted: Collection[tuple[str, str]]) -> list[Row[Any]]:
    """The notices that stand under some sources and ids, in the order in which they came."""
    if not wanted:
        return []
    names, ids = {name for name, _ in wanted}, {its_id for _, its_id in wanted}
    found = (
        select(notice.c.source, notice.c.reference, notice.c.body, notice.c.received_at)
        .where(notice.c.source.in_(names), notice.c.reference.in_(ids))
        .order_by(notice.c.id)
    )
    return list(connection.execute(found).all())  # type: ignore[arg-type]


def _read(source: Source, kept: Sequence[Row[Any]]) -> dict[str, list[Heard]]:
    """A source's own reports among them, by id."""
    heard: dict[str, list[Heard]] = defaultdict(list)
    for row in kept:
        report = source.read(bytes(row.body)) if row.source == source.name else None
        if report is not None:
            heard[row.reference].append((report, row.received_at))
    return heard


def _carrier(port: SmsPort, by: str) -> SmsPort | None:
    return port.port_of(by) if isinstance(port, Several) else port


def changed_by(state: str, report: Report, at: datetime) -> dict[str, Any]:
    """What a report changes about a message in a state: nothing once that is final.

    That a message is on its way says no more of one that was given up as unknown; only how it ended does.
    """
    if state in FINAL:
        return {}
    heard: dict[str, Any] = {"report": report.word, "reported_at": at}
    after = _AFTER.get(report.news, state)
    if after == state or (state == "unknown" and after == "sent"):
        return heard
    return heard | {"state": after, "reason": report.reason}


_Found = Row[Any, Any, Any, Any]
_COLUMNS = select(message.c.id, message.c.state, message.c.aggregator_id, message.c.msisdn)


def _taken_by(by: str) -> ColumnElement[bool]:
    """Taken by this aggregator, or nobody knows by whom."""
    return or_(message.c.aggregator.is_(None), message.c.aggregator == by)


def _by_id(unit: Unit, aggregator_id: str, by: str) -> _Found | None:
    return unit.connection.execute(
        _COLUMNS.where(message.c.aggregator_id == aggregator_id, _taken_by(by))
        .order_by(message.c.aggregator.is_(None))
        .limit(1)
        .with_for_update()
    ).first()


def _unsettled(unit: Unit, msisdn: str, by: str) -> list[_Found]:
    """Messages to a number of which a report may tell the id; who is asked to take one this moment, nobody knows."""
    return list(
        unit.connection.execute(
            _COLUMNS.where(
                message.c.msisdn == msisdn,
                or_(
                    message.c.state == "sending",
                    and_(message.c.state == "uncertain", message.c.handed_at >= unit.now - LOOK_BACK, _taken_by(by)),
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
