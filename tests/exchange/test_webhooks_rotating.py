"""A new secret for an address: both sign for a day, then the old one is forgotten."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from gateway.exchange.webhooks import delivering, endpoints
from gateway.exchange.webhooks.delivering import WAITS, signature
from gateway.exchange.webhooks.endpoints import MOST_EARLIER, SIGNS_ALONG, BadWebhook, Event
from gateway.kernel.faults import Fault
from gateway.kernel.sealing import Keys, keys_of
from gateway.store.schema import office_event, webhook
from tests.commands import runner
from tests.exchange.test_webhooks import KEYS, Other, added, deliver, follow, other, told, village
from tests.payments.village import FAMILY, ON_SQLITE, PAYER, Village

__all__ = ["other", "village"]  # fixtures
REGISTERED = frozenset({Event.HOUSEHOLD_REGISTERED})
SECOND = timedelta(seconds=1)


def rotated(village: Village, its_id: int, keys: Keys = KEYS) -> str:
    with village.store.write() as unit:
        return endpoints.rotate(unit, keys, its_id)


def signed_by(secret: str, headers: dict[str, str], body: bytes) -> str:
    """One signature, reckoned as whoever gets it would."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()


def test_both_sign_for_a_day_and_then_the_new_one_alone(village: Village, other: Other) -> None:
    its_id, old = added(village, other.url, REGISTERED)
    new = rotated(village, its_id)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", new)
    assert new != old
    for number, wait in enumerate((timedelta(0), SIGNS_ALONG - SECOND, SECOND)):
        village.clock.move(wait)
        village.register(f"+229010000010{number}", (FAMILY[number],))
        follow(village)
        assert deliver(village) == []
    signatures = [headers["webhook-signature"].split(" ") for headers, _ in other.got]
    both = [[signed_by(new, *one), signed_by(old, *one)] for one in other.got]
    assert signatures == [both[0], both[1], both[2][:1]]


def test_an_earlier_secret_is_thrown_away_and_no_other(village: Village, other: Other) -> None:
    its_id, old = added(village, other.url, REGISTERED)
    _, theirs = added(village, other.url, REGISTERED)
    new = rotated(village, its_id)
    forget(village)
    assert held(village, its_id) == (new, old)
    village.clock.move(SIGNS_ALONG)
    before = column(village, its_id)
    forget(village)
    assert column(village, its_id) != before
    assert KEYS.unseal("webhook", column(village, its_id), village.clock.now()) == [new]
    assert held(village, its_id + 1) == (theirs,)
    last = column(village, its_id)
    forget(village)
    assert column(village, its_id) == last


def test_a_secret_sealed_before_there_was_any_rotating_is_read(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, REGISTERED)
    old = "whsec_" + base64.b64encode(b"o" * 32).decode()
    with village.store.write() as unit:
        plain = KEYS.seal("webhook", old, unit.now)
        unit.connection.execute(update(webhook).where(webhook.c.id == its_id).values(secret=plain))
    assert held(village, its_id) == (old,)
    new = rotated(village, its_id)
    assert held(village, its_id) == (new, old)


def test_a_lost_new_secret_does_not_shut_out_the_one_in_use(village: Village, other: Other) -> None:
    """Whoever lost the first new one makes a second: the system still checks by the oldest."""
    its_id, in_use = added(village, other.url, REGISTERED)
    village.clock.move(timedelta(hours=1))
    lost = rotated(village, its_id)
    village.clock.move(timedelta(hours=1))
    new = rotated(village, its_id)
    assert held(village, its_id) == (new, lost, in_use)
    assert len(column(village, its_id)) <= 400  # what the column holds
    with pytest.raises(BadWebhook, match="two earlier secrets"):
        rotated(village, its_id)
    assert held(village, its_id) == (new, lost, in_use)
    assert len(held(village, its_id)) == 1 + MOST_EARLIER
    village.clock.move(SIGNS_ALONG - timedelta(hours=1))
    assert held(village, its_id) == (new, lost)
    rotated(village, its_id)


