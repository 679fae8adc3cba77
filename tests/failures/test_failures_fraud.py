"""Families H and I: planted names, numbers and PINs turn up nowhere that people without a right to them look."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis as redis_client
import urllib3
from rq import Queue
from sqlalchemy import select

from gateway.procs.redis import PrivateRedis
from gateway.standins import mtn_momo
from gateway.store.bell import DRAIN
from gateway.store.outbox import QUEUES, drain
from gateway.store.schema import household, outbox
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.sms.helpers import StandIn
from tests.ussd.handset import SECRET
from tests.ussd.world import (
    ANIMATOR,
    CANARIES,
    MEMBER,
    OTHER_MTN,
    STAFF_PIN,
    TREASURER,
    Place,
    StandingRuntime,
    settings,
)
from workers import jobs

NAME, PIN = "Perpétue Kanarivogel", "7306"


@pytest.fixture
def told(on_sqlite: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[tuple[Place, MomoPlay]]:
    """The application with its bell, an operator and an aggregator."""
    redis.set("ussd:epoch", 1)
    momo = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--callback-delay", "0")
    aggregator = StandIn("--api-key", "key")
    own = settings(on_sqlite, redis_server.url).model_dump() | {
        "africastalking_username": "cotisa", "africastalking_api_key": "key", "africastalking_base_url": aggregator.url,
        "mtn_momo_base_url": momo.url, "mtn_momo_api_user": mtn_momo.API_USER, "mtn_momo_api_key": mtn_momo.API_KEY,
        "mtn_momo_subscription_key": mtn_momo.SUBSCRIPTION_KEY,
    }  # fmt: skip
    place = Place(StandingRuntime(settings(on_sqlite, redis_server.url).model_copy(update=_typed(own))))
    yield place, momo
    place.close()
    momo.stop()
    aggregator.stop()


def _typed(own: dict[str, Any]) -> dict[str, Any]:
    """The values as the settings hold them."""
    usual = settings("sqlite:///x", "redis://x")
    secret = type(usual.secret_key)
    return {
        name: secret(value) if isinstance(getattr(usual, name), secret) and isinstance(value, str) else value
        for name, value in own.items()
    }


@contextmanager
def watching(server: PrivateRedis) -> Iterator[list[list[str]]]:
    """Every command that anybody sends to Redis meanwhile, word by word."""
    said: list[list[str]] = []
    client = redis_client.Redis.from_url(server.url)
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # the client's own gap
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                said.append(str(monitor.next_command()["command"]).split(" "))

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield said
        finally:
            over.set()
            client.ping()
            listener.join(5)
    client.close()


def _work(place: Place, *queues: str) -> None:
    for queue in queues:
        while drain(place.runtime.store, queue, place.runtime.handlers, jobs._tell):
            pass


def test_no_name_number_or_pin_is_in_a_redis_key_a_job_an_address_or_a_figure(
    told: tuple[Place, MomoPlay], redis_server: PrivateRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A family registers, chooses a PIN, guesses wrong, pays and is told; treasurer and animator work beside it."""
    place, momo = told
    place.staff_with(ANIMATOR, "animator", CANARIES[0])
    place.staff_with(TREASURER, "treasurer", CANARIES[1])
    addresses: list[str] = []
    call = urllib3.HTTPConnectionPool.urlopen

    def spied(pool: urllib3.HTTPConnectionPool, method: str, url: str, *words: Any, **more: Any) -> Any:
        addresses.append(f"{method} {pool.host} {url} {(more.get('headers') or {}).get('X-Callback-Url', '')}")
        return call(pool, method, url, *words, **more)

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", spied)
    with watching(redis_server) as said:
        phone = place.phone().dial().picks("Français", "Inscrire ma famille").types(NAME, "1", "1991", "kado")
        phone.picks("C'est tout", "Inscrire").sees("C'est inscrit.")
        ((card,),) = place.ask(select(household.c.card).where(household.c.id > 3))
        phone = place.phone().dial().picks("Autres services", "Code PIN", "Choisir")
        phone.types(PIN, PIN)
        place.phone().dial().picks("Ma couverture").types("1991")
        place.phone().dial().picks("Payer").types(PIN).types("1").picks("Oui").hears_the_end()
        place.wait(seconds=5)
        _work(place, "money", "receipts", "replies")
        key = next(iter(momo.requests()))
        momo.approve(key)
        web = place.app.test_client()
        notice = {"status": "SUCCESSFUL", "payer": MEMBER, "payerMessage": NAME}
        assert web.post(f"/payments/mtn_momo/{SECRET}/{key}", data=json.dumps(notice)).status_code == 200
        text = f"Vous avez recu 700 FCFA de {NAME} ({MEMBER[1:]})"
        form = {"id": "at-1", "from": TREASURER, "to": "20880", "text": text}
        assert web.post(f"/sms/africastalking/{SECRET}/inbound", data=form).status_code == 200
        desk = place.phone(ANIMATOR).dial().picks("Travail").types(STAFF_PIN).picks("Une famille")
        desk.types(MEMBER)
        _work(place, "money", "receipts", "replies")
        place.phone(OTHER_MTN).dial()
        figures = web.get("/metrics").get_data(as_text=True) + web.get("/health/ready").get_data(as_text=True)
        place.runtime.redis.ping()

    assert len(place.texts("receipt")) >= 1  # so that this test can fail: it was paid, and told
    waiting = [job for name in QUEUES for job in Queue(name, connection=place.runtime.redis).jobs]
    # RQ packs a job's arguments, so they are read as a worker would: the name of a queue, and nothing else.
    assert {(job.func_name, job.args[0] in QUEUES, len(job.args), len(job.kwargs)) for job in waiting} == {
        (DRAIN, True, 1, 0)
    }
    assert len(addresses) >= 4
    keys = [word for words in said for word in words[1:2]]
    jobs_and_all_else = [" ".join(words) for words in said if not words[1:2] or not words[1].startswith("ussd:s:")]
    values = [" ".join(words) for words in said]
    rows = [" ".join(map(str, row)) for row in place.ask(select(outbox.c.topic, outbox.c.subject, outbox.c.key))]
    assert rows
    people = [MEMBER[1:], MEMBER[4:], ANIMATOR[4:], TREASURER[4:], *NAME.split(), *CANARIES[0].split(), card]
    for canary in people:
        for where in (keys, jobs_and_all_else, addresses, rows, [figures]):
            assert not [one for one in where if canary in one], canary
    # A session's value holds what its screen shows, for half an hour; a PIN isn't even there.
    assert not [one for one in values if f'"{PIN}"' in one or f"*{PIN}" in one]
    assert not [one for one in [*addresses, *rows, figures] if SECRET in one and "/payments/" not in one]
