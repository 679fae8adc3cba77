"""How far a campaign has come, and what became of everybody: each in exactly one state, and the costs summed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from gateway.sms.campaigns.keeping import Campaign
from gateway.store.schema import household, message

SLICES_AT_ONCE = 4
RATE_OVER = timedelta(minutes=1)
# What is over, and what nobody can tell of: of these nothing more is done.
SETTLED = ("sent", "delivered", "failed", "uncertain", "unknown", "skipped")
# Taken, or perhaps, by an aggregator that hasn't told its cost; what failed without a report was turned down.
_MAYBE_BILLED = and_(
    message.c.cost_e4.is_(None),
    or_(
        message.c.state.in_(("sending", "uncertain", "sent", "delivered", "unknown")),
        and_(message.c.state == "failed", message.c.report.is_not(None)),
    ),
)


@dataclass(frozen=True)
class Line:
    """Messages of one state and reason: how many, their parts, and what aggregators took for them, by currency.

    ``untold_parts``: of those that may be billed, while nobody has told at what.
    """

    state: str
    reason: str | None
    count: int
    parts: int
    cost_e4: Mapping[str, int]
    untold_parts: int = 0


@dataclass(frozen=True)
class Progress:
    """``rate_per_s``: handed over in the last minute. ``left``: how long the rest takes at that rate."""

    total: int
    settled: int
    lines: tuple[Line, ...]
    rate_per_s: float
    left: timedelta | None

    def uncertain_e4(self, one: Campaign) -> int:
        """What those are expected to cost that may be billed, while no aggregator's answer has said so: uncertain ones,
        those on their way this moment, and those of which only a report has told that they were sent."""
        return sum(line.untold_parts for line in self.lines) * one.price_e4

    @property
    def cost_e4(self) -> dict[str, int]:
        """All that was taken, by currency."""
        total: dict[str, int] = {}
        for line in self.lines:
            for currency, e4 in line.cost_e4.items():
                total[currency] = total.get(currency, 0) + e4
        return total


@dataclass(frozen=True)
class Result:
    """What became of one message."""

    card: str | None
    section_id: int | None
    msisdn: str
    state: str
    reason: str | None
    parts: int
    cost_e4: int | None
    currency: str | None


def each_result(connection: Connection, one: Campaign) -> Iterator[Result]:
    """What became of each, in the order in which they were chosen; holds some thousands at a time."""
    query = (
        select(
            household.c.card, household.c.section_id, message.c.msisdn, message.c.state, message.c.reason,
            message.c.parts, message.c.cost_e4, message.c.cost_currency,
        )
        .outerjoin(household, household.c.id == message.c.household_id)
        .where(message.c.campaign_id == one.id)
        .order_by(message.c.slice, household.c.section_id, household.c.card, message.c.id)
    )  # fmt: skip
    for some in slices_of(connection, one):
        for row in connection.execute(query.where(some)).all():
            yield Result(*row)


def slices_of(connection: Connection, one: Campaign) -> Iterator[ColumnElement[bool]]:
    """Conditions that take the messages of a campaign some thousands at a time, all together every one of them."""
    own = message.c.campaign_id == one.id
    last = connection.scalar(select(func.max(message.c.slice)).where(own))
    if last is None:
        return
    for first in range(0, last + 1, SLICES_AT_ONCE):
        yield and_(own, message.c.slice >= first, message.c.slice < first + SLICES_AT_ONCE)


def how_far(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """Of some campaigns, how many messages there are so far, and how many of them are settled."""
    if not ids:
        return {}
    settled = func.sum(case((message.c.state.in_(SETTLED), 1), else_=0))
    query = select(message.c.campaign_id, func.count(), settled).where(message.c.campaign_id.in_(ids))
    rows = connection.execute(query.group_by(message.c.campaign_id))
    return {int(its_id): (int(total), int(over)) for its_id, total, over in rows}


def progress(connection: Connection, one: Campaign, now: datetime) -> Progress:
    """How far a campaign has come."""
    own = message.c.campaign_id == one.id
    by = (message.c.state, message.c.reason)
    sums = (func.count(), func.sum(message.c.parts), func.sum(message.c.cost_e4))
    untold = func.sum(case((_MAYBE_BILLED, message.c.parts), else_=0))
    rows = connection.execute(
        select(*by, message.c.cost_currency, *sums, untold).where(own).group_by(*by, message.c.cost_currency)
    )
    found: dict[tuple[str, str | None], Line] = {}
    for state, reason, currency, count, parts, cost_e4, untold_parts in rows:
        before = found.get((state, reason), Line(state, reason, 0, 0, {}))
        costs = dict(before.cost_e4)
        if currency is not None and cost_e4:
            costs[currency] = costs.get(currency, 0) + int(cost_e4)
        found[state, reason] = Line(
            state,
            reason,
            before.count + count,
            before.parts + int(parts or 0),
            costs,
            before.untold_parts + int(untold_parts or 0),
        )
    lines = tuple(sorted(found.values(), key=lambda each: (each.state, each.reason or "")))
    total = sum(each.count for each in lines)
    settled = sum(each.count for each in lines if each.state in SETTLED)
    lately = connection.scalar(select(func.count()).where(own, message.c.handed_at > now - RATE_OVER)) or 0
    rate_per_s = lately / RATE_OVER.total_seconds()
    left = timedelta(seconds=(total - settled) / rate_per_s) if rate_per_s and settled < total else None
    return Progress(total, settled, lines, rate_per_s, left)
