"""The rows are the truth, the bell only saves waiting: workers and schedulers as real processes, and their parts."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis as redis_client
from rq import Queue
from sqlalchemy import func, select, update

from gateway.kernel.clock import FixedClock
from gateway.kernel.ids import operator_key
from gateway.procs.redis import PrivateRedis
from gateway.settings import Settings
from gateway.store.bell import DRAIN, RqBell
from gateway.store.outbox import BATCH, CLAIM, QUEUES, Ask, claim, put
from gateway.store.schema import outbox
from gateway.store.unit import Store
from gateway.ussd.sessions import open_redis
from gateway.wiring import Runtime
from tests.payments.village import wait_until
from workers import jobs, schedule


@pytest.fixture
def environment(sqlite_url: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> dict[str, str]:
    """What a process is given: a database and a Redis of this test's own."""
    return {
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": redis_server.url,
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": "w" * 16,
        "PUBLIC_URL": "https://cotisa.invalid",
    }


@pytest.fixture
def parts(environment: dict[str, str]) -> Iterator[Runtime]:
    """The same as another process sees it."""
    runtime = Runtime(Settings.of(environment))
    yield runtime
    runtime.store.close()


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a ``gateway`` process; whatever still runs at the end is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*words: str, **more: str) -> subprocess.Popen[bytes]:
        own = {"PATH": os.environ["PATH"], **environment, **more}
        running.append(subprocess.Popen([sys.executable, "-m", "gateway", *words], env=own, stderr=subprocess.PIPE))
        return running[-1]

    yield start
    for one in running:
        one.kill()
        one.communicate()


def ask(store: Store, count: int = 1, queue: str = "money", after: timedelta = timedelta(0)) -> None:
    """Work that is done at once: news about payments that we know nothing of."""
    with store.write() as unit:
        put(unit, *(Ask(queue, "collection.hint", operator_key(), operator_key(), after) for _ in range(count)))


def left(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).where(outbox.c.done_at.is_(None))) or 0


# The bell


def test_many_rings_make_one_job_in_each_queue(redis: redis_client.Redis) -> None:
    bell = RqBell(redis)
    for _ in range(5):
        bell({"money", "receipts"})
    assert {name: Queue(name, connection=redis).count for name in QUEUES} == {
        "money": 1, "receipts": 1, "replies": 0, "reminders": 0,
    }  # fmt: skip
    (job,) = Queue("money", connection=redis).jobs
    assert (job.func_name, job.args, job.retries_left) == (DRAIN, ("money",), None)


def test_without_redis_the_work_is_kept_and_the_bell_is_silent(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.bell = RqBell(open_redis("unix:///nonexistent/redis.sock"))
    ask(store)
    assert left(store) == 1
    assert "bell not rung for money: ConnectionError" in caplog.text


# The scheduler


def test_a_tick_rings_for_what_is_due_and_unclaimed(
    store: Store, clock: FixedClock, parts: Runtime, redis: redis_client.Redis
) -> None:
    here: Any = Parts(store, parts.redis)
    ask(store)
    ask(store, queue="reminders", after=timedelta(minutes=5))
    assert schedule.tick(here, "a") == {"money"}
    assert Queue("money", connection=redis).count == 1
    clock.move(timedelta(seconds=1))
    claim(store, "money")
    assert schedule.tick(here, "a") == set()
    clock.move(CLAIM + timedelta(seconds=1))
    assert schedule.tick(here, "a") == {"money"}
    clock.move(timedelta(minutes=5))
    assert schedule.tick(here, "a") == {"money", "reminders"}


class Parts:
    """What a tick needs of the runtime."""

    def __init__(self, store: Store, redis: redis_client.Redis) -> None:
        self.store = store
        self.redis = redis


def test_of_two_schedulers_one_ticks(store: Store, clock: FixedClock, parts: Runtime) -> None:
    here: Any = Parts(store, parts.redis)
    ask(store)
    assert [schedule.tick(here, holder) for holder in "abc"] == [{"money"}, set(), set()]
    clock.move(timedelta(seconds=1))
    assert [schedule.tick(here, holder) for holder in "cba"] == [{"money"}, set(), set()]


# The job


def test_one_ring_is_enough_for_any_number_of_rows(
    environment: dict[str, str], parts: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    ask(parts.store, 2 * BATCH + 3)
    jobs.runtime.cache_clear()
    try:
        assert jobs.drain("money") == 2 * BATCH + 3
        assert jobs.drain("money") == 0  # a ring that finds nothing is normal
    finally:
        jobs.runtime().store.close()
        jobs.runtime.cache_clear()
    assert left(parts.store) == 0


# Real processes


def test_a_worker_does_what_waited_for_it_and_then_what_is_rung_for(
    parts: Runtime, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    parts.store.bell = None
    ask(parts.store, 3)
    worker = start("worker", "--queue", "money")
    wait_until(lambda: left(parts.store) == 0, 60)  # nobody rang
    parts.store.bell = RqBell(parts.redis)
    wait_until(lambda: parts.redis.smembers("rq:workers"))
    begun = time.monotonic()
    ask(parts.store)
    wait_until(lambda: left(parts.store) == 0)
    assert time.monotonic() - begun < 3
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0


def test_a_scheduler_rings_for_work_that_has_become_due(
    parts: Runtime, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    scheduler = start("scheduler")
    ask(parts.store, after=timedelta(seconds=1))
    wait_until(lambda: Queue("money", connection=parts.redis).count == 1, 60)
    assert left(parts.store) == 1
    scheduler.send_signal(signal.SIGTERM)
    assert scheduler.wait(10) == 0


def test_a_worker_killed_with_a_job_in_its_hands_loses_nothing(
    parts: Runtime, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """G1, G2: as if it had died just after it took the ring, and as if it had died with rows claimed."""
    ask(parts.store, 2)
    parts.redis.flushall()  # the ring is gone with whoever heard it
    claim(parts.store, "money", limit=1)
    with parts.store.write() as unit:  # an hour ago
        unit.connection.execute(
            update(outbox).where(outbox.c.claims == 1).values(claimed_until=unit.now - timedelta(hours=1))
        )
    start("scheduler")
    start("worker", "--queue", "money")
    wait_until(lambda: left(parts.store) == 0, 60)


def test_a_redis_that_forgets_is_shouted_about(parts: Runtime, caplog: pytest.LogCaptureFixture) -> None:
    parts.warn_at_start()
    assert caplog.text == ""
    parts.redis.config_set("appendonly", "no")
    try:
        with caplog.at_level(logging.WARNING):
            parts.warn_at_start()
    finally:
        parts.redis.config_set("appendonly", "yes")
    assert "REDIS KEEPS NO APPEND-ONLY FILE" in caplog.text
