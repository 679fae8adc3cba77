"""Whom a running campaign is for is written down first: one message each, which waits to be sent, and once only.

Households are looked at in order of their ids, some thousands at a time, while nobody waits for it; the transaction
that writes their messages also moves the campaign's cursor, from where it was looked: whoever dies in the middle leaves
the rest to the next, and nobody is chosen twice or passed over.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.kernel.clock import day_in
from gateway.network.organisations import Network
from gateway.sms.campaigns.keeping import Campaign, begin, by_id, finish, locked, open_slices, slice_work
from gateway.sms.campaigns.recipients import numbers_after
from gateway.sms.campaigns.states import State
from gateway.sms.campaigns.who import next_batch
from gateway.sms.outgoing import in_key, message_id
from gateway.store.outbox import Task, put
from gateway.store.schema import campaign, message
from gateway.store.unit import Store, Unit

SLICE = 500  # messages that one worker sends in one go
MOST_BATCHES = 5  # of households that are looked at in one go, where few of them are meant
WORK_FOR_S = 20.0  # then the work is given back, and goes on at once where nothing is more urgent
PAUSED_LOOK = timedelta(minutes=15)  # whoever resumes it rings; this is for a ring that was lost

# Nobody asks which rows were new: without that they go out one after the other in a pipeline, and not as one statement
# of ten thousand placeholders.
_NEW = {
    dialect: insert(message).on_conflict_do_nothing(index_elements=("key",))
    for dialect, insert in (("postgresql", postgresql.insert), ("sqlite", sqlite.insert))
}


@dataclass(frozen=True)
class _Seen:
    """Who is meant of the households after an id, and up to which one was looked; None where there are no more."""

    after: int
    ids: list[int]
    last: int | None


class Choosing:
    """The outbox's handler for ``campaign.choose``; the task's subject is the campaign's id."""

    def __init__(self, store: Store, network: Network) -> None:
        self._store = store
        self._network = network

    def __call__(self, task: Task) -> timedelta | None:
        begun = time.monotonic()
        while time.monotonic() - begun < WORK_FOR_S:
            seen = self._look_ahead(int(task.subject))
            with self._store.write() as unit:
                wait = self._step(unit, int(task.subject), seen)
            if wait != timedelta(0):
                return wait
        return timedelta(0)

    def _look_ahead(self, campaign_id: int) -> _Seen | None:
        """Look at the next households before anything is locked: how thousands stand takes seconds."""
        with self._store.read() as connection:
            one = by_id(connection, campaign_id)
            if one is None or one.state is not State.RUNNING or one.chosen_at or one.kind in ("list", "news"):
                return None
            return self._look(connection, one, self._store.clock.now())

    def _step(self, unit: Unit, campaign_id: int, seen: _Seen | None = None) -> timedelta | None:
        """Choose some, those who were seen where that is still who comes next; zero when there may be more, None when
        everybody is chosen."""
        one = locked(unit, campaign_id)
        if one is None or one.state in (State.DONE, State.CANCELLED, State.DRAFT):
            return None
        if one.chosen_at is not None:
            finish(unit, one)  # it was paused after its last message
            return None
        if one.state is State.PAUSED:
            return PAUSED_LOOK
        if one.state is State.SCHEDULED:
            if one.starts_at is not None and one.starts_at > unit.now:
                return one.starts_at - unit.now
            begin(unit, one)
            return timedelta(0)
        rows, cursor = self._chosen(unit, one, seen)
        if cursor is None:
            unit.connection.execute(update(campaign).where(campaign.c.id == one.id).values(chosen_at=unit.now))
            finish(unit, replace(one, chosen_at=unit.now, state=State.RUNNING))
            return None
        slices = one.slices + write(unit, one, one.slices, rows)
        unit.connection.execute(update(campaign).where(campaign.c.id == one.id).values(cursor=cursor, slices=slices))
        return timedelta(0)

    def _chosen(self, unit: Unit, one: Campaign, seen: _Seen | None) -> tuple[list[dict[str, Any]], int | None]:
        """The next messages, and how far they bring the cursor; None when everybody is chosen."""
        tree = self._network.tree()
        if one.kind == "list":  # its messages are there since it was made
            put(unit, *(slice_work(one.id, number) for number in open_slices(unit.connection, one.id)))
            return [], None
        if one.kind == "news":
            numbers = numbers_after(unit.connection, tree, one.who, one.cursor)
            rows = [row_of(one, unit, f"news:{one.id}:{in_key(each)}", None) | {"msisdn": each} for each in numbers]
            return rows, int(numbers[-1][1:]) if numbers else None
        if seen is None or seen.after != one.cursor:
            seen = self._look(unit.connection, one, unit.now)
        return [_row(one, unit, its_id) for its_id in seen.ids], seen.last

    def _look(self, connection: Connection, one: Campaign, now: datetime) -> _Seen:
        tree = self._network.tree()
        today = day_in(tree[one.organisation_id].time_zone, now)
        found: list[int] = []
        last = None
        for _ in range(MOST_BATCHES):
            batch = next_batch(connection, tree, one.who, today, last or one.cursor)
            if batch is None:
                break
            found, last = [*found, *batch.sections], batch.last
            if len(found) >= SLICE:
                break
        return _Seen(one.cursor, found, last)


def write(unit: Unit, one: Campaign, first_slice: int, rows: Sequence[dict[str, Any]]) -> int:
    """Write messages that wait, and the work of sending them, in slices; returns how many slices that are."""
    numbered = [{**row, "slice": first_slice + place // SLICE} for place, row in enumerate(rows)]
    if numbered:
        unit.connection.execute(_NEW[unit.connection.dialect.name], numbered)
        put(unit, *(slice_work(one.id, number) for number in sorted({row["slice"] for row in numbered})))
    return -(-len(numbered) // SLICE)


def _row(one: Campaign, unit: Unit, household_id: int) -> dict[str, Any]:
    # A rule reminds a household of one due date once, whatever campaign does it.
    about = f"{one.rule_id}:{one.due_on}" if one.rule_id is not None else f"c{one.id}"
    return row_of(one, unit, f"remind:{about}:{household_id}", household_id)


def row_of(one: Campaign, unit: Unit, key: str, household_id: int | None) -> dict[str, Any]:
    """A message of a campaign before it has its number and its words."""
    return {
        "id": message_id(key),
        "key": key,
        "organisation_id": one.organisation_id,
        "household_id": household_id,
        "event": one.kind,
        "msisdn": "",
        "language": "",
        "text": "",
        "parts": 0,
        "state": "waiting",
        "created_at": unit.now,
        "campaign_id": one.id,
    }
