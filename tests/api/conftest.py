"""The API on a real database: the menu's small world, and callers with keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis as redis_client

from gateway.procs.redis import PrivateRedis
from tests.api.callers import Callers
from tests.conftest import EACH_KIND
from tests.databases import copied
from tests.ussd.world import Place, StandingRuntime, settings


@pytest.fixture
def api(postgres: str, postgres_world: str, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Callers]:
    """The API on PostgreSQL."""
    with copied(postgres, postgres_world) as url:
        place = Place(StandingRuntime(settings(url, redis_server.url)))
        yield Callers(place)
        place.close()


@pytest.fixture(params=EACH_KIND)
def both(request: pytest.FixtureRequest, redis_server: PrivateRedis, redis: redis_client.Redis) -> Iterator[Callers]:
    """The API on a database of each kind in turn, for what they do differently."""
    if request.param == "postgresql":
        yield request.getfixturevalue("api")
        return
    with request.getfixturevalue("sqlite_copy")(request.getfixturevalue("sqlite_world")) as url:
        place = Place(StandingRuntime(settings(url, redis_server.url)))
        yield Callers(place)
        place.close()
