"""What happens is followed in the rows that say so, and written down once for each endpoint that wants to be told.

Nothing is asked of whoever posts a payment or registers a household: their rows are the events. Rows are numbered when
they are written and seen when their transaction ends, so a lower number may turn up after a higher one: those of the
last while are therefore looked through again each time, and what is written down already is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, case, func, insert, select, update

from gateway.exchange.webhooks import endpoints
from gateway.exchange.webhooks.endpoints import DISABLED, BadWebhook, Endpoint, Event
from gateway.kernel.numbers import with_check_digit
from gateway.store import outbox
from gateway.store.if_new import if_new
from gateway.store.outbox import Ask
from gateway.store.schema import (
    collection,
    collection_event,
    household,
    household_change,
    organisation,
    request,
    visit,
    webhook_delivery,
    webhook_mark,
)
from gateway.store.unit import Store, Unit

TOPIC, QUEUE = "webhook.deliver", "reminders"
STEP = 500
# No transaction of ours is open for as long.
AGAIN = timedelta(minutes=15)

_NEW = if_new(webhook_delivery, "key")


@dataclass(frozen=True)
class Happened:
    """An event: ``key`` is its own for ever, ``data`` what others are told of it."""

    key: str
    event: Event
    at: datetime
    path: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class _Source:
    """Rows that are events: what is read of them, numbered by ``number`` and dated by ``at``."""

    name: str
    asked: Select[Any]
    number: Column[int]
    at: Column[datetime]


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"amount_minor": minor, "currency": currency}


def _of_payment(row: Row[Any]) -> tuple[Event, dict[str, Any]]:
    paid = row.paid_minor is not None
    return Event.PAYMENT_POSTED if row.to_state == "paid" else Event.PAYMENT_REVERSED, {
        "collection": row.collection_id,
        "household": row.household_id,
        "card": row.card,
        "amount": _money(row.paid_minor if paid else row.amount_minor, row.paid_currency if paid else row.currency),
        "way": row.way,
    }


def _of_household(row: Row[Any]) -> tuple[Event, dict[str, Any]]:
    return Event.HOUSEHOLD_REGISTERED, {"household": row.number, "card": row.card}


def _of_change(row: Row[Any]) -> tuple[Event, dict[str, Any]]:
    return Event.HOUSEHOLD_CHANGED, {
        "household": row.household_id,
        "card": row.card,
        "change": row.kind,
        "on": row.happened_on and str(row.happened_on),
    }


def _of_visit(row: Row[Any]) -> tuple[Event, dict[str, Any]]:
    return Event.VISIT_ANNOUNCED, {
        "visit": with_check_digit(row.id),
        "household": row.household_id,
        "card": row.card,
        "facility": row.facility_id,
        "on": str(row.announced_on),
    }


def _of_request(row: Row[Any]) -> tuple[Event, dict[str, Any]]:
    return Event.COMPLAINT_OPENED, {"complaint": row.id, "category": row.category, "household": row.household_id}


_SECTION = organisation.alias("section")
# A payment is its household's section's, unless the household has moved to another mutuelle meanwhile.
_PAID_AT = case((_SECTION.c.path.startswith(organisation.c.path), _SECTION.c.path), else_=organisation.c.path)

_SOURCES = {
    _Source(
        "collection_event",
        select(collection_event.c.collection_id, collection_event.c.to_state, collection.c.household_id,
               household.c.card, collection.c.paid_minor, collection.c.paid_currency, collection.c.amount_minor,
               collection.c.currency, collection.c.way, _PAID_AT.label("path"))
        .join(collection, collection.c.id == collection_event.c.collection_id)
        .outerjoin(household, household.c.id == collection.c.household_id)
        .join(organisation, organisation.c.id == collection.c.organisation_id)
        .outerjoin(_SECTION, _SECTION.c.id == household.c.section_id)
        .where(collection_event.c.to_state.in_(("paid", "reversed"))),
        collection_event.c.id,
        collection_event.c.at,
    ): _of_payment,
    _Source(
        "household",
        select(household.c.card, organisation.c.path).join(organisation, organisation.c.id == household.c.section_id),
        household.c.id,
        household.c.registered_at,
    ): _of_household,
    _Source(
        "household_change",
        select(household_change.c.household_id, household.c.card, household_change.c.kind,
               household_change.c.happened_on, organisation.c.path)
        .join(household, household.c.id == household_change.c.household_id)
        .join(organisation, organisation.c.id == household.c.section_id),
        household_change.c.id,
        household_change.c.at,
    ): _of_change,
    _Source(
        "visit",
        select(visit.c.household_id, household.c.card, visit.c.facility_id, visit.c.announced_on, organisation.c.path)
        .join(household, household.c.id == visit.c.household_id)
        .join(organisation, organisation.c.id == visit.c.organisation_id),
        visit.c.id,
        visit.c.announced_at,
    ): _of_visit,
    _Source(
        "request",
        select(request.c.household_id, request.c.category, organisation.c.path)
        .join(organisation, organisation.c.id == request.c.organisation_id)
        .where(request.c.kind == "complaint"),
        request.c.id,
        request.c.created_at,
    ): _of_request,
}  # fmt: skip


def following(store: Store) -> Iterator[int]:
    """Write down what happened since, for whoever wants to be told; for the scheduler, some rows a step."""
    with store.read() as connection:
        wanted = endpoints.below(connection, "/", with_disabled=False)
    for source in _SOURCES if wanted else ():
        behind: int | None = None
        settled = True
        while True:
            with store.write() as unit:
                if behind is None:
                    behind = _mark(unit, source, min(one.made_at for one in wanted))
                rows = _rows(unit.connection, source, behind)
                tell(unit, wanted, [_read(source, row) for row in rows])
                if settled and len(rows) < STEP:
                    _pass_over(unit, source, behind)
                settled = settled and _remember(unit, source, rows)
            yield len(rows)
            if len(rows) < STEP:
                break
            behind = rows[-1].number


def _rows(connection: Connection, source: _Source, behind: int) -> Sequence[Row[Any]]:
    asked = source.asked.add_columns(
        source.number.label("number"), source.number.label("id"), source.at.label("moment")
    )
    return connection.execute(asked.where(source.number > behind).order_by(source.number).limit(STEP)).all()


def _read(source: _Source, row: Row[Any]) -> Happened:
    event, data = _SOURCES[source](row)
    return Happened(f"{source.name}:{row.number}", event, row.moment, row.path, data)


def _mark(unit: Unit, source: _Source, since: datetime) -> int:
    """Behind which row there may be news; the first time, behind what is older than the first endpoint."""
    found = unit.connection.scalar(select(webhook_mark.c.behind_id).where(webhook_mark.c.source == source.name))
    if found is not None:
        return int(found)
    # Rows are dated about as they are numbered, so a few before the newest of an hour ago are enough to begin with.
    first = unit.connection.scalar(select(func.max(source.number)).where(source.at < since - AGAIN)) or 0
    unit.connection.execute(insert(webhook_mark).values(source=source.name, behind_id=first))
    return first


def _remember(unit: Unit, source: _Source, rows: Sequence[Row[Any]]) -> bool:
    """Go on behind the rows that nothing can come before any more; are those all?"""
    old = list(takewhile(lambda row: row.moment < unit.now - AGAIN, rows))
    if old:
        unit.connection.execute(
            update(webhook_mark)
            .where(webhook_mark.c.source == source.name, webhook_mark.c.behind_id < old[-1].number)
            .values(behind_id=old[-1].number)
        )
    return len(old) == len(rows)


def _pass_over(unit: Unit, source: _Source, behind: int) -> None:
    """Go on behind the rows that are no events too, or each look would be through all of them since the last event."""
    number = source.number
    young = select(func.min(number)).where(number > behind, source.at >= unit.now - AGAIN)
    first = unit.connection.scalar(young)
    # Up to the last old row that is there, no further: before a young one others may turn up.
    old = select(func.max(number)).where(number > behind)
    last = unit.connection.scalar(old if first is None else old.where(number < first))
    if last is not None:
        own = (webhook_mark.c.source == source.name) & (webhook_mark.c.behind_id < last)
        unit.connection.execute(update(webhook_mark).where(own).values(behind_id=last))


def tell(unit: Unit, wanted: Sequence[Endpoint], happened: Sequence[Happened]) -> int:
    """Write down what is to be delivered of some events, each once for each endpoint; how many were new."""
    rows = [
        {
            "key": f"{one.id}:{each.key}",
            "webhook_id": one.id,
            "event": each.event.value,
            "happened_at": each.at,
            "data": dict(each.data),
            "created_at": unit.now,
        }
        for each in happened
        for one in wanted
        if each.event in one.events and each.path.startswith(one.path) and each.at >= one.made_at
    ]
    new = [key for row in rows if (key := unit.connection.scalar(_NEW[unit.connection.dialect.name], row)) is not None]
    outbox.put(unit, *(Ask(QUEUE, TOPIC, key, f"{TOPIC}:{key}") for key in new))
    return len(new)


def tell_test(unit: Unit, its_id: int) -> None:
    """Queue a test event for one endpoint, whatever else it wants to be told.

    Raises :class:`BadWebhook` where it is disabled.
    """
    one = endpoints.by_id(unit.connection, its_id)
    if one is None or one.disabled_at is not None:
        raise BadWebhook(DISABLED)
    key = f"{its_id}:test:{int(unit.now.timestamp() * 1000)}"
    row = {
        "key": key,
        "webhook_id": its_id,
        "event": Event.TEST.value,
        "happened_at": unit.now,
        "data": {},
        "created_at": unit.now,
    }
    if unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None:
        outbox.put(unit, Ask(QUEUE, TOPIC, key, f"{TOPIC}:{key}"))
