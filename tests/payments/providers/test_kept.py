"""What is fetched once for all and kept while it is good."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway.payments.providers.kept import Good, Kept


class Source:
    """Gives 1, 2, 3 … each good for ten seconds, or nothing; at its own pace."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls = 0
        self.gives = True
        self.go_on = threading.Event()
        self.go_on.set()

    def fetch(self) -> Good[int] | str:
        self.calls += 1
        self.go_on.wait(5)
        return Good(self.calls, 10.0) if self.gives else "nothing"

    def kept(self) -> Kept[int, str]:
        return Kept(self.fetch, lambda: self.now)


@pytest.fixture
def source() -> Source:
    return Source()


def test_nothing_is_fetched_before_it_is_needed(source: Source) -> None:
    kept = source.kept()
    assert (kept.known, source.calls) == (None, 0)


@pytest.mark.parametrize(("age_s", "calls"), [(0, 1), (9.9, 1), (10, 2), (1e9, 2)])
def test_it_is_kept_while_it_is_good(source: Source, age_s: float, calls: int) -> None:
    kept = source.kept()
    assert kept.get() == 1
    source.now += age_s
    assert kept.known == (1 if calls == 1 else None)
    assert kept.get() == calls
    assert source.calls == calls


def test_its_age_counts_from_when_its_fetching_began(source: Source) -> None:
    kept = source.kept()
    source.go_on.clear()
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(kept.get)
        while not source.calls:
            pass
        source.now += 20
        source.go_on.set()
        assert asked.result(5) == 1
    assert kept.known is None


def test_what_was_found_stale_is_fetched_anew_once(source: Source) -> None:
    kept = source.kept()
    assert kept.get() == 1
    assert kept.get(stale=1) == 2
    assert kept.get(stale=1) == 2  # somebody else has renewed it already
    assert source.calls == 2


def test_a_burst_makes_one_call_and_shares_its_outcome(source: Source) -> None:
    kept, gate = source.kept(), threading.Barrier(9)

    def ask(_: int) -> int | str:
        gate.wait()
        return kept.get()

    for gives, outcome in ((False, "nothing"), (True, 2)):
        source.gives = gives
        source.go_on.clear()
        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(ask, each) for each in range(8)]
            gate.wait()
            threading.Timer(0.1, source.go_on.set).start()
            assert {one.result(5) for one in asked} == {outcome}
    assert source.calls == 2


def test_why_there_is_none_is_not_kept(source: Source) -> None:
    kept = source.kept()
    source.gives = False
    assert (kept.get(), kept.get(), kept.known) == ("nothing", "nothing", None)
    source.gives = True
    assert kept.get() == 3


def test_a_defect_reaches_all_who_wait_and_the_next_tries_again() -> None:
    broken = [True]

    def fetch() -> Good[int] | str:
        if broken[0]:
            raise RuntimeError("a defect")
        return Good(1, 10.0)

    kept: Kept[int, str] = Kept(fetch)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a defect"):
            kept.get()
    broken[0] = False
    assert kept.get() == 1


def test_a_value_is_not_shown() -> None:
    assert "canary" not in repr(Good("canary-token", 1.0))
