"""What waits for somebody, for whoever opens the office in the morning: how many of each.

Each figure is read by an index over what is open or of one day, however many years lie behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection, Table, func, select

from gateway.network.organisations import Organisation, Tree
from gateway.payments.states import UNDECIDED
from gateway.store.schema import (
    campaign,
    closing,
    collection,
    difference,
    entry,
    handover,
    incoming,
    money_case,
    organisation,
    refund,
    request,
    wallet,
)

CLOSINGS_LOOKED_BACK = 31  # days: who has closed none for longer doesn't close them here


@dataclass(frozen=True)
class Waiting:
    """How many of each wait for somebody. ``days``: mutuelles whose yesterday isn't closed. ``campaigns``: running,
    scheduled or paused.
    """

    differences: int
    suspense: int
    cases: int
    undecided: int
    refunds: int
    handovers: int
    days: int
    requests: int
    campaigns: int


def _books(tree: Tree, place: Organisation) -> list[Organisation]:
    return [one for one in tree.by_id.values() if one.under(place) and one.books_id == one.id]


def waiting(connection: Connection, tree: Tree, place: Organisation, today: date) -> Waiting:
    """What waits for somebody at or below an organisation."""
    return Waiting(
        differences=_count(
            connection, place, wallet, wallet.c.id == difference.c.wallet_id, difference.c.state != "settled"
        ),
        suspense=_count(connection, place, incoming, incoming.c.state == "suspense"),
        cases=_count(connection, place, money_case, money_case.c.closed_at.is_(None)),
        undecided=_count(connection, place, collection, collection.c.state.in_(sorted(UNDECIDED))),
        refunds=_count(connection, place, refund, refund.c.state.in_(("asked", "approved", "sent"))),
        handovers=_count(connection, place, handover, handover.c.state == "open"),
        days=_not_closed(connection, tree, place, today - timedelta(days=1)),
        requests=_count(connection, place, request, request.c.state == "open"),
        campaigns=_count(connection, place, campaign, campaign.c.state.in_(("running", "scheduled", "paused"))),
    )


def _count(connection: Connection, place: Organisation, table: Table, *which: object) -> int:
    query = (
        select(func.count())
        .select_from(table)
        .join(organisation, organisation.c.id == table.c.organisation_id)
        .where(organisation.c.path.like(f"{place.path}%"), *which)  # type: ignore[arg-type]
    )
    return connection.scalar(query) or 0


def _not_closed(connection: Connection, tree: Tree, place: Organisation, yesterday: date) -> int:
    """The books that took money in yesterday and that nobody has closed since, there or for several above them.

    Who has closed no day lately doesn't close them in Cotisa, and isn't reminded of it.
    """
    books = _books(tree, place)
    closers = {above.id for one in books for above in tree.upward(one.id)}
    since = yesterday - timedelta(days=CLOSINGS_LOOKED_BACK)
    rows = connection.execute(
        select(closing.c.organisation_id, func.max(closing.c.day))
        .where(closing.c.organisation_id.in_(closers), closing.c.day >= since)
        .group_by(closing.c.organisation_id)
    )
    last: dict[int, date] = {row[0]: row[1] for row in rows}
    late = []
    for one in books:
        closed = max((last[above.id] for above in tree.upward(one.id) if above.id in last), default=None)
        if closed is not None and closed < yesterday:
            late.append(one.id)
    took_in = select(func.count(entry.c.organisation_id.distinct())).where(
        entry.c.organisation_id.in_(late),
        entry.c.happened_on == yesterday,
        entry.c.journal.in_(("collections", "cash")),
    )
    return (connection.scalar(took_in) or 0) if late else 0
