"""Closing a month of the books: its totals are kept, and what comes for it later stands in the month that is open then.

Nothing is locked and no posting asks whether a month is closed. What belongs to a closed month is what the chain of
entries held when it was closed (:mod:`gateway.ledger.chain`), so its totals can be computed anew at any time and always
are the same; a closed month is never opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.dates import iso_month
from gateway.kernel.faults import Fault
from gateway.kernel.numbers import with_check_digit
from gateway.ledger.chain import Anchor, last_anchor, seal_all
from gateway.ledger.registers import TrialRow, closed_months, first_booked, trial_balance
from gateway.ledger.rules import ClosedMonth, month_of, next_month
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import collection, incoming, money_case, period
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

BY_CHARACTERS = 60


def read_month(text: str) -> date:
    """The first day of a month that is written ``2026-10``; raises :class:`Fault`."""
    found = iso_month(text.strip())
    if found is not None:
        return found
    raise Fault(f"{text}: a month is written 2026-10")


@dataclass(frozen=True)
class Closed:
    """A month that was closed, with the totals that were kept and what was still open."""

    month: date
    through: Anchor
    totals: tuple[TrialRow, ...]
    cases: tuple[str, ...]  # the numbers of the cases that were open


@dataclass(frozen=True)
class OpenCases:
    """The month isn't closed: these cases about its money wait for a decision (number, kind)."""

    cases: tuple[tuple[str, str], ...]


def close_month(
    store: Store, tree: Tree, books: Organisation, month: date, by: str, despite: str | None = None
) -> Closed | OpenCases:
    """Seal all that is committed, and close a month of an organisation's books with what the chain holds.

    ``despite``: why it is closed although cases about its money are open; kept with the totals. Raises :class:`Fault`
    where the organisation keeps no books, the month isn't over there, is closed, or follows an open one with entries.
    """
    _check(store, books, month, by)
    seal_all(store)
    with store.read() as connection:
        through, _ = last_anchor(connection)
        before = closed_months(connection, books.id)
        _check_turn(connection, books, month, before, through)
        cases = _open_cases(connection, tree, books, month)
        if cases and not despite:
            return OpenCases(cases)
        rows = trial_balance(connection, books.id, before, month, _last_day(month), through.number)
    done = Closed(month, through, tuple(rows), tuple(number for number, _ in cases))
    with store.write() as unit:
        _keep(unit, books, done, before, by, despite)
    return done


def _check(store: Store, books: Organisation, month: date, by: str) -> None:
    if books.books_id != books.id:
        raise Fault(f"{books.code}: its books are kept by another organisation: close them there")
    if not by.strip() or len(by) > BY_CHARACTERS:
        raise Fault(f"who closes it must be said, in at most {BY_CHARACTERS} letters")
    if day_in(books.time_zone, store.clock.now()) <= _last_day(month):
        raise Fault(f"{month:%Y-%m} isn't over in {books.time_zone}")


def _check_turn(
    connection: Connection, books: Organisation, month: date, before: Sequence[ClosedMonth], through: Anchor
) -> None:
    if before and month <= before[-1].month:
        raise Fault(f"{month:%Y-%m} of {books.code} is closed, with {before[-1].month:%Y-%m}")
    first = first_booked(connection, books.id, before, through.number)
    if first is not None and month_of(first) < month:
        raise Fault(f"{first:%Y-%m} of {books.code} is open and has entries: close it first")


def _last_day(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def _open_cases(connection: Connection, tree: Tree, books: Organisation, month: date) -> tuple[tuple[str, str], ...]:
    """The open cases about money of a month or before it, in the organisations whose books these are."""
    over = datetime.combine(next_month(month), time(), ZoneInfo(books.time_zone)).astimezone(UTC)
    at: ColumnElement[Any] = func.coalesce(
        incoming.c.paid_at, collection.c.paid_at, collection.c.created_at, money_case.c.opened_at
    )
    rows = connection.execute(
        select(money_case.c.id, money_case.c.kind, money_case.c.organisation_id)
        .outerjoin(collection, collection.c.id == money_case.c.collection_id)
        .outerjoin(incoming, incoming.c.id == money_case.c.incoming_id)
        .where(money_case.c.closed_at.is_(None), at < over)
        .order_by(money_case.c.id)
    )
    return tuple(
        (with_check_digit(row.id), row.kind) for row in rows if tree.books_of(row.organisation_id).id == books.id
    )


def _keep(
    unit: Unit, books: Organisation, done: Closed, before: Sequence[ClosedMonth], by: str, despite: str | None
) -> None:
    take_turn(unit, f"close books {books.id}")
    if closed_months(unit.connection, books.id) != before:
        raise Fault(f"{books.code}: somebody else has just closed a month")
    unit.connection.execute(
        insert(period).values(
            organisation_id=books.id,
            month=done.month,
            closed_by=by.strip(),
            closed_at=unit.now,
            totals={
                "through": done.through.number,
                "digest": done.through.digest,
                "accounts": as_json(done.totals),
                "despite": {"reason": despite, "cases": list(done.cases)} if done.cases else None,
            },
        )
    )


def as_json(rows: Sequence[TrialRow]) -> list[dict[str, Any]]:
    """A trial balance as it is kept with a closed month."""
    return [
        {
            "code": one.code,
            "role": one.role,
            "currency": one.currency,
            "opening_minor": one.opening_minor,
            "debit_minor": one.debit_minor,
            "credit_minor": one.credit_minor,
            "closing_minor": one.closing_minor,
        }
        for one in rows
    ]


@dataclass(frozen=True)
class Period:
    """A closed month as lists show it."""

    month: date
    closed_by: str
    closed_at: datetime
    through: Anchor
    despite: str | None


def periods(connection: Connection, organisation_id: int) -> list[Period]:
    """The closed months of an organisation's books, the newest first."""
    rows = connection.execute(
        select(period).where(period.c.organisation_id == organisation_id).order_by(period.c.month.desc())
    )
    return [
        Period(
            row.month,
            row.closed_by,
            row.closed_at,
            Anchor(int(row.totals["through"]), str(row.totals["digest"])),
            row.totals["despite"]["reason"] if row.totals.get("despite") else None,
        )
        for row in rows
    ]


def first_changed_period(connection: Connection) -> str | None:
    """The first closed month whose totals aren't what the books give for it, in words, or None."""
    for row in connection.execute(select(period).order_by(period.c.organisation_id, period.c.month)).all():
        before = [one for one in closed_months(connection, row.organisation_id) if one.month < row.month]
        last, through = _last_day(row.month), int(row.totals["through"])
        found = trial_balance(connection, row.organisation_id, before, row.month, last, through)
        if as_json(found) != row.totals["accounts"]:
            return f"the totals kept of {row.month:%Y-%m} (books {row.organisation_id}) are not those of its entries"
    return None
