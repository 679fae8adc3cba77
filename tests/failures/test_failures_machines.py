"""Family G: full disks, locks that cross, a restored backup and a new version in the middle of calls lose nothing."""

from __future__ import annotations

import ast
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, event, func, select, text

from gateway.kernel.faults import Unavailable
from gateway.payments.collections import by_key, move
from gateway.payments.providers.base import Paid
from gateway.payments.push.wishes import Asked
from gateway.payments.receipts import Genuine, check_receipt
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.incoming import Posted, Seen, see
from gateway.procs.redis import PrivateRedis
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.outgoing import TOPIC, Sender
from gateway.store.outbox import Ask, Task, drain, put
from gateway.store.schema import household
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import FIRST_DUE, NEIGHBOUR, ON_SQLITE, PAYER, SECRET, Village, francs
from tests.sms.helpers import StandIn
from tests.ussd.handset import SECRET as MENU_SECRET
from tests.ussd.handset import Answer, Handset
from tests.ussd.world import Place

HERE = Path(__file__).resolve().parents[2]
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


# G5: nothing is left to RQ's own delays, which need a process of their own


def test_no_job_is_given_to_rq_for_later_or_for_another_try() -> None:
    """Patience lives in the outbox: a delayed job without RQ's scheduler would wait for ever."""
    delays = {"Retry", "enqueue_in", "enqueue_at", "with_scheduler", "CronScheduler", "Repeat", "retry"}
    found, calls = [], 0
    for path in [*HERE.glob("gateway/**/*.py"), *HERE.glob("workers/*.py")]:
        source = path.read_text()
        if "rq" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            names = {getattr(node, "attr", ""), getattr(node, "id", ""), getattr(node, "arg", "")}
            calls += "enqueue" in names
            if isinstance(node, ast.Attribute | ast.Name | ast.keyword) and names & delays:
                found.append(f"{path.relative_to(HERE)}:{node.lineno}")
    assert calls > 0  # so that this test can fail
    assert found == []


# G6: no room, no connection