@ON_SQLITE
def test_a_retry_that_waited_is_signed_by_both_at_the_moment_it_goes(village: Village, other: Other) -> None:
    other.answers = [500, 500]
    its_id, old = added(village, other.url, REGISTERED)
    village.register(PAYER)
    follow(village)
    assert deliver(village) == []
    new = rotated(village, its_id)
    village.clock.move(WAITS[0] + SECOND)
    assert deliver(village) == []
    village.clock.move(SIGNS_ALONG)
    assert deliver(village) == []
    expected = [(old,), (new, old), (new,)]
    for one, secrets in zip(other.got, expected, strict=True):
        assert one[0]["webhook-signature"] == " ".join(signed_by(each, *one) for each in secrets)
    assert len({headers["webhook-id"] for headers, _ in other.got}) == 1
    assert told(village, its_id)[0][1:3] == ("done", 3)


@ON_SQLITE
def test_a_disabled_address_gets_no_new_secret(village: Village, other: Other) -> None:
    its_id, old = added(village, other.url, REGISTERED)
    with village.store.write() as unit:
        endpoints.disable(unit, its_id, "disabled by Bio Sarre")
    with pytest.raises(BadWebhook, match="disabled"):
        rotated(village, its_id)
    assert held(village, its_id) == (old,)


@ON_SQLITE
def test_a_disabled_address_is_sent_no_test(village: Village, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    run = runner(monkeypatch, str(village.store.engine.url), "webhooks")
    its_id, _ = added(village, other.url, REGISTERED)
    run("disable", str(its_id), "--by", "Bio Sarre")
    with pytest.raises(BadWebhook, match="disabled"):
        run("test", str(its_id))
    assert told(village, its_id) == []


@ON_SQLITE
def test_what_was_disabled_while_it_waited_is_not_sent(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, REGISTERED)
    village.register(PAYER)
    follow(village)
    rotated(village, its_id)
    with village.store.write() as unit:
        endpoints.disable(unit, its_id, "disabled by Bio Sarre")
    assert deliver(village) == []
    assert other.got == []
    assert told(village, its_id)[0][1:] == ("given up", 0, "the endpoint is disabled")


@ON_SQLITE
def test_under_another_key_a_new_secret_mends_it(village: Village, other: Other) -> None:
    its_id, _ = added(village, other.url, REGISTERED)
    with village.store.write() as unit:
        sealed = Keys("another-secret-key-of-thirty-two-letters").seal("webhook", ["whsec_x"], unit.now)
        unit.connection.execute(update(webhook).where(webhook.c.id == its_id).values(secret=sealed))
    assert held(village, its_id) == ()
    forget(village)
    assert column(village, its_id) == sealed
    new = rotated(village, its_id)
    assert held(village, its_id) == (new,)


@ON_SQLITE
def test_the_command_prints_it_once_and_writes_down_who_did_it(
    village: Village, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner(monkeypatch, str(village.store.engine.url), "webhooks")
    its_id, _ = added(village, other.url, REGISTERED)
    printed = run("rotate", str(its_id), "--by", "Bio Sarre")
    [secret] = re.findall(r"whsec_\S+", printed)
    keys = keys_of("s" * 32)
    with village.store.read() as connection:
        # Long after, by the commands' own clock: theirs alone signs.
        held = endpoints.secrets_of(connection, keys, its_id, village.clock.now())
        [event] = connection.execute(select(office_event).where(office_event.c.what == "webhook.rotated")).all()
    assert held == (secret,)
    assert (event.by_name, event.about) == ("Bio Sarre", f"webhook:{its_id}")
    assert secret not in str(event)
    with pytest.raises(Fault, match="no webhook 99"):
        run("rotate", "99", "--by", "Bio Sarre")


def test_signatures_differ_by_secret() -> None:
    one, two = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
    assert signature(one, "msg_1", 1, b"{}") != signature(two, "msg_1", 1, b"{}")


def held(village: Village, its_id: int) -> tuple[str, ...]:
    with village.store.read() as connection:
        return endpoints.secrets_of(connection, KEYS, its_id, village.clock.now())


def column(village: Village, its_id: int) -> str:
    with village.store.read() as connection:
        return str(connection.scalar(select(webhook.c.secret).where(webhook.c.id == its_id)))


def forget(village: Village) -> None:
    for _ in delivering.forgetting(village.store, KEYS, village.clock.now()):
        pass


def test_two_who_rotate_in_the_same_instant_each_hold_a_secret_that_signs(village: Village, other: Other) -> None:
    its_id, old = added(village, other.url, REGISTERED)
    ready = threading.Barrier(2)

    def one(_: int) -> str:
        ready.wait(5)
        return rotated(village, its_id)

    with ThreadPoolExecutor(2) as both:
        made = list(both.map(one, range(2)))
    assert sorted(held(village, its_id)) == sorted([*made, old])
