"""Who decided what about money: read from what was kept with each decision, by person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Label, case, func, literal, select

from gateway.kernel.money import Money
from gateway.payments.cash import CORRECTED
from gateway.payments.decisions.cases import GATEWAY
from gateway.payments.decisions.two_people import name_compared
from gateway.payments.states import State
from gateway.store.schema import assignment, collection, collection_event, incoming, money_case, organisation, refund


@dataclass(frozen=True)
class Decision:
    """What one person did, how often, and the sum of it in each currency.

    ``what``: ``assigned`` (alone), ``assignment-asked``, ``assignment-approved|refused|dropped``, ``refund-asked``,
    ``refund-approved``, ``case-closed``, ``cash-corrected``.
    """

    by: str
    what: str
    count: int
    amounts: tuple[Money, ...]


def decisions(connection: Connection, since: datetime, until: datetime, under_path: str = "/") -> list[Decision]:
    """What each person decided from ``since`` on and before ``until``, of the organisations at or below a path.

    One person is one name, however its accents, capitals and order were typed.
    """
    within = _Within(since, until, under_path)
    names: dict[tuple[str, ...], str] = {}
    counts: Counter[tuple[tuple[str, ...], str]] = Counter()
    sums: defaultdict[tuple[tuple[str, ...], str], Counter[str]] = defaultdict(Counter)
    for by, what, minor, currency in _all(connection, within):
        person = name_compared(by)
        names.setdefault(person, by)
        counts[person, what] += 1
        if currency is not None:
            sums[person, what][currency] += minor
    return [
        Decision(
            names[person],
            what,
            count,
            tuple(Money(minor, currency) for currency, minor in sorted(sums[person, what].items())),
        )
        for (person, what), count in sorted(counts.items())
    ]


@dataclass(frozen=True)
class _Within:
    since: datetime
    until: datetime
    path: str

    def moment(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        return (column >= self.since) & (column < self.until)

    @property
    def place(self) -> ColumnElement[bool]:
        return organisation.c.path.like(self.path + "%")


_Row = tuple[str, str, int, str | None]


def _all(connection: Connection, within: _Within) -> Iterator[_Row]:
    alone = assignment.c.decided_by.is_(None) & (assignment.c.state == "done")
    asked = case((alone, "assigned"), else_="assignment-asked").label("what")
    decided = case(
        (assignment.c.state == "done", "assignment-approved"), else_=literal("assignment-") + assignment.c.state
    ).label("what")
    yield from _assignments(connection, within, assignment.c.asked_by, asked, assignment.c.asked_at)
    yield from _assignments(connection, within, assignment.c.decided_by, decided, assignment.c.decided_at)
    yield from _refunds(connection, within, refund.c.asked_by, "refund-asked", refund.c.asked_at)
    yield from _refunds(connection, within, refund.c.approved_by, "refund-approved", refund.c.approved_at)
    yield from _closed(connection, within)
    yield from _corrected(connection, within)


def _assignments(
    connection: Connection, within: _Within, who: ColumnElement[Any], what: Label[Any], at: ColumnElement[Any]
) -> Iterator[_Row]:
    query = (
        select(who, what, incoming.c.amount_minor, incoming.c.currency)
        .join(incoming, incoming.c.id == assignment.c.incoming_id)
        .join(organisation, organisation.c.id == incoming.c.organisation_id)
        .where(who.is_not(None), within.moment(at), within.place)
        .order_by(assignment.c.id)
    )
    for row in connection.execute(query):
        yield row[0], row[1], int(row[2]), row[3]


def _refunds(
    connection: Connection, within: _Within, who: ColumnElement[Any], what: str, at: ColumnElement[Any]
) -> Iterator[_Row]:
    query = (
        select(who, refund.c.amount_minor, refund.c.currency)
        .join(organisation, organisation.c.id == refund.c.organisation_id)
        .where(who.is_not(None), within.moment(at), within.place)
        .order_by(refund.c.id)
    )
    for row in connection.execute(query):
        yield row[0], what, int(row[1]), row[2]


def _closed(connection: Connection, within: _Within) -> Iterator[_Row]:
    query = (
        select(
            money_case.c.closed_by,
            func.coalesce(incoming.c.amount_minor, collection.c.amount_minor, 0),
            func.coalesce(incoming.c.currency, collection.c.currency),
        )
        .join(organisation, organisation.c.id == money_case.c.organisation_id)
        .outerjoin(collection, collection.c.id == money_case.c.collection_id)
        .outerjoin(incoming, incoming.c.id == money_case.c.incoming_id)
        .where(money_case.c.closed_by != GATEWAY, within.moment(money_case.c.closed_at), within.place)
        .order_by(money_case.c.id)
    )
    for row in connection.execute(query):
        yield row[0], "case-closed", int(row[1]), row[2]


def _corrected(connection: Connection, within: _Within) -> Iterator[_Row]:
    """The name stands before the reason in the story."""
    query = (
        select(collection_event.c.said, collection.c.paid_minor, collection.c.paid_currency)
        .join(collection, collection.c.id == collection_event.c.collection_id)
        .join(organisation, organisation.c.id == collection.c.organisation_id)
        .where(
            collection_event.c.to_state == State.REVERSED.value,
            collection_event.c.reason == CORRECTED,
            within.moment(collection_event.c.at),
            within.place,
        )
        .order_by(collection_event.c.id)
    )
    for row in connection.execute(query):
        yield row[0].partition(":")[0], "cash-corrected", int(row[1]), row[2]