class FullDisk:
    """A SQLite file that may not grow: what the database itself says when its disk is full."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pages = 0
        event.listen(self.engine, "connect", self._limit)

    def _limit(self, connection: sqlite3.Connection, _record: object) -> None:
        if self.pages:
            connection.execute(f"pragma max_page_count={self.pages}")

    def fill(self) -> None:
        with self.engine.connect() as connection:
            self.pages = int(connection.exec_driver_sql("pragma page_count").scalar() or 0)
            connection.exec_driver_sql("rollback")
        self.engine.dispose()

    def make_room(self) -> None:
        self.pages = 0
        self.engine.dispose()


@ON_SQLITE
def test_on_a_full_disk_nothing_is_acknowledged_or_half_posted_and_with_room_all_goes_on(
    village: Village, momo: MomoPlay, webhook: str
) -> None:
    disk = FullDisk(village.store.engine)
    momo.script(callback={"times": 0}, times=20)
    payers = [f"+22901000008{number:02}" for number in range(20)]
    keys = [village.pay(village.register(payer).household_id, FIRST_DUE, payer) for payer in payers]
    village.work()
    for key in keys:
        momo.approve(key)
    url = village.callback_base.format(provider="mtn_momo", key=keys[0])
    disk.fill()
    answers = [requests.post(url, data=f"{number}" * 8_000, timeout=10).status_code for number in range(6)]
    assert (answers[-1], set(answers) | {200, 503}) == (503, {200, 503})
    assert village.notices() == answers.count(200)
    refused = 0
    for _ in range(5):
        village.clock.move(timedelta(minutes=1))
        try:
            drain(village.store, "money", village.handlers, village._tell)
        except Unavailable:
            refused += 1
        books = village.balance()  # which fails unless every entry that is there is there as a whole
        assert books.get("wallet", 0) == FIRST_DUE * len(village.entries())
        assert len(village.told("receipt")) == len(village.entries()) < len(keys)
    assert refused or village.faults  # so that this test can fail

    disk.make_room()
    village.faults.clear()
    assert requests.post(url, data=b"{}", timeout=10).status_code == 200
    village.clock.move(timedelta(minutes=20))
    village.work_for(60)
    assert {village.shown(key).state for key in keys} == {State.PAID}
    assert village.balance()["wallet"] == FIRST_DUE * len(keys)
    assert sorted(village.told("receipt")) == [("receipt", payer) for payer in payers]
    assert {momo.debits(key) for key in keys} == {1}


def test_on_a_full_disk_the_menu_ends_politely_and_with_room_registers_once(place: Place) -> None:
    disk = FullDisk(place.runtime.store.engine)
    phones = [place.phone(f"+22901500007{number:02}") for number in range(20)]
    for number, each in enumerate(phones):
        each.dial().picks("Français", "Inscrire ma famille").types(f"Adjara {_letters(number)}", "1", "1991", "kado")
        each.picks("C'est tout").sees("1 Inscrire")
    disk.fill()
    for each in phones:
        each.types("1").sees("C'est inscrit." if each.open else "Désolé")
    ended = [each for each in phones if not each.open]
    assert ended  # so that this test can fail
    disk.make_room()
    for each in ended:
        place.phone(each.msisdn).dial().sees("coupé").picks("Continuer", "Inscrire").sees("C'est inscrit.")
    assert place.counts()["household"] == 3 + len(phones)


_FULL = (
    "create function no_room() returns trigger language plpgsql as "
    "$$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$",
    "create trigger no_room before insert on line for each row execute function no_room()",
    "create trigger no_room before insert on notice for each row execute function no_room()",
)


@ON_POSTGRESQL
def test_when_postgresql_has_no_room_nothing_is_acknowledged_or_half_posted(
    village: Village, momo: MomoPlay, webhook: str
) -> None:
    """The server says 53100, as it does when its disk is full."""
    home = village.register().household_id
    momo.script(callback={"times": 0})
    key = village.pay(home, FIRST_DUE)
    village.work()
    momo.approve(key)
    with village.store.write() as unit:
        for statement in _FULL:
            unit.connection.execute(text(statement))
    url = village.callback_base.format(provider="mtn_momo", key=key)
    assert [requests.post(url, data=b"x", timeout=10).status_code for _ in range(2)] == [503, 503]
    village.clock.move(timedelta(seconds=30))
    drain(village.store, "money", village.handlers, village._tell)
    assert [fault.partition(":")[0] for fault in village.faults] == ["collection.look"]
    assert (village.shown(key).state, village.entries(), village.told()) == (State.PENDING, [], [])
    with village.store.write() as unit:
        for table in ("line", "notice"):
            unit.connection.execute(text(f"drop trigger no_room on {table}"))
    village.faults.clear()
    village.work_for(60)
    assert village.shown(key).state is State.PAID
    assert village.balance()["wallet"] == FIRST_DUE


@ON_POSTGRESQL
def test_without_a_free_connection_a_notice_is_not_acknowledged_and_the_next_one_is(
    village: Village, webhook: str
) -> None:
    url = f"{webhook}/payments/mtn_momo/{SECRET}/0b8f1a8e-64a4-4a57-9c2f-6f5f3e0f9a10"
    with ExitStack() as held:
        for _ in range(12):  # the pool and what it may have beyond it
            held.enter_context(village.store.engine.connect()).execute(text("select 1"))
        began = time.monotonic()
        assert requests.post(url, data=b"x", timeout=10).status_code == 503
        assert time.monotonic() - began < 5
    assert requests.post(url, data=b"x", timeout=10).status_code == 200


# G7: locks that cross


@ON_POSTGRESQL
def test_two_postings_that_lock_each_other_out_are_both_in_the_books_once(village: Village) -> None:
    """Each of two transactions posts for two households, in opposite order: PostgreSQL ends one, which comes again."""
    homes = [village.register(number).household_id for number in (PAYER, NEIGHBOUR)]
    keys: list[str] = []
    for _ in range(2):
        for home, payer in zip(homes, (PAYER, NEIGHBOUR), strict=True):
            keys.append(village.pay(home, 1_000 + len(keys), payer))
        village.clock.move(timedelta(minutes=15))
    for key in keys:
        _send(village, key)
    with village.store.write() as unit:
        put(unit, Ask("replies", "two", "01", "a"), Ask("replies", "two", "32", "b"))
    both_hold_one = threading.Barrier(2)
    tree = village.network.tree()
    told: list[str] = []

    def post(task: Task) -> None:
        with village.store.write() as unit:
            for place, number in enumerate(map(int, task.subject)):
                one = Paid(francs(1_000 + number), f"op-{number}", PAYER, "SUCCESSFUL")
                assert post_paid(unit, tree, village.chart, keys[number], one)
                if place == 0 and task.claims == 1:
                    both_hold_one.wait(5)

    def work(_: int) -> int:
        return drain(village.store, "replies", {"two": post}, lambda _, error: told.append(str(error)), limit=1)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(work, range(2))) == [1, 1]
    assert len(told) == 1
    assert "deadlock" in told[0]
    village.clock.move(timedelta(seconds=10))
    assert work(0) == 1
    assert len(told) == 1
    assert {village.shown(key).state for key in keys} == {State.PAID}
    assert village.balance()["wallet"] == sum(1_000 + number for number in range(4))
    assert sorted(key for _, key in village.entries()) == sorted(f"collection:{key}" for key in keys)


def _send(village: Village, key: str) -> None:
    """As if it had been asked for."""
    with village.store.write() as unit:
        one = by_key(unit.connection, key, lock=True)
        assert one is not None
        move(unit, one, State.SENDING)


# G8: last night's backup


@pytest.fixture
def aggregator() -> Iterator[StandIn]:
    standin = StandIn("--api-key", "key")
    yield standin
    standin.stop()


@ON_SQLITE
def test_last_nights_backup_is_put_back_and_the_days_money_comes_again(
    village: Village, momo: MomoPlay, aggregator: StandIn, webhook: str
) -> None:
    """What was asked for before the backup is found by its key. What was asked for after it is not in our books: its
    operator's word, here an SMS that the treasurer forwards, brings it. No receipt of the lost day is genuine for other
    money, and who was told before the backup isn't told again."""
    paid, open_, lost = (village.register(f"+22901000007{number:02}") for number in range(3))
    path = str(village.store.engine.url.database)
    port = AfricasTalking("cotisa", "key", "", aggregator.url, read_timeout_s=2.0)

    def tell() -> None:
        while drain(village.store, "receipts", {TOPIC: Sender(village.store, port)}, village._tell):
            assert village.faults == []

    def pays(home: int, payer: str, amount: int) -> str:
        key = village.pay(home, amount, payer)
        village.work()
        momo.approve(key)
        village.work_for(30)
        tell()
        return key

    # Before the backup one has paid and been told; another has just been asked.
    pays(paid.household_id, "+2290100000700", 2_000)
    waits = village.pay(open_.household_id, 2_100, "+2290100000701")
    village.work()
    backup = sqlite3.connect(":memory:")
    with closing(sqlite3.connect(path)) as now:
        now.backup(backup)
    before = list(aggregator.sent())
    # The day that will be lost.
    momo.approve(waits)
    village.work_for(60)
    gone = pays(lost.household_id, "+2290100000702", 2_200)
    lost_receipt = village.messages("receipt")[-1].text.split()[1]
    operator_id = str(village.shown(gone).operator_id)
    in_the_evening = village.balance()
    days_sms = len(aggregator.sent()) - len(before)
    assert days_sms == 4

    village.store.close()
    with closing(sqlite3.connect(path)) as now:
        backup.backup(now)
    village.clock.move(timedelta(hours=9))
    village.work_for(120)
    tell()
    assert village.shown(waits).state is State.PAID
    assert requests.post(village.callback_base.format(provider="mtn_momo", key=gone), timeout=5).status_code == 200
    village.work()  # a notice of an order that isn't in the books: kept, nothing made of it
    assert village.balance()["wallet"] == 2_000 + 2_100
    seen = Seen(
        "MTN MoMo", operator_id, village.place.books.id, francs(2_200), "+2290100000702", lost.card, village.clock.now()
    )
    with village.store.write() as unit:
        assert isinstance(see(unit, village.network.tree(), village.chart, seen), Posted)
    tell()
    assert village.balance() == in_the_evening
    assert momo.debits(gone) == momo.debits(waits) == 1
    assert len(momo.requests()) == 3
    again = aggregator.sent()[len(before) + days_sms :]
    assert {one["to"] for one in again} == {"+2290100000701", "+2290100000702", "+2290100000901"}
    with village.store.read() as connection:
        tree = village.network.tree()
        given = [row.text.split()[1] for row in village.messages("receipt")]
        assert len(set(given)) == len(given) == 3
        assert lost_receipt not in given
        assert check_receipt(connection, tree, lost_receipt) is None
        assert all(isinstance(check_receipt(connection, tree, one), Genuine) for one in given)
    assert village.wish(lost.household_id, payer="+2290100000702") is Asked.NOW


