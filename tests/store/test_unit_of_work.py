"""Promise 5 and the ground it stands on: no call inside a transaction, all or nothing, the same on both databases."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

import gateway
from gateway.kernel.atomic import require_outside
from gateway.kernel.faults import NetworkInsideTransaction, Unavailable
from gateway.kernel.ids import operator_key
from gateway.kernel.money import Money
from gateway.payments.providers.base import Order
from gateway.payments.providers.mtn_momo import MtnMomo
from gateway.payments.providers.pawapay_statements import PawaPayStatements, Wanted
from gateway.sms.africastalking import AfricasTalking
from gateway.store.engine import open_engine
from gateway.store.schema import lease, notice, phone
from gateway.store.together import together
from gateway.store.unit import Store
from gateway.ussd.phone import Phone

NOWHERE = "http://127.0.0.1:9"  # nobody listens there, and nobody is asked


A_DAY = datetime(2026, 11, 1, tzinfo=UTC)


def _momo() -> MtnMomo:
    return MtnMomo(api_user="u", api_key="k", subscription_key="s", base_url=NOWHERE)


PORTS: dict[str, Callable[[], object]] = {
    "gateway/payments/providers/http.py: ask": lambda: _momo().ask(
        Order(operator_key(), "+2290100000101", Money(1_500, "XOF"), "123456782", "BJ")
    ),
    "gateway/payments/providers/http.py: find": lambda: _momo().find(
        Order(operator_key(), "+2290100000101", Money(1_500, "XOF"), "123456782", "BJ")
    ),
    "gateway/payments/providers/pawapay_statements.py: fetch": lambda: PawaPayStatements(
        api_token="t", base_url=NOWHERE, callback_url=NOWHERE
    ).fetch(Wanted("BJ", "XOF", None, A_DAY, A_DAY), Path("nothing"), 0),
    "gateway/sms/africastalking.py: send": lambda: AfricasTalking("u", "k", "", NOWHERE).send("x", "+2290100000101"),
    "gateway/ussd/phone.py: dial": lambda: Phone("+2290100000101", NOWHERE).dial("*1#"),
}


@pytest.mark.parametrize("port", PORTS)
def test_a_port_that_is_called_inside_a_transaction_refuses(sqlite_store: Store, port: str) -> None:
    with sqlite_store.write(), pytest.raises(NetworkInsideTransaction):
        PORTS[port]()


def test_every_module_that_can_call_out_is_such_a_port() -> None:
    """Stand-ins, the demonstration's handset and the supervised processes are not the product's own calls."""
    root = Path(gateway.__file__).parent
    callers = set()
    for path in root.rglob("*.py"):
        place = path.relative_to(root.parent).as_posix()
        if re.match(r"gateway/(standins|demo|procs|cli)/", place):
            continue
        if re.search(r"^\s*(import|from) (requests|urllib\.request|http\.client|httpx|aiohttp|africastalking)\b",
                     path.read_text(), re.MULTILINE):  # fmt: skip
            callers.add(place)
    assert callers == {port.split(":")[0] for port in PORTS}


def test_the_mark_is_the_threads_own_and_goes_away_with_the_transaction(sqlite_store: Store) -> None:
    def fail() -> None:
        with sqlite_store.write(), ThreadPoolExecutor(1) as threads:
            threads.submit(require_outside, "another thread").result()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    require_outside("after it")


@pytest.fixture
def sqlite_store(sqlite_url: str, clock: object) -> Store:
    return Store(open_engine(sqlite_url), clock)  # type: ignore[arg-type]


def test_all_or_nothing(store: Store) -> None:
    def fail() -> None:
        with store.write() as unit:
            _note(unit.connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with store.write() as unit:
        _note(unit.connection)
    with store.read() as connection:
        assert len(connection.execute(select(notice)).all()) == 1


def _note(connection: object) -> None:
    connection.execute(  # type: ignore[attr-defined]
        insert(notice).values(
            source="s", reference="r", received_at=datetime(2026, 11, 22, tzinfo=UTC), content_type="", body=b""
        )
    )


def test_reading_waits_for_no_writer(store: Store) -> None:
    with store.write() as unit:
        _note(unit.connection)
        with ThreadPoolExecutor(1) as threads:
            seen = threads.submit(lambda: _count(store)).result(timeout=2)
    assert (seen, _count(store)) == (0, 1)


def _count(store: Store) -> int:
    with store.read() as connection:
        return len(connection.execute(select(notice.c.id)).all())


def test_writers_that_read_first_wait_for_each_other_and_all_succeed(store: Store) -> None:
    """On SQLite a transaction that began as a reader could not go on as a writer: all begin as writers."""
    with store.write() as unit:
        unit.connection.execute(insert(lease).values(job="j", period=0, holder="", taken_at=unit.now))
    start = threading.Barrier(6)

    def add(_: int) -> None:
        start.wait()
        with store.write() as unit:
            before = unit.connection.execute(select(lease.c.period).with_for_update()).scalar_one()
            time.sleep(0.02)
            unit.connection.execute(update(lease).values(period=before + 1))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(add, range(6)))
    with store.read() as connection:
        assert connection.scalar(select(lease.c.period)) == 6


def test_references_are_checked(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as unit:
        unit.connection.execute(insert(phone).values(msisdn="+2290100000101", household_id=4711, main=True))


def test_sqlite_is_opened_for_keeping_money(sqlite_store: Store) -> None:
    with sqlite_store.read() as connection:
        found = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        }
    assert found == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}


def test_postgresql_waits_for_nothing_longer_than_a_caller_would(pg_store: Store) -> None:
    shown = {}
    with pg_store.read() as connection:
        for name in ("statement_timeout", "lock_timeout", "timezone", "synchronous_commit"):
            shown[name] = connection.execute(text(f"show {name}")).scalar()
    assert shown == {"statement_timeout": "4s", "lock_timeout": "3s", "timezone": "UTC", "synchronous_commit": "on"}
    url = pg_store.engine.url.render_as_string(hide_password=False)
    patient = Store(open_engine(url, patient=True), pg_store.clock)
    with patient.read() as connection:
        assert connection.execute(text("show statement_timeout")).scalar() == "0"
    patient.close()


def test_a_database_that_is_not_there_is_unavailable_and_says_no_password(clock: object) -> None:
    nowhere = Store(open_engine("postgresql+psycopg://u:canary-password@127.0.0.1:9/x"), clock)  # type: ignore[arg-type]
    with pytest.raises(Unavailable) as told, nowhere.read():
        pass
    assert str(told.value).startswith("database: ")
    assert "canary" not in str(told.value)
    with pytest.raises(Unavailable), nowhere.write():
        pass


def test_statements_that_go_together_do_what_they_do_alone(store: Store) -> None:
    values = [{"job": job, "period": 1, "holder": "h", "taken_at": store.clock.now()} for job in "ab"]
    jobs = select(lease.c.job, lease.c.taken_at).order_by(lease.c.job)
    with store.write() as unit:
        made, first, one = together(
            unit.connection,
            (insert(lease), values),
            (jobs, {}),
            (select(lease.c.period).where(lease.c.job == bindparam("its_job")), {"its_job": "b"}),
        )
    assert (list(made), [row.job for row in first], [row.period for row in one]) == ([], ["a", "b"], [1])
    assert first[0].taken_at == store.clock.now()

    def fail() -> None:
        with store.write() as unit:
            together(unit.connection, (update(lease).values(period=2), {}), (insert(lease), values))

    with pytest.raises(IntegrityError):
        fail()
    with store.read() as connection:
        assert list(connection.scalars(select(lease.c.period))) == [1, 1]


@pytest.mark.parametrize("way", ["execute", "together"])
def test_after_a_restart_of_postgresql_one_call_fails_at_most(pg_store: Store, postgres: str, way: str) -> None:
    """All kept connections have died, but the first that finds out tells for all."""
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(pg_store.read())
    with psycopg.connect(postgres, autocommit=True) as admin:
        name = pg_store.engine.url.database
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))

    def ask() -> bool:
        try:
            with pg_store.read() as connection:
                if way == "execute":
                    connection.execute(select(lease.c.job))
                else:
                    together(connection, (select(lease.c.job), {}), (select(lease.c.period), {}))
            return True
        except Unavailable:
            return False

    assert [ask() for _ in range(8)].count(False) <= 1


def test_moments_are_aware_and_come_back_in_utc(store: Store) -> None:
    moment = datetime(2026, 11, 22, 10, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    with store.write() as unit:
        unit.connection.execute(insert(lease).values(job="j", period=0, holder="", taken_at=moment))
    with store.read() as connection:
        found = connection.execute(select(lease.c.taken_at)).scalar_one()
        assert connection.scalar(select(lease.c.job).where(lease.c.taken_at == moment)) == "j"
    assert (found, found.tzinfo) == (moment, UTC)
    with pytest.raises(StatementError, match="time zone"), store.write() as unit:
        unit.connection.execute(update(lease).values(taken_at=datetime(2026, 11, 22)))  # noqa: DTZ001
