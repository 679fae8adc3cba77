"""An operator is asked no faster than its quota, the oldest first, and nobody who wants to pay waits for it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from gateway.kernel.clock import FixedClock
from gateway.payments.collections import create
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    FindAnswer,
    Hint,
    Order,
    Paid,
    Provider,
    Reason,
    Refused,
    Waiting,
)
from gateway.payments.push.wishes import put_ask
from gateway.payments.states import State
from gateway.store.outbox import BATCH, drain
from gateway.store.pace import SHORT, Pace
from gateway.store.schema import collection, outbox
from gateway.store.unit import Store
from tests.payments.village import NEIGHBOUR, ON_SQLITE, PAYER, Village, francs

CALL = timedelta(milliseconds=30)


def slots(store: Store, clock: FixedClock, pace: Pace, provider: str, count: int) -> list[float]:
    """The next slots, in seconds from now."""
    found = []
    for _ in range(count):
        with store.write() as unit:
            found.append((pace.reserve(unit, provider) - clock.now()).total_seconds())
    return [round(each, 3) for each in found]


def test_slots_follow_each_other_and_an_idle_time_is_not_saved_up(store: Store, clock: FixedClock) -> None:
    pace = Pace({"mtn_momo": 10})
    assert slots(store, clock, pace, "mtn_momo", 4) == [0, 0.1, 0.2, 0.3]
    clock.move(timedelta(seconds=0.25))
    assert slots(store, clock, pace, "mtn_momo", 2) == [0.15, 0.25]
    clock.move(timedelta(hours=1))
    assert slots(store, clock, pace, "mtn_momo", 2) == [0, 0.1]


def test_each_operator_has_its_own_quota(store: Store, clock: FixedClock) -> None:
    pace = Pace({"mtn_momo": 4}, usual_per_s=2)
    assert slots(store, clock, pace, "mtn_momo", 3) == [0, 0.25, 0.5]
    assert slots(store, clock, pace, "daraja", 3) == [0, 0.5, 1]


def test_a_clock_that_was_ahead_takes_no_slots_of_the_days_between(store: Store, clock: FixedClock) -> None:
    pace = Pace({"mtn_momo": 10})
    clock.move(timedelta(days=2))
    assert slots(store, clock, pace, "mtn_momo", 2) == [0, 0.1]
    clock.move(timedelta(days=-2))
    assert slots(store, clock, pace, "mtn_momo", 3) == [0, 0.1, 0.2]


@dataclass
class Noted(Provider):
    """An operator that notes when it was asked what; each call takes its time."""

    clock: FixedClock
    name: str = "mtn_momo"
    finds: list[tuple[datetime, str]] = field(default_factory=list)
    asks: list[tuple[datetime, str]] = field(default_factory=list)
    tells: Callable[[Order], FindAnswer] = lambda order: Paid(
        order.amount, f"op-{order.key}", order.payer, "SUCCESSFUL"
    )
    meanwhile: Callable[[], None] = lambda: None

    def ask(self, order: Order) -> AskAnswer:
        self.asks.append((self.clock.now(), order.key))
        return Accepted("PENDING")

    def find(self, order: Order) -> FindAnswer:
        self.finds.append((self.clock.now(), order.key))
        self.meanwhile()
        self.clock.move(CALL)
        return self.tells(order)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        return Hint(None, "")


@pytest.fixture
def mtn(office: Village) -> Noted:
    """An operator with a quota of ten questions a second; waiting for it lets time pass."""
    office.pace = Pace({"mtn_momo": 10}, sleep=lambda s: office.clock.move(timedelta(seconds=s)))
    operator = Noted(office.clock)
    office.providers["mtn_momo"] = operator
    return operator


def left_pending(office: Village, count: int, age: timedelta = timedelta(hours=1)) -> list[str]:
    """So many payments whose callbacks were lost, the oldest first; each has a household of its own to wait for."""
    home = office.register().household_id
    keys, before = [], office.clock.now()
    with office.store.write() as unit:
        for number in range(count):
            one = create(
                unit, effect_key=f"lost-{number}", books=office.place.books, household_id=home, way="push",
                provider="mtn_momo", payer=PAYER, amount=francs(200),
            )  # fmt: skip
            put_ask(unit, one, timedelta(0))
            keys.append(one.key)
        unit.connection.execute(update(collection).values(state=State.PENDING, created_at=before - age))
        unit.connection.execute(update(outbox).where(outbox.c.topic == "collection.ask").values(done_at=before))
        # In the order in which they were to be looked at, a millisecond apart.
        for number, key in enumerate(keys):
            due = before - timedelta(minutes=1) + timedelta(milliseconds=number)
            unit.connection.execute(update(outbox).where(outbox.c.key == f"look:{key}").values(due_at=due))
    return keys


def work_until(office: Village, over: Callable[[], bool], within: timedelta = timedelta(minutes=10)) -> None:
    """Work as a worker would that is rung for as soon as something is due."""
    handlers, until = office.handlers, office.clock.now() + within
    while not over():
        assert office.clock.now() < until, "it was not done in time"
        if not drain(office.store, "money", handlers, office._tell):
            office.clock.move(timedelta(milliseconds=20))
        assert not office.faults


def most_within_a_second(moments: list[datetime]) -> int:
    return max(
        sum(1 for other in moments[place:] if other < first + timedelta(seconds=1))
        for place, first in enumerate(moments)
    )


def test_an_hour_of_lost_callbacks_drains_at_the_quota_oldest_first_and_new_orders_go_at_once(
    office: Village, mtn: Noted
) -> None:
    keys = left_pending(office, 300)
    begun, homes = office.clock.now(), itertools.count()
    wished: dict[str, datetime] = {}

    def somebody_wants_to_pay() -> None:
        if len(mtn.finds) % 75 == 40:
            phone = f"+22901000002{next(homes):02d}"
            wished[office.pay(office.register(phone).household_id, payer=phone)] = office.clock.now()

    mtn.meanwhile = somebody_wants_to_pay
    work_until(office, lambda: len(mtn.finds) >= 300)

    assert [key for _, key in mtn.finds[:300]] == keys
    assert most_within_a_second([at for at, _ in mtn.finds]) <= 11
    assert timedelta(seconds=29) < mtn.finds[299][0] - begun < timedelta(seconds=32)
    assert {office.shown(key).state for key in keys} == {State.PAID}
    assert len(wished) == 4
    assert all(at - wished[key] < timedelta(seconds=1) for at, key in mtn.asks)
    assert len(mtn.asks) == 4


def test_what_must_wait_is_put_off_once_and_comes_at_its_time(office: Village, mtn: Noted) -> None:
    """Many workers at once: the slots of the next minute are given away in a moment, and every row comes back once."""
    keys = left_pending(office, BATCH + 50)
    office.pace = Pace({"mtn_momo": 10}, sleep=lambda _: None)  # here nobody's wait lets time pass for the others
    mtn.tells = lambda order: Refused(Reason.REJECTED, "FAILED")
    begun = office.clock.now()
    work_until(office, lambda: len(mtn.finds) == len(keys))
    assert [key for _, key in mtn.finds] == keys
    assert most_within_a_second([at for at, _ in mtn.finds]) <= 11
    assert mtn.finds[-1][0] - begun < timedelta(seconds=17)
    with office.store.read() as connection:
        claims = connection.scalars(select(outbox.c.claims).where(outbox.c.topic == "collection.look")).all()
        assert connection.scalars(select(collection.c.look_at).where(collection.c.look_at.is_not(None))).all() == []
    assert max(claims) <= 3


def test_a_slot_that_was_kept_outlives_the_worker_that_kept_it(office: Village, mtn: Noted) -> None:
    (key,) = left_pending(office, 1)
    slot = office.clock.now() + timedelta(seconds=30)
    with office.store.write() as unit:
        unit.connection.execute(update(collection).where(collection.c.key == key).values(look_at=slot))
    office.work()
    assert mtn.finds == []
    office.clock.move(timedelta(seconds=30))
    office.work()
    assert [key for _, key in mtn.finds] == [key]
    assert office.shown(key).look_at is None


@ON_SQLITE
def test_a_slot_that_a_wrong_clock_kept_delays_no_look(office: Village, mtn: Noted) -> None:
    (key,) = left_pending(office, 1)
    slot = office.clock.now() + timedelta(days=2)
    with office.store.write() as unit:
        unit.connection.execute(update(collection).where(collection.c.key == key).values(look_at=slot))
    office.work()
    assert [key for _, key in mtn.finds] == [key]


def test_news_takes_no_second_slot_and_sees_the_operator_after_it_came(office: Village, mtn: Noted) -> None:
    keys = left_pending(office, 30)
    office.pace = Pace({"mtn_momo": 10}, sleep=lambda _: None)
    office.work()  # a few are asked about, the others have their slots
    last, asked = keys[-1], len(mtn.finds)
    slot = office.shown(last).look_at
    assert slot is not None
    assert slot > office.clock.now() + SHORT
    office.hint(last)
    office.work()
    assert (len(mtn.finds), office.shown(last).look_at) == (asked, slot)
    work_until(office, lambda: office.shown(last).state is State.PAID)
    assert [at for at, key in mtn.finds if key == last] == [pytest.approx(slot, abs=CALL * 2)]


@ON_SQLITE
def test_one_operators_queue_is_not_anothers(office: Village, mtn: Noted) -> None:
    left_pending(office, 30)
    daraja = Noted(office.clock, "daraja")
    office.providers["daraja"] = daraja
    home = office.register(NEIGHBOUR).household_id
    with office.store.write() as unit:
        one = create(
            unit, effect_key="other", books=office.place.books, household_id=home, way="push",
            provider="daraja", payer=NEIGHBOUR, amount=francs(200),
        )  # fmt: skip
        put_ask(unit, one, timedelta(0))
    daraja.tells = lambda order: Waiting("PENDING")
    office.clock.move(timedelta(seconds=11))
    office.pace = Pace({"mtn_momo": 0.1}, sleep=lambda _: None)
    office.work()
    assert (len(mtn.finds), len(daraja.finds)) == (1, 1)
