"""What operators post is stored before it is answered, whatever it is; without the secret there is no such page."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

import psycopg
import pytest
import requests
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.serving import make_server

from gateway.app import create_app_on
from gateway.kernel.faults import Fault
from gateway.kernel.ids import operator_key
from gateway.kernel.sources import Sources, read_by_name, read_networks
from gateway.payments.push.noticed import LOOK_AT_LAST, MOST_BODIES, look_after
from gateway.payments.states import State
from gateway.payments.web import LARGEST_NOTICE, payments_blueprint
from gateway.settings import Settings
from gateway.store.bell import RqBell
from gateway.store.outbox import Task, drain
from gateway.store.schema import notice, outbox
from gateway.ussd.sessions import open_redis
from gateway.wiring import Runtime
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import ON_SQLITE, SECRET, Village, at_once

KEY = "0b8f1a8e-64a4-4a57-9c2f-6f5f3e0f9a10"


def _stored(village: Village) -> list[tuple[str, str, bytes]]:
    with village.store.read() as connection:
        rows = connection.execute(select(notice.c.source, notice.c.reference, notice.c.body).order_by(notice.c.id))
        return [(row.source, row.reference, row.body) for row in rows]


def _times(village: Village) -> list[int]:
    """How often each stored notice came."""
    with village.store.read() as connection:
        return list(connection.scalars(select(notice.c.times).order_by(notice.c.id)))


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
    stored = len({reference for _, reference, _ in _stored(village)})
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
    assert _stored(village) == [("mtn_momo", KEY, b"x")]
    assert _times(village)[0] >= 3


@ON_SQLITE
def test_while_sqlite_is_locked_it_is_503(webhook: str, village: Village) -> None:
    with village.store.engine.connect() as other:
        other.begin()
        assert _tell(webhook) == 503
    assert _tell(webhook) == 200
    assert _times(village) == [1]


# A flood of notices: nothing of it is lost that counts, and it costs neither rows nor questions.


def _send(webhook: str, key: str, body: bytes) -> int:
    return requests.post(f"{webhook}/payments/mtn_momo/{SECRET}/{key}", data=body, timeout=10).status_code


def test_the_same_notice_at_the_same_instant_is_kept_once_and_counted(webhook: str, village: Village) -> None:
    assert at_once(12, lambda: _send(webhook, KEY, b"same")) == [200] * 12
    assert (_stored(village), _times(village)) == ([("mtn_momo", KEY, b"same")], [12])
    assert _rows_of_work(village) == 1
    assert _send(webhook, KEY, b"other") == 200
    assert _send(webhook, operator_key(), b"same") == 200
    assert _times(village) == [12, 1, 1]


def test_bodies_beyond_a_days_measure_are_counted_on_the_newest(
    webhook: str, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.payments.push.noticed.MOST_BODIES", 5)
    for number in range(8):
        assert _send(webhook, KEY, b"body %d" % number) == 200
    assert _send(webhook, KEY, b"body 0") == 200  # what is kept is counted where it stands
    assert _times(village) == [2, 1, 1, 1, 4]
    assert _send(webhook, operator_key(), b"another's") == 200
    assert len(_stored(village)) == 6
    village.clock.move(timedelta(days=1, seconds=1))
    assert _send(webhook, KEY, b"of the next day") == 200
    assert _stored(village)[-1] == ("mtn_momo", KEY, b"of the next day")


def test_a_flood_about_one_payment_costs_a_few_questions_and_hides_nothing(
    webhook: str, village: Village, momo: MomoPlay
) -> None:
    key = village.pay(village.register().household_id)
    village.work()
    before = momo.calls("find")
    for number in range(300):
        assert _send(webhook, key, b"PENDING %d" % (number % 150)) == 200
        if number % 10 == 0:
            village.clock.move(timedelta(milliseconds=200))
            village.work()
    assert len(_stored(village)) == MOST_BODIES
    assert sum(_times(village)) == 300
    assert 1 <= momo.calls("find") - before <= 6
    momo.play("approve", {"key": key})
    assert _send(webhook, key, b"SUCCESSFUL") == 200
    village.clock.move(LOOK_AT_LAST)
    village.work()
    assert village.shown(key).state is State.PAID


@ON_SQLITE
def test_a_flood_about_nothing_costs_no_question(webhook: str, village: Village, momo: MomoPlay) -> None:
    village.pay(village.register().household_id)
    village.work()
    for _ in range(20):
        assert _send(webhook, operator_key(), b"SUCCESSFUL") == 200
    village.work()
    assert (momo.calls("find"), momo.calls("ask")) == (0, 1)


def test_each_further_notice_is_looked_at_later_but_never_never() -> None:
    waits = [look_after(came) for came in range(1, 10_000)]
    assert waits[0] == timedelta(0)
    assert waits == sorted(waits)
    assert waits[-1] == LOOK_AT_LAST


def test_news_that_comes_while_somebody_looks_is_looked_at_once_more(webhook: str, village: Village) -> None:
    seen = itertools.count()

    def look(_: Task) -> None:
        if next(seen) == 0:
            assert _send(webhook, KEY, b"the second") == 200

    assert _send(webhook, KEY, b"the first") == 200
    handlers = {"collection.hint": look}
    while drain(village.store, "money", handlers, lambda _, error: pytest.fail(str(error))):
        pass
    assert next(seen) == 2
    assert _rows_of_work(village) == 1


# Where it comes from

SAFARICOM = "196.201.212.0/24, 196.201.214.200"
BEHIND = Sources(read_by_name(f"daraja={SAFARICOM}; pawapay=2a05:d018::/32"), read_networks("10.0.0.0/8,127.0.0.1"))


@pytest.mark.parametrize(
    ("name", "peer", "forwarded_for", "allowed"),
    [
        ("daraja", "196.201.212.69", [], True),
        ("daraja", "196.201.214.200", [], True),
        ("daraja", "196.201.214.201", [], False),
        ("daraja", "::ffff:196.201.212.69", [], True),
        ("daraja", "2a05:d018::1", [], False),
        ("pawapay", "2a05:d018::1", [], True),
        ("mtn_momo", "203.0.113.1", [], True),  # nothing is said of where MTN calls from
        # Through our proxies: what they wrote counts, what was written before them does not.
        ("daraja", "127.0.0.1", ["196.201.212.69"], True),
        ("daraja", "127.0.0.1", ["196.201.212.69, 10.1.2.3"], True),
        ("daraja", "127.0.0.1", ["196.201.212.69", "10.1.2.3"], True),
        ("daraja", "127.0.0.1", ["196.201.212.69:4711"], True),
        ("pawapay", "127.0.0.1", ["[2a05:d018::1]:4711"], True),
        ("daraja", "127.0.0.1", ["196.201.212.69, 203.0.113.1"], False),
        ("daraja", "127.0.0.1", ["196.201.212.69, 203.0.113.1, 10.1.2.3"], False),
        ("daraja", "127.0.0.1", ["196.201.212.69, unknown"], False),
        ("daraja", "127.0.0.1", [""], False),
        ("daraja", "127.0.0.1", [], False),
        # A stranger writes the header too.
        ("daraja", "203.0.113.1", ["196.201.212.69"], False),
        ("daraja", "203.0.113.1", ["196.201.212.69, 10.1.2.3"], False),
        ("daraja", "", ["196.201.212.69"], False),
    ],
)
def test_an_address_counts_as_far_as_trusted_proxies_tell_it(
    name: str, peer: str, forwarded_for: list[str], allowed: bool
) -> None:
    assert BEHIND.allows(name, peer, forwarded_for) is allowed


@contextmanager
def _serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    server.server_close()


@ON_SQLITE
@pytest.mark.parametrize(
    ("allowed", "proxies", "forwarded_for", "status"),
    [
        ("127.0.0.1", "", None, 200),
        ("196.201.212.69", "", None, 404),
        ("196.201.212.69", "", "196.201.212.69", 404),
        ("196.201.212.69", "127.0.0.1", "196.201.212.69", 200),
        ("196.201.212.69", "127.0.0.1", "196.201.212.69, 203.0.113.1", 404),
        ("196.201.212.69", "127.0.0.1", "203.0.113.1, 196.201.212.69", 200),
    ],
)
def test_another_source_is_told_that_there_is_no_such_page(
    village: Village, allowed: str, proxies: str, forwarded_for: str | None, status: int
) -> None:
    app = Flask(__name__)
    sources = Sources(read_by_name(f"mtn_momo={allowed}"), read_networks(proxies))
    app.register_blueprint(payments_blueprint(village.store, SECRET, village.providers, sources))
    with _serving(app) as url:
        headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
        answer = requests.post(f"{url}/payments/mtn_momo/{SECRET}/{KEY}", data=b"x", headers=headers, timeout=5)
        assert answer.status_code == status
        if status == 404:
            assert answer.content == requests.post(f"{url}/nowhere", data=b"x", timeout=5).content
    assert len(_stored(village)) == (1 if status == 200 else 0)


# Changing the secret

NEW, OLD = "the-new-webhook-secret", "the-old-webhook-secret"


@pytest.fixture
def app_with(village: Village) -> Callable[..., Flask]:
    """The whole web application on the village's database, with other settings."""

    def make(**others: str) -> Flask:
        values = {
            "DATABASE_URL": village.store.engine.url.render_as_string(hide_password=False),
            "REDIS_URL": "unix:///nonexistent/redis.sock",
            "SECRET_KEY": "village-secret-key-of-32-characters",
            "WEBHOOK_SECRET": NEW,
            "PUBLIC_URL": "https://cotisa.invalid",
        }
        return create_app_on(Runtime(Settings.of(values | others)))

    return make


