"""What became of messages, by event, aggregator and mobile operator; and when nothing is heard of one any more."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, text, true, update

from gateway.store.schema import message
from gateway.store.unit import Store

UNKNOWN_AFTER = timedelta(hours=72)
NO_REPORT = "no_report"
AT_ONCE = 500

# Written out, so that the database sees that the partial index will do.
_SENT = text("state = 'sent'")


def give_up_waiting(store: Store, now: datetime) -> Iterator[int]:
    """What was handed over three days ago and has no last report yet is ``unknown``: not delivered, and not failed.

    In steps, each a short transaction, giving how many it changed. A report that comes later still settles them.
    """
    old = select(message.c.id).where(_SENT, message.c.handed_at <= now - UNKNOWN_AFTER)
    old = old.order_by(message.c.handed_at).limit(AT_ONCE)
    if store.is_postgresql:
        old = old.with_for_update(skip_locked=True)
    count = AT_ONCE
    while count == AT_ONCE:
        with store.write() as unit:
            # Two statements: as one, PostgreSQL may run the inner one more than once, and go beyond its limit.
            ids = unit.connection.scalars(old).all()
            given_up = update(message).where(message.c.id.in_(ids)).values(state="unknown", reason=NO_REPORT)
            unit.connection.execute(given_up)
            count = len(ids)
        yield count


@dataclass
class Outcome:
    """What became of some messages.

    ``handed`` are those that an aggregator has surely taken: they are ``delivered``, failed by a report, ``unknown``,
    or still ``on_the_way``. ``failed`` counts by reason, refusals too. ``parts`` were handed over, or may have been;
    what they cost is in ten-thousandths of each currency, as far as the aggregators said.
    """

    handed: int = 0
    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    on_the_way: int = 0
    unknown: int = 0
    uncertain: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    waiting: int = 0
    parts: int = 0
    cost_e4: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Of those whose end is known, how many were delivered: from 0 to 1; None where no end is known."""
        ended = self.delivered + sum(self.failed.values())
        return self.delivered / ended if ended else None

    def add(self, state: str, reason: str | None, count: int, handed: int) -> None:
        """Count messages that are in a state, of which so many were surely taken."""
        self.handed += handed
        match state:
            case "delivered":
                self.delivered += count
            case "failed":
                self.failed[reason or ""] = self.failed.get(reason or "", 0) + count
            case "sent":
                self.on_the_way += count
            case "unknown":
                self.unknown += count
            case "uncertain":
                self.uncertain += count
            case "skipped":
                why = (reason or "").partition(":")[0]  # what waits for a digest has more in it, for the digest
                self.skipped[why] = self.skipped.get(why, 0) + count
            case _:
                self.waiting += count


@dataclass(frozen=True)
class Rate:
    """What became of the messages of one event to one operator's numbers, by one aggregator ("": none took them)."""

    event: str
    aggregator: str
    operator: str
    outcome: Outcome


def rates(
    connection: Connection,
    operator_of: Callable[[str], str],
    prefix_characters: int,
    since: datetime | None = None,
    organisations: Collection[int] | None = None,
    campaign_id: int | None = None,
    until: datetime | None = None,
) -> list[Rate]:
    """What became of messages, those written since a moment and before another, of some organisations, or of one
    campaign.

    ``operator_of`` names a number's mobile operator by its first ``prefix_characters``, and is asked once for each
    beginning that there is.
    """
    beginning = func.substr(message.c.msisdn, 1, prefix_characters)
    by = (message.c.event, message.c.aggregator, beginning, message.c.state, message.c.reason, message.c.cost_currency)
    taken = case((and_(message.c.state != "uncertain", message.c.handed_at.is_not(None)), 1), else_=0)
    rows = connection.execute(
        select(
            *by[:2],
            func.min(message.c.msisdn).label("one"),
            *by[3:],
            func.count().label("many"),
            func.sum(taken).label("handed"),
            func.sum(message.c.parts * message.c.sends).label("parts"),
            func.sum(message.c.cost_e4).label("cost_e4"),
        )
        .where(_those(since, organisations, campaign_id, until))
        .group_by(*by)
    )
    found: dict[tuple[str, str, str], Outcome] = {}
    for row in rows:
        key = (row.event, row.aggregator or "", operator_of(row.one) if row.one else "")
        outcome = found.setdefault(key, Outcome())
        outcome.add(row.state, row.reason, row.many, int(row.handed))
        outcome.parts += int(row.parts)
        if row.cost_currency is not None:
            outcome.cost_e4[row.cost_currency] = outcome.cost_e4.get(row.cost_currency, 0) + int(row.cost_e4 or 0)
    return [Rate(*key, outcome) for key, outcome in sorted(found.items())]


def _those(
    since: datetime | None, organisations: Collection[int] | None, campaign_id: int | None, until: datetime | None
) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [true()]
    if since is not None:
        conditions.append(message.c.created_at >= since)
    if until is not None:
        conditions.append(message.c.created_at < until)
    if organisations is not None:
        conditions.append(message.c.organisation_id.in_(organisations))
    if campaign_id is not None:
        conditions.append(message.c.campaign_id == campaign_id)
    return and_(*conditions)
