"""A campaign against one RQ job for each message, its worker's memory as it grows, and receipts in the middle of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
import redis
from rq import Queue, SimpleWorker
from sqlalchemy import func, select, update

from benchmarks.fill import fill
from benchmarks.money import _pending as pending
from benchmarks.place import Place, tell
from gateway.payments.collections import by_key
from gateway.payments.providers.base import Paid
from gateway.payments.settle import post_paid
from gateway.procs.children import gateway_command
from gateway.settings import Settings
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.states import State
from gateway.sms.campaigns.who import Who
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.port import Handed
from gateway.store import migrate, outbox
from gateway.store.schema import message
from gateway.wiring import Runtime

SIZES = (20_000, 100_000)
BASELINE = 3_000  # messages, one job each
ROUNDS = 3
RECEIPTS = 12
SHARED = "{mutuelle}: {left} reste a payer."
OWN = "{mutuelle}, carte {card}: {left} reste a payer."
OWN_UNDER = "section-0-0"  # a hundredth and more of the network: each a request of its own


@dataclass(frozen=True)
class Took:
    """What a campaign took, in a worker's process of its own."""

    messages: int
    seconds: float
    memory_mib: float

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds


def measure(place: Place) -> list[str]:
    """Campaigns of both sizes, receipts in the larger one, and the baseline before and after."""
    with standin() as url:
        small, large = (_filled(place, url, size) for size in SIZES)
        baselines = [_apart(baseline, large).result()]
        lines = ["| what | messages | seconds | per second | peak MiB |", "| --- | --: | --: | --: | --: |"]
        found: list[Took] = []
        for settings in (small, large, large):
            found.append(_campaign(settings, SHARED, "bench"))
            baselines.append(_apart(baseline, large).result())
            tell(f"{found[-1]} baseline {baselines[-1]:.0f}/s")
        for one in found:
            lines.append(_line("one text for many", one))
        lines.append(_line("a text for each", _campaign(large, OWN, OWN_UNDER)))
        lines.append(f"| one RQ job for each message | {BASELINE:,} | | {median(baselines):.0f} | |")
        ratio = median(one.per_second for one in found[1:]) / median(baselines)
        waits = _receipts(place, large)
    return [
        *lines,
        "",
        "| | | asked for |",
        "| --- | --: | --- |",
        f"| {SIZES[1]:,} reminders ÷ one job for each message | {ratio:.1f} | ≥ 10 |",
        f"| peak memory, {SIZES[1]:,} ÷ {SIZES[0]:,} | {found[1].memory_mib / found[0].memory_mib:.2f} | 1 |",
        f"| a receipt in the middle of it, slowest of {len(waits)}, s | {max(waits):.2f} | ≤ 2 |",
        f"| its median, s | {median(waits):.2f} | |",
    ]


def _line(what: str, took: Took) -> str:
    return f"| {what} | {took.messages:,} | {took.seconds:.1f} | {took.per_second:.0f} | {took.memory_mib:.0f} |"


