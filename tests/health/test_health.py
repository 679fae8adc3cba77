"""The machine that watches the machine is told which part is down, and nothing of anybody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from gateway.app import create_app_on
from gateway.procs.redis import PrivateRedis
from gateway.settings import Settings
from gateway.store import migrate
from gateway.store.migrate import newest
from gateway.store.outbox import QUEUES, Ask, put
from gateway.store.schema import collection, outbox
from gateway.wiring import Runtime
from tests.payments.village import FAMILY, PAYER, Village, found

SECRET = "canary-webhook-secret"
NO_REDIS = "unix:///nonexistent/redis.sock"

Watch = Callable[..., FlaskClient]


def settings(database_url: str, redis_url: str) -> Settings:
    return Settings.of(
        {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "canary-secret-key-of-32-characters",
            "WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": "https://cotisa.invalid",
        }
    )


@pytest.fixture
def runtime(database_url: str, redis_server: PrivateRedis) -> Iterator[Runtime]:
    """The gateway on a database of each kind in turn, with all its parts."""
    parts = Runtime(settings(database_url, redis_server.url))
    yield parts
    parts.store.close()


@pytest.fixture
def web(runtime: Runtime) -> FlaskClient:
    return create_app_on(runtime).test_client()


def ready(web: FlaskClient) -> tuple[int, str, dict[str, str]]:
    """The status, in HTTP and in words, and the state of each part."""
    answer = web.get("/health/ready")
    body: dict[str, Any] = answer.get_json()
    return answer.status_code, body["status"], {name: part["state"] for name, part in body["parts"].items()}


ALL_WELL = {"database": "ok", "redis": "ok"} | {f"queue {name}": "ok" for name in QUEUES}


def test_all_is_well(web: FlaskClient) -> None:
    assert ready(web) == (200, "ok", ALL_WELL)
    assert web.get("/health/live").get_json() == {"status": "ok"}


def test_without_redis(database_url: str) -> None:
    runtime = Runtime(settings(database_url, NO_REDIS))
    web = create_app_on(runtime).test_client()
    assert ready(web) == (503, "down", ALL_WELL | {"redis": "down"})
    assert web.get("/health/live").status_code == 200
    runtime.store.close()


def test_without_a_database(redis_server: PrivateRedis) -> None:
    web = create_app_on(Runtime(settings("postgresql://u:canary@127.0.0.1:9/x", redis_server.url))).test_client()
    begun = time.monotonic()
    assert ready(web) == (503, "down", {"database": "down", "redis": "ok"})
    assert time.monotonic() - begun < 4
    assert web.get("/health/live").status_code == 200
    assert "canary" not in web.get("/health/ready").text
    metrics = web.get("/metrics")
    assert metrics.status_code == 200
    assert 'cotisa_part_up{part="database"} 0.0' in metrics.text
    assert 'cotisa_part_up{part="redis"} 1.0' in metrics.text


def test_a_database_that_goes_and_comes_back(postgres: str, postgres_url: str, redis_server: PrivateRedis) -> None:
    runtime = Runtime(settings(postgres_url, redis_server.url))
    web = create_app_on(runtime).test_client()
    name = runtime.store.engine.url.database
    assert ready(web)[0] == 200

    def change(how: str) -> None:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(f'alter database "{name}" {how}'.encode())
            admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))

    change("allow_connections false")
    assert ready(web) == (503, "down", {"database": "down", "redis": "ok"})
    change("allow_connections true")
    assert ready(web) == (200, "ok", ALL_WELL)
    runtime.store.close()


# Versions


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_empty_database_says_what_to_do(
    kind: str, tmp_path: object, postgres: str, redis_server: PrivateRedis
) -> None:
    url = f"sqlite:///{tmp_path}/empty.db" if kind == "sqlite" else postgres
    runtime = Runtime(settings(url, redis_server.url))
    web = create_app_on(runtime).test_client()
    assert ready(web) == (503, "down", {"database": "down", "redis": "ok"})
    told = web.get("/health/ready").get_json()["parts"]["database"]["detail"]
    assert told == f"version none, expected {newest()}: run gateway migrate"
    assert web.get("/metrics").status_code == 200
    runtime.store.close()


def _advice(web: FlaskClient) -> str:
    assert ready(web) == (503, "down", {"database": "down", "redis": "ok"})
    return str(web.get("/health/ready").get_json()["parts"]["database"]["detail"])


def test_an_older_database_says_what_to_do(web: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    here = newest()
    monkeypatch.setattr(migrate, "known", lambda: ("9998", here))
    assert _advice(web) == f"version {here}, expected 9998: run gateway migrate"


def test_a_newer_database_says_what_to_do(web: FlaskClient, runtime: Runtime) -> None:
    with runtime.store.write() as unit:
        unit.connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    assert _advice(web) == f"version 9999, expected {newest()}: this program is older than its database, update it"


# Work


def test_work_that_is_late_is_shown_but_takes_nobody_off_the_line(web: FlaskClient, runtime: Runtime) -> None:
    with runtime.store.write() as unit:
        put(unit, Ask("receipts", "t", "a", "a"), Ask("money", "t", "b", "b", timedelta(minutes=5)))
    assert ready(web) == (200, "ok", ALL_WELL)
    with runtime.store.write() as unit:
        unit.connection.execute(
            update(outbox).where(outbox.c.key == "a").values(due_at=unit.now - timedelta(seconds=61))
        )
    assert ready(web) == (200, "late", ALL_WELL | {"queue receipts": "late"})
    detail = web.get("/health/ready").get_json()["parts"]["queue receipts"]["detail"]
    assert detail.startswith("1 due, 6")


# Figures


def test_metrics_count_answers_by_route(web: FlaskClient) -> None:
    def count(line: str) -> float:
        found = [row for row in web.get("/metrics").text.splitlines() if row.startswith(line + " ")]
        return float(found[0].split()[-1]) if found else 0.0

    line = 'cotisa_http_answers_total{route="payments",status="404"}'
    before = count(line)
    for _ in range(3):
        web.post("/payments/mtn_momo/wrong/key")
    assert count(line) == before + 3


def test_a_path_that_is_none_is_answered(web: FlaskClient) -> None:
    for path in ("", "*", "/", "//", "/nothing"):
        answer = web.open(path="/", environ_overrides={"PATH_INFO": path}, method="OPTIONS")
        assert answer.status_code in (200, 404, 405), path


def test_nothing_of_a_person_or_a_secret_is_shown(web: FlaskClient, runtime: Runtime) -> None:
    village = Village(runtime.store, runtime.network, runtime.clock, found(runtime.store, runtime.network))  # type: ignore[arg-type]
    made = village.register()
    village.pay(made.household_id)
    web.post(f"/payments/mtn_momo/{SECRET}/{PAYER}")
    web.get(f"/{PAYER}/{SECRET}")
    shown = web.get("/metrics").text + web.get("/health/ready").text + web.get("/health/live").text
    assert 'cotisa_collections{state="created"} 1.0' in shown
    for canary in (PAYER, PAYER[4:], made.card, SECRET, "canary", FAMILY[0].name, FAMILY[0].name.split()[1]):
        assert canary not in shown


def test_how_late_money_is(web: FlaskClient, runtime: Runtime) -> None:
    office = Village(runtime.store, runtime.network, runtime.clock, found(runtime.store, runtime.network))  # type: ignore[arg-type]
    now = runtime.clock.now()

    def shown(name: str) -> dict[str, float]:
        rows = [row for row in web.get("/metrics").text.splitlines() if row.startswith(f"cotisa_{name}{{")]
        return {row[row.index("{") + 1 : row.index("}")]: float(row.split()[-1]) for row in rows}

    assert set(shown("undecided").values()) == {0}
    assert shown("posting_lag_seconds") == {}
    for age in (timedelta(seconds=30), timedelta(minutes=20), timedelta(days=2), timedelta(hours=3)):
        phone = f"+2290100000{300 + age // timedelta(minutes=1) % 97}"
        key = office.pay(office.register(phone).household_id, payer=phone)
        with runtime.store.write() as unit:
            unit.connection.execute(update(collection).where(collection.c.key == key).values(created_at=now - age))
    assert shown("undecided") == {
        f'older_than_s="{age_s}"': count for age_s, count in ((60, 3), (900, 3), (3_600, 2), (86_400, 1), (259_200, 0))
    }
    # The newest, three hours old, turns out to have been paid two hours ago.
    office.confirm(key, now - timedelta(hours=2))
    lag = shown("posting_lag_seconds")
    assert lag['since="paid",which="largest"'] == pytest.approx(2 * 3_600, abs=30)
    assert lag['since="asked",which="mean"'] == pytest.approx(3 * 3_600, abs=30)
    assert shown("undecided")['older_than_s="3600"'] == 1
