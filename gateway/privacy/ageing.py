"""What was kept only to do things once, or as it came, loses its words by age: it can't be told whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, select, update

from gateway.store.schema import effect, notice, register_import, register_import_row
from gateway.store.unit import Store

REPEATED_FOR = timedelta(days=400)  # nobody repeats what they asked for a year ago
_AT_ONCE = 2_000


def ageing(store: Store, now: datetime, longest_years: int) -> Iterator[tuple[str, int]]:
    """Empty what is too old, some thousand rows a step: which table, and how many rows of it.

    ``longest_years``: the longest time that any organisation keeps who left; notices of operators and registers from
    files are proofs for that long. Whoever stops in the middle goes on where it was: what is empty isn't looked at.
    """
    yield from _effects(store, now - REPEATED_FOR)
    before = now - timedelta(days=366 * longest_years)
    yield from _notices(store, before)
    yield from _registers(store, before)


def _effects(store: Store, before: datetime) -> Iterator[tuple[str, int]]:
    key = ""
    while True:
        with store.write() as unit:
            rows = unit.connection.execute(
                select(effect.c.key, effect.c.at).where(effect.c.key > key).order_by(effect.c.key).limit(_AT_ONCE)
            ).all()
            old = [row.key for row in rows if row.at < before]
            if old:
                unit.connection.execute(delete(effect).where(effect.c.key.in_(old)))
        if not rows:
            return
        key = rows[-1].key
        yield "effect", len(old)


def _notices(store: Store, before: datetime) -> Iterator[tuple[str, int]]:
    after = 0
    while True:
        with store.write() as unit:
            rows = unit.connection.execute(
                select(notice.c.id, notice.c.received_at)
                .where(notice.c.id > after)
                .order_by(notice.c.id)
                .limit(_AT_ONCE)
            ).all()
            old = [row.id for row in rows if row.received_at < before]
            done = _empty(unit.connection, notice, old, body=b"", digest=None) if old else 0
        if not old:  # they come in the order of their ids
            return
        after = rows[-1].id
        yield "notice", done


def _empty(connection: Any, table: Table, ids: list[int], **values: Any) -> int:
    full = func.length(table.c.body) > 0
    return int(connection.execute(update(table).where(table.c.id.in_(ids), full).values(values)).rowcount)


def _registers(store: Store, before: datetime) -> Iterator[tuple[str, int]]:
    with store.read() as connection:
        old = connection.scalars(
            select(register_import.c.id).where(register_import.c.finished_at < before).order_by(register_import.c.id)
        ).all()
    for its_id in old:
        after = 0
        while True:
            with store.write() as unit:
                own = register_import_row
                numbers = unit.connection.scalars(
                    select(own.c.number)
                    .where(own.c.import_id == its_id, own.c.number > after)
                    .order_by(own.c.number)
                    .limit(_AT_ONCE)
                ).all()
                if numbers:
                    unit.connection.execute(
                        update(own)
                        .where(own.c.import_id == its_id, own.c.number.in_(numbers))
                        .values(content={"people": []}, faults=[])
                    )
            if not numbers:
                break
            after = numbers[-1]
            yield "register_import_row", len(numbers)
