"""What the menu's tests stand on: the application on a copy of a small world, on SQLite, PostgreSQL or both in turn."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from gateway.procs.redis import PrivateRedis
from gateway.store.engine import open_engine
from tests.ussd.world import Place, StandingRuntime, make_template, settings


def _url(postgres: str, database: str) -> str:
    return postgres.replace("postgresql://", "postgresql+psycopg://").replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session")
def sqlite_world(run_folder: Path, sqlite_template: Path) -> Path:
    """A SQLite file that holds the world, to copy."""
    path = run_folder / "ussd-world.db"
    shutil.copy(sqlite_template, path)
    make_template(f"sqlite:///{path}")
    engine = open_engine(f"sqlite:///{path}", patient=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("rollback")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_world(postgres: str, postgres_template: str) -> str:
    """The name of a PostgreSQL database that holds the world, to copy."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database ussd_world template {postgres_template}")
    make_template(_url(postgres, "ussd_world"))
    return "ussd_world"


@pytest.fixture
def on_sqlite(sqlite_world: Path, tmp_path: Path) -> str:
    """A copy of the world in a SQLite file."""
    path = tmp_path / "cotisa.db"
    shutil.copy(sqlite_world, path)
    return f"sqlite:///{path}"


@pytest.fixture
def on_postgres(postgres: str, postgres_world: str) -> Iterator[str]:
    """A copy of the world in PostgreSQL."""
    name = f"ussd_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"create database {name} template {postgres_world}")
        yield _url(postgres, name)
        admin.execute(f"drop database {name} with (force)")


def _place(database_url: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Place]:
    redis.set("ussd:epoch", 1)  # this Redis has kept its data for long
    place = Place(StandingRuntime(settings(database_url, redis_server.url)))
    yield place
    place.close()


@pytest.fixture
def place(on_sqlite: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Place]:
    """The application on SQLite: for what has nothing to do with the database's kind."""
    yield from _place(on_sqlite, redis_server, redis)


@pytest.fixture(scope="module")
def town(sqlite_world: Path, redis_server: PrivateRedis, run_folder: Path) -> Iterator[Place]:
    """One application on SQLite for all tests of a file, each with a phone number of its own."""
    path = run_folder / f"town-{uuid.uuid4().hex}.db"
    shutil.copy(sqlite_world, path)
    client = redis_client.Redis.from_url(redis_server.url)
    client.flushall()
    yield from _place(f"sqlite:///{path}", redis_server, client)
    client.close()


@pytest.fixture
def pg_place(on_postgres: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Place]:
    """The application on PostgreSQL."""
    yield from _place(on_postgres, redis_server, redis)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_place(request: pytest.FixtureRequest) -> Place:
    """The application on a database of each kind in turn."""
    found: Place = request.getfixturevalue("place" if request.param == "sqlite" else "pg_place")
    return found
