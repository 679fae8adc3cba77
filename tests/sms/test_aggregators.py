"""Who is left alone, until when, and who is woken about it: once, and through whoever still takes SMS."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from gateway.health import state as health
from gateway.health.web import health_blueprint
from gateway.kernel.clock import FixedClock
from gateway.locale import Say
from gateway.network.organisations import Network, add_organisation
from gateway.network.staff import add
from gateway.procs.redis import PrivateRedis
from gateway.sms.aggregators import LEFT_ALONE, NEEDS_SOMEBODY, Aggregators, Trouble, over, stopped, troubles
from gateway.sms.gsm7 import parts
from gateway.sms.port import UNTIL_SOMEBODY_ACTS, Handed, SmsPort, TryAgain
from gateway.sms.relay import Relay
from gateway.store.schema import message
from gateway.store.unit import Store
from gateway.ussd.sessions import open_redis
from tests.sms.helpers import NUMBER, on_sqlite
from tests.sms.test_relay import Scripted

Work = Callable[[SmsPort], int]

NOTHING = timedelta(0)
AT, SMPP = "africastalking", "smpp"
NO_CREDIT = TryAgain("no_credit", UNTIL_SOMEBODY_ACTS)
CHIEF, SECOND, LOCAL = "+2290166000001", "+2290166000002", "+2290166000003"


@pytest.fixture
def union(store: Store, network: Network) -> Network:
    """A union with two treasurers and an animator, and a mutuelle with a treasurer of its own."""
    with store.write() as unit:
        root = add_organisation(unit, None, kind="union", code="u", name="Union", languages="fr")
        mutuelle, _ = add_organisation(unit, root, kind="mutuelle", code="m", name="Mutuelle", keeps_books=True)
        add(unit, root[0], "Chef", "treasurer", CHIEF, None)
        add(unit, root[0], "Second", "treasurer", SECOND, "en")
        add(unit, root[0], "Animateur", "animator", "+2290166000009", None)
        add(unit, mutuelle, "Tresorier", "treasurer", LOCAL, None)
    return network


def written(store: Store) -> list[tuple[str, str]]:
    """To whom alarms were written, and what."""
    with store.read() as connection:
        rows = connection.execute(select(message).where(message.c.event == "sms_alarm").order_by(message.c.msisdn))
        return [(row.msisdn, row.text) for row in rows]


def now_of(store: Store) -> list[Trouble]:
    with store.read() as connection:
        return troubles(connection)


# --- how long ---------------------------------------------------------------------------------------------------------


def test_each_failed_try_makes_it_longer_and_one_answer_ends_it(store: Store, clock: FixedClock) -> None:
    aggregators = Aggregators(store)
    assert aggregators.failed(AT, "not_reached")
    for wait in [*LEFT_ALONE, LEFT_ALONE[-1]]:
        assert aggregators.left_alone_for(AT) == wait
        assert not aggregators.may_try(AT)
        clock.move(wait)
        assert aggregators.left_alone_for(AT) == NOTHING
        assert aggregators.may_try(AT)
        assert not aggregators.may_try(AT)
        aggregators.failed(AT, "not_reached", trying=True)
    clock.move(LEFT_ALONE[-1])
    assert aggregators.may_try(AT)
    aggregators.answered(AT, trying=True)
    assert (aggregators.left_alone_for(AT), now_of(store)) == (NOTHING, [])


@pytest.mark.parametrize(
    ("reason", "patience"), [("not_reached", 1), ("no_answer", 2), ("unclear", 2), ("slow", 3), ("throttled", 3)]
)
@on_sqlite
def test_some_troubles_must_come_in_a_row(store: Store, reason: str, patience: int) -> None:
    aggregators = Aggregators(store)
    told = [aggregators.failed(AT, reason) for _ in range(patience)]
    assert told == [False] * (patience - 1) + [True]
    another = Aggregators(store)
    for _ in range(3):  # one answer between two of them, and they aren't in a row
        another.failed(SMPP, reason)
        if patience > 1:
            another.answered(SMPP)
    assert (another.left_alone_for(SMPP) > NOTHING) == (patience == 1)


def test_what_several_workers_find_out_at_once_counts_once(store: Store) -> None:
    workers = [Aggregators(store) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: one.failed(AT, "not_reached"), workers))
    [trouble] = now_of(store)
    assert (trouble.failures, trouble.until) == (1, trouble.since + LEFT_ALONE[0])
    workers[0].answered(AT)  # asked before, answered after: that says nothing
    assert now_of(store) == [trouble]


def test_one_that_tried_and_died_leaves_the_way_to_the_next(store: Store, clock: FixedClock) -> None:
    aggregators = Aggregators(store)
    aggregators.failed(AT, "not_reached")
    clock.move(LEFT_ALONE[0])
    assert aggregators.may_try(AT)  # and is killed
    clock.move(timedelta(seconds=30))
    assert aggregators.may_try(AT)


def test_the_only_one_is_tried_early_once_a_minute_by_all_together(store: Store, clock: FixedClock) -> None:
    workers = [Aggregators(store, holder=str(number)) for number in range(3)]
    for _ in range(3):
        assert [one.may_try_early(AT) for one in workers] == [True, False, False]
        clock.move(timedelta(minutes=1))


def test_another_process_knows_within_seconds(store: Store, clock: FixedClock) -> None:
    seconds = [0.0]
    other = Aggregators(store, monotonic=lambda: seconds[0])
    assert other.left_alone_for(AT) == NOTHING
    Aggregators(store).failed(AT, "not_reached")
    assert other.left_alone_for(AT) == NOTHING
    seconds[0] += 3.1
    assert other.left_alone_for(AT) == LEFT_ALONE[0]


# --- who is woken -----------------------------------------------------------------------------------------------------


def relay_of(store: Store, network: Network, **answers: Sequence[TryAgain]) -> tuple[Relay, dict[str, Scripted]]:
    ports = {name: Scripted(list(given)) for name, given in answers.items()}
    return Relay(Aggregators(store, network), *ports.items()), ports


def test_out_of_credit_wakes_those_who_can_top_up_once_through_the_other(
    store: Store, union: Network, work: Work, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    relay, ports = relay_of(store, union, africastalking=[NO_CREDIT] * 3, smpp=[])
    assert isinstance(relay.send("x", NUMBER), Handed)
    assert [to for to, _ in written(store)] == [CHIEF, SECOND]
    assert written(store)[1][1].startswith("No SMS credit left at Africa's Talking since 22/11 10:00.")
    for _ in range(3):
        clock.move(UNTIL_SOMEBODY_ACTS)
        relay.send("x", NUMBER)
    assert len(written(store)) == 2 + 2
    assert len(ports[AT].asked) == 4
    assert "There was no SMS credit at Africa's Talking from 22/11 10:00 to 22/11 10:45." in written(store)[3][1]
    errors = [one for one in caplog.records if one.levelno == logging.ERROR and "left alone" in one.getMessage()]
    assert len(errors) == 1
    assert work(relay) == 4
    assert {CHIEF, SECOND} <= {*ports[SMPP].asked, *ports[AT].asked}


def test_who_find_it_out_at_once_wake_them_once(store: Store, union: Network) -> None:
    workers = [Aggregators(store, union) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda one: one.failed(AT, "no_credit", another=True), workers))
    assert [to for to, _ in written(store)] == [CHIEF, SECOND]


@on_sqlite
def test_without_another_they_are_told_when_it_is_over(store: Store, union: Network, clock: FixedClock) -> None:
    relay, _ = relay_of(store, union, africastalking=[NO_CREDIT])
    relay.send("x", NUMBER)
    assert written(store) == []
    clock.move(timedelta(minutes=20))
    assert isinstance(relay.send("x", NUMBER), Handed)
    assert [to for to, _ in written(store)] == [CHIEF, SECOND]
    assert "from 22/11 10:00 to 22/11 10:20. SMS go out again." in written(store)[1][1]


@on_sqlite
def test_they_are_told_as_soon_as_another_works(store: Store, union: Network, clock: FixedClock) -> None:
    down = [TryAgain("not_reached", timedelta(seconds=30))]
    relay, _ = relay_of(store, union, africastalking=[NO_CREDIT] * 2, smpp=down)
    Aggregators(store).failed(SMPP, "not_reached")
    relay.send("x", NUMBER)
    assert written(store) == []
    clock.move(UNTIL_SOMEBODY_ACTS)
    relay.send("y", NUMBER)
    # The second one's time has passed too: it counts as one that may work.
    assert [to for to, _ in written(store)] == [CHIEF, SECOND]


@on_sqlite
def test_a_down_line_wakes_nobody(store: Store, union: Network, clock: FixedClock) -> None:
    relay, _ = relay_of(store, union, africastalking=[TryAgain("not_reached", timedelta(seconds=30))], smpp=[])
    relay.send("x", NUMBER)
    clock.move(timedelta(hours=1))
    relay.send("x", NUMBER)
    assert written(store) == []


@on_sqlite
def test_administrators_at_the_top_are_woken_in_the_treasurers_place(store: Store, union: Network) -> None:
    with store.write() as unit:
        tree = union.tree()
        add(unit, tree.named("u").id, "Administrateur", "administrator", "+2290166000004", None)
        add(unit, tree.named("m").id, "Autre", "administrator", "+2290166000005", None)
    relay, _ = relay_of(store, union, africastalking=[NO_CREDIT], smpp=[])
    relay.send("x", NUMBER)
    assert [to for to, _ in written(store)] == ["+2290166000004"]


@on_sqlite
def test_a_network_without_treasurers_at_its_top_stops_nothing(store: Store, network: Network, books: int) -> None:
    relay, _ = relay_of(store, network, africastalking=[NO_CREDIT], smpp=[])
    assert isinstance(relay.send("x", NUMBER), Handed)
    assert now_of(store)[0].told_at is None


@pytest.mark.parametrize("language", ["en", "fr", "rn", "sw"])
@pytest.mark.parametrize("reason", sorted(NEEDS_SOMEBODY))
def test_each_alarm_is_one_part(language: str, reason: str, clock: FixedClock) -> None:
    zone = ZoneInfo("Africa/Porto-Novo")
    trouble = Trouble(AT, 1, None, reason, clock.now(), None)
    for text in (stopped(Say(language), trouble, zone), over(Say(language), trouble, clock.now(), zone)):
        assert parts(text) == 1
        assert "Africa's Talking" in text
        assert "22/11 10:00" in text


# --- who looks --------------------------------------------------------------------------------------------------------


def test_whoever_looks_sees_which_one_is_left_alone_and_why(
    store: Store, redis_server: PrivateRedis, clock: FixedClock
) -> None:
    from flask import Flask

    client = open_redis(redis_server.url)
    app = Flask(__name__)
    app.register_blueprint(health_blueprint(store, client))
    web = app.test_client()
    assert not any(part.name.startswith("sms") for part in health.look(store, client))
    Aggregators(store).failed(AT, "no_credit")
    Aggregators(store).failed(SMPP, "slow")  # once: nothing yet
    clock.move(timedelta(minutes=2))
    answer = web.get("/health/ready")
    said = answer.get_json()
    assert (answer.status_code, said["status"]) == (200, "late")
    assert said["parts"]["sms africastalking"] == {
        "state": "late",
        "detail": "no_credit since 2026-11-22 09:00 UTC, tried again by itself",
    }
    assert "sms smpp" not in said["parts"]
    line = 'cotisa_sms_trouble_seconds{aggregator="africastalking",reason="no_credit"} 120.0'
    assert line in web.get("/metrics").text
