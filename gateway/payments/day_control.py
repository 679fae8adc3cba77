"""What came in a time, told twice: by the payments' own rows, and by the lines of the accounts on which money stands.

The two are computed apart, and read in one look, so that a payment that is being posted is in both or in neither.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CTE, Connection, Select, bindparam, func, literal, select, union_all

from gateway.payments.states import State
from gateway.store.schema import account, collection, collection_event, entry, line
from gateway.store.types import Instant


@dataclass(frozen=True)
class Control:
    """What came, in minor units, as payments say and as the ledger does."""

    payments_minor: int = 0
    ledger_minor: int = 0

    def __add__(self, other: Control) -> Control:
        return Control(self.payments_minor + other.payments_minor, self.ledger_minor + other.ledger_minor)


# By organisation and currency.
Controls = dict[tuple[int, str], Control]

_SINCE, _UNTIL = bindparam("since", type_=Instant), bindparam("until", type_=Instant)


def _first(those: Select[Any], name: str) -> CTE:
    """Found first of all: they are few, and a plan that begins at the other end reads all that ever came."""
    return those.cte(name).prefix_with("MATERIALIZED")


def _by_payments() -> Select[Any]:
    """Households' payments that became paid in the time. Money of another currency waits on suspense."""
    became = _first(
        select(collection_event.c.collection_id).where(
            collection_event.c.at > _SINCE,
            collection_event.c.at <= _UNTIL,
            collection_event.c.to_state == State.PAID.value,
            collection_event.c.from_state != State.PAID.value,  # a part of it was taken back
        ),
        "became",
    )
    return (
        select(
            literal("payments").label("side"),
            collection.c.organisation_id,
            collection.c.paid_currency.label("currency"),
            func.sum(collection.c.paid_minor).label("minor"),
        )
        .join(became, became.c.collection_id == collection.c.id)
        .where(
            collection.c.household_id.is_not(None),  # a group's is counted by its shares
            collection.c.paid_currency == collection.c.currency,
        )
        .group_by(collection.c.organisation_id, collection.c.paid_currency)
    )


# Where a payment's money stands or stood: what is identified leaves suspense, what a group paid passes through it.
_ROLES = ("wallet", "bank", "cash", "collectors", "suspense")


def _by_ledger() -> Select[Any]:
    posted = _first(
        select(entry.c.id, entry.c.organisation_id, entry.c.currency).where(
            entry.c.recorded_at > _SINCE,
            entry.c.recorded_at <= _UNTIL,
            entry.c.key.like("collection:%"),
            entry.c.reverses_id.is_(None),
        ),
        "posted",
    )
    return (
        select(
            literal("ledger").label("side"),
            posted.c.organisation_id,
            posted.c.currency,
            func.sum(line.c.amount_minor).label("minor"),
        )
        .join(line, line.c.entry_id == posted.c.id)
        .join(account, account.c.id == line.c.account_id)
        .where(account.c.role.in_(_ROLES))
        .group_by(posted.c.organisation_id, posted.c.currency)
    )


_BOTH = union_all(_by_payments(), _by_ledger())


def control(connection: Connection, since: datetime, until: datetime) -> Controls:
    """What came after ``since`` and up to ``until``, of every organisation."""
    found: Controls = defaultdict(Control)
    for row in connection.execute(_BOTH, {"since": since, "until": until}):
        minor = int(row.minor)
        one = Control(payments_minor=minor) if row.side == "payments" else Control(ledger_minor=minor)
        found[row.organisation_id, row.currency] += one
    return {key: one for key, one in found.items() if one != Control()}


def of_books(controls: Controls, books: Iterable[int]) -> dict[str, Control]:
    """The same of some organisations together, by currency."""
    own, found = set(books), defaultdict[str, Control](Control)
    for (organisation_id, currency), one in controls.items():
        if organisation_id in own:
            found[currency] += one
    return dict(found)
