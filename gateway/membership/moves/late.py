"""What came late into books that a household has left follows it by itself: a payment told of late, money taken back.

The scheduler looks through the lines that were written since, some at a time. Whatever put them there (a refund of what
was paid before a move, an operator that takes a payment back, a process that knew the old tree for some seconds), what
stands on a household in others' books goes to its own by :func:`~gateway.membership.moves.carrying.carry`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.kernel.ids import ordered_id
from gateway.ledger.chart import HOUSEHOLD_ROLES, Chart
from gateway.membership.moves.carrying import carry
from gateway.network.organisations import Network, Tree, tree_in
from gateway.store.or_set import or_set
from gateway.store.schema import account, entry, household, line, webhook_mark
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

STEP = 2_000  # lines
# No transaction of ours is open for as long: until then a lower number may turn up after a higher one.
AGAIN = timedelta(minutes=15)
_SOURCE = "lines carried"
_KEEP = or_set(webhook_mark, ("source",), "behind_id")


def carrying_late(store: Store, network: Network, chart: Chart) -> Iterator[int]:
    """Bring what came late along, for the scheduler; each step looks at some lines of the ledger, in their order."""
    with store.read() as connection:
        mark = select(webhook_mark.c.behind_id).where(webhook_mark.c.source == _SOURCE)
        behind = kept = int(connection.scalar(mark) or 0)
    settled = True
    while True:
        tree = network.tree()
        with store.read() as connection:
            rows = _lines(connection, behind)
            away = _away(connection, tree, rows)
        if away:
            with store.write() as unit:
                _bring(unit, network, chart, away)
        old = list(takewhile(lambda row: row.recorded_at < store.clock.now() - AGAIN, rows)) if settled else []
        settled = settled and len(old) == len(rows)
        if old and old[-1].id > kept:
            kept = old[-1].id
            with store.write() as unit:
                values = {"source": _SOURCE, "behind_id": kept}
                unit.connection.execute(_KEEP[unit.connection.dialect.name], values)
        yield len(rows)
        if len(rows) < STEP:
            return
        behind = rows[-1].id


def _lines(connection: Connection, behind: int) -> Sequence[Any]:
    query = (
        select(
            line.c.id, line.c.household_id, household.c.section_id, account.c.organisation_id, account.c.role,
            entry.c.recorded_at,
        )
        .join(entry, entry.c.id == line.c.entry_id)
        .join(account, account.c.id == line.c.account_id)
        .outerjoin(household, household.c.id == line.c.household_id)
        .where(line.c.id > behind)
        .order_by(line.c.id)
        .limit(STEP)
    )  # fmt: skip
    return connection.execute(query).all()


def _away(connection: Connection, tree: Tree, rows: Sequence[Any]) -> list[int]:
    """The households of some lines on which something stands in others' books than theirs."""
    own = {
        row.household_id: tree.books_of(row.section_id).id
        for row in rows
        if row.household_id is not None
        and row.role in HOUSEHOLD_ROLES
        and row.section_id in tree.by_id
        and tree.books_of(row.section_id).id != row.organisation_id
    }
    if not own:
        return []
    standing = (
        select(line.c.household_id, account.c.organisation_id)
        .join(account, account.c.id == line.c.account_id)
        .where(line.c.household_id.in_(own), account.c.role.in_(HOUSEHOLD_ROLES))
        .group_by(line.c.household_id, account.c.organisation_id, account.c.role)
        .having(func.sum(line.c.amount_minor) != 0)
    )
    found = connection.execute(standing)
    return sorted({row.household_id for row in found if row.organisation_id != own[row.household_id]})


def _bring(unit: Unit, network: Network, chart: Chart, ids: Sequence[int]) -> None:
    """Under the locks, by the tree as it is then: a tree of some seconds ago would take the money back again."""
    which = household.c.id.in_(ids)
    locked = select(household.c.id, household.c.section_id).where(which).order_by(household.c.id).with_for_update()
    sections = unit.connection.execute(locked).all()
    tree = tree_in(unit.connection, network.defaults)
    every: defaultdict[int, list[int]] = defaultdict(list)
    for row in sections:
        every[tree.books_of(row.section_id).id].append(row.id)
    for books_id in sorted(every):
        books, own = tree[books_id], household.c.id.in_(every[books_id])
        for each in carry(unit, chart, own, books, day_in(books.time_zone, unit.now), f"late:{ordered_id().hex}"):
            log.info(
                "carried from the books of organisation %d to those of %d: %d households, %d %s owed",
                each.from_id, each.to_id, each.households, each.owed.minor, each.owed.currency,
            )  # fmt: skip
