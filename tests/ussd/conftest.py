"""What the menu's tests stand on: the application on a copy of a small world, on SQLite, PostgreSQL or both in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client

from gateway.procs.redis import PrivateRedis
from tests.conftest import EACH_KIND, SqliteCopy
from tests.databases import copied
from tests.ussd.world import Place, StandingRuntime, settings


@pytest.fixture
def on_sqlite(sqlite_world: Path, sqlite_copy: SqliteCopy) -> Iterator[str]:
    """A copy of the world in a SQLite file."""
    with sqlite_copy(sqlite_world) as url:
        yield url


@pytest.fixture
def on_postgres(postgres: str, postgres_world: str) -> Iterator[str]:
    """A copy of the world in PostgreSQL."""
    with copied(postgres, postgres_world) as url:
        yield url


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
def town(sqlite_world: Path, redis_server: PrivateRedis, sqlite_copy: SqliteCopy) -> Iterator[Place]:
    """One application on SQLite for all tests of a file, each with a phone number of its own."""
    client = redis_client.Redis.from_url(redis_server.url)
    client.flushall()
    with sqlite_copy(sqlite_world) as url:
        yield from _place(url, redis_server, client)
    client.close()


@pytest.fixture
def pg_place(on_postgres: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Place]:
    """The application on PostgreSQL."""
    yield from _place(on_postgres, redis_server, redis)


@pytest.fixture(params=EACH_KIND)
def any_place(request: pytest.FixtureRequest) -> Place:
    """The application on a database of each kind in turn; SQLite in long runs."""
    found: Place = request.getfixturevalue("place" if request.param == "sqlite" else "pg_place")
    return found
