"""Calls are counted once, whatever happens to Redis, the database or a scheduler, and nothing of a person with them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import redis as redis_client
from sqlalchemy import func, insert, select, text

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Unavailable
from gateway.network.organisations import Network
from gateway.store.engine import open_engine
from gateway.store.schema import ussd_call, ussd_charge
from gateway.store.unit import Store
from gateway.ussd import calls
from gateway.ussd.calls import count_calls, counting, forgetting
from gateway.ussd.sessions import LONGEST_S, OVER, Session, Sessions, open_redis
from tests.ussd.world import CANARIES, MEMBER, OTHER_MTN, SHARED, Place, build
from workers import schedule
from workers.schedule import Round, rounds

QUIET = timedelta(seconds=LONGEST_S + 1)


def counted(store: Store) -> dict[tuple[str, ...], str]:
    """The calls in the database: how each ended, by its path."""
    with store.read() as connection:
        return {tuple(row.path): row.end for row in connection.execute(select(ussd_call.c.path, ussd_call.c.end))}


def count(place: Place) -> int:
    """What the scheduler does every minute."""
    return count_calls(place.runtime.store, place.runtime.sessions, place.runtime.clock.now())


# --- real calls -------------------------------------------------------------------------------------------------------


def test_a_call_is_counted_once_with_its_path_and_its_end(any_place: Place) -> None:
    store = any_place.runtime.store
    any_place.household_with(MEMBER)
    any_place.phone().dial().picks("Français", "Payer")
    assert count(any_place) == 0  # it goes on
    any_place.wait(seconds=20)
    paying = any_place.phone(OTHER_MTN).dial()
    paying.picks("Français", "Inscrire ma famille").types("Adjara Tchédré")
    any_place.wait(seconds=LONGEST_S - 10)
    assert count(any_place) == 1
    any_place.wait(seconds=20)
    assert [count(any_place) for _ in range(3)] == [1, 0, 0]
    assert counted(store) == {
        ("Language", "Home", "PayWhat"): "dropped",
        ("Language", "Home", "HeadName", "HeadSex"): "dropped",
    }
    with store.read() as connection:
        rows = connection.execute(select(ussd_call).order_by(ussd_call.c.started_at)).all()
    assert [(row.hops, row.gateway, row.language) for row in rows] == [
        (3, "africastalking", "fr"),
        (4, "africastalking", "fr"),
    ]
    assert rows[1].started_at - rows[0].started_at == timedelta(seconds=20)


def test_a_dropped_call_stays_dropped_when_its_caller_goes_on_in_another(place: Place) -> None:
    place.household_with(MEMBER)
    phone = place.phone().dial().picks("Français", "Payer", "Autre montant")
    phone.dial().picks("Continuer")
    place.wait(seconds=30)
    phone.types("500").picks("Oui").hears_the_end()
    assert count(place) == 2
    assert counted(place.runtime.store) == {
        ("Language", "Home", "PayWhat", "HowMuch"): "dropped",
        ("Resume", "HowMuch", "ConfirmPayment", "PaymentAsked"): "done",
    }
    with place.runtime.store.read() as connection:
        assert connection.scalar(select(ussd_call.c.seconds).where(ussd_call.c.end == "done")) == 30


def test_a_call_with_a_hop_that_failed_is_counted_as_failed(place: Place) -> None:
    phone = place.phone().dial().picks("Français", "Inscrire ma famille")
    with place.runtime.store.engine.begin() as connection:
        connection.execute(text("alter table household rename to away"))
    # A new call finds no table of households: it can't even begin.
    place.phone(OTHER_MTN).dial().hears_the_end()
    with place.runtime.store.engine.begin() as connection:
        connection.execute(text("alter table away rename to household"))
    phone.types("Adjara Tchédré")
    place.runtime.own_clock.move(QUIET)
    assert count(place) == 2
    assert counted(place.runtime.store) == {
        (): "failed",
        ("Language", "Home", "HeadName", "HeadSex"): "dropped",
    }


def test_nothing_of_a_person_is_kept_with_a_call(place: Place, redis: redis_client.Redis) -> None:
    name, year, pin, number, said = "Zébulon Kanarivogel", "1957", "583941", "+22901500007 77", "Zinedine m'a pris"
    card = place.household_with(MEMBER, "Zachée Kanarivogel")
    phone = place.phone().dial().picks("Français", "Autres services", "Code PIN").types("1", pin, pin)
    phone.dial().picks("Ma famille").types(pin)
    phone.dial().picks("Payer").types(pin)
    place.phone(SHARED).dial().picks("Français", "Payer", CANARIES[0])
    other = place.phone(OTHER_MTN).dial().picks("Français", "Payer pour une famille").types(card)
    other.dial().picks("Inscrire ma famille").types(name, "2", year)
    other.dial().picks("Recommencer", "Autres services", "Se plaindre").types("1", f"{said} {number}")
    waiting = b"\n".join(redis.lrange(OVER, 0, -1)).decode()
    assert waiting.count('"path"') == 4
    place.runtime.own_clock.move(QUIET)
    assert count(place) == 7
    with place.runtime.store.read() as connection:
        kept = "\n".join(str(tuple(row)) for row in connection.execute(text("select * from ussd_call")))
    # A key is a digest; in so many figures, four of them may happen to be anything.
    without_keys, keys = re.subn(r"\b[0-9a-f]{24}\b", "", waiting + kept)
    assert keys == 4 + 7
    assert {"FindSection", "ConfirmComplaint", "WhichHousehold"} <= set(re.findall(r"\w+", without_keys))
    for secret in (name, year, pin, number, said, *CANARIES, card, MEMBER, OTHER_MTN, SHARED):
        assert secret not in without_keys, secret
    for piece in ("Kanarivogel", "Zachée", "Zinedine", "777", "5000000", "ATUid"):
        assert piece not in without_keys, piece


# --- sessions as they may be found ------------------------------------------------------------------------------------


@pytest.fixture
def sessions(redis: redis_client.Redis) -> Sessions:
    """Sessions in an empty Redis."""
    return Sessions(redis, "s" * 32)


@pytest.fixture
def world(store: Store, network: Network) -> Store:
    """A database with organisations and no calls."""
    with store.write() as unit:
        build(unit)
    return store


def over(number: int, now: datetime, **other: object) -> Session:
    """A call that ended ten minutes ago."""
    at = now.timestamp() - 600
    one = Session(f"session {number}", "africastalking", 1, "fr", at - 60, at, hops=2, ended=True, path=["Home"])
    return replace(one, **other)  # type: ignore[arg-type]


def keep(sessions: Sessions, number: int, session: Session) -> None:
    sessions.save(sessions.key("africastalking", "*1#", str(number)), session, None)


def how_many(store: Store) -> int:
    with store.read() as connection:
        return connection.scalar(select(func.count()).select_from(ussd_call)) or 0


def test_many_calls_are_counted_in_short_steps(world: Store, sessions: Sessions, clock: FixedClock) -> None:
    for number in range(1_300):
        keep(sessions, number, over(number, clock.now()))
    steps = list(counting(world, sessions, clock.now()))
    assert sum(steps) == how_many(world) == 1_300
    assert max(steps) < 600
    assert count_calls(world, sessions, clock.now()) == 0


def test_what_a_column_cannot_hold_is_cut(world: Store, sessions: Sessions, clock: FixedClock) -> None:
    now = clock.now().timestamp()
    keep(sessions, 1, over(1, clock.now(), started_s=now - 90_000, hops=70_000))
    keep(sessions, 2, over(2, clock.now(), started_s=now + 90_000))  # a clock was set back
    assert count_calls(world, sessions, clock.now()) == 2
    with world.read() as connection:
        rows = connection.execute(select(ussd_call.c.seconds, ussd_call.c.hops).order_by(ussd_call.c.hops)).all()
    assert [tuple(row) for row in rows] == [(0, 2), (calls.MOST, calls.MOST)]


def test_a_call_of_an_organisation_that_is_gone_stops_nobody(
    world: Store, sessions: Sessions, clock: FixedClock, redis: redis_client.Redis
) -> None:
    keep(sessions, 1, over(1, clock.now(), organisation_id=4_711))
    keep(sessions, 2, over(2, clock.now()))
    redis.set("ussd:s:of-another-version", '{"was": "something else"}')
    assert count_calls(world, sessions, clock.now()) == 1


def test_without_a_database_nothing_is_taken_out_of_redis(
    world: Store, sessions: Sessions, clock: FixedClock, redis: redis_client.Redis
) -> None:
    for number in range(3):
        sessions.note(over(number, clock.now()))
    gone = Store(open_engine("sqlite:////nonexistent/cotisa.db"), clock)
    with pytest.raises(Unavailable):
        count_calls(gone, sessions, clock.now())
    assert redis.llen(OVER) == 3
    assert count_calls(world, sessions, clock.now()) == 3
    assert redis.llen(OVER) == 0


def test_without_redis_counting_says_so(world: Store, clock: FixedClock) -> None:
    with pytest.raises(Unavailable):
        count_calls(world, Sessions(open_redis("unix:///nonexistent/redis.sock"), "s" * 32), clock.now())


# --- forgetting -------------------------------------------------------------------------------------------------------


def test_old_calls_and_charges_go_in_steps_and_the_others_stay(
    world: Store, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "FORGOTTEN_AT_ONCE", 4)
    kept = clock.now() - timedelta(days=400)
    ages = [kept - timedelta(days=day) for day in range(-2, 10)]  # three that stay, the last to the very moment
    row = {"organisation_id": 1, "gateway": "x", "language": "fr", "seconds": 1, "hops": 1, "path": [], "end": "done"}
    with world.write() as unit:
        unit.connection.execute(
            insert(ussd_call), [row | {"key": f"call {n}", "started_at": at} for n, at in enumerate(ages)]
        )
        unit.connection.execute(
            insert(ussd_charge), [{"key": f"call {n}", "cost": "KES 0.10", "at": at} for n, at in enumerate(ages)]
        )
    assert list(forgetting(world, kept)) == [4, 4, 1, 4, 4, 1]
    with world.read() as connection:
        for table in (ussd_call, ussd_charge):
            assert set(connection.scalars(select(table.c.key))) == {"call 0", "call 1", "call 2"}
    assert list(forgetting(world, kept)) == [0, 0]


# --- the scheduler ----------------------------------------------------------------------------------------------------


def test_the_scheduler_counts_and_forgets(place: Place) -> None:
    now = place.runtime.clock.now()
    with place.runtime.store.write() as unit:
        unit.connection.execute(insert(ussd_charge).values(key="old", cost="KES 1", at=now - timedelta(days=401)))
        unit.connection.execute(insert(ussd_charge).values(key="new", cost="KES 1", at=now - timedelta(days=399)))
    place.phone().dial()
    place.runtime.own_clock.move(QUIET)
    for one in rounds(place.runtime, "a"):
        while one.go_on():
            pass
    assert counted(place.runtime.store) == {("Language",): "dropped"}
    with place.runtime.store.read() as connection:
        assert list(connection.scalars(select(ussd_charge.c.key))) == ["new"]


class Work:
    """Three steps a round, and when each round began."""

    def __init__(self) -> None:
        self.begun: list[datetime] = []
        self.steps = 0

    def __call__(self, now: datetime) -> Iterator[int]:
        self.begun.append(now)
        for _ in range(3):
            self.steps += 1
            yield 1


def test_of_two_schedulers_one_does_a_round_and_each_may_do_the_next(store: Store, clock: FixedClock) -> None:
    work = Work()
    a, b = (Round(store, holder, "work", 60, work) for holder in "ab")
    for first, second in ((a, b), (b, a)):
        while first.go_on():
            pass
        assert not second.go_on()
        clock.move(timedelta(seconds=60))
    assert work.steps == 6
    assert [later - earlier for earlier, later in pairwise(work.begun)] == [timedelta(seconds=60)]


def test_a_long_round_lets_the_sweep_through_after_each_slice(
    store: Store, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "SLICE_S", 0.0)
    work = Work()
    one = Round(store, "a", "work", 60, work)
    went_on = []
    for _ in range(4):
        went_on.append((one.go_on(), work.steps))
        clock.move(timedelta(seconds=90))  # a round that is late isn't begun twice
    assert went_on == [(True, 1), (True, 2), (True, 3), (False, 3)]
    assert len(work.begun) == 1


@pytest.mark.parametrize("error", [Unavailable("redis: gone"), KeyError("a defect")])
def test_what_fails_is_told_and_tried_again_in_the_next_round(
    store: Store, clock: FixedClock, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    tries = []

    def fail(now: datetime) -> Iterator[int]:
        tries.append(now)
        yield 1
        raise error

    one = Round(store, "a", "work", 60, fail)
    with caplog.at_level(logging.WARNING):
        assert [one.go_on() for _ in range(3)] == [False] * 3
    assert len(tries) == 1
    assert caplog.text.count("work not done") == 1
    clock.move(timedelta(seconds=60))
    assert not one.go_on()
    assert len(tries) == 2


def test_moments_are_utc(place: Place) -> None:
    place.phone().dial()
    place.runtime.own_clock.move(QUIET)
    count(place)
    with place.runtime.store.read() as connection:
        assert connection.scalar(select(ussd_call.c.started_at)) == datetime(2026, 11, 22, 9, tzinfo=UTC)
