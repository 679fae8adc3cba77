"""The outbox: work is written with its cause, claimed in batches, and rung for again until it is done.

A row is open until ``done_at`` is set. Claiming sets ``claimed_until``; a worker that dies leaves a claim that runs
out, and the sweep rings again. Every handler may therefore run more than once and must be safe to repeat.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, case, func, or_, select, update

from gateway.store.if_new import if_new
from gateway.store.or_set import or_set_to
from gateway.store.schema import outbox
from gateway.store.together import Ask as Rows
from gateway.store.together import together
from gateway.store.unit import Store, Unit

QUEUES = ("money", "receipts", "replies", "reminders")
CLAIM = timedelta(seconds=125)
LONGEST_CALL = timedelta(seconds=95)  # a token and an order, each at the slowest operator's slowest, and its record
BATCH = 100
BATCHES = {"reminders": 2}  # there a row is hundreds of messages: many workers find some to do
LOOK_UP_EVERY = timedelta(milliseconds=500)  # in a batch: has something come that goes before all else?
# What is waited after each try that came to nothing; the last one repeats.
RETRY_AFTER_S = (2, 10, 60, 300, 900)


@dataclass(frozen=True)
class Task:
    """One claimed row: what to do (``topic``) and to what (``subject``)."""

    id: int
    topic: str
    subject: str
    claims: int
    failures: int
    rank: int = 1  # 0 goes before all else in its queue


@dataclass(frozen=True)
class Ask:
    """A row to be: ``key`` makes it single, ``after`` delays it, ``first`` lets it go before all else in its queue."""

    queue: str
    topic: str
    subject: str
    key: str
    after: timedelta = timedelta(0)
    first: bool = False


_NEW = if_new(outbox, "key")


def ask_put(unit: Unit, *asks: Ask) -> Rows:
    """The rows to be, for :func:`~gateway.store.together.together`; work whose key is known is left as it is."""
    unit.rings |= {ask.queue for ask in asks if not ask.after}
    return _NEW[unit.connection.dialect.name], [
        {
            "queue": ask.queue,
            "topic": ask.topic,
            "subject": ask.subject,
            "key": ask.key,
            "rank": 0 if ask.first else 1,
            "due_at": unit.now + ask.after,
            "created_at": unit.now,
        }
        for ask in asks
    ]


def put(unit: Unit, *asks: Ask) -> None:
    """Write work into the outbox in the caller's transaction."""
    if asks:
        together(unit.connection, ask_put(unit, *asks))


def put_again(unit: Unit, ask: Ask) -> None:
    """Write work that is wanted once more each time: one row for each key, however often it is asked for.

    Work that is open is done no later than this asks for. Work that is in somebody's hands this moment, who may not
    have seen yet what this is about, is done once more afterwards; what was done is open again.
    """
    together(unit.connection, ask_put_again(unit, ask))


def ask_put_again(unit: Unit, ask: Ask) -> Rows:
    """The same, for :func:`~gateway.store.together.together`."""
    _, rows = ask_put(unit, ask)
    return _AGAIN[unit.connection.dialect.name], rows


def _one_more(counted: Column[int]) -> ColumnElement[int]:
    """Counted as far as the column can count: a row that has waited for a year must not stop the rest of its batch."""
    return case((counted < 30_000, counted + 1), else_=0)


def _open_again(new: Any) -> dict[str, Any]:
    waits = and_(outbox.c.done_at.is_(None), outbox.c.claimed_until.is_(None), outbox.c.due_at < new.due_at)
    return {
        "due_at": case((waits, outbox.c.due_at), else_=new.due_at),
        "done_at": None,
        "claimed_until": None,
        # Whoever has it in hand doesn't close it: see _still_ours.
        "claims": _one_more(outbox.c.claims),
    }


_AGAIN = or_set_to(outbox, ("key",), _open_again)


def _free(now: datetime) -> ColumnElement[bool]:
    """Open, due, and in nobody's hands. A claim of more than its full length was made by a clock that was wrong."""
    return and_(
        outbox.c.done_at.is_(None),
        outbox.c.due_at <= now,
        or_(
            outbox.c.claimed_until.is_(None),
            outbox.c.claimed_until < now,
            outbox.c.claimed_until > now + CLAIM,
        ),
    )


def batch_of(queue: str) -> int:
    """How many rows of a queue one worker claims at a time."""
    return BATCHES.get(queue, BATCH)


def claim(store: Store, queue: str, limit: int | None = None) -> Sequence[Task]:
    """Claim up to ``limit`` due rows of ``queue``; nobody else gets them until the claim runs out."""
    with store.write() as unit:
        open_rows = (
            select(outbox.c.id)
            .where(outbox.c.queue == queue, _free(unit.now))
            .order_by(outbox.c.rank, outbox.c.due_at)
            .limit(limit or batch_of(queue))
        )
        if store.is_postgresql:
            open_rows = open_rows.with_for_update(skip_locked=True)
        ids = list(unit.connection.scalars(open_rows))
        if not ids:
            return []
        rows = unit.connection.execute(
            update(outbox)
            .where(outbox.c.id.in_(ids))
            .values(claimed_until=unit.now + CLAIM, claims=_one_more(outbox.c.claims))
            .returning(outbox.c.id, outbox.c.topic, outbox.c.subject, outbox.c.claims, outbox.c.failures, outbox.c.rank)
        ).all()
    found = {row.id: Task(*row) for row in rows}
    return [found[each] for each in ids]


