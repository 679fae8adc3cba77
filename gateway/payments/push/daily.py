"""Is a wish to pay within the day's limits? Nobody empties a wallet, or has a stranger's phone ask for a PIN all day.

A day is the mutuelle's. The figures stand in :mod:`gateway.payments.push.limits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, true

from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.network.organisations import Organisation
from gateway.payments.push.limits import (
    PROMPTS,
    PROMPTS_BY_OTHERS,
    UNANSWERED_BY_OTHERS,
    most_for_household,
    most_from_payer,
    span_of,
)
from gateway.payments.states import UNDECIDED, State
from gateway.store.schema import collection, collection_event, phone

# Who asked for a payment, where it wasn't the payer: the reason of the first step of its story.
BY_FAMILY, BY_OTHER = "asked-by-family", "asked-by-other"

_OVER = frozenset({State.REFUSED, State.EXPIRED})
# How a prompt ends that its payer didn't want or didn't see.
_UNANSWERED = frozenset(
    {(State.EXPIRED, "no_answer"), (State.REFUSED, "rejected"), (State.REFUSED, "expired")},
)


@dataclass(frozen=True)
class Limited:
    """A limit that a wish to pay goes beyond; nothing was written.

    ``household``, ``payer``: ``amount`` is the most in a day; ``prompts``: the payer's phone was asked too often; these
    end at ``until``. ``least``, ``most``: the operator lets through no amount below or above ``amount``, on any day.
    """

    what: Literal["household", "payer", "prompts", "least", "most"]
    amount: Money | None = None
    until: datetime | None = None


# What somebody of the office, or a system of theirs, is told of each.
LIMITED = {
    "household": mark("This household has reached what may be asked of it in a day: {amount}."),
    "payer": mark("This phone has reached what may be asked of it in a day: {amount}."),
    "prompts": mark("This phone was asked often enough today. Ask again tomorrow, or speak with them."),
    "least": mark("The operator lets no amount below {amount} through."),
    "most": mark("The operator lets no amount above {amount} through."),
}


@dataclass(frozen=True)
class Wish:
    """A payment that somebody would like to be asked for: by whom is told where it isn't the payer."""

    books: Organisation
    household_id: int | None
    provider: str
    environment: str | None
    payer: str
    amount: Money
    asked: str | None = None  # BY_FAMILY or BY_OTHER


def limit_of(connection: Connection, wish: Wish, now: datetime) -> Limited | None:
    """The limit that a wish goes beyond, or None.

    Whoever acts on it holds the payer's turn and the household's row, so that two wishes are not both the last one.
    """
    amount, currency = wish.amount, wish.amount.currency
    if span := span_of(wish.provider, wish.environment, currency):
        least, most = span
        if not least <= amount <= most:
            return Limited("least", least) if amount < least else Limited("most", most)
    zone = ZoneInfo(wish.books.time_zone)
    today = day_in(wish.books.time_zone, now)
    begun = datetime.combine(today, time.min, zone)
    until = datetime.combine(today + timedelta(days=1), time.min, zone)
    of_payer = connection.execute(_OF_PAYER.where(collection.c.payer == wish.payer, collection.c.created_at >= begun))
    prompts = of_payer.all()
    if _too_many(prompts, by_another=wish.asked is not None):
        return Limited("prompts", until=until)
    counted = [row for row in prompts if row.currency == currency and State(row.state) not in _OVER]
    if sum(row.amount_minor for row in counted) + amount.minor > most_from_payer(currency).minor:
        return Limited("payer", most_from_payer(currency), until)
    if wish.household_id is None:
        return None
    for_household = connection.scalar(
        select(func.sum(collection.c.amount_minor)).where(
            collection.c.household_id == wish.household_id,
            collection.c.created_at >= begun,
            collection.c.way == "push",
            collection.c.currency == currency,
            collection.c.state.not_in([state.value for state in _OVER]),
            _counts_for(connection, wish),
        )
    )
    if int(for_household or 0) + amount.minor > most_for_household(currency).minor:
        return Limited("household", most_for_household(currency), until)
    return None


@dataclass(frozen=True)
class Used:
    """What wallets were asked for in a day over one line: how often, how often they paid, and how much was paid."""

    provider: str
    environment: str
    asked: int
    paid: int
    amount: Money


def used_since(connection: Connection, books_ids: Sequence[int], since: datetime) -> list[Used]:
    """What was asked of wallets from a moment on for some mutuelles, by provider, its operator and currency."""
    is_paid = collection.c.state == State.PAID.value
    rows = connection.execute(
        select(
            collection.c.provider,
            collection.c.environment,
            collection.c.currency,
            func.count().label("asked"),
            func.sum(case((is_paid, 1), else_=0)).label("paid"),
            func.sum(case((is_paid, collection.c.amount_minor), else_=0)).label("minor"),
        )
        .where(
            collection.c.organisation_id.in_(books_ids), collection.c.created_at >= since, collection.c.way == "push"
        )
        .group_by(collection.c.provider, collection.c.environment, collection.c.currency)
        .order_by(collection.c.provider, collection.c.environment, collection.c.currency)
    )
    return [
        Used(row.provider, row.environment or "", int(row.asked), int(row.paid), Money(int(row.minor), row.currency))
        for row in rows
    ]


def _counts_for(connection: Connection, wish: Wish) -> ColumnElement[bool]:
    """Which of a household's payments: what strangers have asked of their own wallets stops none of its own phones."""
    own = select(phone.c.msisdn).where(phone.c.household_id == wish.household_id)
    if connection.scalar(own.where(phone.c.msisdn == wish.payer)) is None:
        return true()
    return collection.c.payer.in_(own) | collection.c.state.not_in([state.value for state in UNDECIDED])


_first = and_(collection_event.c.collection_id == collection.c.id, collection_event.c.from_state.is_(None))
_OF_PAYER = (
    select(
        collection.c.amount_minor,
        collection.c.currency,
        collection.c.state,
        collection.c.reason,
        collection_event.c.reason.label("asked"),
    )
    .outerjoin(collection_event, _first)
    .where(collection.c.way == "push")
)


def _too_many(prompts: Sequence[Any], by_another: bool) -> bool:
    if len(prompts) >= PROMPTS:
        return True
    by_others = [row for row in prompts if row.asked in (BY_FAMILY, BY_OTHER)]
    unanswered = sum(1 for row in by_others if (State(row.state), row.reason) in _UNANSWERED)
    return by_another and (len(by_others) >= PROMPTS_BY_OTHERS or unanswered >= UNANSWERED_BY_OTHERS)
