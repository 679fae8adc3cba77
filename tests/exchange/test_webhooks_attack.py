"""Webhooks that are attacked: addresses in disguise, slow ends, many rows, and whoever doesn't see that one is off."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from gateway.exchange.webhooks import public
from gateway.exchange.webhooks.delivering import AFTER_REST, KEPT, Delivering, forgetting
from gateway.exchange.webhooks.endpoints import Event
from gateway.exchange.webhooks.following import AGAIN, QUEUE, TOPIC
from gateway.exchange.webhooks.public import is_public
from gateway.store.outbox import claim, drain
from gateway.store.schema import request, webhook_delivery, webhook_mark
from tests.exchange.test_webhooks import KEYS, Other, added, deliver, follow, other, told, village
from tests.payments.village import FAMILY, ON_SQLITE, PAYER, TREASURER, Village

__all__ = ["other", "village"]  # fixtures
REGISTERED = frozenset({Event.HOUSEHOLD_REGISTERED})


@pytest.mark.parametrize(
    "address",
    ["::7f00:1", "::ffff:0:7f00:1", "64:ff9b:1::7f00:1", "::ffff:169.254.169.254", "2002:a9fe:a9fe::1", "fec0::1", "::",
     "3fff::1", "5f00::1", "2001:db8::1", "198.18.0.1", "255.255.255.255", "0.0.0.1"],
)  # fmt: skip
def test_no_disguise_leads_into_our_own_network(address: str) -> None:
    assert not is_public(address)


@ON_SQLITE
@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]", "0"]
)
def test_nor_does_another_way_to_write_it(village: Village, other: Other, host: str) -> None:
    port = other.url.split(":")[2].split("/")[0]
    its_id, _ = added(village, f"http://{host}:{port}/", REGISTERED)
    village.register(PAYER)
    follow(village)
    assert deliver(village, private=False) == []
    assert other.got == []
    assert told(village, its_id)[0][1] == "open"


@ON_SQLITE
def test_an_answer_whose_head_drips_for_ever_ends_all_the_same(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "WHOLE_CALL_S", 0.6)
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        line, _ = server.accept()
        with line:
            while not over.wait(0.1):
                try:
                    line.sendall(b"H")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    its_id, _ = added(village, f"http://127.0.0.1:{server.getsockname()[1]}/", REGISTERED)
    village.register(PAYER)
    follow(village)
    begun = time.monotonic()
    assert deliver(village) == []
    assert time.monotonic() - begun < 3
    over.set()
    thread.join(5)
    server.close()
    assert told(village, its_id)[0][1:3] == ("open", 1)


@ON_SQLITE
def test_a_slow_address_holds_up_one_delivery_a_minute(village: Village, other: Other) -> None:
    other.answers = ["slow"]
    its_id, _ = added(village, other.url, REGISTERED)
    for number in range(3):
        village.register(f"+229010000010{number}", (FAMILY[number],))
    follow(village)
    assert deliver(village) == []
    assert len(other.got) == 1
    assert sorted(one[2] for one in told(village, its_id)) == [0, 0, 1]
    village.clock.move(AFTER_REST + timedelta(seconds=1))
    assert deliver(village) == []
    assert {one[1] for one in told(village, its_id)} == {"done"}
    assert len(other.got) == 4


@ON_SQLITE
def test_who_can_mend_it_is_told_once_that_it_is_off(village: Village, other: Other) -> None:
    other.answers = [410, 410]
    its_id, _ = added(village, other.url, REGISTERED)
    village.register(PAYER)
    follow(village)
    handler = Delivering(village.store, KEYS, private=True, network=village.network)
    while drain(village.store, QUEUE, {TOPIC: handler}, lambda _, error: pytest.fail(str(error))):
        pass
    found = village.messages("webhook_off")
    assert [row.msisdn for row in found] == [TREASURER]  # this village has no administrator
    assert f" {its_id} " in found[0].text
    assert "token" not in found[0].text


@ON_SQLITE
def test_what_is_delivered_is_forgotten_after_its_time_and_not_told_again(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, REGISTERED)
    village.register(PAYER)
    follow(village)
    [task] = claim(village.store, QUEUE)
    handler = Delivering(village.store, KEYS, private=True)
    village.clock.move(KEPT + timedelta(days=1))
    follow(village)  # goes on all the time
    assert sum(forgetting(village.store, KEYS, village.clock.now())) == 0  # it is open
    assert handler(task) is None
    assert sum(forgetting(village.store, KEYS, village.clock.now())) == 1
    assert handler(task) is None  # whoever repeats it finds nothing to do
    follow(village)
    assert told(village, its_id) == []
    assert len(other.got) == 1


def test_rows_that_are_no_events_are_passed_over_once(village: Village, other: Other) -> None:
    added(village, other.url, frozenset({Event.COMPLAINT_OPENED}))
    home = village.register(PAYER).household_id

    def callback(kind: str = "callback") -> None:
        with village.store.write() as unit:
            values = {
                "kind": kind,
                "category": "other",
                "language": "fr",
                "text": "",
                "state": "open",
                "msisdn": PAYER,
                "organisation_id": village.place.books.id,
                "household_id": home,
                "created_at": unit.now,
            }
            unit.connection.execute(insert(request).values(values))

    callback()
    follow(village)
    village.clock.move(AGAIN * 2)
    callback("complaint")
    follow(village)
    with village.store.read() as connection:
        newest = connection.scalar(select(func.max(request.c.id)))
        mark = select(webhook_mark.c.behind_id).where(webhook_mark.c.source == "request")
        assert connection.scalar(mark) == newest - 1  # younger ones are looked through again
        assert connection.scalar(select(func.count()).select_from(webhook_delivery)) == 1
    village.clock.move(AGAIN * 2)
    follow(village)
    with village.store.read() as connection:
        assert connection.scalar(mark) == newest
