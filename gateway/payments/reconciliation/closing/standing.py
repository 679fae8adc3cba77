"""How the differences of a span stand, and which entries have settled or taken back what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from gateway.kernel.clock import day_in
from gateway.kernel.numbers import with_check_digit
from gateway.payments.reconciliation.closing.between import fees_member, line_member, ours_member
from gateway.payments.reconciliation.closing.figures import Noted, Span
from gateway.payments.reconciliation.wallets import Wallet
from gateway.store.schema import collection, difference, incoming

_BATCH = 500


def noted_of(connection: Connection, wallet: Wallet, span: Span) -> tuple[list[Noted], dict[str, str]]:
    """The differences of a span, those settled in it, and those open by its end, as they stand now.

    And the numbers of the open ones by what they are about, as items name their members. What has explained itself is
    left out.
    """
    last = span.until_at - timedelta(microseconds=1)
    within = or_(difference.c.at.between(span.from_at, last), difference.c.settled_at.between(span.from_at, last))
    is_open = and_(difference.c.state != "settled", difference.c.at <= last)
    rows = connection.execute(
        select(difference)
        .where(difference.c.wallet_id == wallet.id, or_(is_open, and_(within, difference.c.choice.is_not(None))))
        .order_by(difference.c.at, difference.c.id)
    ).all()
    still = [row for row in rows if row.state != "settled"]
    open_ones = {name: with_check_digit(row.id) for row in reversed(still) for name in _about(row, span)}
    return [_noted(row) for row in rows], open_ones


def _noted(row: Row[Any]) -> Noted:
    return Noted(
        with_check_digit(row.id),
        row.kind,
        row.at,
        row.operator_id,
        row.theirs_minor,
        row.ours_minor,
        row.state,
        row.choice,
        row.settled_by or row.asked_by,
        row.settled_at,
    )


def _about(row: Row[Any], span: Span) -> list[str]:
    """What a difference is about, as items name their members."""
    found = [line_member(row.statement_id, row.line)] if row.statement_id and row.line else []
    if row.kind == "fee":
        return [*found, fees_member(day_in(span.zone, row.at))]
    ours = {"collection": row.collection_id, "incoming": row.incoming_id, "refund": row.refund_id}
    return found + [ours_member(source, its_id) for source, its_id in ours.items() if its_id is not None]


def ties_of(
    connection: Connection, wallet: Wallet, span: Span, since: datetime, beside: Sequence[Row[Any]]
) -> list[tuple[str, str]]:
    """What has to do with each other although no run has matched it: members of items, two by two.

    A line and the movement that somebody settled it with, of differences since a moment; entries that settled
    something, or took it back, with what that is. ``beside``: the lines of such entries on the wallet.
    """
    settled = {row.id: _about(row, span) for row in _settled_by(connection, wallet, span, since, beside)}
    taken_back = _taken_back(connection, beside)
    ties = [two for about in settled.values() for two in pairwise(about)]
    for row in beside:
        kind, _, rest = row.key.partition(":")
        if kind in ("settle", "unsettle"):
            ties += [(ours_member("entry", row.id), name) for name in settled.get(int(rest.split(":")[0]), ())]
        elif kind == "reversal":
            ties += [(ours_member("reversal", row.id), name) for name in taken_back.get(rest.split(":")[0], ())]
        elif kind == "returned":
            ties.append((ours_member("returned", row.id), ours_member("incoming", int(rest))))
    return ties


def _settled_by(
    connection: Connection, wallet: Wallet, span: Span, since: datetime, beside: Sequence[Row[Any]]
) -> Iterable[Row[Any]]:
    """The differences that a person settled, and those that an entry is about."""
    own = select(difference).where(difference.c.wallet_id == wallet.id)
    chosen = and_(difference.c.state == "settled", difference.c.choice.is_not(None))
    yield from connection.execute(own.where(chosen, difference.c.at >= since, difference.c.at < span.until_at))
    ids = {int(row.key.split(":")[1]) for row in beside if row.key.startswith(("settle:", "unsettle:"))}
    yield from in_batches(connection, own, difference.c.id, sorted(ids))


def _taken_back(connection: Connection, beside: Sequence[Row[Any]]) -> dict[str, list[str]]:
    keys = {row.key.split(":")[1] for row in beside if row.key.startswith("reversal:")}
    query = select(collection.c.key, collection.c.id, incoming.c.id.label("came_id")).outerjoin(
        incoming, incoming.c.collection_id == collection.c.id
    )
    return {
        row.key: [ours_member("incoming", row.came_id) if row.came_id else ours_member("collection", row.id)]
        for row in in_batches(connection, query, collection.c.key, sorted(keys))
    }


def in_batches(connection: Connection, query: Select[Any], column: Any, values: Sequence[Any]) -> Iterable[Row[Any]]:
    """The rows of a query for many values of a column."""
    for begin in range(0, len(values), _BATCH):
        yield from connection.execute(query.where(column.in_(values[begin : begin + _BATCH])))