def done(unit: Unit, task: Task) -> None:
    """Close a row in the caller's transaction."""
    unit.connection.execute(
        update(outbox).where(_still_ours(task)).values(done_at=unit.now, claimed_until=None, failures=0, fault=None)
    )


def again(unit: Unit, task: Task, after: timedelta, fault: str | None = None) -> None:
    """Leave a row open for a later try; with a ``fault`` it counts as a failure."""
    unit.connection.execute(
        update(outbox)
        .where(_still_ours(task))
        .values(
            due_at=unit.now + after,
            claimed_until=None,
            failures=_one_more(outbox.c.failures) if fault else 0,
            fault=fault[:200] if fault else None,
        )
    )


def hold(unit: Unit, task: Task) -> None:
    """Keep the claim on a row whose work takes longer than one, while it goes on."""
    unit.connection.execute(update(outbox).where(_still_ours(task)).values(claimed_until=unit.now + CLAIM))


def reopen(unit: Unit, task: Task, after: timedelta) -> None:
    """Let a row be done once more, though another took it over meanwhile, and may have closed it."""
    unit.connection.execute(
        update(outbox)
        .where(outbox.c.id == task.id)
        .values(due_at=unit.now + after, done_at=None, claimed_until=None, claims=_one_more(outbox.c.claims))
    )


def is_ours(unit: Unit, task: Task) -> bool:
    """Is a claimed row still ours to work on? Where nobody else could take it meanwhile, until the transaction ends."""
    return unit.connection.scalar(select(outbox.c.id).where(_still_ours(task)).with_for_update()) is not None


def _still_ours(task: Task) -> ColumnElement[bool]:
    """Whoever was so slow that another took the row over leaves it to them."""
    return and_(outbox.c.id == task.id, outbox.c.claims == task.claims, outbox.c.done_at.is_(None))


Handler = Callable[[Task], timedelta | None]


def drain(
    store: Store,
    queue: str,
    handlers: Mapping[str, Handler],
    told: Callable[[Task, Exception], None],
    limit: int | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Claim one batch and work through it; returns how many rows were claimed.

    What hasn't been begun when the claim has too little time left for a slow call, when ``stopping()`` says so, or when
    something came meanwhile that goes before all else, is given back for a fresh claim. A handler returns None when the
    row is done, or how long to wait before it is handled again. What it raises is told, kept on the row, and tried
    again with growing patience: a row is never given up silently.
    """
    tasks = claim(store, queue, limit)
    begin_until = time.monotonic() + (CLAIM - LONGEST_CALL).total_seconds()
    looked_up_at = store.clock.now()
    for place, task in enumerate(tasks):
        late = place > 0 and time.monotonic() > begin_until
        if not late and task.rank and store.clock.now() - looked_up_at >= LOOK_UP_EVERY:
            late, looked_up_at = _overtaken(store, queue), store.clock.now()
        if stopping() or late:
            _give_back(store, tasks[place:])
            break
        wait: timedelta | None
        fault = None
        try:
            wait = handlers[task.topic](task)
        except Exception as error:  # the batch goes on: one bad row must not hold up the others
            told(task, error)
            wait = patience(task.failures + 1)
            fault = in_one_line(error)
        with store.write() as unit:
            if wait is None:
                done(unit, task)
            else:
                again(unit, task, wait, fault)
    return len(tasks)


def _overtaken(store: Store, queue: str) -> bool:
    """Is there due work that nobody has, and that goes before all else?"""
    first = select(outbox.c.id).where(outbox.c.queue == queue, outbox.c.rank == 0, _free(store.clock.now())).limit(1)
    with store.read() as connection:
        return connection.scalar(first) is not None


def _give_back(store: Store, tasks: Sequence[Task]) -> None:
    with store.write() as unit:
        unit.connection.execute(
            update(outbox).where(or_(*(_still_ours(task) for task in tasks))).values(claimed_until=None)
        )


def in_one_line(error: Exception) -> str:
    """A failure's name and first line: what PostgreSQL adds in further lines are the values of people's rows."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def patience(tries: int) -> timedelta:
    """How long to wait after so many tries (from 1) that came to nothing: longer each time, to a quarter of an hour."""
    return timedelta(seconds=RETRY_AFTER_S[min(tries, len(RETRY_AFTER_S)) - 1])


def waiting_queues(store: Store) -> set[str]:
    """The queues that have due work which nobody has claimed."""
    now = store.clock.now()
    with store.read() as connection:
        return set(connection.scalars(select(outbox.c.queue).where(_free(now)).distinct()))


def ages(connection: Connection, now: datetime) -> dict[str, tuple[int, float]]:
    """For each queue with work that is due: how many rows, and by how many seconds the oldest is late."""
    rows = connection.execute(
        select(outbox.c.queue, func.count(), func.min(outbox.c.due_at))
        .where(outbox.c.done_at.is_(None), outbox.c.due_at <= now)
        .group_by(outbox.c.queue)
    )
    return {queue: (count, (now - oldest).total_seconds()) for queue, count, oldest in rows}
