"""The outbox: every row is handled, by one worker at a time, until it is done; whoever dies is followed by another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from typing import Any

import psycopg
import pytest
from sqlalchemy import Row, select, update

import gateway.store.outbox as outbox_module
from gateway.kernel.atomic import require_outside
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Unavailable
from gateway.store.engine import open_engine
from gateway.store.outbox import (
    BATCH,
    CLAIM,
    RETRY_AFTER_S,
    Ask,
    Handler,
    Task,
    ages,
    claim,
    drain,
    put,
    waiting_queues,
)
from gateway.store.schema import lease, outbox
from gateway.store.unit import Store

SECOND = timedelta(seconds=1)


def fill(store: Store, *subjects: str, queue: str = "money", topic: str = "t") -> None:
    with store.write() as unit:
        put(unit, *(Ask(queue, topic, subject, f"{queue}:{subject}") for subject in subjects))


def rows(store: Store) -> list[Row[Any]]:
    with store.read() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.id)))


def open_subjects(store: Store) -> list[str]:
    return [row.subject for row in rows(store) if row.done_at is None]


def work(store: Store, handler: Handler, **options: Any) -> tuple[int, list[tuple[str, str]]]:
    """Drain once; how many rows were claimed, and what was told of those that failed."""
    told: list[tuple[str, str]] = []

    def tell(task: Task, error: Exception) -> None:
        told.append((task.subject, str(error)))

    return drain(store, "money", {"t": handler}, tell, **options), told


@contextmanager
def another(store: Store) -> Iterator[Store]:
    """The same database as another process sees it."""
    other = Store(open_engine(store.engine.url.render_as_string(hide_password=False)), store.clock)
    yield other
    other.close()


# Written with its cause


def test_work_is_written_with_its_cause_and_rung_for_once_that_is_committed(store: Store) -> None:
    rung: list[set[str]] = []

    def bell(queues: set[str]) -> None:
        require_outside("the bell")
        assert open_subjects(store) == ["a", "b"]
        rung.append(queues)

    store.bell = bell
    with store.write() as unit:
        put(unit, Ask("money", "t", "a", "a"), Ask("receipts", "t", "b", "b"))
        assert rung == []
    assert rung == [{"money", "receipts"}]


def test_what_is_rolled_back_leaves_no_work_and_no_ring(store: Store) -> None:
    rung: list[set[str]] = []
    store.bell = rung.append

    def fail() -> None:
        with store.write() as unit:
            put(unit, Ask("money", "t", "a", "a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (rows(store), rung) == ([], [])


def test_work_for_later_is_not_rung_for_now(store: Store, clock: FixedClock) -> None:
    rung: list[set[str]] = []
    store.bell = rung.append
    with store.write() as unit:
        put(unit, Ask("money", "t", "a", "a", after=5 * SECOND))
    assert (rung, waiting_queues(store), claim(store, "money")) == ([], set(), [])
    clock.move(5 * SECOND)
    assert waiting_queues(store) == {"money"}
    assert [task.subject for task in claim(store, "money")] == ["a"]


def test_a_key_makes_work_single(store: Store) -> None:
    for _ in range(3):
        with store.write() as unit:
            put(unit, Ask("money", "t", "a", "same"), Ask("money", "t", "b", "same"))
    assert open_subjects(store) == ["a"]
    work(store, lambda task: None)
    with store.write() as unit:
        put(unit, Ask("money", "t", "c", "same"))
    assert open_subjects(store) == []


# Claimed by one


def test_no_row_is_ever_claimed_by_two(store: Store) -> None:
    subjects = [f"{number:03}" for number in range(400)]
    fill(store, *subjects)
    start = threading.Barrier(4)

    def claim_all(_: int) -> list[str]:
        mine: list[str] = []
        with another(store) as own:
            start.wait()
            while tasks := claim(own, "money", limit=15):
                mine += [task.subject for task in tasks]
        return mine

    with ThreadPoolExecutor(4) as threads:
        claimed = list(threads.map(claim_all, range(4)))
    assert sorted(chain.from_iterable(claimed)) == subjects
    assert {row.claims for row in rows(store)} == {1}


def test_on_postgresql_four_work_at_the_same_time(pg_store: Store) -> None:
    """Nobody waits for a batch that another is taking: locked rows are passed over."""
    fill(pg_store, *map(str, range(40)))
    with pg_store.write() as unit, another(pg_store) as other:
        first = unit.connection.scalars(select(outbox.c.id).order_by(outbox.c.id).limit(10).with_for_update()).all()
        assert len(claim(other, "money", limit=100)) == 40 - len(first)


def test_a_claim_runs_out(store: Store, clock: FixedClock) -> None:
    fill(store, "a")
    assert [task.claims for task in claim(store, "money")] == [1]
    clock.move(CLAIM)
    assert claim(store, "money") == []
    assert waiting_queues(store) == set()
    clock.move(SECOND)
    assert waiting_queues(store) == {"money"}
    assert [task.claims for task in claim(store, "money")] == [2]


def test_a_batch_has_a_limit_and_the_oldest_come_first(store: Store, clock: FixedClock) -> None:
    fill(store, "late")
    clock.move(SECOND)
    fill(store, *(f"{number:03}" for number in range(BATCH)))
    assert [task.subject for task in claim(store, "money")] == ["late", *(f"{n:03}" for n in range(BATCH - 1))]
    assert [task.subject for task in claim(store, "money")] == [f"{BATCH - 1:03}"]


def test_a_worker_takes_from_its_own_queue_alone(store: Store) -> None:
    fill(store, "a")
    fill(store, "b", queue="reminders")
    assert [task.subject for task in claim(store, "reminders")] == ["b"]
    assert waiting_queues(store) == {"money"}


# Handled until it is done


def test_what_is_done_is_done(store: Store) -> None:
    fill(store, "a", "b")
    seen: list[str] = []
    assert work(store, lambda task: seen.append(task.subject)) == (2, [])
    assert work(store, lambda task: seen.append(task.subject)) == (0, [])
    assert (seen, open_subjects(store)) == (["a", "b"], [])


def test_a_handler_may_say_when_to_come_back(store: Store, clock: FixedClock) -> None:
    fill(store, "a")
    assert work(store, lambda task: 30 * SECOND) == (1, [])
    clock.move(29 * SECOND)
    assert work(store, lambda task: None) == (0, [])
    clock.move(SECOND)
    assert work(store, lambda task: None) == (1, [])
    assert open_subjects(store) == []


def fails(task: Task) -> timedelta | None:
    raise ValueError(f"number {task.claims}")


def test_what_fails_is_tried_again_with_growing_waits_and_never_lost(store: Store, clock: FixedClock) -> None:
    fill(store, "a")
    for number, wait in enumerate((*RETRY_AFTER_S, RETRY_AFTER_S[-1], RETRY_AFTER_S[-1]), start=1):
        assert work(store, fails) == (1, [("a", f"number {number}")])
        (row,) = rows(store)
        assert (row.done_at, row.claimed_until, row.fault) == (None, None, f"ValueError: number {number}")
        clock.move(timedelta(seconds=wait) - SECOND)
        assert work(store, fails) == (0, [])
        clock.move(SECOND)
    assert work(store, lambda task: None) == (1, [])
    (row,) = rows(store)
    assert (row.done_at, row.fault) == (clock.now(), None)


def test_one_bad_row_does_not_stop_the_others(store: Store) -> None:
    fill(store, "a", "bad", "c")

    def handler(task: Task) -> None:
        if task.subject == "bad":
            raise ValueError("bad")

    assert work(store, handler) == (3, [("bad", "bad")])
    assert open_subjects(store) == ["bad"]


def test_a_topic_that_nobody_knows_is_a_fault_on_its_row(store: Store) -> None:
    fill(store, "a")
    with store.write() as unit:
        put(unit, Ask("money", "of.tomorrow", "b", "b"))
    assert work(store, lambda task: None) == (2, [("b", "'of.tomorrow'")])
    assert [(row.subject, row.fault) for row in rows(store) if row.done_at is None] == [
        ("b", "KeyError: 'of.tomorrow'")
    ]


def test_the_fault_that_is_kept_is_one_short_line(store: Store) -> None:
    fill(store, "a", "b")

    def handler(task: Task) -> None:
        raise ValueError("x" * (500 if task.subject == "a" else 5) + "\nDETAIL:  Failing row contains (Adjara)")

    work(store, handler)
    faults = [row.fault for row in rows(store)]
    assert (len(faults[0]), faults[1]) == (200, "ValueError: xxxxx")


class Dies(BaseException):
    """kill -9: nothing after this line runs."""


def test_whoever_dies_is_followed_by_another(store: Store, clock: FixedClock) -> None:
    fill(store, "a", "b", "c")
    seen: list[str] = []

    def handler(task: Task) -> None:
        if task.subject == "b" and task.claims == 1:
            raise Dies
        seen.append(task.subject)

    with pytest.raises(Dies):
        work(store, handler)
    with another(store) as other:
        assert work(other, handler) == (0, [])
        clock.move(CLAIM + SECOND)
        assert work(other, handler) == (2, [])
    assert (seen, open_subjects(store)) == (["a", "b", "c"], [])


def test_what_was_handled_while_the_database_went_away_is_handled_again(
    pg_store: Store, postgres: str, clock: FixedClock
) -> None:
    """At least once: that is why every handler is safe to repeat."""
    fill(pg_store, "a")
    seen: list[str] = []
    name = pg_store.engine.url.database

    def change(how: str) -> None:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(f'alter database "{name}" {how}'.encode())
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))

    def handler(task: Task) -> None:
        seen.append(task.subject)
        if len(seen) == 1:
            change("allow_connections false")

    with pytest.raises(Unavailable):
        work(pg_store, handler)
    change("allow_connections true")
    clock.move(CLAIM + SECOND)
    assert work(pg_store, handler) == (1, [])
    assert (seen, open_subjects(pg_store)) == (["a", "a"], [])


def test_two_that_lock_each_other_out_both_finish(pg_store: Store, clock: FixedClock) -> None:
    """G7: PostgreSQL ends one of the two, which is tried again by itself."""
    fill(pg_store, "ab", "ba")
    with pg_store.write() as unit:
        for job in "ab":
            unit.connection.execute(lease.insert().values(job=job, period=0, holder="", taken_at=unit.now))
    both_hold_one = threading.Barrier(2)

    def handler(task: Task) -> None:
        with pg_store.write() as unit:
            for place, job in enumerate(task.subject):
                unit.connection.execute(update(lease).where(lease.c.job == job).values(period=lease.c.period + 1))
                if place == 0 and task.claims == 1:
                    both_hold_one.wait(5)

    with ThreadPoolExecutor(2) as threads:
        ended = list(threads.map(lambda _: work(pg_store, handler, limit=1), range(2)))
    assert sorted(len(told) for _, told in ended) == [0, 1]
    clock.move(2 * SECOND)
    assert work(pg_store, handler) == (1, [])
    with pg_store.read() as connection:
        assert list(connection.scalars(select(lease.c.period))) == [2, 2]
    assert open_subjects(pg_store) == []


def test_how_late_the_work_is(store: Store, clock: FixedClock) -> None:
    fill(store, "a", "b")
    clock.move(90 * SECOND)
    fill(store, "c", queue="receipts")
    with store.read() as connection:
        assert ages(connection, clock.now()) == {"money": (2, 90.0), "receipts": (1, 0.0)}
    work(store, lambda task: None)
    with store.read() as connection:
        assert ages(connection, clock.now()) == {"receipts": (1, 0.0)}


def test_a_row_that_waits_for_years_can_still_be_claimed(store: Store, clock: FixedClock) -> None:
    fill(store, "a")
    with store.write() as unit:
        unit.connection.execute(update(outbox).values(claims=32_767))
    assert [task.subject for task in claim(store, "money")] == ["a"]


def test_handlers_are_given_what_stands_in_the_row(store: Store) -> None:
    fill(store, "a")
    seen: list[Task] = []
    handler: Callable[[Task], None] = seen.append
    work(store, handler)
    assert [(task.topic, task.subject, task.claims) for task in seen] == [("t", "a", 1)]


def test_what_a_slow_batch_has_no_time_for_is_given_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.write() as unit:
        put(unit, *(Ask("money", "slow", str(number), f"k{number}") for number in range(3)))
    monkeypatch.setattr(outbox_module, "LONGEST_CALL", outbox_module.CLAIM)  # no time at all after the first
    begun: list[str] = []

    def slow(task: Task) -> None:
        begun.append(task.subject)
        time.sleep(0.01)

    for _ in range(3):
        assert drain(store, "money", {"slow": slow}, lambda task, error: None) > 0
    assert begun == ["0", "1", "2"]  # in order, each once, none waiting for a claim to run out
