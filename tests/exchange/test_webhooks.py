"""Other systems are told of what happens: once each, signed, with patience, and never on our own network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from gateway.exchange.webhooks import endpoints, following
from gateway.exchange.webhooks.delivering import LEFT_ALONE_AFTER, WAITS, Delivering, deliveries, message_id
from gateway.exchange.webhooks.endpoints import BadWebhook, Event, read_events, read_url
from gateway.exchange.webhooks.public import is_public
from gateway.kernel.clock import FixedClock
from gateway.kernel.sealing import Keys
from gateway.network.organisations import Network, add_organisation
from gateway.store.outbox import claim, drain
from gateway.store.schema import household_change
from gateway.store.unit import Store
from tests.payments.village import FAMILY, ON_SQLITE, PAYER, Village, found

KEYS = Keys("a-secret-key-of-thirty-two-letters-or-more")
ALL = frozenset({Event.PAYMENT_POSTED, Event.HOUSEHOLD_REGISTERED, Event.HOUSEHOLD_CHANGED})


@dataclass
class Other:
    """Another system: what it got, and how it answers (a status; "slow", "drips", "hangs up")."""

    url: str
    answers: list[int | str] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@contextmanager
def other_system() -> Iterator[Other]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            answer = one.answers.pop(0) if one.answers else 204
            if answer == "slow":
                released.wait(5)
                return
            if answer == "hangs up":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(200 if answer == "drips" else int(answer))
            self.send_header("Location", one.url + "/elsewhere")
            self.send_header("Content-Length", "1000000" if answer == "drips" else "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    released = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one = Other(f"http://127.0.0.1:{server.server_port}/cotisa?token=abc")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield one
    finally:
        released.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def other() -> Iterator[Other]:
    with other_system() as one:
        yield one


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return Village(store, network, clock, found(store, network))


def added(village: Village, url: str, events: frozenset[Event] = ALL, code: str = "m") -> tuple[int, str]:
    with village.store.write() as unit:
        place = village.network.tree().named(code)
        return endpoints.add(unit, KEYS, place, read_url(url, private=True), events, "Bio Sarre")


def follow(village: Village) -> None:
    for _ in following.following(village.store):
        pass


def deliver(village: Village, *, private: bool = True, times: int = 1) -> list[Exception]:
    """Let a worker work through what is due; gives what it raised."""
    raised: list[Exception] = []
    handler = Delivering(village.store, KEYS, private=private, read_timeout_s=0.3)
    for _ in range(times):
        while drain(village.store, following.QUEUE, {following.TOPIC: handler}, lambda _, error: raised.append(error)):
            pass
    return raised


def told(village: Village, its_id: int) -> list[tuple[str, str, int, str | None]]:
    with village.store.read() as connection:
        return [(one.event, one.state, one.tries, one.said) for one in deliveries(connection, its_id)]


def test_a_payment_and_a_household_are_told_once_and_signed(village: Village, other: Other) -> None:
    its_id, secret = added(village, other.url)
    home = village.register(PAYER)
    village.give(home.household_id, village.treasurer, 3_000)
    for _ in range(3):
        follow(village)
    assert deliver(village) == []
    bodies = other.bodies()
    assert sorted(one["type"] for one in bodies) == ["household.registered", "payment.posted"]
    payment = next(one for one in bodies if one["type"] == "payment.posted")
    assert payment["data"]["amount"] == {"amount_minor": 3_000, "currency": "XOF"}
    assert payment["data"]["household"] == home.household_id
    for headers, body in other.got:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
        text = body.decode()
        assert FAMILY[0].name not in text
        assert PAYER not in text
    assert [one[1] for one in told(village, its_id)] == ["done", "done"]


@ON_SQLITE
def test_what_was_before_and_what_is_elsewhere_is_not_told(village: Village, other: Other) -> None:
    village.register(PAYER)
    village.clock.move(timedelta(minutes=1))
    with village.store.write() as unit:
        books = village.place.books
        elsewhere, path = add_organisation(unit, None, kind="mutuelle", code="other", name="Ailleurs", country="BJ")
        assert (elsewhere, books.path) != (books.id, path)
    village.network.forget()
    mine, _ = added(village, other.url)
    theirs, _ = added(village, other.url, code="other")
    village.register("+2290100000103", (FAMILY[0], *FAMILY[1:3]))
    follow(village)
    assert [event for event, *_ in told(village, mine)] == ["household.registered"]
    assert told(village, theirs) == []


def test_what_is_committed_late_is_told_all_the_same(village: Village, other: Other) -> None:
    """A lower number that turns up after a higher one, within the while that a transaction may take."""
    its_id, _ = added(village, other.url)
    home = village.register(PAYER).household_id
    follow(village)
    with village.store.read() as connection:
        newest = connection.scalar(select(func.max(household_change.c.id))) or 0
    with village.store.write() as unit:
        for number in (newest + 50, newest + 20):
            at = unit.now
            unit.connection.execute(
                insert(household_change).values(id=number, household_id=home, at=at, kind="renewed")
            )
    follow(village)
    with village.store.write() as unit:
        values = {"id": newest + 10, "household_id": home, "at": unit.now, "kind": "moved"}
        unit.connection.execute(insert(household_change).values(values))
    follow(village)
    follow(village)
    assert sorted(one[0] for one in told(village, its_id)) == ["household.changed"] * 3 + ["household.registered"]
    village.clock.move(following.AGAIN * 2)
    follow(village)
    assert len(told(village, its_id)) == 4


@pytest.mark.parametrize("trouble", [500, 404, 301, "slow", "hangs up", 429])
@ON_SQLITE
def test_whatever_goes_wrong_is_tried_again_under_the_same_id(
    village: Village, other: Other, trouble: int | str
) -> None:
    other.answers = [trouble, trouble]
    its_id, _ = added(village, other.url, frozenset({Event.HOUSEHOLD_REGISTERED}))
    village.register(PAYER)
    follow(village)
    for wait in (*WAITS[:2], timedelta(0)):
        assert deliver(village) == []
        village.clock.move(wait + timedelta(seconds=1))
    assert len(other.got) == 3
    assert len({headers["webhook-id"] for headers, _ in other.got}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in other.got}) == 3
    [(_, state, tries, _)] = told(village, its_id)
    assert (state, tries) == ("done", 3)


@ON_SQLITE
def test_an_answer_that_never_ends_counts_by_its_status(village: Village, other: Other) -> None:
    other.answers = ["drips"]
    its_id, _ = added(village, other.url, frozenset({Event.HOUSEHOLD_REGISTERED}))
    village.register(PAYER)
    follow(village)
    assert deliver(village) == []
    assert told(village, its_id)[0][1] == "done"


@ON_SQLITE
def test_after_three_days_it_is_given_up_and_after_five_the_address_too(
    village: Village, other: Other, caplog: pytest.LogCaptureFixture
) -> None:
    other.answers = [500] * 100
    its_id, _ = added(village, other.url, frozenset({Event.HOUSEHOLD_REGISTERED}))
    village.register(PAYER)
    follow(village)
    for wait in (*WAITS, timedelta(0)):
        deliver(village)
        village.clock.move(wait + timedelta(seconds=1))
    assert told(village, its_id)[0][1:3] == ("given up", len(WAITS) + 1)
    assert sum(WAITS, timedelta()) >= timedelta(days=3)
    village.clock.move(LEFT_ALONE_AFTER)
    village.register("+2290100000103", (FAMILY[0], *FAMILY[1:2]))
    follow(village)
    for wait in (*WAITS, timedelta(0)):
        deliver(village)
        village.clock.move(wait + timedelta(seconds=1))
    with village.store.read() as connection:
        one = endpoints.by_id(connection, its_id)
    assert one is not None
    assert one.disabled_because is not None
    assert "is disabled: it has taken nothing since" in caplog.text
    assert "token=abc" not in caplog.text
    got = len(other.got)
    village.register("+2290100000104", (FAMILY[0],))
    follow(village)
    deliver(village)
    assert len(other.got) == got


@ON_SQLITE
def test_whoever_is_gone_is_told_nothing_more(village: Village, other: Other) -> None:
    other.answers = [410]
    its_id, _ = added(village, other.url)
    home = village.register(PAYER)
    follow(village)
    deliver(village)
    with village.store.read() as connection:
        one = endpoints.by_id(connection, its_id)
    assert one is not None
    assert one.disabled_at is not None
    village.give(home.household_id, village.treasurer, 500)
    follow(village)
    deliver(village)
    assert len(other.got) == 1


@ON_SQLITE
def test_no_address_of_our_own_network_is_reached(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, frozenset({Event.HOUSEHOLD_REGISTERED}))
    village.register(PAYER)
    follow(village)
    assert deliver(village, private=False) == []
    assert other.got == []
    assert told(village, its_id)[0][1:] == ("open", 1, "no connection")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),  # where clouds hand out credentials
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("41.79.216.1", True),
        ("2001:4860:4860::8888", True),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "typed",
    ["", "example.org", "http://example.org", "ftp://example.org", "https://", "https://a:b@example.org", "https://x y",
     "https://example.org:99999", "https://exämple.org", "https://example.org/#a", "https://e.org/" + "x" * 300],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(typed: str) -> None:
    with pytest.raises(BadWebhook):
        read_url(typed, private=False)


def test_only_what_can_be_told_can_be_wanted() -> None:
    assert read_events(["payment.posted"]) == {Event.PAYMENT_POSTED}
    for wrong in ([], ["payment"], ["webhook.test"], ["payment.posted", "x"]):
        with pytest.raises(BadWebhook, match=r"payment\.posted"):
            read_events(wrong)


@ON_SQLITE
def test_under_another_key_nothing_is_sent_and_it_is_said(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, frozenset({Event.HOUSEHOLD_REGISTERED}))
    village.register(PAYER)
    follow(village)
    handler = Delivering(village.store, Keys("another-secret-key-of-thirty-two-letters"), private=True)
    [task] = claim(village.store, following.QUEUE)
    assert handler(task) is None
    assert other.got == []
    assert "SECRET_KEY" in str(told(village, its_id)[0][3])


def test_ids_say_nothing_of_each_other() -> None:
    assert message_id("1:visit:1") != message_id("1:visit:2")
    assert message_id("1:visit:1") == message_id("1:visit:1")
