"""What stands on suspense, and how its treasurers hear of it again: each morning, while it has stood for over a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from gateway.kernel.money import Money
from gateway.kernel.numbers import with_check_digit
from gateway.locale import Say
from gateway.network.organisations import Network, Tree
from gateway.payments.keepers import Keeper, keepers
from gateway.payments.names import LONGEST
from gateway.sms import digest_texts
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.quiet import last_at, quiet_for
from gateway.store.schema import collection, incoming, message, money_case
from gateway.store.unit import Store

# Older than this it is spoken of again.
FRESH_FOR = timedelta(days=1)
# A case that is older was not kept from anybody by a night or an outage.
NEWS_FOR = timedelta(days=3)

Sums = dict[str, tuple[int, Money]]  # how many and how much, by currency


def standing(connection: Connection, tree: Tree, keeper: Keeper, seen_by: datetime) -> Sums:
    """What stands on suspense in the books that a treasurer keeps, of what came by a moment.

    Also payments of another currency than was asked for, while their case is open.
    """
    offices = [one.id for one in tree.by_id.values() if one.books_id in keeper.books]
    kept = (
        select(incoming.c.currency, func.count(), func.sum(incoming.c.amount_minor))
        .where(incoming.c.organisation_id.in_(offices), incoming.c.state == "suspense", incoming.c.seen_at <= seen_by)
        .group_by(incoming.c.currency)
    )
    odd = (
        select(collection.c.paid_currency, func.count(), func.sum(collection.c.paid_minor))
        .join(money_case, money_case.c.collection_id == collection.c.id)
        .where(
            money_case.c.organisation_id.in_(offices),
            money_case.c.kind == "currency",
            money_case.c.incoming_id.is_(None),
            money_case.c.closed_at.is_(None),
            money_case.c.opened_at <= seen_by,
            collection.c.state == "paid",
        )
        .group_by(collection.c.paid_currency)
    )
    counts, minor = defaultdict[str, int](int), defaultdict[str, int](int)
    for query in (kept, odd):
        for currency, count, total in connection.execute(query):
            counts[currency] += count
            minor[currency] += int(total)
    return {currency: (count, Money(minor[currency], currency)) for currency, count in sorted(counts.items())}


def reminding(store: Store, network: Network) -> Iterator[int]:
    """Remind each treasurer once a day, when the quiet hours are over; for the scheduler, a treasurer a step."""
    tree, now = network.tree(), store.clock.now()
    with store.read() as connection:
        found = keepers(connection, tree)
    for keeper in found:
        if quiet_for(now, keeper.office):
            continue
        day = last_at(now, keeper.office, keeper.office.quiet_until)
        with store.read() as connection:
            waits = standing(connection, tree, keeper, day - FRESH_FOR)
        _write(store, [_reminder(keeper, day, sums) for sums in waits.values()])
        yield 1


def _reminder(keeper: Keeper, day: datetime, sums: tuple[int, Money]) -> Outgoing:
    count, amount = sums
    key = f"waits:{keeper.id}:{day:%Y%m%dT%H%MZ}:{amount.currency}"
    return _to(keeper, "suspense", digest_texts.still_waits(Say(keeper.language), count, amount), key)


def alerting(store: Store, network: Network) -> Iterator[int]:
    """Tell the treasurers once of each transaction that turned up twice and not as the same; a case a step."""
    tree, now = network.tree(), store.clock.now()
    amount = func.coalesce(incoming.c.amount_minor, collection.c.paid_minor, collection.c.amount_minor)
    currency = func.coalesce(incoming.c.currency, collection.c.paid_currency, collection.c.currency)
    number = func.coalesce(incoming.c.operator_id, collection.c.operator_id, collection.c.key)
    with store.read() as connection:
        cases = connection.execute(
            select(money_case.c.id, money_case.c.organisation_id, amount.label("minor"), currency.label("currency"),
                   number.label("number"))
            .outerjoin(incoming, incoming.c.id == money_case.c.incoming_id)
            .outerjoin(collection, collection.c.id == money_case.c.collection_id)
            .where(
                money_case.c.kind == "twin", money_case.c.closed_at.is_(None), money_case.c.opened_at > now - NEWS_FOR,
                amount.is_not(None),
            )
            .order_by(money_case.c.id)
        ).all()  # fmt: skip
        found = keepers(connection, tree) if cases else []
    for case in cases:
        books = tree.books_of(case.organisation_id).id
        its, sums = with_check_digit(case.id), Money(case.minor, case.currency)
        _write(
            store,
            [
                _to(each, "alert", digest_texts.twin(Say(each.language), its, sums, case.number[:LONGEST]),
                    f"twin:{case.id}:{each.id}")
                for each in found
                if books in each.books and not quiet_for(now, each.office)
            ],
        )  # fmt: skip
        yield 1


def _to(keeper: Keeper, event: str, text: str, key: str) -> Outgoing:
    return Outgoing(event, keeper.msisdn, keeper.language, text, keeper.office.id, None, key)


def _write(store: Store, words: list[Outgoing]) -> None:
    """Those that were not written before: who looks each minute writes nothing most of the time."""
    if not words:
        return
    with store.read() as connection:
        keys = [one.key for one in words]
        known = set(connection.scalars(select(message.c.key).where(message.c.key.in_(keys))))
    new = [one for one in words if one.key not in known]
    if new:
        with store.write() as unit:
            queue_messages(unit, "receipts", *new)
