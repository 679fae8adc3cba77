"""H6: wrong guesses wait, the wait grows, and however many come at the same moment each is counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gateway.kernel.clock import FixedClock
from gateway.store import attempts
from gateway.store.attempts import CARD_GUESSES, FACILITY_GUESSES, NO_WAIT, Patience
from gateway.store.unit import Store

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHORT = Patience(free=2, waits=(MINUTE, HOUR), forgotten_after=DAY)
CALLERS = 12


def fail(store: Store, subject: str = "x", patience: Patience = SHORT) -> timedelta:
    with store.write() as unit:
        return attempts.fail(unit, subject, patience)


def wait_left(store: Store, subject: str = "x") -> timedelta:
    with store.write() as unit:
        return attempts.hold(unit, subject)


def failures(store: Store, subject: str = "x") -> int:
    with store.read() as connection:
        return attempts.failures_of(connection, subject)


@pytest.mark.parametrize(
    ("patience", "failures", "wait"),
    [
        (SHORT, 0, NO_WAIT), (SHORT, 2, NO_WAIT), (SHORT, 3, MINUTE), (SHORT, 4, HOUR), (SHORT, 5, HOUR),
        (SHORT, 10_000, HOUR),
        (CARD_GUESSES, 5, NO_WAIT), (CARD_GUESSES, 6, MINUTE), (CARD_GUESSES, 7, 5 * MINUTE),
        (CARD_GUESSES, 8, 15 * MINUTE), (CARD_GUESSES, 9, HOUR), (CARD_GUESSES, 10, 6 * HOUR), (CARD_GUESSES, 11, DAY),
        (CARD_GUESSES, 12, DAY),
        (FACILITY_GUESSES, 40, NO_WAIT), (FACILITY_GUESSES, 41, MINUTE), (FACILITY_GUESSES, 46, DAY),
    ],
)  # fmt: skip
def test_how_long_so_many_wrong_guesses_wait(patience: Patience, failures: int, wait: timedelta) -> None:
    assert patience.wait(failures) == wait


@pytest.mark.parametrize("patience", [CARD_GUESSES, FACILITY_GUESSES], ids=["card", "facility"])
def test_waiting_out_the_longest_wait_does_not_begin_anew(patience: Patience) -> None:
    assert patience.forgotten_after > patience.waits[-1]


def test_some_are_free_and_then_the_wait_grows(store: Store, clock: FixedClock) -> None:
    assert wait_left(store) == NO_WAIT
    assert [fail(store), fail(store), wait_left(store)] == [NO_WAIT] * 3
    assert fail(store) == wait_left(store) == MINUTE
    clock.move(MINUTE - timedelta(seconds=1))
    assert wait_left(store) == timedelta(seconds=1)
    clock.move(timedelta(seconds=1))
    assert wait_left(store) == NO_WAIT
    assert fail(store) == wait_left(store) == HOUR
    clock.move(2 * HOUR)
    assert fail(store) == HOUR


def test_each_subject_has_its_own_count(store: Store) -> None:
    for _ in range(3):
        fail(store, "one")
    assert wait_left(store, "one") == MINUTE
    assert wait_left(store, "other") == NO_WAIT
    assert fail(store, "other") == NO_WAIT


def test_an_old_count_begins_anew(store: Store, clock: FixedClock) -> None:
    for _ in range(3):
        fail(store)
    clock.move(DAY)
    assert fail(store) == HOUR  # just not old enough
    clock.move(DAY + timedelta(seconds=1))
    assert [fail(store), fail(store), fail(store)] == [NO_WAIT, NO_WAIT, MINUTE]


def test_who_is_forgiven_begins_anew(store: Store) -> None:
    for _ in range(3):
        fail(store)
    with store.write() as unit:
        attempts.forget(unit, "x")
    assert (wait_left(store), failures(store)) == (NO_WAIT, 0)
    assert fail(store) == NO_WAIT


def test_a_facility_that_never_closes_begins_each_day_with_as_many(store: Store, clock: FixedClock) -> None:
    """It mistypes a card every forty minutes, day and night; only a day's forty-first would wait."""
    for _ in range(3 * 36):
        assert fail(store, "facility", FACILITY_GUESSES) == NO_WAIT
        clock.move(40 * MINUTE)


def test_midnight_ends_no_wait_that_has_begun(store: Store, clock: FixedClock) -> None:
    clock.move(14 * HOUR)  # 23:00
    for _ in range(46):
        fail(store, "facility", FACILITY_GUESSES)
    clock.move(2 * HOUR)
    assert wait_left(store, "facility") == 22 * HOUR
    clock.move(22 * HOUR)
    assert fail(store, "facility", FACILITY_GUESSES) == NO_WAIT


def test_a_guess_that_was_rolled_back_was_never_counted(store: Store) -> None:
    def fail_and_fall() -> None:
        with store.write() as unit:
            attempts.fail(unit, "x", SHORT)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_and_fall()
    assert failures(store) == 0


# Several at the same moment


def at_once(do: Callable[[int], timedelta]) -> list[timedelta]:
    """What each of twelve callers gets who do the same at the same moment."""
    start = threading.Barrier(CALLERS)

    def call(number: int) -> timedelta:
        start.wait()
        return do(number)

    with ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(call, range(CALLERS)))


def test_two_phones_that_fail_at_the_same_moment_both_count(store: Store) -> None:
    waits = at_once(lambda number: fail(store))
    assert failures(store) == CALLERS
    assert sorted(waits) == [NO_WAIT, NO_WAIT, MINUTE, *[HOUR] * (CALLERS - 3)]


def test_of_those_who_hold_the_same_only_as_many_guess_as_are_free(store: Store) -> None:
    guessed: list[int] = []

    def guess(number: int) -> timedelta:
        with store.write() as unit:
            wait = attempts.hold(unit, "holder", f"phone {number}")
            if not wait:
                guessed.append(number)
                attempts.fail(unit, "holder", SHORT)
        return wait

    waits = at_once(guess)
    assert len(guessed) == SHORT.free + 1
    assert sorted(waits) == [*[NO_WAIT] * 3, *[MINUTE] * (CALLERS - 3)]


def test_two_that_hold_the_same_do_not_wait_for_each_other_for_ever(pg_store: Store) -> None:
    pairs = (("a", "b"), ("b", "a"))

    def guess(number: int) -> timedelta:
        for _ in range(5):
            with pg_store.write() as unit:
                attempts.hold(unit, *pairs[number % 2])
        return NO_WAIT

    assert len(at_once(guess)) == CALLERS


def test_one_that_is_forgiven_while_another_fails_is_counted_all_the_same(pg_store: Store) -> None:
    """The row that is locked may be deleted before the lock is there: it is made again."""

    def either(number: int) -> timedelta:
        for _ in range(5):
            with pg_store.write() as unit:
                if number % 2:
                    attempts.forget(unit, "x")
                else:
                    attempts.fail(unit, "x", SHORT)
        return NO_WAIT

    at_once(either)
    before = failures(pg_store)
    fail(pg_store)
    assert failures(pg_store) == before + 1


# Names


def test_a_subject_shows_nothing_of_a_person_and_keeps_its_parts_apart() -> None:
    key = attempts.subject("card", "+2290100000101")
    assert key.startswith("card:")
    assert "100000101" not in key
    assert len(key) <= 64
    assert key == attempts.subject("card", "+2290100000101")
    others = [("card", "ab", "c"), ("card", "a", "bc"), ("card", "abc"), ("pin", "abc")]
    assert len({attempts.subject(*parts) for parts in others}) == len(others)
