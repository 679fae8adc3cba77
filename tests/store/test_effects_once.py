"""Promise 6: an effect has a key that is saved with it; of any number that come, one does it, all get its answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from gateway.store.effects import Outcome, effect_key, once
from gateway.store.outbox import Ask, put
from gateway.store.schema import effect, outbox
from gateway.store.unit import Store, Unit


def test_of_twenty_at_once_one_does_it_and_all_get_its_answer(store: Store) -> None:
    start = threading.Barrier(20)
    done: list[int] = []

    def ask(number: int) -> Outcome:
        def do(unit: Unit) -> Outcome:
            done.append(number)
            put(unit, Ask("money", "t", "s", f"{number}"))
            return {"number": number}

        start.wait()
        return once(store, "key", "Kind", do)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(ask, range(20)))
    assert len(done) == 1
    assert answers == [{"number": done[0]}] * 20
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(outbox)) == 1


def test_a_repeat_long_after_gets_the_same_answer(store: Store) -> None:
    assert once(store, "key", "Kind", lambda unit: {"card": "é", "n": 1}) == {"card": "é", "n": 1}
    assert once(store, "key", "Kind", lambda unit: {"card": "other"}) == {"card": "é", "n": 1}


def test_what_failed_was_not_done_and_may_be_done_again(store: Store) -> None:
    def fail(unit: Unit) -> Outcome:
        put(unit, Ask("money", "t", "s", "k"))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        once(store, "key", "Kind", fail)
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(effect)) == 0
        assert connection.scalar(select(func.count()).select_from(outbox)) == 0
    assert once(store, "key", "Kind", lambda unit: {"n": 2}) == {"n": 2}


def test_a_key_shows_nothing_of_a_person() -> None:
    key = effect_key("ATUid_1", "+2290100000101", "1*2")
    assert "100000101" not in key
    assert len(key) <= 64
    assert key == effect_key("ATUid_1", "+2290100000101", "1*2")


def test_parts_are_kept_apart_in_a_key() -> None:
    assert len({effect_key("ab", "c"), effect_key("a", "bc"), effect_key("abc"), effect_key("abc", "")}) == 4
