"""Posting a confirmed payment, and storing a callback, against the same rows written plainly."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from statistics import median

import psycopg
from sqlalchemy import func, select

from benchmarks.hops import ROUNDS, SECONDS
from benchmarks.load import post, run
from benchmarks.place import SECRET, Place, tell
from gateway.kernel.ids import ordered_id
from gateway.kernel.money import Money
from gateway.membership.households import by_id
from gateway.payments.collections import by_key as collection_by_key
from gateway.payments.collections import move
from gateway.payments.providers.base import Paid
from gateway.payments.push.wishes import ask_for_payment
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.settings import Settings
from gateway.store.schema import collection, entry, household, line, message, outbox
from gateway.wiring import Runtime

PAYMENTS = 400


def posting(settings: Settings) -> list[str]:
    """One transaction: state, entries, cover, messages, outbox; against bare psycopg writing the same rows."""
    parts = Runtime(settings, patient=True)
    ours, plain = [], []
    for number in range(ROUNDS + 1):
        keys = _pending(parts, PAYMENTS, f"round {number}")
        before = _rows(parts)
        ours.append(_post(parts, keys))
        after = _rows(parts)
        rows = {name: (after[name] - before[name]) / len(keys) for name in after}
        plain.append(_bare(settings, _pending(parts, PAYMENTS, f"plain {number}"), rows))
    ratios = [one / other for one, other in zip(ours[1:], plain[1:], strict=True)]  # the first round warms up
    shown = ", ".join(f"{count:.1f} {name}" for name, count in rows.items())
    parts.store.close()
    return [
        f"One payment writes {shown}, and moves its collection.",
        "",
        "| posting | per second |",
        "| --- | --: |",
        f"| gateway | {median(ours[1:]):.0f} |",
        f"| bare psycopg, the same rows | {median(plain[1:]):.0f} |",
        f"| ratio | {median(ratios):.2f} |",
    ]


def _pending(parts: Runtime, count: int, mark: str) -> list[str]:
    """Collections that wait for their payment, of different households of Benin's sample and Burundi's."""
    tree = parts.network.tree()
    keys = []
    with parts.store.write() as unit:
        last = unit.connection.scalar(select(func.max(collection.c.id))) or 0
        ids = unit.connection.scalars(
            select(household.c.id).order_by(func.md5(func.concat(household.c.card, mark))).limit(count)
        ).all()
        for place, each in enumerate(ids):
            family = by_id(unit.connection, tree, each)
            ask_for_payment(
                unit,
                effect_key=uuid.uuid4().hex,
                books=tree.books_of(family.section_id),
                household_id=each,
                provider="mtn_momo",
                payer=f"+229010000{place:04d}",  # nobody has such a number, and nobody pays for hundreds in a day
                amount=Money(500, family.currency),
                after=timedelta(days=1),
            )
        keys = list(unit.connection.scalars(select(collection.c.key).where(collection.c.id > last)))
        for key in keys:
            one = collection_by_key(unit.connection, key)
            assert one is not None
            move(unit, one, State.SENDING)
            unit.connection.execute(collection.update().where(collection.c.key == key).values(state=State.PENDING))
    return keys


def _post(parts: Runtime, keys: list[str]) -> float:
    tree = parts.network.tree()
    store, chart = parts.store, parts.services.chart
    with parts.store.read() as connection:
        money = {key: _amount(connection, key) for key in keys}
    quiet, store.bell = store.bell, None
    begun = time.perf_counter()
    for key in keys:
        with store.write() as unit:
            assert post_paid(unit, tree, chart, key, Paid(money[key], f"op-{key}", None, "SUCCESSFUL"))
    took = time.perf_counter() - begun
    store.bell = quiet
    return len(keys) / took


def _amount(connection: object, key: str) -> Money:
    one = collection_by_key(connection, key)  # type: ignore[arg-type]
    assert one is not None
    return one.amount


def _rows(parts: Runtime) -> dict[str, int]:
    with parts.store.read() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (entry, line, message, outbox)
        }


def _bare(settings: Settings, keys: list[str], rows: dict[str, float]) -> float:
    """The same rows, as few statements as a person would write by hand, one transaction a payment."""
    lines_each, messages_each = round(rows["line"]), round(rows["message"])
    with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as own:
        accounts = own.execute(
            "select organisation_id, currency, min(id), max(id) from account group by 1, 2 limit 1"
        ).fetchone()
        assert accounts is not None
        books, currency, first, last = accounts
        begun = time.perf_counter()
        for key in keys:
            one, amounts = ordered_id(), [500, -500] if lines_each == 2 else [500, -300, -200]
            with own.transaction():
                own.execute(
                    "update collection set state = 'paid', paid_minor = 500, paid_currency = currency, "
                    "paid_at = now(), operator_id = %s where key = %s",
                    (f"op-{key}", key),
                )
                own.execute(
                    "insert into collection_event (collection_id, at, from_state, to_state) "
                    "select id, now(), 'pending', 'paid' from collection where key = %s",
                    (key,),
                )
                with own.cursor() as cursor:
                    cursor.executemany(
                        "insert into line (entry_id, account_id, amount_minor) values (%s, %s, %s)",
                        [(one, first if amount > 0 else last, amount) for amount in amounts],
                    )
                    cursor.execute(
                        "insert into entry (id, key, organisation_id, journal, currency, happened_on, recorded_at) "
                        "values (%s, %s, %s, 'collections', %s, current_date, now())",
                        (one, f"bare:{key}", books, currency),
                    )
                    ids = [ordered_id() for _ in range(messages_each)]
                    cursor.executemany(
                        "insert into message (id, key, organisation_id, event, msisdn, language, text, parts, state, "
                        "created_at) values (%s, %s, %s, 'receipt', '+2290166000123', 'fr', %s, 1, 'waiting', now())",
                        [(each, f"bare:{each}", books, "x" * 120) for each in ids],
                    )
                    cursor.executemany(
                        "insert into outbox (key, queue, topic, subject, due_at, created_at) "
                        "values (%s, 'receipts', 'sms.send', %s, now() + interval '1 day', now())",
                        [(f"bare:{each}", str(each)) for each in ids],
                    )
        return len(keys) / (time.perf_counter() - begun)


def callbacks(place: Place, settings: Settings) -> list[str]:
    """A callback durably stored and answered, against a view that does only the INSERT and the COMMIT."""
    body = (
        b'{"financialTransactionId":"1234567","externalId":"x","amount":"500","currency":"XOF","status":"SUCCESSFUL"}'
    )
    numbers = itertools.count()

    def notices(_: int) -> Iterator[bytes]:
        while True:
            key = uuid.UUID(int=next(numbers) + 2**100)
            yield post(f"/payments/mtn_momo/{SECRET}/{key}", body, "application/json")

    def plain(_: int) -> Iterator[bytes]:
        while True:
            yield post("/insert", body, "application/json")

    ours, theirs = [], []
    with place.gateway(settings) as gateway, place.baselines(settings) as baseline:
        run(gateway, notices, 1.0)
        run(baseline, plain, 1.0)
        for _ in range(ROUNDS):
            ours.append(run(gateway, notices, SECONDS))
            theirs.append(run(baseline, plain, SECONDS))
    wrong = sum(one.wrong for one in ours + theirs)
    ratio = median(one.per_second / other.per_second for one, other in zip(ours, theirs, strict=True))
    lines = [
        "| callback | per second | p99 ms |",
        "| --- | --: | --: |",
        f"| gateway | {median(one.per_second for one in ours):.0f} | {median(one.p99_ms for one in ours):.1f} |",
        f"| INSERT and COMMIT | {median(one.per_second for one in theirs):.0f} "
        f"| {median(one.p99_ms for one in theirs):.1f} |",
        f"| ratio | {ratio:.2f} | {wrong} wrong |",
    ]
    tell(lines[-1])
    return lines
