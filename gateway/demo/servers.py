"""The servers of a demonstration: Redis, the two stand-ins and ``gateway up``, each a process of its own."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import requests

from gateway.demo import place
from gateway.kernel.faults import Fault
from gateway.procs.children import Family, gateway_command
from gateway.procs.redis import PrivateRedis
from gateway.standins import mtn_momo


@dataclass
class Servers:
    """Everything that a demonstration runs, and the environment that it runs in."""

    family: Family = field(default_factory=Family)
    environment: dict[str, str] = field(default_factory=dict)
    redis: PrivateRedis | None = None
    _lock: IO[str] | None = None
    _own: bool = False  # this is the demonstration that runs, not one that found another running

    @property
    def folder(self) -> Path:
        return place.folder()

    @property
    def url(self) -> str:
        return self.environment["PUBLIC_URL"]

    def prepare(self) -> None:
        """An empty folder, a Redis, the stand-ins, and the environment for everything else."""
        try:
            # Held for life; beside the folder, which is emptied now.
            self._lock = open(self.folder.with_suffix(".lock"), "w")  # noqa: SIM115
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Fault("a demonstration of yours is running already: stop it with Ctrl-C in its terminal") from None
        self._own = True
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        self.redis = PrivateRedis(self.folder / "redis").start()
        port = _free_port(8000)
        public = f"http://127.0.0.1:{port}"
        secret = secrets.token_urlsafe(18)
        operator = self._stand_in("gateway.standins.mtn_momo", "--auto", "manual", "--target-environment", "mtnbenin",
                                  "--callback-delay", "0.5")  # fmt: skip
        aggregator = self._stand_in(
            "gateway.standins.africastalking", "--report-to", f"{public}/sms/africastalking/{secret}/delivery"
        )
        self.environment = {
            "DEMO": "true",
            "DEMO_CLOCK": str(self.folder / "clock"),
            "DATABASE_URL": f"sqlite:///{self.folder / 'cotisa.db'}",
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": secrets.token_urlsafe(36),
            "WEBHOOK_SECRET": secret,
            "PUBLIC_URL": public,
            "PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "QUIET_FROM": "0",  # it is shown at any hour of the day
            "QUIET_UNTIL": "0",
            "AFRICASTALKING_USERNAME": "demo",
            "AFRICASTALKING_API_KEY": "standin",
            "AFRICASTALKING_BASE_URL": aggregator,
            "MTN_MOMO_API_USER": mtn_momo.API_USER,
            "MTN_MOMO_API_KEY": mtn_momo.API_KEY,
            "MTN_MOMO_SUBSCRIPTION_KEY": mtn_momo.SUBSCRIPTION_KEY,
            "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
            "MTN_MOMO_BASE_URL": operator,
        }
        os.environ.update(self.environment)
        self.move_clock(0)

    def _stand_in(self, module: str, *options: str) -> str:
        """Start a stand-in; returns its address, which it prints when it is ready."""
        said = self.folder / f"{module.rsplit('.', 1)[1]}.out"
        with said.open("wb") as output:
            child = self.family.start(
                module, [sys.executable, "-u", "-m", module, *options], log=said.with_suffix(".log"), stdout=output
            )
        for _ in range(200):
            for line in said.read_text().splitlines():
                if line.startswith("ready "):
                    return line.removeprefix("ready ").strip()
            if child.pid is None:
                break
            time.sleep(0.05)
        raise Fault(f"{module} did not start: see {said.with_suffix('.log')}")

    def up(self) -> None:
        """Start web, workers and scheduler, and wait until they are ready."""
        self.family.start("gateway up", gateway_command("up"), log=self.folder / "gateway.log")
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            try:
                if requests.get(f"{self.url}/health/ready", timeout=2).status_code == 200:
                    place.announce(self.environment)
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise Fault(f"the gateway did not become ready: see {self.folder / 'gateway.log'}")

    def move_clock(self, seconds: int) -> None:
        """Set by how many seconds everybody's clock is ahead."""
        (self.folder / "clock").write_text(str(seconds))

    def stop(self) -> None:
        """Stop every process that was started; safe to call twice."""
        if not self._own:
            return
        (self.folder / "running.json").unlink(missing_ok=True)
        self.family.stop()
        if self.redis is not None:
            self.redis.stop()
            shutil.rmtree(self.folder, ignore_errors=True)


def _free_port(wanted: int) -> int:
    """``wanted`` or the next that is free; not any at all, which a stand-in might be given in the same moment."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Fault(f"no free port between {wanted} and {wanted + 99} on 127.0.0.1")
