"""What operators post is stored before it is answered, whatever it is; without the secret there is no such page."""

from __future__ import annotations

import socket
import time
from urllib.parse import quote

import psycopg
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.kernel.ids import operator_key
from gateway.payments.web import LARGEST_NOTICE
from gateway.store.bell import RqBell
from gateway.store.schema import notice, outbox
from gateway.ussd.sessions import open_redis
from tests.payments.village import ON_SQLITE, SECRET, Village

KEY = "0b8f1a8e-64a4-4a57-9c2f-6f5f3e0f9a10"


def _stored(village: Village) -> list[tuple[str, str, bytes]]:
    with village.store.read() as connection:
        rows = connection.execute(select(notice.c.source, notice.c.reference, notice.c.body).order_by(notice.c.id))
        return [(row.source, row.reference, row.body) for row in rows]


def _rows_of_work(village: Village) -> int:
    with village.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(outbox)) or 0


@ON_SQLITE
@pytest.mark.parametrize(
    "path",
    [
        f"/payments/mtn_momo/wrong-secret-01234/{KEY}",
        f"/payments/mtn_momo/{SECRET}x/{KEY}",
        f"/payments/mtn_momo/{SECRET[:-1]}/{KEY}",
        f"/payments/mtn_momo/%C3%A9/{KEY}",
        f"/payments/pawapay/{SECRET}/{KEY}",
        f"/payments/{SECRET}/{KEY}",
        f"/payments/mtn_momo/{SECRET}/",
        f"/payments/mtn_momo/{SECRET}/{KEY}/more",
    ],
)
def test_a_wrong_secret_is_no_such_page(webhook: str, village: Village, path: str) -> None:
    nowhere = requests.post(webhook + "/nowhere", data=b"x", timeout=5)
    answer = requests.post(webhook + path, data=b"x", timeout=5)
    assert (answer.status_code, answer.content) == (404, nowhere.content)
    assert _stored(village) == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_post_and_put_are_stored_as_they_came_with_work_to_do(webhook: str, village: Village, method: str) -> None:
    body = b'{"status": "SUCCESSFUL"}'
    answer = requests.request(method, f"{webhook}/payments/mtn_momo/{SECRET}/{KEY}", data=body, timeout=5)
    assert (answer.status_code, answer.content) == (200, b"")
    assert _stored(village) == [("mtn_momo", KEY, body)]
    with village.store.read() as connection:
        rows = connection.execute(select(outbox.c.queue, outbox.c.topic, outbox.c.subject)).all()
    assert [tuple(row) for row in rows] == [("money", "collection.hint", KEY)]


@ON_SQLITE
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_other_methods_store_nothing(webhook: str, village: Village, method: str) -> None:
    answer = requests.request(method, f"{webhook}/payments/mtn_momo/{SECRET}/{KEY}", data=b"x", timeout=5)
    assert answer.status_code == 405
    assert _stored(village) == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x00", b"\xff\xfe{\x00", b"{", b"null", b'\xef\xbb\xbf{"status": "SUCCESSFUL"}', b'{"amount": NaN}',
        b'{"status": "FAILED", "status": "SUCCESSFUL"}', b"status=SUCCESSFUL", b"[" * 60_000, b"x" * LARGEST_NOTICE,
    ],
    ids=repr,
)  # fmt: skip
@ON_SQLITE
def test_whatever_comes_is_stored_and_does_no_harm(webhook: str, village: Village, body: bytes) -> None:
    url = f"{webhook}/payments/mtn_momo/{SECRET}/{KEY}"
    answer = requests.post(url, data=body, headers={"Content-Type": "multipart/form-data; é"}, timeout=5)
    assert answer.status_code == 200
    assert _stored(village) == [("mtn_momo", KEY, body)]
    village.work()
    assert village.entries() == []