@ON_SQLITE
def test_while_the_secret_changes_both_are_taken_on_every_route(app_with: Callable[..., Flask]) -> None:
    app = app_with(WEBHOOK_SECRET_BEFORE=OLD)
    routes = [rule for rule in app.url_map.iter_rules() if "given" in rule.arguments]
    doors = {rule.rule.split("/")[1] for rule in routes}
    assert doors == {"ussd", "sms", "payments"}
    for rule in routes:
        method = "GET" if "GET" in (rule.methods or ()) else "POST"
        others = {"provider": "mtn_momo", "key": KEY, "kind": "inbound"}

        def told(secret: str, rule: object = rule, method: str = method, others: dict[str, str] = others) -> int:
            path = rule.rule.replace("<given>", secret)  # type: ignore[attr-defined]
            for name, value in others.items():
                path = path.replace(f"<{name}>", value).replace(f"<any(delivery, inbound, optout):{name}>", value)
            assert "<" not in path
            return app.test_client().open(path, method=method, data={"from": "x"}).status_code

        if "provider" in rule.arguments:
            continue  # no operator has keys here: see below
        assert told(NEW) == told(OLD) != 404, rule
        assert told("neither-of-the-two-secrets") == 404, rule


@ON_SQLITE
def test_the_old_secret_is_taken_for_payments_until_it_is_taken_away(app_with: Callable[..., Flask]) -> None:
    momo = {
        "MTN_MOMO_API_USER": "user", "MTN_MOMO_API_KEY": "key", "MTN_MOMO_SUBSCRIPTION_KEY": "subscription",
        "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin", "MTN_MOMO_BASE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    both = app_with(WEBHOOK_SECRET_BEFORE=OLD, **momo).test_client()
    after = app_with(**momo).test_client()
    told = [
        web.post(f"/payments/mtn_momo/{secret}/{KEY}", data=b"x").status_code
        for web in (both, after)
        for secret in (NEW, OLD, "neither-of-the-two-secrets")
    ]
    assert told == [200, 200, 404, 200, 404, 404]


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CALLBACK_ADDRESSES", "196.201.214.200", "must be name=address,address;name=address, each name once"),
        ("CALLBACK_ADDRESSES", "daraja=", "must be name=address,address;name=address, each name once"),
        ("CALLBACK_ADDRESSES", "daraja=1.2.3.4;daraja=1.2.3.5", "must be name=address,address;name=address"),
        ("CALLBACK_ADDRESSES", "daraja=safaricom.co.ke", "safaricom.co.ke is no address and no network"),
        ("CALLBACK_ADDRESSES", "daraja=196.201.214.7/24", "196.201.214.7/24 is no address and no network"),
        ("CALLBACK_ADDRESSES", "safaricom=196.201.214.7", "safaricom is none of airtel_money, daraja, "),
        ("TRUSTED_PROXIES", "127.0.0.1,proxy", "proxy is no address and no network"),
        ("WEBHOOK_SECRET_BEFORE", "short", "must have at least 16 characters"),
    ],
)
def test_what_would_let_in_the_wrong_ones_is_told_at_the_start(
    app_with: Callable[..., Flask], name: str, value: str, told: str
) -> None:
    with pytest.raises(Fault) as why:
        app_with(**{name: value})
    assert name in str(why.value)
    assert told in str(why.value)