# E9: a new version in the middle of calls


@pytest.mark.long
def test_web_processes_are_exchanged_one_after_the_other_while_families_register(
    place: Place, on_sqlite: str, redis_server: PrivateRedis
) -> None:
    """Two stand behind whatever spreads the calls; each is stopped and replaced: no hop fails, no session is lost."""
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DEMO": "true",
        "DATABASE_URL": on_sqlite,
        "REDIS_URL": redis_server.url,
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": MENU_SECRET,
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "LOG_LEVEL": "ERROR",
        "WEB_WORKERS": "1",
    }
    ports = _free_ports(2)
    webs: list[subprocess.Popen[bytes]] = []

    def start(port: int) -> subprocess.Popen[bytes]:
        own = {**environment, "PORT": str(port)}
        webs.append(subprocess.Popen([sys.executable, "-m", "gateway", "run"], env=own))
        return webs[-1]

    def ready(port: int) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert requests.get(f"http://127.0.0.1:{port}/health/live", timeout=5).status_code == 200
                return
            except requests.ConnectionError:
                assert webs[-1].poll() is None, "it fell"
                assert time.monotonic() < deadline, "it did not start in time"
                time.sleep(0.05)

    def post(form: dict[str, str]) -> Answer:
        """As a proxy does: to one of the two, to the other where no answer comes; a hop may be sent twice."""
        for port in (ports[int(form["phoneNumber"][-1]) % 2], ports[(int(form["phoneNumber"][-1]) + 1) % 2]):
            try:
                url = f"http://127.0.0.1:{port}/ussd/africastalking/{MENU_SECRET}"
                answer = requests.post(url, data=form, timeout=10, headers={"Connection": "close"})
            except requests.exceptions.ConnectionError:
                continue  # it no longer listens, or was told to stop before it had taken the connection
            return Answer(answer.status_code, answer.headers.get("Content-Type", ""), answer.text)
        raise AssertionError("nobody listens")

    over = threading.Event()
    registered: list[str] = []

    def families(caller: int) -> None:
        number = 0
        while not over.is_set() or number < 2:
            msisdn = f"+22901500{6_000 + caller * 1_000 + number:05}"
            at = Handset(msisdn, post).dial().picks("Français", "Inscrire ma famille")
            at.types(f"Adjara {_letters(caller * 1_000 + number)}", "1", "1991", "kado").picks("C'est tout", "Inscrire")
            at.sees("C'est inscrit.")
            registered.append(msisdn)
            number += 1

    try:
        first, second = start(ports[0]), start(ports[1])
        for port in ports:
            ready(port)
        with ThreadPoolExecutor(3) as callers:
            calls = [callers.submit(families, number) for number in range(3)]
            try:
                for old, successor_on in ((first, ports[0]), (second, None)):
                    time.sleep(0.3)
                    old.send_signal(signal.SIGTERM)
                    assert old.wait(20) == 0
                    if successor_on is not None:
                        start(successor_on)
                        ready(successor_on)
            finally:
                over.set()
            for one in calls:
                one.result()
    finally:
        for web in webs:
            web.kill()
            web.wait()
    assert len(registered) >= 6
    with place.runtime.store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(household)) == 3 + len(registered)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def _letters(number: int) -> str:
    """A family name of its own for each number."""
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:04}").capitalize()