@contextmanager
def standin() -> Iterator[str]:
    """The aggregator, in a process of its own; its address."""
    command = [sys.executable, "-m", "gateway.standins.africastalking", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, url = process.stdout.readline().split()
        try:
            yield url
        finally:
            process.kill()


def _filled(place: Place, url: str, size: int) -> Settings:
    """A network of so many households with a phone each, and settings on it that reach the stand-in."""
    name = f"sms_{size}"
    with psycopg.connect(place.url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(f"create database {name}")
    os.environ |= {
        "AFRICASTALKING_USERNAME": "bench",
        "AFRICASTALKING_API_KEY": "bench",
        "AFRICASTALKING_BASE_URL": url,
        "SMS_PER_SECOND": "10000",
        "QUIET_FROM": "0",
        "QUIET_UNTIL": "0",
    }
    place.settings(name)
    settings = Settings.from_env()
    parts = Runtime(settings, patient=True)
    migrate.upgrade(parts.store.engine)
    begun = time.monotonic()
    fill(parts.store, settings.database_url, size)
    with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute(
            "insert into phone (household_id, msisdn, main) "
            "select id, '+2290161' || lpad(id::text, 6, '0'), true from household"
        )
        admin.execute("vacuum analyze")
    parts.store.close()
    tell(f"filled {name} in {time.monotonic() - begun:.0f} s")
    return settings


def _apart(do: Any, settings: Settings, *more: Any) -> Future[Any]:
    """Do it in a process of its own, which begins empty."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        return processes.submit(do, settings.database_url, *more)


def _campaign(settings: Settings, text: str, under: str) -> Took:
    took: Took = _apart(campaign, settings, text, under).result()
    return took


def campaign(database_url: str, text: str, under: str) -> Took:
    """Choose, word and hand over a campaign as a worker does it, and nothing beside."""
    parts = _parts(database_url)
    number = start(parts, text, under)
    begun = time.monotonic()
    while outbox.drain(parts.store, keeping.QUEUE, parts.handlers, _fail):
        pass
    seconds = time.monotonic() - begun
    with parts.store.read() as connection:
        one = keeping.by_id(connection, number)
        own = (message.c.campaign_id == number) & (message.c.state == "sent")
        count = connection.scalar(select(func.count()).where(own)) or 0
    assert one is not None
    assert one.state is State.DONE
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return Took(count, seconds, int(found[1]) / 1024)


def _parts(database_url: str) -> Runtime:
    return Runtime(Settings.of({**os.environ, "DATABASE_URL": database_url}))


def start(parts: Runtime, text: str, under: str) -> int:
    """A campaign to all households below an organisation; its number."""
    tree = parts.network.tree()
    with parts.store.write() as unit:
        draft = keeping.Draft("reminder", tree.named(under).id, "Bench", Who(under), {"fr": text}, "bench")
        number = keeping.create(unit, tree, draft)
        keeping.start(unit, number, "bench", {"price_e4": 120_000})
    return number


def _fail(task: outbox.Task, error: Exception) -> None:
    raise error


# --- the baseline -----------------------------------------------------------------------------------------------------


def baseline(database_url: str) -> float:
    """One RQ job for each message: it reads the row, hands the text over by the same port and records it; a second."""
    parts = _parts(database_url)
    tree = parts.network.tree()
    books = tree.named("bench").id
    mark = uuid.uuid4().hex[:8]
    many = [
        Outgoing("reminder", f"+2290161{each:06}", "fr", "Bench: 3 500 F reste a payer.", books, None, f"{mark}:{each}")
        for each in range(BASELINE)
    ]
    parts.store.bell = None
    with parts.store.write() as unit:
        queue_messages(unit, "replies", *many)
        unit.connection.execute(outbox.outbox.delete().where(outbox.outbox.c.queue == "replies"))
        ids = unit.connection.scalars(select(message.c.id).where(message.c.key.startswith(f"{mark}:"))).all()
    _JOB_PARTS[""] = parts
    client = redis.Redis.from_url(parts.settings.redis_url)
    queue = Queue("bench", connection=client)
    begun = time.monotonic()
    queue.enqueue_many([Queue.prepare_data(send_one, (str(each),), result_ttl=0) for each in ids])
    SimpleWorker([queue], connection=client).work(burst=True, logging_level="ERROR")
    seconds = time.monotonic() - begun
    with parts.store.read() as connection:
        sent = connection.scalar(select(func.count()).where(message.c.id.in_(ids), message.c.state == "sent"))
    assert sent == BASELINE
    return BASELINE / seconds


_JOB_PARTS: dict[str, Runtime] = {}


def send_one(its_id: str) -> None:
    """The baseline's job."""
    parts = _JOB_PARTS[""]
    own = message.c.id == uuid.UUID(its_id)
    with parts.store.read() as connection:
        row = connection.execute(select(message.c.text, message.c.msisdn).where(own)).one()
    answer = parts.sms.send(row.text, row.msisdn)
    assert isinstance(answer, Handed)
    with parts.store.write() as unit:
        values = {"state": "sent", "aggregator_id": answer.aggregator_id, "cost": answer.cost, "handed_at": unit.now}
        unit.connection.execute(update(message).where(own).values(values))


# --- receipts ---------------------------------------------------------------------------------------------------------


def _receipts(place: Place, settings: Settings) -> list[float]:
    """How long it takes from a payment's posting to its receipt at the aggregator, in the middle of a campaign."""
    parts = Runtime(settings)
    keys = pending(parts, RECEIPTS, uuid.uuid4().hex)
    environment = {**os.environ, "DATABASE_URL": settings.database_url}
    for queue in ("receipts", "reminders"):
        words = gateway_command("worker", "--queue", queue)
        place.family.start(queue, words, env=environment, log=place.folder / f"sms-{queue}.log")
    time.sleep(4)
    number = start(parts, SHARED, "bench")
    posted: dict[str, datetime] = {}
    for each in keys:
        time.sleep(0.7)
        with parts.store.read() as connection:
            one = by_key(connection, each)
        assert one is not None
        with parts.store.write() as unit:
            assert post_paid(
                unit,
                parts.network.tree(),
                parts.services.chart,
                each,
                Paid(one.amount, f"op-{each}", None, "SUCCESSFUL"),
            )
        posted[str(one.payer)] = parts.clock.now()
    with parts.store.read() as connection:
        running = keeping.by_id(connection, number)
        assert running is not None
        assert running.state is State.RUNNING, "the campaign was over before the last receipt"
    time.sleep(5)
    place.family.stop()
    parts.store.close()
    told = {one["to"]: datetime.fromisoformat(one["at"]) for one in _sent() if one["to"] in posted}
    assert told.keys() == posted.keys(), "a receipt didn't come"
    return [(told[payer] - at).total_seconds() for payer, at in posted.items()]


def _sent() -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{os.environ['AFRICASTALKING_BASE_URL']}/_play/sent", timeout=60) as answer:
        return list(json.load(answer))
