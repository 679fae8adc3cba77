"""G4: of any number of schedulers, one does a job in a period, and a restart doesn't do it again."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

from gateway.kernel.clock import FixedClock
from gateway.store import lease
from gateway.store.engine import open_engine
from gateway.store.unit import Store

HOLDERS, PERIODS = 3, 40


def test_each_period_is_taken_once(store: Store, clock: FixedClock) -> None:
    """Three schedulers ask for every period at the same moment, each in a process of its own."""
    start, end = threading.Barrier(HOLDERS), threading.Barrier(HOLDERS)

    def hold(number: int) -> list[int]:
        own_clock = FixedClock(clock.now())
        own = Store(open_engine(store.engine.url.render_as_string(hide_password=False)), own_clock)
        mine = []
        for period in range(PERIODS):
            start.wait()
            if lease.take(own, "sweep", 1, f"holder {number}"):
                mine.append(period)
            end.wait()
            own_clock.move(timedelta(seconds=1))
        own.close()
        return mine

    with ThreadPoolExecutor(HOLDERS) as threads:
        taken = list(threads.map(hold, range(HOLDERS)))
    assert sorted(chain.from_iterable(taken)) == list(range(PERIODS))


def test_who_comes_again_in_the_same_period_gets_nothing(store: Store, clock: FixedClock) -> None:
    assert lease.take(store, "sweep", 60, "a")
    assert not lease.take(store, "sweep", 60, "a")
    clock.move(timedelta(seconds=59))
    assert not lease.take(store, "sweep", 60, "b")
    clock.move(timedelta(seconds=1))
    assert lease.take(store, "sweep", 60, "b")


def test_who_is_late_gets_nothing(store: Store, clock: FixedClock) -> None:
    """A scheduler that slept: the period is over."""
    assert lease.take(store, "sweep", 60, "a")
    clock.move(timedelta(seconds=-60))
    assert not lease.take(store, "sweep", 60, "b")


def test_a_clock_that_was_far_ahead_stops_nothing(store: Store, clock: FixedClock) -> None:
    assert lease.take(store, "sweep", 60, "wrong")
    clock.move(timedelta(hours=-1))
    assert lease.take(store, "sweep", 60, "a")
    assert not lease.take(store, "sweep", 60, "b")


def test_jobs_are_leased_one_by_one(store: Store) -> None:
    assert lease.take(store, "sweep", 60, "a")
    assert lease.take(store, "report", 60, "b")