def test_an_unknown_key_is_stored_and_its_work_is_done_at_once(webhook: str, village: Village) -> None:
    for key in (
        operator_key(),
        "not-a-key",
        "k" * 300,
        "%F0%9F%90%90",
        "a%20b",
        "%00",
        "a%00b",
        "%FF",
        "%ED%A0%80",
        "..%2f",
    ):
        answer = requests.post(f"{webhook}/payments/mtn_momo/{SECRET}/{key}", data=b"x", timeout=5)
        assert answer.status_code in (200, 404), key
    stored = len(_stored(village))
    assert stored >= 5
    assert _rows_of_work(village) == stored
    village.work()
    with village.store.read() as connection:
        assert connection.scalar(select(func.count()).where(outbox.c.done_at.is_(None))) == 0


@ON_SQLITE
@given(key=st.text(min_size=1, max_size=80), body=st.binary(max_size=300), kind=st.text(max_size=90))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_comes_is_a_fault_of_ours(
    webhook: str, village: Village, key: str, body: bytes, kind: str
) -> None:
    kind = "".join(c for c in kind if c.isprintable() and c.isascii()).strip()
    path = quote(key.encode(errors="surrogatepass"), safe="")
    url = f"{webhook}/payments/mtn_momo/{SECRET}/{path}"
    answer = requests.post(url, data=body, headers={"Content-Type": kind}, timeout=5)
    assert answer.status_code in (200, 404)


@ON_SQLITE
def test_a_huge_body_is_turned_away_unread(webhook: str, village: Village) -> None:
    answer = requests.post(f"{webhook}/payments/mtn_momo/{SECRET}/{KEY}", data=b"x" * (LARGEST_NOTICE + 1), timeout=5)
    assert answer.status_code == 413
    assert _stored(village) == []


@ON_SQLITE
def test_a_length_that_lies_takes_no_memory(webhook: str, village: Village) -> None:
    host, port = webhook.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(f"POST /payments/mtn_momo/{SECRET}/{KEY} HTTP/1.1\r\nHost: x\r\n".encode())
        line.sendall(b"Content-Length: 999999999999\r\n\r\nx")
        assert line.recv(100).split()[1] == b"413"
    assert _stored(village) == []


@ON_SQLITE
def test_without_redis_it_is_stored_and_answered_at_once(webhook: str, village: Village) -> None:
    village.store.bell = RqBell(open_redis("unix:///nonexistent/redis.sock"))
    begun = time.monotonic()
    assert _tell(webhook) == 200
    assert time.monotonic() - begun < 1
    assert (len(_stored(village)), _rows_of_work(village)) == (1, 1)


# The database is down: what isn't stored isn't acknowledged, and afterwards everything goes on by itself.

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def _tell(webhook: str) -> int:
    return requests.post(f"{webhook}/payments/mtn_momo/{SECRET}/{KEY}", data=b"x", timeout=10).status_code


def _change_database(postgres: str, village: Village, how: str) -> None:
    name = village.store.engine.url.database
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'alter database "{name}" {how}'.encode())
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("allow_connections false", "allow_connections true"),
        ("set default_transaction_read_only = on", "reset default_transaction_read_only"),
    ],
    ids=["gone", "read-only"],
)
def test_while_postgresql_cannot_store_it_is_503(
    webhook: str, village: Village, postgres: str, broken: str, mended: str
) -> None:
    assert _tell(webhook) == 200
    _change_database(postgres, village, broken)
    assert [_tell(webhook) for _ in range(3)] == [503] * 3
    _change_database(postgres, village, mended)
    # A kept connection that has died is noticed at its first use.
    assert [_tell(webhook) for _ in range(3)][1:] == [200] * 2
    assert all(one == ("mtn_momo", KEY, b"x") for one in _stored(village))


@ON_SQLITE
def test_while_sqlite_is_locked_it_is_503(webhook: str, village: Village) -> None:
    with village.store.engine.connect() as other:
        other.begin()
        assert _tell(webhook) == 503
    assert _tell(webhook) == 200
    assert len(_stored(village)) == 1
