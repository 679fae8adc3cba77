"""An operator that doesn't answer is left alone, for longer each time; the menu knows, and it recovers by itself."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from gateway.kernel.clock import FixedClock
from gateway.payments.providers.base import Accepted, NotFound, Reason, Refused, Unclear, Waiting
from gateway.payments.push.breaker import FRESH_FOR_S, LEFT_ALONE, PATIENCE, Breakers, Line
from gateway.payments.states import State
from gateway.store.unit import Store
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import Village

MTN = Line("mtn_momo", "mtnbenin")
SILENT = Unclear("no-answer", "nothing came back")
NOTHING = timedelta(0)


@pytest.fixture
def breakers(store: Store) -> Breakers:
    return Breakers(store)


def fresh(store: Store) -> Breakers:
    """Another process's view."""
    return Breakers(store)


def test_a_few_silences_open_it_and_each_more_for_longer(breakers: Breakers, store: Store, clock: FixedClock) -> None:
    for _ in range(PATIENCE - 1):
        breakers.heard(MTN, SILENT)
        assert fresh(store).wait(MTN) == NOTHING
    for left_alone in (*LEFT_ALONE, LEFT_ALONE[-1]):
        breakers.heard(MTN, SILENT)
        assert fresh(store).wait(MTN) == left_alone
        clock.move(left_alone)
        assert fresh(store).wait(MTN) == NOTHING  # the next call tries again


@pytest.mark.parametrize(
    "answer",
    [Accepted(""), Refused(Reason.INSUFFICIENT, "no"), Waiting(""), NotFound(""), Unclear("mismatch", "?")],
)
def test_any_answer_closes_it(breakers: Breakers, store: Store, answer: object) -> None:
    for _ in range(PATIENCE + 2):
        breakers.heard(MTN, SILENT)
    breakers.heard(MTN, answer)
    assert fresh(store).wait(MTN) == NOTHING
    breakers.heard(MTN, SILENT)
    assert fresh(store).wait(MTN) == NOTHING  # it is counted anew


def test_one_operators_silence_is_not_anothers(breakers: Breakers, store: Store) -> None:
    for _ in range(PATIENCE):
        breakers.heard(MTN, SILENT)
    assert fresh(store).wait(Line("mtn_momo", "mtnrwanda")) == NOTHING
    assert fresh(store).wait(MTN) > NOTHING


def test_an_operator_that_names_a_time_is_left_alone_for_so_long(breakers: Breakers, store: Store) -> None:
    breakers.heard(MTN, Unclear("busy", "429", safe_to_ask_again_after_s=7))
    assert fresh(store).wait(MTN) == timedelta(seconds=7)


def test_what_another_process_found_out_is_known_a_few_seconds_later(store: Store) -> None:
    seconds = [100.0]
    menu = Breakers(store, monotonic=lambda: seconds[0])
    assert menu.wait(MTN) == NOTHING
    for _ in range(PATIENCE):
        fresh(store).heard(MTN, SILENT)
    assert menu.wait(MTN) == NOTHING
    seconds[0] += FRESH_FOR_S
    assert menu.wait(MTN) == LEFT_ALONE[0]


def test_the_cashier_leaves_alone_who_does_not_answer_and_goes_on_when_they_do(
    village: Village, momo: MomoPlay, store: Store
) -> None:
    real = village.providers["mtn_momo"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        village.providers["mtn_momo"] = momo.provider(url=f"http://127.0.0.1:{free.getsockname()[1]}")
    first = village.pay(village.register().household_id)
    village.work_for(40)
    assert village.shown(first).state is State.UNCLEAR
    assert fresh(store).wait(Line("mtn_momo")) > NOTHING
    # Meanwhile somebody else wants to pay: nothing is sent, and nothing is lost.
    second = village.pay(village.register("+2290161000009").household_id, payer="+2290161000009")
    village.work()
    assert village.shown(second).state is State.CREATED
    village.providers["mtn_momo"] = real
    village.work_for(150)
    assert village.shown(second).state is State.PENDING
    assert momo.requests()[second]["debits"] == 0
    assert fresh(store).wait(Line("mtn_momo")) == NOTHING
